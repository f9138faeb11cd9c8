/** Where the segments of a load go. */
import { attempt } from '../base/attempt.js';
import { KexecError } from '../base/error.js';
import { hex, pointer } from '../base/format.js';
import type { Log } from '../base/log.js';
import { RANGE_RAM, Range, type MemoryRange } from '../base/range.js';
import type { Segment } from '../base/segment.js';
import { KEXEC_MAX_SEGMENTS } from '../base/uapi.js';
import { alignDown, alignUp, u64 } from '../base/u64.js';
import { WORD_64, wrap, type Word } from '../base/word.js';

/** Limits that the user set with --mem-min and --mem-max; both ends inclusive. */
export interface MemoryLimits {
  readonly memMin: bigint;
  readonly memMax: bigint;
}

export interface HoleRequest {
  /** Bytes wanted. */
  readonly size: bigint;
  /** A power of two; at least a page is taken. */
  readonly align: bigint;
  /** Lowest address. */
  readonly min: bigint;
  /** Highest address, inclusive. */
  readonly max: bigint;
  /** Where in memory to look from: the lowest hole, or the highest place of the highest one. */
  readonly from: 'bottom' | 'top';
}

export interface BufferRequest extends Omit<HoleRequest, 'size'> {
  readonly data: Uint8Array;
  /** Bytes of memory; rounded up to pages. */
  readonly memsz: bigint;
}

/**
 * Where things go in the new kernel's memory: the segments of one load, and the rules by which places are found for
 * them (the segment half of `struct kexec_info` and the functions on it, kexec/kexec.c).
 *
 * The memory ranges are those of the running machine, and their order is kept as given: the rules below depend on
 * it. `last` is used where the original has its inclusive `end`.
 */
export class Placement {
  #segments: Segment[] = [];

  constructor(
    readonly memoryRanges: readonly MemoryRange[],
    readonly limits: MemoryLimits,
    readonly pageSize: bigint,
    private readonly log: Log,
    /** Gives a buffer its made-up address for messages. */
    private readonly addressOf: (data: Uint8Array) => bigint,
    /** What the original counts addresses of holes and segments in. */
    readonly word: Word = WORD_64,
  ) {}

  /** A number as the original's `unsigned long` holds it. */
  ulong(value: bigint): bigint {
    return wrap(value, this.word);
  }

  /** In the order in which they were added or last sorted. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /**
   * Whether the inclusive range [start, last] lies within the limits and in one RAM range, or in two that adjoin.
   * QUIRK-1: the original joins two ranges when one *ends* at the other's start; since its ends are inclusive this
   * never happens on a sound map (valid_memory_range(), kexec/kexec.c).
   */
  validMemoryRange(start: bigint, last: bigint): boolean {
    if (start > last || last > this.limits.memMax || start < this.limits.memMin) return false;
    return this.memoryRanges.some(({ range, type }, i) => {
      if (type !== RANGE_RAM) return false;
      const next = this.memoryRanges[i + 1];
      const joined = next !== undefined && next.type === RANGE_RAM && range.last === next.range.start;
      return range.start <= start && (joined ? next.range.last : range.last) >= last;
    });
  }

  /**
   * Sorts the segments by address, exchanging as the original does, and checks that none overlap
   * (sort_segments(), kexec/kexec.c). @throws KexecError
   */
  sortSegments(): void {
    const segments = this.#segments;
    for (let i = 0; i < segments.length; i++) {
      let lowest = i;
      for (let j = i + 1; j < segments.length; j++) {
        if (segments[j]!.memory.start < segments[lowest]!.memory.start) lowest = j;
      }
      if (lowest !== i) [segments[i], segments[lowest]] = [segments[lowest]!, segments[i]!];
    }
    let end = 0n;
    for (const { memory } of segments) {
      if (end > memory.start) {
        throw KexecError.failed(`Overlapping memory segments at ${pointer(end)}`, { subject: 'segments' });
      }
      end = this.ulong(memory.end);
    }
  }

