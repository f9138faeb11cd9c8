/** The memory of an arm64 machine, by /proc/iomem. */
import { KexecError } from '../../base/error.js';
import { hex16 } from '../../base/format.js';
import {
  CRASH_KERNEL,
  IOMEM_RESERVED,
  KERNEL_CODE,
  KERNEL_DATA,
  PROC_IOMEM,
  SYSTEM_RAM,
  readIomem,
} from '../../running-kernel/kexec-iomem.js';
import { MemRegions, formatMemoryRanges } from '../../memory/mem-regions.js';
import { RANGE_RAM, RANGE_RESERVED, type MemoryRange, type Range } from '../../base/range.js';
import type { CrashMemory } from './crashdump-arm64.js';
import { PhysOffset, type PhysOffsetContext } from './phys-offset.js';

/** KEXEC_SEGMENT_MAX of kexec/arch/arm64/kexec-arm64.h: lines that 2.0.20 reads at most. */
const MAX_LINES_2_0_20 = 64;

interface MemoryContext extends PhysOffsetContext {
  readonly crash: CrashMemory;
}

/** The machine's memory. */
export interface Arm64Memory {
  /** What a new kernel may be loaded to, in the map's order; what is left behind a hole comes last. */
  readonly ranges: readonly MemoryRange[];
  readonly physOffset: PhysOffset;
}

/**
 * The memory that a new kernel may be loaded to, by /proc/iomem (get_memory_ranges(),
 * kexec/arch/arm64/kexec-arm64.c).
 * @throws KexecError
 */
export const getMemoryRanges = (context: MemoryContext): Arm64Memory => {
  const physOffset = new PhysOffset(context);
  const read = context.arm64Compat.memoryRanges === 'lines' ? rangesByLines : rangesExcluded;
  return { ranges: read(context, physOffset), physOffset };
};

/** Since 2.0.22: RAM, less everything in it but the running kernel and the crash kernel's last region. */
const rangesExcluded = ({ system, log, crash }: MemoryContext, physOffset: PhysOffset): readonly MemoryRange[] => {
  physOffset.noteFromKcore();
  const ranges = new MemRegions();
  for (const { range, name } of readIomem(system)) {
    if (name.startsWith(SYSTEM_RAM)) {
      ranges.add(range);
      log.dbg(`get_memory_ranges:+[${ranges.regions.length - 1}] ${span(range)}\n`);
      continue;
    }
    if (!isExcluded(name, range, crash)) continue;
    const last = ranges.regions.at(-1);
    // Only the last range is looked at: the map lists what is in a range behind it.
    if (last === undefined || last.range.last < range.start || range.last < last.range.start) continue;
    ranges.exclude(range);
    log.dbg(`get_memory_ranges:-      ${span(range)}\n`);
  }
  const [first] = ranges.regions;
  if (first !== undefined) physOffset.note(first.range.start, 'iomem');
  log.dbg(formatMemoryRanges('System RAM ranges;', ranges.regions));
  return ranges.regions;
};

const span = (range: Range): string => `${hex16(range.start)} - ${hex16(range.last)}`;

/** to_be_excluded(). */
const isExcluded = (name: string, range: Range, crash: CrashMemory): boolean => {
  if (name.startsWith(CRASH_KERNEL)) return crash.loadRange()?.equals(range) !== true;
  return ![SYSTEM_RAM, KERNEL_CODE, KERNEL_DATA].some((kept) => name.startsWith(kept));
};

/** 2.0.20: the lines "System RAM" and "reserved", one range each, whatever lies in what. */
const rangesByLines = ({ system, log }: MemoryContext, physOffset: PhysOffset): readonly MemoryRange[] => {
  const ranges: MemoryRange[] = [];
  for (const { range, name } of readIomem(system)) {
    if (ranges.length >= MAX_LINES_2_0_20) break;
    physOffset.noteFromKcore();
    const type = name.startsWith(SYSTEM_RAM) ? RANGE_RAM : name.startsWith(IOMEM_RESERVED) ? RANGE_RESERVED : undefined;
    if (type === undefined) continue;
    ranges.push({ range, type });
    physOffset.note(range.start, 'iomem');
    log.dbg(`get_memory_ranges_iomem_cb: ${span(range)} : ${name}`);
  }
  if (ranges.length === 0) {
    log.dbg('get_memory_ranges_iomem: failed: No RAM found.\n');
    throw KexecError.failed('No RAM found', { subject: PROC_IOMEM, text: '' });
  }
  return ranges;
};
