/** All that translation tables map, as the kernel's own dump has it (/sys/kernel/debug/kernel_page_tables). */
import { hex16 } from '../../../kexec/base/format.js';
import { DUMPED_BITS, dumpedProtection, levelName } from './descriptor-words.js';
import { type ReadPhysical, numberAt } from './stopped.js';
import { type Tables, decodeDescriptor, entriesOf, shiftOf, startLevelOf } from './walk.js';

/** Tables that are read for one dump: those of a terabyte of 4K pages; ones that lead back to themselves have no end. */
export const MOST_TABLES = 1 << 19;

/** Neighbours that are mapped in the same way, or not at all. */
interface Run {
  readonly start: bigint;
  readonly level: number;
  /** What tells it from others; 0 for a hole. */
  readonly bits: bigint;
}

const UNITS = 'KMGTPE';

/** `2M`, in the largest unit that leaves nothing over. */
const sizeText = (bytes: bigint): string => {
  let [size, unit] = [bytes >> 10n, 0];
  for (; size > 0n && size % 1024n === 0n && unit < UNITS.length - 1; unit++) size /= 1024n;
  return `${size.toString().padStart(9)}${UNITS[unit] ?? ''}`;
};

/** A place in the addresses that the dump is divided at. */
export interface Marker {
  readonly start: bigint;
  readonly name: string;
}

/**
 * The lines of the dump, one by one.
 * @param mair MAIR_ELx, which tells kinds of memory
 * @param markers in order
 */
export function* pageDump(
  tables: Tables,
  read: ReadPhysical,
  mair: bigint | undefined,
  markers: readonly Marker[] = [],
): Generator<string> {
  const pending = [...markers];
  let run: Run | undefined;
  const line = ({ start, level, bits }: Run, end: bigint): string => {
    const protection = bits === 0n ? '' : dumpedProtection(bits, mair);
    return `0x${hex16(start)}-0x${hex16(BigInt.asUintN(64, end))}   ${sizeText(end - start)} ${levelName(tables, level)}${protection}`;
  };
  const first = tables.upper ? (1n << 64n) - (1n << BigInt(tables.bits)) : 0n;
  let end = first;
  for (const { address, sizeBytes, level, descriptor } of mappings(tables, read, first)) {
    const bits = descriptor & DUMPED_BITS;
    const isMarked = pending[0] !== undefined && address >= pending[0].start;
    if (run === undefined || run.bits !== bits || run.level !== level || isMarked) {
      if (run !== undefined) yield line(run, address);
      while (pending[0] !== undefined && address >= pending[0].start) yield `---[ ${pending.shift()?.name} ]---`;
      run = { start: address, level, bits };
    }
    end = address + sizeBytes;
  }
  if (run !== undefined) yield line(run, end);
  for (const { name } of pending) yield `---[ ${name} ]---`;
}

/** A descriptor that leads to no table. */
interface Mapping {
  readonly address: bigint;
  readonly sizeBytes: bigint;
  readonly level: number;
  /** 0 for what maps nothing. */
  readonly descriptor: bigint;
}

/** All descriptors in the order of their addresses; where a table should be, and no memory is, nothing is mapped. */
function* mappings(tables: Tables, read: ReadPhysical, first: bigint): Generator<Mapping> {
  let left = MOST_TABLES;
  function* table(at: bigint, level: number, base: bigint): Generator<Mapping> {
    const entries = entriesOf(tables, level);
    const sizeBytes = 1n << BigInt(shiftOf(tables, level));
    const bytes = left-- > 0 ? read(at, entries * 8) : undefined;
    if (bytes === undefined) {
      yield { address: base, sizeBytes: sizeBytes * BigInt(entries), level, descriptor: 0n };
      return;
    }
    for (let i = 0; i < entries; i++) {
      const descriptor = numberAt(bytes.subarray(8 * i, 8 * i + 8));
      const address = base + sizeBytes * BigInt(i);
      const found = decodeDescriptor(tables, level, descriptor);
      if (found.kind === 'table') yield* table(found.table, level + 1, address);
      else yield { address, sizeBytes, level, descriptor: found.kind === 'invalid' ? 0n : descriptor };
    }
  }
  yield* table(tables.root, startLevelOf(tables), first);
}

/** The lowest address of a range that anything is mapped at, and what; undefined where nothing is. */
export const firstMapped = (
  tables: Tables,
  read: ReadPhysical,
  from: bigint,
): { readonly virtAddr: bigint; readonly physAddr: bigint } | undefined => {
  const first = tables.upper ? (1n << 64n) - (1n << BigInt(tables.bits)) : 0n;
  for (const { address, level, descriptor } of mappings(tables, read, first)) {
    if (descriptor === 0n || address < from) continue;
    const found = decodeDescriptor(tables, level, descriptor);
    if (found.kind === 'page') return { virtAddr: address, physAddr: found.physAddr };
  }
  return undefined;
};