  /** RAM without the segments. Precondition: ranges and segments are in ascending order. */
  private freeRanges(): Range[] {
    const free: Range[] = [];
    const segments = this.#segments;
    let j = 0;
    for (const { range, type } of this.memoryRanges) {
      if (type !== RANGE_RAM) continue;
      let start = range.start;
      for (; j < segments.length && segments[j]!.memory.start <= range.last; j++) {
        const { memory } = segments[j]!;
        if (start < memory.start) free.push(Range.inclusive(start, memory.start - 1n));
        start = u64(memory.end);
      }
      // A single free byte is no range to the original, whose comparison is "start < last".
      if (start < range.last) free.push(Range.inclusive(start, range.last));
    }
    return free;
  }

  /**
   * Finds a free place (locate_hole(), kexec/kexec.c).
   * @returns its first address
   * @throws KexecError when there is none
   */
  locateHole({ size, align, min, max, from }: HoleRequest): bigint {
    const { memMin, memMax } = this.limits;
    const holeAlign = align < this.pageSize ? this.pageSize : align;
    let base: bigint | undefined;
    for (const range of this.freeRanges()) {
      let start = range.start;
      if (start < memMin) start = memMin;
      if (start < min) start = min;
      start = alignUp(start, holeAlign);
      let last = range.last;
      if (last > memMax) last = memMax;
      if (last > max) last = max;
      if (start >= last || start >= memMax || last <= memMin) continue;
      if (size !== 0n && last - start < size - 1n) continue;
      if (from === 'bottom') {
        base = start;
        break;
      }
      base = alignDown(this.ulong(last - size + 1n), holeAlign);
    }
    if (base === undefined || base === this.word.max) {
      throw KexecError.failed(`Could not find a free area of memory of 0x${hex(size)} bytes...`, {
        subject: 'memory',
      });
    }
    if (size !== 0n && this.ulong(base + size - 1n) > max) {
      throw KexecError.failed(`Could not find a free area of memory below: 0x${hex(max)}...`, { subject: 'memory' });
    }
    return base;
  }

  /**
   * Adds a segment at a given physical address (add_segment_phys_virt(), kexec/kexec.c). `memsz` is rounded up to
   * pages; a segment of no memory is forgotten.
   * @param address where it goes: a physical address, or what `physicalOf` makes one of
   * @throws KexecError when the address is not page-aligned or the memory is not there
   */
  addSegment(
    data: Uint8Array,
    address: bigint,
    memsz: bigint,
    physicalOf = (physical: bigint): bigint => physical,
  ): void {
    if (memsz === 0n) return;
    const bytes = BigInt(data.length) > memsz ? data.subarray(0, Number(memsz)) : data;
    const size = alignUp(memsz, this.pageSize);
    if ((address & (this.pageSize - 1n)) !== 0n) {
      throw KexecError.die(`Base address: 0x${hex(address)} is not page aligned`, { subject: 'segment' });
    }
    const base = physicalOf(address);
    const last = this.ulong(base + size - 1n);
    if (!this.validMemoryRange(base, last)) {
      throw KexecError.die(`Invalid memory segment ${pointer(base)} - ${pointer(last)}`, { subject: 'segment' });
    }
    this.#segments.push({ data: bytes, memory: Range.sized(base, size), buf: this.addressOf(data) });
    if (this.#segments.length > KEXEC_MAX_SEGMENTS) {
      this.log.err('Warning: kernel segment limit reached. This will likely fail\n');
    }
  }

  /**
   * Finds a place for a buffer and adds it as a segment (add_buffer_phys_virt(), kexec/kexec.c).
   * @returns its physical address
   * @throws KexecError
   */
  addBuffer({ data, memsz, ...hole }: BufferRequest): bigint {
    orDie('sort_segments failed', () => this.sortSegments());
    const size = alignUp(memsz, this.pageSize);
    const base = orDie('locate_hole failed', () => this.locateHole({ ...hole, size }));
    this.addSegment(data, base, size);
    return base;
  }
}

/** What the original does where a function's error makes the caller die: both texts are printed. */
const orDie = <T>(message: string, action: () => T): T => {
  const result = attempt(KexecError, action);
  if (!(result instanceof KexecError)) return result;
  if (result.died) throw result;
  throw KexecError.die(result.message, { text: `${result.text}${message}\n`, subject: result.subject });
};
