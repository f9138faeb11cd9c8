/** The differences between two lists of lines, by the algorithm of Myers. */

/**
 * Lines `aStart` to `aEnd` of the one text in place of `bStart` to `bEnd` of the other; indices from 0, ends exclusive.
 */
export interface Change {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

/** Edits up to which the shortest script is looked for; time grows with edits by lines, memory with their square. */
const MOST_EDITS = 1000;

/**
 * The changes that make the one text into the other, in order, none next to another. As few lines as can be, unless
 * there are too many edits: then one change covers all that is between the first difference and the last.
 *
 * Eugene W. Myers, "An O(ND) Difference Algorithm and Its Variations" (Algorithmica 1, 1986).
 */
export const diffLines = (
  aLines: readonly string[],
  bLines: readonly string[],
  mostEdits = MOST_EDITS,
): readonly Change[] => {
  const [a, b] = numbered(aLines, bLines);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let [aEnd, bEnd] = [a.length, b.length];
  while (aEnd > start && bEnd > start && a[aEnd - 1] === b[bEnd - 1]) [aEnd, bEnd] = [aEnd - 1, bEnd - 1];
  if (start === aEnd && start === bEnd) return [];
  const whole = { aStart: start, aEnd, bStart: start, bEnd };
  if (start === aEnd || start === bEnd) return [whole];

  const [n, m] = [aEnd - start, bEnd - start];
  const furthest = shortestEdits(n, m, (i, j) => a[start + i] === b[start + j], mostEdits);
  if (furthest === undefined) return [whole];
  return changesOf(furthest, n, m).map((change) => ({
    aStart: change.aStart + start,
    aEnd: change.aEnd + start,
    bStart: change.bStart + start,
    bEnd: change.bEnd + start,
  }));
};

/** Every line as a number, the same one for the same text: numbers are compared in no time. */
const numbered = (...texts: readonly [readonly string[], readonly string[]]): readonly [Int32Array, Int32Array] => {
  const numbers = new Map<string, number>();
  const numberOf = (line: string): number => {
    const known = numbers.get(line) ?? numbers.size;
    numbers.set(line, known);
    return known;
  };
  const [a, b] = texts.map((lines) => Int32Array.from(lines, numberOf));
  return [a!, b!];
};

/**
 * How far each diagonal k (index in the one text less index in the other) is reached with d edits: element d holds the
 * diagonals -d to d. The last element reaches the end.
 * @returns undefined when that takes more than `mostEdits`
 */
const shortestEdits = (
  n: number,
  m: number,
  same: (i: number, j: number) => boolean,
  mostEdits: number,
): readonly Int32Array[] | undefined => {
  const trace: Int32Array[] = [];
  for (let d = 0; d <= Math.min(n + m, mostEdits); d++) {
    const before = trace[d - 1];
    const reached = new Int32Array(2 * d + 1);
    trace.push(reached);
    for (let k = -d; k <= d; k += 2) {
      let x = before === undefined ? 0 : firstStep(before, d, k);
      let y = x - k;
      while (x < n && y < m && same(x, y)) [x, y] = [x + 1, y + 1];
      reached[k + d] = x;
      if (x >= n && y >= m) return trace;
    }
  }
  return undefined;
};

/** Whether diagonal k is entered from above (a line of `b` more) rather than from the left (a line of `a` less). */
const fromAbove = (before: Int32Array, d: number, k: number): boolean =>
  k === -d || (k !== d && before[k - 1 + d - 1]! < before[k + 1 + d - 1]!);

const firstStep = (before: Int32Array, d: number, k: number): number =>
  fromAbove(before, d, k) ? before[k + 1 + d - 1]! : before[k - 1 + d - 1]! + 1;

/** Walks the way back from the end, and puts steps that touch into one change. */
const changesOf = (trace: readonly Int32Array[], n: number, m: number): readonly Change[] => {
  const changes: Change[] = [];
  let [x, y] = [n, m];
  for (let d = trace.length - 1; d > 0; d--) {
    const before = trace[d - 1]!;
    const k = x - y;
    const above = fromAbove(before, d, k);
    const previousK = above ? k + 1 : k - 1;
    const previousX = before[previousK + d - 1]!;
    const previousY = previousX - previousK;
    const [stepX, stepY] = above ? [previousX, previousY + 1] : [previousX + 1, previousY];
    const next = changes.at(-1);
    if (next?.aStart === stepX && next.bStart === stepY)
      changes[changes.length - 1] = { ...next, aStart: previousX, bStart: previousY };
    else changes.push({ aStart: previousX, aEnd: stepX, bStart: previousY, bEnd: stepY });
    [x, y] = [previousX, previousY];
  }
  return changes.reverse();
};
