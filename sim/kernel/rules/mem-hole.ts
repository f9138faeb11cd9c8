/** Where kexec_file_load(2) puts a segment: the search for a hole in memory. */
import { Range } from '../../../kexec/base/range.js';
import { U64_MAX, alignDown, alignUp, u64 } from '../../../kexec/base/u64.js';
import { type Generation, traitsOf } from '../facts/generations.js';
import type { ContiguousArea } from '../facts/cma.js';
import type { KernelSegment, SegmentRole } from './kexec-load.js';

/** A segment that has no place yet (`struct kexec_buf`, include/linux/kexec.h). */
export interface KexecBuffer {
  readonly role: SegmentRole;
  readonly bytes: Uint8Array;
  /** Bytes of memory, of which whole pages are taken. */
  readonly memsz: bigint;
  /** A power of two. Whatever it is, the segment begins at a page. */
  readonly align: bigint;
  /** Lowest address. */
  readonly min: bigint;
  /** Highest address, inclusive; undefined for no limit. */
  readonly max?: bigint;
  readonly topDown: boolean;
}

/** Where segments may go, and where they already are. */
export interface Memory {
  readonly generation: Generation;
  /** Bytes. */
  readonly pageSize: bigint;
  /** In order of their addresses, unless they are tried as they stand. */
  readonly holes: readonly Range[];
  /** Whether the holes are tried as they stand, also where places are looked for from the top. */
  readonly asTheyStand?: boolean;
  readonly placed: readonly KernelSegment[];
  /** Contiguous memory, which comes before the holes; undefined where none is taken. */
  readonly contiguous?: ContiguousArea | undefined;
  /** Receives what is taken of it. The kernel does not give back what it took in vain. */
  readonly take?: (range: Range) => void;
}

/**
 * Finds a place for a segment: kexec_add_buffer() and locate_mem_hole_callback(), kernel/kexec_file.c.
 * @returns undefined when there is none
 */
export const addBuffer = (memory: Memory, buffer: KexecBuffer): KernelSegment | undefined => {
  const { pageSize, holes, asTheyStand = false } = memory;
  const { role, bytes, topDown } = buffer;
  const memsz = alignUp(buffer.memsz, pageSize);
  const align = buffer.align > pageSize ? buffer.align : pageSize;
  const segment = { role, memsz, bufsz: BigInt(bytes.length), source: { kind: 'bytes', bytes } } as const;
  const contiguousAt = memory.contiguous && locateContiguous(memory.contiguous, memsz, align);
  if (contiguousAt !== undefined) {
    memory.take?.(Range.sized(contiguousAt, memsz));
    return { ...segment, mem: contiguousAt, contiguous: true };
  }
  const locate = topDown ? locateTopDown : locateBottomUp;
  for (const hole of topDown && !asTheyStand ? holes.toReversed() : holes) {
    if (u64(hole.size) < memsz || hole.last < buffer.min || hole.start > (buffer.max ?? U64_MAX)) continue;
    const mem = locate(hole, { ...buffer, memsz, align }, memory);
    if (mem !== undefined) return { ...segment, mem };
  }
  return undefined;
};

/** A segment that is in the way. Linux moves on page by page until none is; here the search goes on at its end. */
const conflictAt = (start: bigint, size: bigint, { placed }: Memory): KernelSegment | undefined =>
  placed.find(({ mem, memsz }) => start < mem + memsz && mem < start + size);

const locateTopDown = (
  hole: Range,
  { memsz, align, min, max = U64_MAX }: KexecBuffer,
  memory: Memory,
): bigint | undefined => {
  // A kernel that takes the last byte of a hole for its end puts further down what would just fit.
  const slack = traitsOf(memory.generation).fillsHolesToTheEnd ? 1n : 0n;
  let start = (hole.last < max ? hole.last : max) - memsz + slack;
  for (;;) {
    start = alignDown(start, align);
    if (start < hole.start || start < min) return undefined;
    const conflict = conflictAt(start, memsz, memory);
    if (conflict === undefined) return start;
    if (conflict.mem < memsz) return undefined;
    start = conflict.mem - memsz;
  }
};

const locateBottomUp = (
  hole: Range,
  { memsz, align, min, max = U64_MAX }: KexecBuffer,
  memory: Memory,
): bigint | undefined => {
  let start = hole.start > min ? hole.start : min;
  for (;;) {
    start = alignUp(start, align);
    const last = start + memsz - 1n;
    if (last > hole.last || last > max) return undefined;
    const conflict = conflictAt(start, memsz, memory);
    if (conflict === undefined) return start;
    start = conflict.mem + conflict.memsz;
  }
};

/**
 * cma_range_alloc(), mm/cma.c: the first place that is free. Which addresses a segment may have is not asked, and of
 * its alignment no more is kept than the kernel was built for.
 */
const locateContiguous = (
  { range, taken, mostAlignment }: ContiguousArea,
  memsz: bigint,
  wanted: bigint,
): bigint | undefined => {
  const align = wanted < mostAlignment ? wanted : mostAlignment;
  let start = alignUp(range.start, align);
  for (const other of [...taken].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    if (other.start >= start + memsz) break;
    if (other.end > start) start = alignUp(other.end, align);
  }
  return start + memsz <= range.end ? start : undefined;
};
