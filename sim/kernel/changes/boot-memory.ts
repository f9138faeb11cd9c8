/**
 * The memory of an arm64 machine as its kernel parcels it out at boot, from the top down (memblock): what /proc/iomem
 * of a recording would show had the kernel been booted with another crashkernel=, or in more or less memory.
 */
import { Range } from '../../../kexec/base/range.js';
import { GiB, KiB, MiB, alignDown } from '../../../kexec/base/u64.js';
import type { Generation } from '../facts/generations.js';
import { traitsOf } from '../facts/generations.js';
import { withoutRange } from '../facts/page-allocator.js';
import type { WantedCrashkernel } from './crashkernel.js';

/** What there is before the crash kernel's region is looked for. */
export interface BootMemory {
  readonly generation: Generation;
  readonly ram: readonly Range[];
  /** What is taken by then. */
  readonly taken: readonly Range[];
  /** Below it lies what devices can reach (arm64_dma_phys_limit); exclusive. */
  readonly dmaLimit: bigint;
}

/** CRASH_ALIGN. */
const CRASH_ALIGN = MiB(2n);
const PAGE = KiB(4n);

/** memblock_phys_alloc_range(): the highest place in [from, to). */
const findPlace = (
  { ram, taken }: Pick<BootMemory, 'ram' | 'taken'>,
  size: bigint,
  align: bigint,
  [from, to]: readonly [bigint, bigint],
): Range | undefined => {
  const free = taken.reduce(withoutRange, [...ram]).sort((a, b) => (a.start < b.start ? 1 : -1));
  for (const { start, end } of free) {
    const top = end < to ? end : to;
    if (top < size) continue;
    const at = alignDown(top - size, align);
    if (at >= start && at >= from && at > 0n) return Range.sized(at, size);
  }
  return undefined;
};

/** No address of memory is as high. */
const PHYS_LIMIT = 1n << 52n;

/** What the kernel reserves. */
export interface CrashRegions {
  /** crashk_res. */
  readonly region: Range;
  /** crashk_low_res. */
  readonly low: Range | undefined;
}

/**
 * reserve_crashkernel(), arch/arm64/mm/init.c, since 6.7 kernel/crash_reserve.c.
 * @returns undefined when there is no place
 */
export const reserveCrashkernel = (memory: BootMemory, wanted: WantedCrashkernel): CrashRegions | undefined => {
  const { dmaLimit, generation } = memory;
  const { triesTheOtherSide, highCrashkernelFrom } = traitsOf(generation);
  const find = (from: bigint, to: bigint): Range | undefined => findPlace(memory, wanted.size, CRASH_ALIGN, [from, to]);
  const below = (): Range | undefined => find(0n, dmaLimit);
  const above = (): Range | undefined => find(highCrashkernelFrom === 'limit' ? dmaLimit : 0n, PHYS_LIMIT);
  const other = triesTheOtherSide ? (wanted.high ? below : above) : () => undefined;
  const region =
    wanted.at === undefined
      ? ((wanted.high ? above : below)() ?? other())
      : find(wanted.at, wanted.at + wanted.size);
  if (region === undefined) return undefined;
  const lowSize = wanted.high ? wanted.low : MiB(128n);
  if (region.start < dmaLimit || lowSize === 0n || wanted.at !== undefined) return { region, low: undefined };
  const low = findPlace({ ...memory, taken: [...memory.taken, region] }, lowSize, CRASH_ALIGN, [0n, dmaLimit]);
  return low && { region, low };
};

/** An allocation that comes behind the crash kernel's, and so moves when that does. */
interface Later {
  readonly size: bigint;
  readonly below: bigint;
}

/** A recorded machine's memory, taken apart into what the kernel allocated before its crash kernel's region and behind. */
export interface RecordedMemory extends BootMemory {
  readonly later: readonly Later[];
}

/** What a recording says of its memory. */
export interface MemoryFacts {
  readonly generation: Generation;
  readonly ram: readonly Range[];
  /** The resources in RAM, but for the crash kernel's: they are in order, and do not overlap. */
  readonly reserved: readonly Range[];
  readonly crash: readonly Range[];
  readonly dmaLimit: bigint;
}

export const endOf = (ram: readonly Range[]): bigint => ram.reduce((end, range) => (range.end > end ? range.end : end), 0n);
export const sizeOf = (ram: readonly Range[]): bigint => ram.reduce((sum, { size }) => sum + size, 0n);

/** IO_TLB_DEFAULT_SIZE: where devices cannot reach all of the memory, buffers for them. */
const SWIOTLB = MiB(64n);

/** The hash tables of dentries: eight bytes for each eight KiB, in a power of two (alloc_large_system_hash()). */
const dentryBytes = (ram: readonly Range[]): bigint => {
  let bytes = PAGE;
  while (bytes < sizeOf(ram) / 1024n) bytes *= 2n;
  return bytes;
};

/**
 * The block that the kernel allocated next, by which region: what lies directly below the crash kernel's; without one,
 * the lower end of the last large block below the limit of DMA.
 */
const laterBlock = ({ ram, reserved, crash, dmaLimit }: MemoryFacts): Range | undefined => {
  const upper = crash.at(-1);
  if (upper !== undefined) return reserved.find(({ end }) => end === upper.start);
  const size = endOf(ram) > dmaLimit ? SWIOTLB : dentryBytes(ram);
  const block = reserved.filter(({ end, size: bytes }) => end <= dmaLimit && bytes > size).at(-1);
  return block && Range.sized(block.start, size);
};

