/** Differences between two debug logs, as text for people and as JSON. */
import { visible } from '../kexec/base/format.js';
import type { Comparison, Difference } from './compare.js';
import type { DebugLog, LogLine } from './parse.js';

/** Differences, and other programs' lines, that are shown. */
export const MOST_DIFFERENCES = 20;
export const MOST_LINES = 12;
export const MOST_OTHERS = 5;
const LONGEST = 300;

/** Marks text for a terminal; leaves it alone elsewhere. */
export interface Paint {
  readonly removed: (text: string) => string;
  readonly added: (text: string) => string;
  readonly heading: (text: string) => string;
}

const sgr =
  (code: number) =>
  (text: string): string =>
    `\x1b[${code}m${text}\x1b[0m`;
const plain = (text: string): string => text;

export const paintFor = (colour: boolean): Paint =>
  colour ? { removed: sgr(31), added: sgr(32), heading: sgr(36) } : { removed: plain, added: plain, heading: plain };

/** The text as it may be shown: what would steer a terminal is made visible. */
const shown = (text: string): string => {
  const all = visible(text);
  return all.length > LONGEST ? `${all.slice(0, LONGEST)}... (${text.length} characters)` : all;
};

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

const formatLines = (lines: readonly LogLine[], mark: string, paint: (text: string) => string): readonly string[] => [
  ...lines.slice(0, MOST_LINES).map(({ text }) => paint(`${mark}${shown(text)}`)),
  ...(lines.length > MOST_LINES ? [`${mark}... (${lines.length - MOST_LINES} more)`] : []),
];

const headingOf = ({ real, ours, before }: Difference, names: Names): string => {
  const where = (lines: readonly LogLine[]): string | undefined => lines[0] && `line ${lines[0].number}`;
  const last = before.at(-1);
  const realPlace = where(real) ?? (last === undefined ? 'before the first line' : `behind line ${last.number}`);
  const ourPlace = where(ours);
  return `@@ ${names.real} ${realPlace}${ourPlace === undefined ? '' : `, ${names.ours} ${ourPlace}`} @@`;
};

export interface Names {
  readonly real: string;
  readonly ours: string;
}

/** `-` is the real one's, `+` is ours. */
export const formatDifferences = ({ differences }: Comparison, names: Names, paint: Paint): string =>
  [
    ...differences
      .slice(0, MOST_DIFFERENCES)
      .flatMap((difference) => [
        paint.heading(headingOf(difference, names)),
        ...formatLines(difference.before, ' ', plain),
        ...formatLines(difference.real, '-', paint.removed),
        ...formatLines(difference.ours, '+', paint.added),
        ...formatLines(difference.after, ' ', plain),
      ]),
    ...(differences.length > MOST_DIFFERENCES
      ? [`... (${differences.length - MOST_DIFFERENCES} more differences)`]
      : []),
    ...(differences.length === 0 ? ['Nothing that is compared differs.'] : []),
  ]
    .map((line) => `${line}\n`)
    .join('');

const bytes = (size: bigint | undefined): string =>
  size === undefined ? 'an unknown number of bytes' : `${size} bytes`;

/** Says which run it is about when there are others. */
export const formatRun = ({ run, runs }: DebugLog, name: string): string =>
  runs === 1 ? '' : `${name} has ${runs} of kexec's runs: this is about number ${run} (--run).\n`;

/** What was not counted as a difference, and why: a line each. */
export const formatSetAside = ({ purgatories, leftOut }: Comparison, log: DebugLog, names: Names): string =>
  [
    ...(purgatories === undefined
      ? []
      : [
          `The purgatories are different ones (${names.real}: ${bytes(purgatories.real)}, ${names.ours}: ${bytes(purgatories.ours)}): their symbols, ` +
            'relocations and sizes are not compared, nor is the entry point. To compare them, take the purgatory out of that kexec ' +
            '(kexec-sim extract-purgatory) and give it with --purgatory.',
        ]),
    ...(leftOut === 0
      ? []
      : [`${names.real} leaves out ${count(leftOut, 'line')} of ours: it starts later, or has dots in their place.`]),
    ...(log.others.length === 0
      ? []
      : [
          `${names.real} has ${count(log.others.length, 'line')} that ${log.others.length === 1 ? 'is' : 'are'} not known as kexec's:`,
          ...log.others.slice(0, MOST_OTHERS).map(({ number, text }) => `  ${number}: ${shown(text.trim())}`),
          ...(log.others.length > MOST_OTHERS ? [`  ... (${log.others.length - MOST_OTHERS} more)`] : []),
        ]),
  ]
    .map((line) => `${line}\n`)
    .join('');

/** Lines of a log, by their numbers in the file. */
export const toJsonLines = (lines: readonly { readonly number: number; readonly text: string }[]) =>
  lines.map(({ number, text }) => ({ line: number, text }));

/** The comparison as plain data. */
export const comparisonToJson = ({
  differences,
  purgatories,
  leftOut,
}: Comparison): Readonly<Record<string, unknown>> => ({
  same: differences.length === 0,
  differences: differences.map(({ real, ours }) => ({ real: toJsonLines(real), ours: toJsonLines(ours) })),
  purgatories:
    purgatories === undefined ? null : { realBytes: toNumber(purgatories.real), oursBytes: toNumber(purgatories.ours) },
  leftOut,
});

const toNumber = (value: bigint | undefined): number | null => (value === undefined ? null : Number(value));
