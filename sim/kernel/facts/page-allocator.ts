/** The simulated kernel's page allocator: which memory is free, and which page is handed out next. */
import { Range } from '../../../kexec/base/range.js';
import { alignDown, alignUp } from '../../../kexec/base/u64.js';
import type { Resource } from './iomem.js';

/** Free pages of a machine's memory. Physical addresses are numbers here: they have at most 52 bits. */
export interface PageAllocator {
  /** Takes a page. @returns its physical address, or undefined when none is left */
  allocate(): number | undefined;
  /** Gives back a page that was taken; it is the next one to be handed out. */
  free(page: number): void;
}

/** In which order free pages are handed out: from the highest address down, or in a random order that a seed fixes. */
export type AllocationOrder = { readonly kind: 'top-down' } | { readonly kind: 'scattered'; readonly seed: number };

export const TOP_DOWN: AllocationOrder = { kind: 'top-down' };

/**
 * The memory that a running kernel's allocator has: "System RAM" of /proc/iomem without the resources inside of it,
 * which are the kernel itself, what it reserved at boot, and the crash kernel's region. That programs and caches fill
 * some of the rest does not matter: they make room.
 * @returns whole pages, in order of their addresses
 */
export const freeMemory = (resources: readonly Resource[], pageSize: bigint): readonly Range[] => {
  const isRam = ({ name }: Resource): boolean => name === 'System RAM';
  const rangesOf = (kept: readonly Resource[]): readonly Range[] => joined(kept.map(({ range }) => range));
  const ram = rangesOf(resources.filter(isRam));
  const taken = rangesOf(resources.filter((resource) => !isRam(resource)));
  return difference(ram, taken)
    .map(({ start, end }) => ({ start: alignUp(start, pageSize), end: alignDown(end, pageSize) }))
    .filter(({ start, end }) => start < end)
    .map(({ start, end }) => Range.between(start, end));
};

/** In order, those that overlap as one. @param touching whether those are one, too, between which there is nothing */
export const joined = (ranges: readonly Range[], touching = false): readonly Range[] => {
  const all: Range[] = [];
  for (const range of ranges.toSorted((a, b) => (a.start < b.start ? -1 : Number(a.start > b.start)))) {
    const last = all.at(-1);
    if (last === undefined || (touching ? last.end : last.last) < range.start) all.push(range);
    else if (last.last < range.last) all[all.length - 1] = Range.inclusive(last.start, range.last);
  }
  return all;
};

/** What the ranges have outside of the holes, in one walk: both are in order, and none overlaps another of its kind. */
const difference = (ranges: readonly Range[], holes: readonly Range[]): readonly Range[] => {
  const left: Range[] = [];
  let first = 0;
  for (const { start, last } of ranges) {
    let from = start;
    while (first < holes.length && holes[first]!.last < start) first++;
    for (let i = first; i < holes.length && holes[i]!.start <= last; i++) {
      const hole = holes[i]!;
      if (from < hole.start) left.push(Range.inclusive(from, hole.start - 1n));
      from = hole.last + 1n;
    }
    if (from <= last) left.push(Range.inclusive(from, last));
  }
  return left;
};

/** What the ranges have outside of `hole`. */
export const withoutRange = (ranges: readonly Range[], hole: Range): Range[] =>
  ranges.flatMap((range) => range.minus(hole));

export const countPages = (ranges: readonly Range[], pageSize: bigint): bigint =>
  ranges.reduce((pages, { size }) => pages + size / pageSize, 0n);

/**
 * Hands out each page of `ranges` once. The cost grows with what is taken, not with the memory there is.
 * @param ranges of whole pages, in order of their addresses, without overlap
 */
export const createPageAllocator = (
  ranges: readonly Range[],
  pageSize: bigint,
  order: AllocationOrder = TOP_DOWN,
): PageAllocator => {
  const size = Number(pageSize);
  const pieces = ranges
    .map((range) => ({ start: Number(range.start), pages: Number(range.size / pageSize) }))
    .reverse();
  const total = pieces.reduce((sum, { pages }) => sum + pages, 0);
  const pick = order.kind === 'top-down' ? (turn: number) => turn : scatter(total, order.seed);
  const returned: number[] = [];
  let turn = 0;

  /** The address of a page by its number, counted from the highest down. */
  const address = (number: number): number => {
    let left = number;
    for (const { start, pages } of pieces) {
      if (left < pages) return start + (pages - 1 - left) * size;
      left -= pages;
    }
    throw new RangeError(`page ${number} of ${total}`);
  };

  return {
    allocate: () => returned.pop() ?? (turn < total ? address(pick(turn++)) : undefined),
    free: (page) => void returned.push(page),
  };
};

/** Fisher and Yates' shuffle of 0 to `total` - 1, dealt one at a time: only numbers that were moved are kept. */
const scatter = (total: number, seed: number): ((turn: number) => number) => {
  const moved = new Map<number, number>();
  const random = randomNumbers(seed);
  return (turn) => {
    const other = turn + Math.floor(random() * (total - turn));
    const dealt = moved.get(other) ?? other;
    moved.set(other, moved.get(turn) ?? turn);
    moved.delete(turn);
    return dealt;
  };
};

/** Numbers from 0 to below 1, the same ones for a seed (a 32-bit xorshift generator, Marsaglia 2003). */
const randomNumbers = (seed: number): (() => number) => {
  let state = (seed ^ 0x9e37_79b9) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
};
