/**
 * Made-up addresses of buffers for messages that print user-space pointers: plausible for a Linux process, distinct,
 * and the same on every run. Large buffers are mapped from the top down, small ones come from a heap, as in glibc.
 */
import type { Word } from '../base/word.js';

/** Where mappings end, and where the heap starts. */
const LAYOUTS: Readonly<Record<Word['bits'], { readonly top: bigint; readonly heap: bigint }>> = {
  64: { top: 0xffff_b7c0_0000n, heap: 0xaaab_0b1f_02a0n },
  32: { top: 0xf7c0_0000n, heap: 0x0b1f_0160n },
};
const MMAP_THRESHOLD = 128 * 1024;
const CHUNK_HEADER = 16n;
const PAGE = 4096n;

const roundUp = (value: bigint, size: bigint): bigint => ((value + size - 1n) / size) * size;

/** @returns a function that tells the address of a buffer's first byte; nothing is at 0 */
export const createAddressSpace = ({ bits }: Word): ((data: Uint8Array) => bigint) => {
  const bases = new Map<ArrayBufferLike, bigint>();
  let { top, heap } = LAYOUTS[bits];
  const allocate = (size: number): bigint => {
    if (size >= MMAP_THRESHOLD) {
      top -= roundUp(BigInt(size) + CHUNK_HEADER, PAGE);
      return top + CHUNK_HEADER;
    }
    const address = heap;
    heap += roundUp(BigInt(size) + CHUNK_HEADER, CHUNK_HEADER);
    return address;
  };
  return (data) => {
    if (data.buffer.byteLength === 0) return 0n;
    let base = bases.get(data.buffer);
    if (base === undefined) {
      base = allocate(data.buffer.byteLength);
      bases.set(data.buffer, base);
    }
    return base + BigInt(data.byteOffset);
  };
};
