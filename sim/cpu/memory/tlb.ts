/** The TLB and the jump cache, as TypeScript fills and empties them. */

import {
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_ENTRY_SHIFT,
  PROCESSOR_BYTES,
  TLB,
  TLB_ADDEND,
  TLB_CODE_MASK,
  TLB_ENTRIES,
  TLB_ENTRY_SHIFT,
  TLB_READ_TAG,
  TLB_WRITE_TAG,
} from '../state/layout.js';

const NO_TAG = 0xffff_ffff_ffff_ffffn;
const LOW_HALF = 0xffff_ffffn;
const END = TLB + (TLB_ENTRIES << TLB_ENTRY_SHIFT);
const JUMP_CACHE_END = JUMP_CACHE + (JUMP_CACHE_ENTRIES << JUMP_CACHE_ENTRY_SHIFT);

/** The caches that translated code looks into: where pages of memory are, and where code goes on. */
export class Tlb {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  /** Physical pages that there may be a write tag for. */
  readonly #writable = new Set<number>();

  /**
   * @param base of the processor's block in the buffer
   * @param linesOf the lines of a physical page to which stores must be seen, one bit for each 64 bytes
   */
  constructor(
    buffer: ArrayBuffer,
    base: number,
    private readonly linesOf: (physPage: number) => bigint,
  ) {
    this.#view = new DataView(buffer, base, PROCESSOR_BYTES);
    this.#bytes = new Uint8Array(buffer, base, PROCESSOR_BYTES);
  }

  /** Forgets all pages, or one. Code is looked up anew too, and so its pages are checked to be where they were. */
  flush(virtAddr?: bigint): void {
    if (virtAddr === undefined) {
      this.#bytes.fill(0xff, TLB, END);
      this.#writable.clear();
    } else {
      const at = this.#entry(virtAddr);
      this.#bytes.fill(0xff, at, at + (1 << TLB_ENTRY_SHIFT));
    }
    this.forgetJumps();
  }

  /** Forgets where code goes on, which is looked up anew. */
  forgetJumps(): void {
    this.#bytes.fill(0xff, JUMP_CACHE, JUMP_CACHE_END);
    // All ones is a program counter of this last entry; 0 is not.
    this.#view.setBigUint64(JUMP_CACHE_END - (1 << JUMP_CACHE_ENTRY_SHIFT), 0n, true);
  }

  #entry(virtAddr: bigint): number {
    return TLB + ((Number((virtAddr >> 12n) & LOW_HALF) % TLB_ENTRIES) << TLB_ENTRY_SHIFT);
  }

  /** @param offset of the physical page in the WebAssembly memory */
  fill(virtAddr: bigint, offset: number, physPage: number, write: boolean): void {
    const view = this.#view;
    const at = this.#entry(virtAddr);
    const page = virtAddr & ~0xfffn;
    const isHere = (tag: bigint): boolean => tag !== NO_TAG && (tag & ~0xfffn) === page;
    if (![TLB_READ_TAG, TLB_WRITE_TAG].some((tag) => isHere(view.getBigUint64(at + tag, true)))) {
      this.#bytes.fill(0xff, at, at + (1 << TLB_ENTRY_SHIFT));
    }
    const lines = this.linesOf(physPage);
    if (write) this.#writable.add(physPage);
    view.setBigUint64(at + (write ? TLB_WRITE_TAG : TLB_READ_TAG), write && lines !== 0n ? page | 1n : page, true);
    view.setInt32(at + TLB_ADDEND, offset - Number(page & LOW_HALF), true);
    view.setBigUint64(at + TLB_CODE_MASK, lines, true);
  }

  /** Stores to a page that now holds more code must be seen. */
  protect(physPage: number, offset: number): void {
    if (!this.#writable.has(physPage)) return;
    const lines = this.linesOf(physPage);
    const view = this.#view;
    for (let at = TLB; at < END; at += 1 << TLB_ENTRY_SHIFT) {
      const tag = view.getBigUint64(at + TLB_WRITE_TAG, true);
      if (tag === NO_TAG) continue;
      const page = tag & ~1n;
      if (((view.getInt32(at + TLB_ADDEND, true) + Number(page & LOW_HALF)) | 0) !== (offset | 0)) continue;
      view.setBigUint64(at + TLB_WRITE_TAG, page | 1n, true);
      view.setBigUint64(at + TLB_CODE_MASK, lines, true);
    }
  }

  /** Where code goes on at an address: a function of the table, and what it is called with. */
  setJump(address: bigint, index: number, argument: number): void {
    const at = JUMP_CACHE + ((Number((address & LOW_HALF) >> 2n) % JUMP_CACHE_ENTRIES) << JUMP_CACHE_ENTRY_SHIFT);
    this.#view.setBigUint64(at, address, true);
    this.#view.setInt32(at + 8, index, true);
    this.#view.setInt32(at + 12, argument, true);
  }
}
