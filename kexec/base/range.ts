/** Ranges of 64-bit addresses, and the kinds of memory that they are of. */
import { hex } from './format.js';
import { u64 } from './u64.js';

/**
 * A range of 64-bit addresses, immutable: [start, last] in interval notation, which is [start, end).
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

  /** [start, last], as /proc/iomem writes it. */
  static inclusive(start: bigint, last: bigint): Range {
    return new Range(u64(start), u64(last));
  }

  /** [start, start + size); wraps at 2^64. */
  static sized(start: bigint, size: bigint): Range {
    return new Range(u64(start), u64(start + size - 1n));
  }

  /** [start, end). */
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

  /** Whether there is an address in both; both hold one. */
  overlaps(other: Range): boolean {
    return this.start <= other.last && other.start <= this.last;
  }

  /** What both hold, [3, 5] of [0, 5] and [3, 9]; undefined when they do not overlap. */
  intersect(other: Range): Range | undefined {
    if (!this.overlaps(other)) return undefined;
    return new Range(
      this.start > other.start ? this.start : other.start,
      this.last < other.last ? this.last : other.last,
    );
  }

  /** [0, 2] of [0, 9] before [3, 5]; undefined when nothing is there. Precondition: they overlap. */
  before(other: Range): Range | undefined {
    return this.start < other.start ? new Range(this.start, other.start - 1n) : undefined;
  }

  /** [6, 9] of [0, 9] behind [3, 5]; undefined when nothing is there. Precondition: they overlap. */
  behind(other: Range): Range | undefined {
    return other.last < this.last ? new Range(other.last + 1n, this.last) : undefined;
  }

  /** What is not in `other`: [0, 2] and [6, 9] of [0, 9] without [3, 5]. */
  minus(other: Range): Range[] {
    if (!this.overlaps(other)) return [this];
    return [this.before(other), this.behind(other)].filter((part) => part !== undefined);
  }

  equals(other: Range): boolean {
    return this.start === other.start && this.last === other.last;
  }

  /** `[0x40000000, 0x4007ffff]`: both ends inclusive. */
  toString(): string {
    return `[0x${hex(this.start)}, 0x${hex(this.last)}]`;
  }
}

/** Types of memory, with the numbers that the debug log prints (`RANGE_*`, kexec/kexec.h). */
export const RANGE_RAM = 0;
export const RANGE_RESERVED = 1;

export interface MemoryRange {
  readonly range: Range;
  readonly type: number;
}
