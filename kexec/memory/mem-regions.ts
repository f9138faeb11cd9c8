/** Lists of memory ranges that others are taken out of (kexec/mem_regions.c). */
import { hex16 } from '../base/format.js';
import { type Range, RANGE_RAM, type MemoryRange } from '../base/range.js';
import { RangeIndex } from './range-index.js';

/**
 * A growing list of memory ranges (kexec/mem_regions.c). Not sorted by itself: what is left of a range that was split
 * goes to the end of the list.
 */
export class MemRegions {
  /** In the list's order; undefined for one that was taken out. */
  #slots: (MemoryRange | undefined)[] = [];
  #size = 0;
  /** The slots that hold an address, by address; undefined when some of them overlap. */
  #index: RangeIndex | undefined = new RangeIndex();
  /**
   * Where each range starts and ends, nearly: numbers are compared a hundred times as fast as addresses, and rounding
   * keeps their order. Ranges that overlap are searched one by one, and a hostile memory map has tens of thousands.
   */
  #starts: number[] = [];
  #lasts: number[] = [];

  /** @param maxSize how many ranges there may be; undefined: any number */
  constructor(private readonly maxSize?: number) {}

  get regions(): readonly MemoryRange[] {
    if (this.#slots.length !== this.#size) this.#refill(this.#slots.filter((region) => region !== undefined));
    return this.#slots as readonly MemoryRange[];
  }

  /** @returns false when the list is full */
  add(range: Range, type: number = RANGE_RAM): boolean {
    if (this.maxSize !== undefined && this.#size >= this.maxSize) return false;
    if (this.#index?.insert(range, this.#slots.length) === false) this.#index = undefined;
    this.#slots.push({ range, type });
    this.#starts.push(Number(range.start));
    this.#lasts.push(Number(range.last));
    this.#size++;
    return true;
  }

  /**
   * Takes `excluded` out of every range that covers it; ranges that it only touches stay as they are
   * (mem_regions_exclude()).
   * @returns false when the list is full
   */
  exclude(excluded: Range): boolean {
    if (this.#index === undefined || excluded.last < excluded.start) return this.#excludeFromAll(excluded);
    const found = this.#index.find(excluded.start);
    return found?.range.covers(excluded) !== true || this.#excludeFrom(found.slot, excluded) !== 'full';
  }

  /** The same, range by range: any number of them may cover it. */
  #excludeFromAll(excluded: Range): boolean {
    const [start, last] = [Number(excluded.start), Number(excluded.last)];
    for (let i = 0; i < this.#slots.length; i++) {
      if (this.#lasts[i]! < last || this.#starts[i]! > start) continue;
      if (this.#slots[i]?.range.covers(excluded) !== true) continue;
      const outcome = this.#excludeFrom(i, excluded);
      if (outcome === 'full') return false;
      if (outcome === 'split') break;
      // The original closes the gap, and goes on behind what is now in its place.
      if (outcome === 'gone')
        do i++;
        while (i < this.#slots.length && this.#slots[i] === undefined);
    }
    return true;
  }

  #excludeFrom(slot: number, excluded: Range): 'full' | 'split' | 'cut' | 'gone' {
    const region = this.#slots[slot]!;
    const before = region.range.before(excluded);
    const behind = region.range.behind(excluded);
    if (before !== undefined && behind !== undefined) {
      if (this.maxSize !== undefined && this.#size >= this.maxSize) return 'full';
      this.#replace(slot, { range: before, type: region.type });
      this.add(behind);
      return 'split';
    }
    const rest = before ?? behind;
    this.#replace(slot, rest && { range: rest, type: region.type });
    return rest === undefined ? 'gone' : 'cut';
  }

  /** @param region part of what is there; undefined to take the range out of the list */
  #replace(slot: number, region: MemoryRange | undefined): void {
    const indexed = this.#index?.find(this.#slots[slot]!.range.start);
    this.#slots[slot] = region;
    // No address is so high.
    this.#starts[slot] = region === undefined ? Infinity : Number(region.range.start);
    this.#lasts[slot] = region === undefined ? -1 : Number(region.range.last);
    if (region === undefined) this.#size--;
    if (indexed === undefined) return;
    if (region === undefined) this.#index?.delete(indexed);
    else indexed.range = region.range;
  }

  /** Sorts by start; ranges of the same start keep their order. */
  sort(): void {
    this.#refill(
      this.regions.toSorted((a, b) => (a.range.start < b.range.start ? -1 : a.range.start > b.range.start ? 1 : 0)),
    );
  }

  #refill(regions: readonly MemoryRange[]): void {
    this.#slots = [];
    this.#size = 0;
    this.#index = new RangeIndex();
    this.#starts = [];
    this.#lasts = [];
    for (const { range, type } of regions) this.add(range, type);
  }
}

/** The debug log's list of ranges (dbgprint_mem_range(), kexec/kexec.c). */
export const formatMemoryRanges = (title: string, ranges: readonly MemoryRange[]): string =>
  [title, ...ranges.map(({ range, type }) => `${hex16(range.start)}-${hex16(range.last)} (${type})`)]
    .map((line) => `${line}\n`)
    .join('');
