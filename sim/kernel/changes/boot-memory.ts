/**
 * The memory of an arm64 machine as its kernel parcels it out at boot, from the top down (memblock): what /proc/iomem
 * of a recording would show had the kernel been booted with another crashkernel=, or in more or less memory.
 */
import { Range } from '../../../kexec/base/range.js';
import { GiB, KiB, MiB, alignDown, alignUp } from '../../../kexec/base/u64.js';
import type { Generation } from '../facts/generations.js';
import { traitsOf } from '../facts/generations.js';
import { joined, withoutRange } from '../facts/page-allocator.js';
import { DEFAULT_LOW, type WantedCrashkernel } from './crashkernel.js';

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

export const regionsOf = (crash: CrashRegions | undefined): readonly Range[] =>
  [crash?.region, crash?.low].filter((range) => range !== undefined);

/**
 * reserve_crashkernel(), arch/arm64/mm/init.c, since 6.7 kernel/crash_reserve.c.
 * @returns undefined when there is no place
 */
export const reserveCrashkernel = (memory: BootMemory, wanted: WantedCrashkernel): CrashRegions | undefined => {
  const { dmaLimit, generation } = memory;
  const { triesTheOtherSide, highCrashkernelFrom, alignsCrashkernel } = traitsOf(generation);
  const size = alignsCrashkernel ? alignUp(wanted.size, PAGE) : wanted.size;
  const find = (from: bigint, to: bigint): Range | undefined => findPlace(memory, size, CRASH_ALIGN, [from, to]);
  const below = (): Range | undefined => find(0n, dmaLimit);
  const above = (): Range | undefined => find(highCrashkernelFrom === 'limit' ? dmaLimit : 0n, PHYS_LIMIT);
  const other = triesTheOtherSide ? (wanted.high ? below : above) : () => undefined;
  const region =
    wanted.at === undefined ? ((wanted.high ? above : below)() ?? other()) : find(wanted.at, wanted.at + size);
  if (region === undefined) return undefined;
  const lowSize = wanted.high ? wanted.low : DEFAULT_LOW;
  if (region.start < dmaLimit || lowSize === 0n || wanted.at !== undefined) return { region, low: undefined };
  const low = findPlace({ ...memory, taken: [...memory.taken, region] }, lowSize, CRASH_ALIGN, [0n, dmaLimit]);
  return low && { region, low };
};

/** An allocation that comes behind the crash kernel's, and so moves when that does. */
interface Later {
  readonly size: bigint;
  readonly below: bigint;
}

/**
 * A recorded machine's memory, taken apart into what the kernel allocated before its crash kernel's region and behind.
 */
export interface RecordedMemory extends BootMemory {
  readonly later: readonly Later[];
  /** Bytes of contiguous memory (CMA), which lies below that limit. */
  readonly cma: bigint;
}

/** What a recording says of its memory. */
export interface MemoryFacts {
  readonly generation: Generation;
  readonly ram: readonly Range[];
  /** The resources in RAM, but for the crash kernel's. */
  readonly reserved: readonly Range[];
  readonly crash: readonly Range[];
  readonly dmaLimit: bigint;
  /** Bytes of contiguous memory (CMA), which lies below that limit. */
  readonly cma: bigint;
}

export const endOf = (ram: readonly Range[]): bigint =>
  ram.reduce((end, range) => (range.end > end ? range.end : end), 0n);
export const sizeOf = (ram: readonly Range[]): bigint => ram.reduce((sum, { size }) => sum + size, 0n);

/** IO_TLB_DEFAULT_SIZE: where devices cannot reach all of the memory, buffers for them. */
const SWIOTLB = MiB(64n);

/** `struct page` of each page: 64 bytes for 4 KiB, mapped in blocks of 2 MiB. */
const vmemmapBytes = (ram: readonly Range[]): bigint => alignUp(sizeOf(ram) / 64n, CRASH_ALIGN);

/** The same, where it is allocated before the crash kernel's region; else it comes behind. */
const earlyVmemmap = (generation: Generation, ram: readonly Range[]): bigint =>
  traitsOf(generation).mapsPagesFirst ? vmemmapBytes(ram) : 0n;

/** The hash tables of dentries and inodes: eight bytes for each eight KiB, in a power of two, and half as many. */
const hashBytes = (ram: readonly Range[]): bigint => {
  let bytes = PAGE;
  while (bytes < sizeOf(ram) / 1024n) bytes *= 2n;
  return bytes + bytes / 2n;
};

const largestOf = (ranges: readonly Range[]): Range | undefined =>
  ranges.reduce<Range | undefined>(
    (best, range) => (best === undefined || range.size > best.size ? range : best),
    undefined,
  );

/**
 * What the kernel allocated next in a part of the memory: what lies directly below the crash kernel's region there;
 * without one, the lower end of the largest block, which grew down from the top.
 * @param early bytes of that block that came before the region
 */
const laterIn = (part: Range, early: bigint, { reserved, crash }: MemoryFacts): Range | undefined => {
  const region = crash.find((each) => part.covers(each));
  if (region !== undefined) return reserved.find(({ end }) => end === region.start);
  const block = largestOf(reserved.filter((range) => part.covers(range)));
  return block === undefined || block.size <= early ? undefined : Range.sized(block.start, block.size - early);
};

