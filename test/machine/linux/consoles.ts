/** Compares the consoles of two boots, line by line. */
import { KNOWN_DIFFERENCES, type KnownDifference } from './known-differences.js';

export interface Difference {
  readonly who: 'qemu' | 'ours';
  readonly line: string;
  /** Its number in that console, from 1 on. */
  readonly number: number;
}

/** A line before and after what is not compared is taken away. */
interface Line {
  readonly shown: string;
  readonly compared: string;
  readonly number: number;
}

/** A line of a processor may come so many lines earlier or later than it does in the other console. */
const MOST_MOVED = 40;

/** Of printk(): the time since the start. */
const TIME = /^\[ *\d+\.\d{6}\] /;

const linesOf = (console: string, known: readonly KnownDifference[]): readonly Line[] =>
  console
    .split(/\r*\n/)
    .map((shown, i) => ({ shown, number: i + 1, compared: known.reduce(without, shown.replace(TIME, '')) }))
    .filter(({ compared }) => compared !== '');

const without = (line: string, { part }: KnownDifference): string => line.replace(part, '');

/** The lines that are in no longest common subsequence of both. */
const differing = (a: readonly Line[], b: readonly Line[]): readonly [readonly Line[], readonly Line[]] => {
  // Lengths of the common subsequences of what follows line i of the one and line j of the other.
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  const lengthAt = (i: number, j: number): number => lengths[i * width + j]!;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i]!.compared === b[j]!.compared
          ? lengthAt(i + 1, j + 1) + 1
          : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
    }
  }
  const [onlyA, onlyB]: [Line[], Line[]] = [[], []];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i]!.compared === b[j]!.compared) {
      i++;
      j++;
    } else if (j === b.length || (i < a.length && lengthAt(i + 1, j) >= lengthAt(i, j + 1))) onlyA.push(a[i++]!);
    else onlyB.push(b[j++]!);
  }
  return [onlyA, onlyB];
};

/** @param cpus of several processors it is chance which prints first */
export const compareConsoles = (
  { qemu, ours }: Readonly<Record<'qemu' | 'ours', string>>,
  cpus: number,
  known: readonly KnownDifference[] = KNOWN_DIFFERENCES,
): readonly Difference[] => {
  const [onlyQemu, onlyOurs] = differing(linesOf(qemu, known), linesOf(ours, known));
  const left = [...onlyOurs];
  const missing = onlyQemu.filter(({ compared, number }) => {
    const moved = left.findIndex(
      (line) => cpus > 1 && line.compared === compared && Math.abs(line.number - number) <= MOST_MOVED,
    );
    if (moved >= 0) left.splice(moved, 1);
    return moved < 0;
  });
  const told = (who: Difference['who'], lines: readonly Line[]): readonly Difference[] =>
    lines.map(({ shown, number }) => ({ who, line: shown, number }));
  return [...told('qemu', missing), ...told('ours', left)].sort((a, b) => a.number - b.number);
};

/** The known differences without which the consoles would not be the same. */
export const neededFor = (
  consoles: Readonly<Record<'qemu' | 'ours', string>>,
  cpus: number,
): readonly KnownDifference[] => {
  const found = compareConsoles(consoles, cpus).length;
  return KNOWN_DIFFERENCES.filter(
    (row) =>
      compareConsoles(
        consoles,
        cpus,
        KNOWN_DIFFERENCES.filter((other) => other !== row),
      ).length > found,
  );
};
