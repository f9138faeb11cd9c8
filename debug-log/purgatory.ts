/** The purgatory as a debug log shows it: when two logs have different ones, lines about it are not compared. */
import type { DebugLog, LogLine } from './parse.js';

/**
 * Every build of kexec has a purgatory of its own. A log tells of it by the symbols and relocations of its object, by
 * the size of its segment, and by the entry point, which is in it.
 */
interface LoggedPurgatory {
  /** Name, kind, place and size of each symbol that was looked up. */
  readonly symbols: ReadonlySet<string>;
  /** undefined when the log does not show the segments. */
  readonly segment: { readonly index: number; readonly bufsz: bigint; readonly memsz: bigint } | undefined;
}

const SYMBOL = /^sym: \S+ info: /;
const OF_THE_OBJECT = /^(?:sym|machine_apply_elf_rel): /;
const ENTRY = /^(kexec_load: entry = |entry = )(0x[0-9a-f]+)/;
const FIELD = /^segment\[(\d{1,4})\]\.(bufsz|mem|memsz) = (0x[0-9a-f]{1,16})$/;

/** The kernel goes first: an entry point in it was asked for with --entry. */
const KERNEL_SEGMENT = 0;

const loggedPurgatory = ({ lines }: DebugLog): LoggedPurgatory => {
  const symbols = new Set<string>();
  const fields = new Map<number, Map<string, bigint>>();
  let entry: bigint | undefined;
  for (const { normal } of lines) {
    if (SYMBOL.test(normal)) symbols.add(normal);
    const found = ENTRY.exec(normal)?.[2];
    if (found !== undefined) entry = BigInt(found);
    const [, index, name, value] = FIELD.exec(normal) ?? [];
    if (index === undefined) continue;
    const segment = fields.get(Number(index)) ?? new Map<string, bigint>();
    fields.set(Number(index), segment.set(name!, BigInt(value!)));
  }
  for (const [index, segment] of fields) {
    const [mem, bufsz, memsz] = ['mem', 'bufsz', 'memsz'].map((name) => segment.get(name));
    if (index === KERNEL_SEGMENT || entry === undefined) continue;
    if (mem === undefined || bufsz === undefined || memsz === undefined || entry < mem || entry >= mem + memsz)
      continue;
    return { symbols, segment: { index, bufsz, memsz } };
  }
  return { symbols, segment: undefined };
};

/** How the purgatories of two runs differ, and what of them is not to be compared. */
export interface PurgatoryDifference {
  /** Bytes of each, where both logs show the segment. */
  readonly real: bigint | undefined;
  readonly ours: bigint | undefined;
  /** The segment that it is in. */
  readonly index: number | undefined;
  /** Whether it takes as much memory: then it is to be at the same address. */
  readonly sameMemory: boolean;
}

/** @returns undefined when it is the same purgatory, as far as the logs tell; `realLog` may have gaps */
export const differentPurgatories = (realLog: DebugLog, ourLog: DebugLog): PurgatoryDifference | undefined => {
  const [real, ours] = [loggedPurgatory(realLog), loggedPurgatory(ourLog)];
  const comparable = real.segment !== undefined && real.segment.index === ours.segment?.index;
  const sizeDiffers = comparable && real.segment.bufsz !== ours.segment.bufsz;
  const objectDiffers = ours.symbols.size > 0 && [...real.symbols].some((symbol) => !ours.symbols.has(symbol));
  if (!sizeDiffers && !objectDiffers) return undefined;
  if (!comparable) return { real: undefined, ours: undefined, index: undefined, sameMemory: false };
  return {
    real: real.segment.bufsz,
    ours: ours.segment.bufsz,
    index: real.segment.index,
    sameMemory: real.segment.memsz === ours.segment.memsz,
  };
};

/** What is left to compare of a line when the purgatories differ; undefined when it is nothing. */
export const withoutPurgatory = (
  { normal }: LogLine,
  { index, sameMemory }: PurgatoryDifference,
): string | undefined => {
  if (OF_THE_OBJECT.test(normal)) return undefined;
  const [, segment, name] = FIELD.exec(normal) ?? [];
  if (segment === `${index}` && (name !== 'mem' || !sameMemory)) return `segment[${segment}].${name} = PURGATORY`;
  return normal.replace(ENTRY, '$1PURGATORY');
};