const isSplit = (ram: readonly Range[], dmaLimit: bigint): boolean => endOf(ram) > dmaLimit;

export const takeApart = (facts: MemoryFacts): RecordedMemory => {
  const { generation, ram, reserved, dmaLimit, cma } = facts;
  const low = Range.between(0n, dmaLimit);
  const vmemmap = earlyVmemmap(generation, ram);
  const candidates = isSplit(ram, dmaLimit)
    ? [
        { block: laterIn(low, cma, facts), below: dmaLimit },
        { block: laterIn(Range.between(dmaLimit, PHYS_LIMIT), vmemmap, facts), below: PHYS_LIMIT },
      ]
    : [{ block: laterIn(low, cma + vmemmap, facts), below: PHYS_LIMIT }];
  const found = candidates.flatMap(({ block, below }) => (block === undefined ? [] : [{ block, below }]));
  return {
    generation,
    ram,
    taken: found.map(({ block }) => block).reduce(withoutRange, [...reserved]),
    dmaLimit,
    cma,
    later: found.map(({ block, below }) => ({ size: block.size, below })),
  };
};

/** All that is reserved when the kernel runs, the crash kernel's regions left out. */
export const reservedBeside = (
  { ram, taken, later }: RecordedMemory,
  crash: CrashRegions | undefined,
): readonly Range[] => {
  const regions = regionsOf(crash);
  let all = [...taken];
  for (const { size, below } of later) {
    const place = findPlace({ ram, taken: [...all, ...regions] }, size, PAGE, [0n, below]);
    if (place !== undefined) all = [...all, place];
  }
  return joined(all, true);
};

/**
 * What lies above the largest hole below an address: the kernel allocates from there down; the rest was placed by
 * others.
 */
const topGroup = ({ ram, taken }: BootMemory, [from, top]: readonly [bigint, bigint]): readonly Range[] => {
  const part = Range.between(from, top);
  const inside = taken.filter((range) => part.covers(range));
  const largest = largestOf(
    inside.reduce(
      withoutRange,
      ram.flatMap((range) => range.intersect(part) ?? []),
    ),
  );
  return inside.filter(({ start }) => largest === undefined || start >= largest.end);
};

const moved = (range: Range, by: bigint): Range => Range.sized(range.start + by, range.size);

/**
 * The memory of a machine with more or less RAM at its end. What the kernel took from the top moves with the top; the
 * tables that map the RAM and the array of its pages grow and shrink with it; contiguous memory and what comes behind
 * it stay below the limit of DMA.
 */
export const resized = (memory: RecordedMemory, ram: readonly Range[], dmaLimit: bigint): RecordedMemory => {
  const { generation, cma } = memory;
  const [oldEnd, newEnd] = [endOf(memory.ram), endOf(ram)];
  const wasSplit = isSplit(memory.ram, memory.dmaLimit);
  const high = topGroup(memory, [wasSplit ? memory.dmaLimit : 0n, oldEnd]);
  const low = wasSplit ? topGroup(memory, [0n, memory.dmaLimit]) : [];
  const fixed = memory.taken.filter((range) => !high.includes(range) && !low.includes(range) && range.end <= newEnd);

  const expected = earlyVmemmap(generation, memory.ram) + (wasSplit ? 0n : cma);
  const main = expected > 0n ? high.find(({ size }) => size >= expected) : undefined;
  const above = high.filter((range) => range !== main);
  // The tables come first, from the top: about two MiB for each GiB, where each page has an entry.
  const tables = above.find(({ end }) => end === oldEnd);
  const growth = sizeOf(ram) - sizeOf(memory.ram);
  const more = tables !== undefined && tables.size > sizeOf(memory.ram) / 1024n ? growth / 512n : 0n;
  const shift = newEnd - oldEnd;
  const small = above.map((range) =>
    range === tables ? Range.between(range.start + shift - more, newEnd) : moved(range, shift - more),
  );

  // Large ones are hash tables, which came later and found room there, as did what is below them.
  const hashes = small.filter(({ size }, i) => size >= MiB(1n) && above[i] !== tables);
  const early = small.filter(({ start }) => hashes.every(({ end }) => start >= end));
  const bottom = early.reduce((least, { start }) => (start < least ? start : least), newEnd);
  let taken = [...fixed, ...early];
  const take = (size: bigint, align: bigint, to: bigint): void => {
    const place = size === 0n ? undefined : findPlace({ ram, taken }, size, align, [0n, bottom < to ? bottom : to]);
    if (place !== undefined) taken = [...taken, place];
  };
  take(earlyVmemmap(generation, ram), traitsOf(generation).pagesOfSection, PHYS_LIMIT);
  take(cma, CRASH_ALIGN, dmaLimit);
  return {
    generation,
    ram,
    taken: joined([...taken, ...small.filter((range) => !hashes.includes(range))], true),
    dmaLimit,
    cma,
    later: [
      ...(isSplit(ram, dmaLimit) ? [{ size: SWIOTLB, below: dmaLimit }] : []),
      { size: hashBytes(ram) + vmemmapBytes(ram) - earlyVmemmap(generation, ram), below: PHYS_LIMIT },
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
