/** The release of kexec-tools that a debug log is of, told by its messages and their source lines. */
import { arm64CompatOf, type MessageLines } from '../kexec/arch/arm64/compat-arm64.js';
import { RELEASES, type Release } from '../kexec/base/compat.js';
import type { DebugLog } from './parse.js';

/** Releases 2.0.`from` to 2.0.`to`, both included. The development tree behind the last one counts as the next. */
interface Span {
  readonly from: number;
  readonly to: number;
}

const FIRST = 14;
const LAST = 33;
const DEVELOPMENT_TREE: Release = '2.0.32.git';

/**
 * `__LINE__` of the messages of kexec/arch/arm64/kexec-arm64.c that print it, in every release since arm64 is supported
 * (git show vRELEASE:kexec/arch/arm64/kexec-arm64.c).
 */
const SOURCE_LINES: readonly (Span & { readonly lines: MessageLines })[] = [
  {
    from: 14,
    to: 14,
    lines: { commandLine: 140, initrd: 142, dtb: 144, console: undefined, purgatorySink: undefined },
  },
  {
    from: 15,
    to: 17,
    lines: { commandLine: 147, initrd: 149, dtb: 151, console: undefined, purgatorySink: undefined },
  },
  {
    from: 18,
    to: 18,
    lines: { commandLine: 152, initrd: 154, dtb: 156, console: undefined, purgatorySink: undefined },
  },
  {
    from: 19,
    to: 19,
    lines: { commandLine: 172, initrd: 174, dtb: 176, console: undefined, purgatorySink: undefined },
  },
  {
    from: 20,
    to: 20,
    lines: { commandLine: 173, initrd: 175, dtb: 177, console: undefined, purgatorySink: undefined },
  },
  { from: 21, to: 23, lines: { commandLine: 178, initrd: 180, dtb: 182, console: 185, purgatorySink: 722 } },
  { from: 24, to: 29, lines: { commandLine: 178, initrd: 180, dtb: 182, console: 185, purgatorySink: 741 } },
  { from: 30, to: LAST, lines: { commandLine: 179, initrd: 181, dtb: 183, console: 186, purgatorySink: 742 } },
];

/** Messages that not all releases have. */
const FEATURES: readonly (Span & { readonly start: string })[] = [
  { start: 'get_memory_ranges_iomem_cb: ', from: FIRST, to: 20 },
  { start: 'System RAM ranges;', from: 21, to: LAST },
  { start: 'set_phys_offset: ', from: 19, to: LAST },
  { start: 'zImage_arm64_probe: ', from: 20, to: 26 },
  { start: 'pez_arm64_probe: ', from: 27, to: LAST },
  { start: 'ELFCOREHDR_SIZE ', from: 28, to: LAST },
  { start: 'ERR: can not find .linux section', from: 30, to: LAST },
  { start: 'Try zstd decompression.', from: 31, to: LAST },
  { start: 'do_kexec_file_load: using ', from: LAST, to: LAST },
  { start: 'do_kexec_file_load: compressed input', from: LAST, to: LAST },
];

/** What tells which release a log is of. */
export interface Evidence {
  /** For people: what was found, and the releases that have it. */
  readonly text: string;
  /** undefined: no release has it. */
  readonly span: Span | undefined;
}

const nameOf = (number: number): string => (number === LAST ? DEVELOPMENT_TREE : `2.0.${number}`);

const describeSpan = ({ from, to }: Span): string => (from === to ? nameOf(from) : `${nameOf(from)} to ${nameOf(to)}`);

/** The rows that agree with all the lines told lie next to each other. */
const spanOfLines = ({ sourceLines }: DebugLog): Span | undefined => {
  const rows = SOURCE_LINES.filter(({ lines }) => [...sourceLines].every(([message, line]) => lines[message] === line));
  const [first, last] = [rows[0], rows.at(-1)];
  return first === undefined || last === undefined ? undefined : { from: first.from, to: last.to };
};

const lineEvidence = (log: DebugLog): readonly Evidence[] => {
  if (log.sourceLines.size === 0) return [];
  const span = spanOfLines(log);
  const numbers = [...log.sourceLines.values()].join(', ');
  const of = span === undefined ? `no release from ${nameOf(FIRST)} to ${nameOf(LAST)}` : describeSpan(span);
  return [{ text: `source lines ${numbers}: ${of}`, span }];
};

const versionEvidence = ({ version }: DebugLog): readonly Evidence[] => {
  if (version === undefined) return [];
  const number = patchLevel(version);
  return [{ text: `the log names kexec-tools ${version}`, span: { from: number, to: number } }];
};

/** "2.0.29" is 29, and "2.0.29.git" 30. */
const patchLevel = (version: string): number => Number(version.split('.')[2]) + (version.endsWith('.git') ? 1 : 0);

/** Everything in a log that only some releases say. */
export const evidenceIn = (log: DebugLog): readonly Evidence[] => [
  ...versionEvidence(log),
  ...lineEvidence(log),
  ...FEATURES.filter(({ start }) => log.lines.some(({ normal }) => normal.startsWith(start.trim()))).map(
    (span): Evidence => ({ text: `"${span.start.trim()}": ${describeSpan(span)}`, span }),
  ),
];

/** The releases that agree with all of the evidence; undefined where none does, or there is none. */
const agreeing = (evidence: readonly Evidence[]): Span | undefined => {
  const spans = evidence.map(({ span }) => span);
  if (spans.length === 0 || spans.includes(undefined)) return undefined;
  const from = Math.max(...spans.map((span) => span!.from));
  const to = Math.min(...spans.map((span) => span!.to));
  return from <= to ? { from, to } : undefined;
};

/** The releases that can be followed and come nearest to what a log may be of, and all that it may be of. */
export const describeReleases = (evidence: readonly Evidence[]): string => {
  const nearest = nearestReleases(evidence).join(' or ');
  const span = agreeing(evidence);
  const all = span === undefined ? nearest : describeSpan(span);
  return all === nearest ? nearest : `${nearest} (the evidence allows ${all})`;
};

/** How far a release is from what the evidence asks for, in releases, each piece counted. */
const distance = (release: Release, evidence: readonly Evidence[]): number => {
  const number = patchLevel(release);
  return evidence.reduce(
    (sum, { span }) => (span === undefined ? sum : sum + Math.max(0, span.from - number, number - span.to)),
    0,
  );
};

/** What fits best without the development tree, which hardly anybody runs; unless nothing else fits as well. */
export const preferReleased = <T>(fitting: readonly T[], releaseOf: (fit: T) => Release): readonly T[] => {
  const released = fitting.filter((fit) => releaseOf(fit) !== DEVELOPMENT_TREE);
  return released.length > 0 ? released : fitting;
};

/** The releases that we speak for and that come nearest to the evidence; none without evidence. */
export const nearestReleases = (evidence: readonly Evidence[]): readonly Release[] => {
  if (evidence.every(({ span }) => span === undefined)) return [];
  const distances = RELEASES.map((release) => distance(release, evidence));
  const least = Math.min(...distances);
  return preferReleased(
    RELEASES.filter((_, i) => distances[i] === least),
    (release) => release,
  );
};

/** How many of the source lines that a log tells are not a release's. */
export const otherSourceLines = ({ sourceLines }: DebugLog, release: Release): number => {
  const { lines } = arm64CompatOf({ release: release });
  return [...sourceLines].filter(([message, line]) => lines[message] !== line).length;
};
