import { u64 } from './u64.js';

/**
 * A range of 64-bit addresses, immutable.
 *
 * Kept as `start` and `last`, because a range may reach the last byte of the address space, and because the
 * original keeps ranges so (`struct memory_range`, kexec/kexec.h). A range read from a broken memory map may have
 * `last < start`; such a range holds no address, and its `size` wraps as the original's arithmetic does.
 */
export class Range {
  private constructor(
    /** First address. */
    readonly start: bigint,
    /** Last address, inclusive. */
    readonly last: bigint,
  ) {}

  /** The range from `start` to `last`, both inclusive, as /proc/iomem writes it. */
  static inclusive(start: bigint, last: bigint): Range {
    return new Range(u64(start), u64(last));
  }

  /** The range of `size` bytes from `start`; wraps at 2^64. */
  static sized(start: bigint, size: bigint): Range {
    return new Range(u64(start), u64(start + size - 1n));
  }

  /** The range from `start` to `end`, `end` exclusive. */
  static between(start: bigint, end: bigint): Range {
    return Range.sized(start, end - start);
  }

  /** Bytes in the range, modulo 2^64: the whole address space has size 0. */
  get size(): bigint {
    return u64(this.last - this.start + 1n);
  }

  /** First address behind the range (exclusive end); 2^64 for a range that reaches the top. */
  get end(): bigint {
    return this.last + 1n;
  }

  contains(address: bigint): boolean {
    return this.start <= address && address <= this.last;
  }

  /** Whether every address of `other` lies in this range. */
  covers(other: Range): boolean {
    return this.start <= other.start && other.last <= this.last;
  }

  overlaps(other: Range): boolean {
    return this.start <= other.last && other.start <= this.last;
  }

  equals(other: Range): boolean {
    return this.start === other.start && this.last === other.last;
  }
}

/** Types of memory, with the numbers that the debug log prints (`RANGE_*`, kexec/kexec.h). */
export const RANGE_RAM = 0;
export const RANGE_RESERVED = 1;

export interface MemoryRange {
  readonly range: Range;
  readonly type: number;
}
