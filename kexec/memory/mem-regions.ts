/** Lists of memory ranges that others are taken out of (kexec/mem_regions.c). */
import { hex16 } from '../base/format.js';
import { type Range, RANGE_RAM, type MemoryRange } from '../base/range.js';

/**
 * A growing list of memory ranges (kexec/mem_regions.c). Not sorted by itself: what is left of a range that was split
 * goes to the end of the list.
 */
export class MemRegions {
  readonly #regions: MemoryRange[] = [];

  /** @param maxSize how many ranges there may be; undefined: any number */
  constructor(private readonly maxSize?: number) {}

  get regions(): readonly MemoryRange[] {
    return this.#regions;
  }

  /** @returns false when the list is full */
  add(range: Range, type: number = RANGE_RAM): boolean {
    if (this.maxSize !== undefined && this.#regions.length >= this.maxSize) return false;
    this.#regions.push({ range, type });
    return true;
  }

  /**
   * Takes `excluded` out of every range that covers it; ranges that it only touches stay as they are
   * (mem_regions_exclude()).
   * @returns false when the list is full
   */
  exclude(excluded: Range): boolean {
    for (let i = 0; i < this.#regions.length; i++) {
      const { range, type } = this.#regions[i]!;
      if (!range.covers(excluded)) continue;
      const before = range.before(excluded);
      const behind = range.behind(excluded);
      if (before !== undefined && behind !== undefined) {
        if (!this.add(behind)) return false;
        this.#regions[i] = { range: before, type };
        break;
      }
      const rest = before ?? behind;
      this.#regions.splice(i, 1, ...(rest === undefined ? [] : [{ range: rest, type }]));
    }
    return true;
  }

  /** Sorts by start; ranges of the same start keep their order. */
  sort(): void {
    this.#regions.sort((a, b) => (a.range.start < b.range.start ? -1 : a.range.start > b.range.start ? 1 : 0));
  }
}

/** The debug log's list of ranges (dbgprint_mem_range(), kexec/kexec.c). */
export const formatMemoryRanges = (title: string, ranges: readonly MemoryRange[]): string =>
  [title, ...ranges.map(({ range, type }) => `${hex16(range.start)}-${hex16(range.last)} (${type})`)]
    .map((line) => `${line}\n`)
    .join('');
