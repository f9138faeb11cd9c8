/** Two debug logs compared, line by line, with what need not be the same set aside. */
import { diffLines } from './line-diff.js';
import { withoutFileNames } from './messages.js';
import type { DebugLog, LogLine } from './parse.js';
import { differentPurgatories, withoutPurgatory, type PurgatoryDifference } from './purgatory.js';

/** A place where two logs differ. */
export interface Difference {
  readonly real: readonly LogLine[];
  readonly ours: readonly LogLine[];
  /** Lines around it that are the same, as the real log has them. */
  readonly before: readonly LogLine[];
  readonly after: readonly LogLine[];
}

/** What differs between two runs of kexec, and what was not counted. */
export interface Comparison {
  readonly differences: readonly Difference[];
  /** How many lines of either side differ. */
  readonly differingLines: number;
  /** When the purgatories are different ones: then they were not compared. */
  readonly purgatories: PurgatoryDifference | undefined;
  /** Lines of ours that the real log does not show: it starts later, or has dots in their place. */
  readonly leftOut: number;
}

interface Comparable {
  readonly line: LogLine;
  readonly key: string;
}

const CONTEXT = 2;
/** Stands for a gap; no line of kexec's reads so. */
const GAP_KEY = '\0gap';
const FIRST_MESSAGE = /^arch_process_options:/;

/** stdout is buffered: where its lines stand says nothing. */
const inOrder = (lines: readonly LogLine[]): readonly LogLine[] => [
  ...lines.filter(({ kind }) => kind !== 'stdout'),
  ...lines.filter(({ kind }) => kind === 'stdout'),
];

const comparable = (log: DebugLog, keyOf: (line: LogLine) => string | undefined): readonly Comparable[] =>
  inOrder(log.lines).flatMap((line) => {
    const key = line.kind === 'gap' ? GAP_KEY : keyOf(line);
    return key === undefined ? [] : [{ line, key }];
  });

/** What kind of message it is: the text without its numbers, but for indices. */
const shape = (key: string): string => key.replace(/(?<!\[)\b(?:0x)?[0-9a-f]*\d[0-9a-f]*h?\b/g, '#');

/** @param sameFiles whether the user's files must have the same names */
export const compareLogs = (real: DebugLog, ours: DebugLog, sameFiles = true): Comparison => {
  const purgatories = differentPurgatories(real, ours);
  const keyOf = (line: LogLine): string | undefined => {
    const normal = purgatories === undefined ? line.normal : withoutPurgatory(line, purgatories);
    return normal === undefined || sameFiles ? normal : withoutFileNames(normal);
  };
  const [realLines, ourLines] = [comparable(real, keyOf), comparable(ours, keyOf)];
  const startsLate = realLines[0] !== undefined && !FIRST_MESSAGE.test(realLines[0].key);

  let leftOut = 0;
  const differences: Difference[] = [];
  const changes = diffLines(
    realLines.map(({ key }) => key),
    ourLines.map(({ key }) => key),
  );
  for (const { aStart, aEnd, bStart, bEnd } of changes) {
    const replaced = realLines.slice(aStart, aEnd);
    let put = ourLines.slice(bStart, bEnd);
    const said = replaced.filter(({ key }) => key !== GAP_KEY);
    if (said.length < replaced.length || (aStart === 0 && startsLate)) {
      const shapes = new Set(said.map(({ key }) => shape(key)));
      const shown = put.filter(({ key }) => shapes.has(shape(key)));
      leftOut += put.length - shown.length;
      put = shown;
    }
    if (said.length === 0 && put.length === 0) continue;
    const toLines = (list: readonly Comparable[]): readonly LogLine[] => list.map(({ line }) => line);
    differences.push({
      real: toLines(said),
      ours: toLines(put),
      before: toLines(realLines.slice(Math.max(0, aStart - CONTEXT), aStart)),
      after: toLines(realLines.slice(aEnd, aEnd + CONTEXT)),
    });
  }
  return {
    differences,
    differingLines: differences.reduce((sum, { real: a, ours: b }) => sum + a.length + b.length, 0),
    purgatories,
    leftOut,
  };
};
