/** Lists of memory ranges that others are taken out of (kexec/mem_regions.c). */
import { hex16 } from '../base/format.js';
import { type Range, RANGE_RAM, type MemoryRange } from '../base/range.js';

/**
 * A growing list of memory ranges (kexec/mem_regions.c). Not sorted by itself: what is left of a range that was split
 * goes to the end of the list.
 */
export class MemRegions {
  readonly #regions: MemoryRange[] = [];
  /**
   * Where each range starts and ends, nearly: numbers are compared a hundred times as fast as addresses, and rounding
   * keeps their order. A hostile memory map has tens of thousands of lines, each of which is looked for in all ranges.
   */
  #starts: number[] = [];
  #lasts: number[] = [];

  /** @param maxSize how many ranges there may be; undefined: any number */
  constructor(private readonly maxSize?: number) {}

  get regions(): readonly MemoryRange[] {
    return this.#regions;
  }

  /** @returns false when the list is full */
  add(range: Range, type: number = RANGE_RAM): boolean {
    if (this.maxSize !== undefined && this.#regions.length >= this.maxSize) return false;
    this.#regions.push({ range, type });
    this.#starts.push(Number(range.start));
    this.#lasts.push(Number(range.last));
    return true;
  }

  /**
   * Takes `excluded` out of every range that covers it; ranges that it only touches stay as they are
   * (mem_regions_exclude()).
   * @returns false when the list is full
   */
  exclude(excluded: Range): boolean {
    const [start, last] = [Number(excluded.start), Number(excluded.last)];
    const [starts, lasts] = [this.#starts, this.#lasts];
    for (let i = 0; i < starts.length; i++) {
      if (lasts[i]! < last || starts[i]! > start) continue;
      const { range, type } = this.#regions[i]!;
      if (!range.covers(excluded)) continue;
      const before = range.before(excluded);
      const behind = range.behind(excluded);
      if (before !== undefined && behind !== undefined) {
        if (!this.add(behind)) return false;
        this.#replace(i, { range: before, type });
        break;
      }
      const rest = before ?? behind;
      this.#replace(i, rest && { range: rest, type });
    }
    return true;
  }

  /** @param region undefined to take the range out of the list */
  #replace(i: number, region: MemoryRange | undefined): void {
    const fresh = region === undefined ? [] : [region];
    this.#regions.splice(i, 1, ...fresh);
    this.#starts.splice(i, 1, ...fresh.map(({ range }) => Number(range.start)));
    this.#lasts.splice(i, 1, ...fresh.map(({ range }) => Number(range.last)));
  }

  /** Sorts by start; ranges of the same start keep their order. */
  sort(): void {
    this.#regions.sort((a, b) => (a.range.start < b.range.start ? -1 : a.range.start > b.range.start ? 1 : 0));
    this.#starts = this.#regions.map(({ range }) => Number(range.start));
    this.#lasts = this.#regions.map(({ range }) => Number(range.last));
  }
}

/** The debug log's list of ranges (dbgprint_mem_range(), kexec/kexec.c). */
export const formatMemoryRanges = (title: string, ranges: readonly MemoryRange[]): string =>
  [title, ...ranges.map(({ range, type }) => `${hex16(range.start)}-${hex16(range.last)} (${type})`)]
    .map((line) => `${line}\n`)
    .join('');