export const takeApart = (facts: MemoryFacts): RecordedMemory => {
  const { generation, ram, reserved, dmaLimit } = facts;
  const later = laterBlock(facts);
  return {
    generation,
    ram,
    taken: later === undefined ? reserved : reserved.flatMap((range) => range.minus(later)),
    dmaLimit,
    later: later === undefined ? [] : [{ size: later.size, below: endOf(ram) > dmaLimit ? dmaLimit : PHYS_LIMIT }],
  };
};

/** All that is reserved when the kernel runs, the crash kernel's regions left out. */
export const reservedBeside = ({ ram, taken, later }: RecordedMemory, crash: CrashRegions | undefined): readonly Range[] => {
  const regions = crash === undefined ? [] : [crash.region, ...(crash.low === undefined ? [] : [crash.low])];
  let all = [...taken];
  for (const { size, below } of later) {
    const place = findPlace({ ram, taken: [...all, ...regions] }, size, PAGE, [0n, below]);
    if (place !== undefined) all = [...all, place];
  }
  return joined(all);
};

/** Ranges in order, those that touch as one. */
const joined = (ranges: readonly Range[]): readonly Range[] =>
  [...ranges]
    .sort((a, b) => (a.start < b.start ? -1 : 1))
    .reduce<Range[]>((all, range) => {
      const last = all.at(-1);
      if (last === undefined || last.end < range.start) return [...all, range];
      return [...all.slice(0, -1), Range.inclusive(last.start, range.last > last.last ? range.last : last.last)];
    }, []);

/** `struct page` of each page: 64 bytes for 4 KiB, mapped in blocks of 2 MiB. */
const vmemmapBytes = (ram: readonly Range[]): bigint => alignDown(sizeOf(ram) / 64n + CRASH_ALIGN - 1n, CRASH_ALIGN);

/** What lies above the largest hole: the kernel allocates from the top down, and what is below was placed by others. */
const topGroup = (ram: readonly Range[], taken: readonly Range[], top: bigint): readonly Range[] => {
  const below = taken.filter(({ end }) => end <= top);
  const holes = below.reduce(withoutRange, ram.flatMap((range) => range.intersect(Range.between(0n, top)) ?? []));
  const largest = holes.reduce<Range | undefined>((best, hole) => (best === undefined || hole.size > best.size ? hole : best), undefined);
  return largest === undefined ? [] : below.filter(({ start }) => start >= largest.end);
};

const moved = (range: Range, by: bigint): Range => Range.sized(range.start + by, range.size);

const largestOf = (ranges: readonly Range[]): Range | undefined =>
  ranges.reduce<Range | undefined>((best, range) => (best === undefined || range.size > best.size ? range : best), undefined);

/** What a machine's kernel reserves for contiguous memory, which lies below the limit of DMA. */
export interface Resizing {
  /** The RAM that there is to be. */
  readonly ram: readonly Range[];
  readonly dmaLimit: bigint;
  /** Bytes of contiguous memory (CMA). */
  readonly cma: bigint;
}

/**
 * The memory of a machine with more or less RAM at its end. What the kernel took from the top moves with the top, and
 * the array of its pages grows and shrinks with the RAM; contiguous memory and what comes behind it stays below the
 * limit of DMA.
 */
export const resized = (memory: RecordedMemory, { ram, dmaLimit, cma }: Resizing): RecordedMemory => {
  const [oldEnd, newEnd] = [endOf(memory.ram), endOf(ram)];
  const high = topGroup(memory.ram, memory.taken, oldEnd);
  const wasSplit = oldEnd > memory.dmaLimit;
  const low = wasSplit ? topGroup(memory.ram, memory.taken, memory.dmaLimit) : [];
  const fixed = memory.taken.filter((range) => !high.includes(range) && !low.includes(range));
  const main = largestOf(high);
  if (main === undefined) return { ...memory, ram, dmaLimit };
  const small = high.filter((range) => range !== main).map((range) => moved(range, newEnd - oldEnd));
  const top = main.end + newEnd - oldEnd;
  // Without contiguous memory below it, what is left of the block is the array of pages and what came with it.
  const pages = main.size - (wasSplit ? 0n : cma) - vmemmapBytes(memory.ram) + vmemmapBytes(ram);
  const vmemmap = Range.between(top - pages, top);
  const taken = [...fixed.filter(({ end }) => end <= newEnd), ...small, vmemmap];
  const contiguous = cma === 0n ? undefined : findPlace({ ram, taken }, cma, CRASH_ALIGN, [0n, dmaLimit]);
  const isSplit = newEnd > dmaLimit;
  return {
    generation: memory.generation,
    ram,
    taken: joined(contiguous === undefined ? taken : [...taken, contiguous]),
    dmaLimit,
    later: [
      ...(isSplit ? [{ size: SWIOTLB, below: dmaLimit }] : []),
      ...(isSplit && wasSplit ? [] : [{ size: dentryBytes(ram), below: PHYS_LIMIT }]),
    ],
  };
};

/** The limit of DMA where no device has a nearer one: 4 GiB (max_zone_phys(), arch/arm64/mm/init.c). */
export const dmaLimitOf = (ram: readonly Range[], reach: bigint | undefined): bigint => {
  const start = ram.reduce((least, range) => (range.start < least ? range.start : least), endOf(ram));
  let limit = GiB(4n);
  while (reach !== undefined && limit / 2n > reach) limit /= 2n;
  if (start >= GiB(4n)) limit = PHYS_LIMIT;
  else if (start >= limit) limit = GiB(4n);
  return limit < endOf(ram) ? limit : endOf(ram);
};
