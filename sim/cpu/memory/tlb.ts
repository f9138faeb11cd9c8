/** The TLB and the jump cache, as TypeScript fills and empties them. */

import {
  JUMP_BANK_BYTES,
  JUMP_BANKS,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_ENTRY_SHIFT,
  PROCESSOR_BYTES,
  TLB,
  TLB_ADDEND,
  TLB_BANK_BYTES,
  TLB_BANKS,
  TLB_CODE_MASK,
  TLB_ENTRIES,
  TLB_ENTRY_SHIFT,
  TLB_READ_TAG,
  TLB_WRITE_TAG,
} from '../state/layout.js';
import { isUpper } from '../state/space.js';

const NO_TAG = 0xffff_ffff_ffff_ffffn;
const LOW_HALF = 0xffff_ffffn;
const PAGE = 4096;
const TWO_20 = 2 ** 20;
/** Pages that instructions were fetched from, in each bank. */
const FETCHES = 256;
const ENTRY_BYTES = 1 << TLB_ENTRY_SHIFT;
const JUMPS_BYTES = JUMP_CACHE_ENTRIES << JUMP_CACHE_ENTRY_SHIFT;

/** Where a page's instructions are. */
export interface CodePlace {
  readonly physPage: number;
  /** In the WebAssembly memory. */
  readonly offset: number;
}

/** The halves of the addresses that a bank has entries of. */
interface Halves {
  lower: boolean;
  upper: boolean;
}

const allBanks = (count: number): readonly number[] => Array.from({ length: count }, (_, bank) => bank);

/** What the jump cache has for an address. */
interface Jump {
  readonly index: number;
  readonly argument: number;
}

/** So many places to go on at are kept for each bank. */
const MAX_JUMPS = 1 << 17;

/** So many entries are emptied one by one; more of them all at once. */
const MAX_NOTED = 512;

/** Which entries of a bank something was put into, as far as that is worth knowing. */
class Journal {
  readonly #entries = new Int32Array(MAX_NOTED);
  /** Above {@link MAX_NOTED} for more than could be noted, as at the start. */
  #count = MAX_NOTED + 1;

  add(entry: number): void {
    if (this.#count < MAX_NOTED) this.#entries[this.#count] = entry;
    if (this.#count <= MAX_NOTED) this.#count++;
  }

  /** Has what was noted emptied, or everything. */
  drain(clear: (entry: number) => void, clearAll: () => void): void {
    if (this.#count > MAX_NOTED) clearAll();
    else for (let i = 0; i < this.#count; i++) clear(this.#entries[i]!);
    this.#count = 0;
  }
}

/** The caches that translated code looks into: where pages of memory are, and where code goes on. Each is in banks. */
export class Tlb {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  /** Where there may be entries with a write tag, by their physical pages. */
  readonly #writers = new Map<number, Set<number>>();
  readonly #halves: readonly Halves[] = allBanks(TLB_BANKS).map(() => ({ lower: true, upper: true }));
  /** Pages that instructions were fetched from: their numbers, and where they are; direct-mapped, bank by bank. */
  readonly #fetchPages = new Float64Array(JUMP_BANKS * FETCHES).fill(-1);
  readonly #fetchPlaces: (CodePlace | undefined)[] = [];
  /** Entries of each bank that something is in: of the TLB, and of the jump cache. */
  readonly #filled = allBanks(TLB_BANKS).map(() => new Journal());
  readonly #jumps = allBanks(JUMP_BANKS).map(() => new Journal());
  /** Where code goes on, as far as it was in the jump cache: others may have taken its place there. */
  readonly #allJumps = allBanks(JUMP_BANKS).map(() => new Map<bigint, Jump>());

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

  /** Which halves of the addresses a bank may have entries of. */
  halvesOf(bank: number): Readonly<Halves> {
    return this.#halves[bank]!;
  }

  /** Forgets all pages in all banks, and where code goes on. */
  flush(): void {
    for (let bank = 0; bank < TLB_BANKS; bank++) this.flushBank(bank);
    this.#writers.clear();
    this.forgetJumps();
  }

  /** Forgets all pages of a bank. */
  flushBank(bank: number): void {
    const halves = this.#halves[bank]!;
    if (!halves.lower && !halves.upper) return;
    const at = TLB + bank * TLB_BANK_BYTES;
    this.#filled[bank]!.drain(
      (entry) => this.#clear(entry),
      () => this.#bytes.fill(0xff, at, at + TLB_ENTRIES * ENTRY_BYTES),
    );
    if (bank < JUMP_BANKS) this.#fetchPages.fill(-1, bank * FETCHES, (bank + 1) * FETCHES);
    halves.lower = false;
    halves.upper = false;
  }

  /** Forgets some bytes from an address on in all banks: a multiple of a page. Bits 63 to 56 of the address do not count. */
  flushRange(virtAddr: bigint, sizeBytes: number): void {
    const entries = sizeBytes / PAGE;
    if (entries >= TLB_ENTRIES) {
      for (let bank = 0; bank < TLB_BANKS; bank++) this.flushBank(bank);
      return;
    }
    const first = indexOf(virtAddr);
    for (let bank = 0; bank < TLB_BANKS; bank++) {
      const { lower, upper } = this.#halves[bank]!;
      if (!lower && !upper) continue;
      for (let i = 0; i < entries; i++) {
        this.#clear(entryAt(bank, (first + i) % TLB_ENTRIES));
        if (bank < JUMP_BANKS) this.#fetchPages[bank * FETCHES + ((first + i) % FETCHES)] = -1;
      }
    }
  }

  #clear(at: number): void {
    this.#view.setBigUint64(at + TLB_READ_TAG, NO_TAG, true);
    this.#view.setBigUint64(at + TLB_WRITE_TAG, NO_TAG, true);
  }

  /** Forgets where code goes on, in all banks, which is looked up anew. */
  forgetJumps(): void {
    for (let bank = 0; bank < JUMP_BANKS; bank++) this.forgetJumpsOf(bank);
  }

  /** Forgets where code goes on at one address. */
  forgetJump(address: bigint): void {
    const inBank = jumpAt(address);
    for (let bank = 0; bank < JUMP_BANKS; bank++) {
      const at = inBank + bank * JUMP_BANK_BYTES;
      this.#allJumps[bank]!.delete(address);
      // The complement of an address has its entry elsewhere, so that no program counter finds it here.
      if (this.#view.getBigUint64(at, true) === address) this.#view.setBigUint64(at, ~address & NO_TAG, true);
    }
  }

  forgetJumpsOf(bank: number): void {
    this.#allJumps[bank]!.clear();
    const start = JUMP_CACHE + bank * JUMP_BANK_BYTES;
    const end = start + JUMPS_BYTES;
    this.#jumps[bank]!.drain(
      (entry) => this.#view.setBigUint64(entry, NO_TAG, true),
      () => this.#bytes.fill(0xff, start, end),
    );
    // All ones is a program counter of this last entry; 0 is not.
    this.#view.setBigUint64(end - (1 << JUMP_CACHE_ENTRY_SHIFT), 0n, true);
  }

  /** @param offset of the physical page in the WebAssembly memory */
  fill(bank: number, virtAddr: bigint, offset: number, physPage: number, write: boolean): void {
    const view = this.#view;
    const at = entryAt(bank, indexOf(virtAddr));
    const page = virtAddr & ~0xfffn;
    const isHere = (tag: bigint): boolean => tag !== NO_TAG && (tag & ~0xfffn) === page;
    if (!isHere(view.getBigUint64(at + TLB_READ_TAG, true)) && !isHere(view.getBigUint64(at + TLB_WRITE_TAG, true)))
      this.#clear(at);
    this.#noteHalf(bank, virtAddr);
    this.#filled[bank]!.add(at);
    const lines = this.linesOf(physPage);
    if (write) this.#noteWriter(physPage, at);
    view.setBigUint64(at + (write ? TLB_WRITE_TAG : TLB_READ_TAG), write && lines !== 0n ? page | 1n : page, true);
    view.setInt32(at + TLB_ADDEND, offset - Number(page & LOW_HALF), true);
    view.setBigUint64(at + TLB_CODE_MASK, lines, true);
  }

  #noteHalf(bank: number, virtAddr: bigint): void {
    const halves = this.#halves[bank]!;
    if (isUpper(virtAddr)) halves.upper = true;
    else halves.lower = true;
  }

  #noteWriter(physPage: number, at: number): void {
    const known = this.#writers.get(physPage);
    if (known === undefined) this.#writers.set(physPage, new Set([at]));
    else known.add(at);
  }

  /** Where the instructions of an address' page are, if that is known. */
  fetchedFrom(bank: number, virtAddr: bigint): CodePlace | undefined {
    const page = pageNumber(virtAddr);
    const at = bank * FETCHES + (page % FETCHES);
    return this.#fetchPages[at] === page ? this.#fetchPlaces[at] : undefined;
  }

  /** Instructions of an address' page were fetched from a place. */
  noteFetch(bank: number, virtAddr: bigint, place: CodePlace): void {
    this.#noteHalf(bank, virtAddr);
    const page = pageNumber(virtAddr);
    const at = bank * FETCHES + (page % FETCHES);
    this.#fetchPages[at] = page;
    this.#fetchPlaces[at] = place;
  }

  /** Stores to a page that now holds more code must be seen. */
  protect(physPage: number, offset: number): void {
    const places = this.#writers.get(physPage);
    if (places === undefined) return;
    const lines = this.linesOf(physPage);
    const view = this.#view;
    for (const at of places) {
      const tag = view.getBigUint64(at + TLB_WRITE_TAG, true);
      const page = tag & ~1n;
      const isHere = ((view.getInt32(at + TLB_ADDEND, true) + Number(page & LOW_HALF)) | 0) === (offset | 0);
      if (tag === NO_TAG || !isHere) {
        places.delete(at);
        continue;
      }
      view.setBigUint64(at + TLB_WRITE_TAG, page | 1n, true);
      view.setBigUint64(at + TLB_CODE_MASK, lines, true);
    }
  }

  /** Puts into the jump cache what was there for an address before. @returns whether there was something */
  restoreJump(bank: number, address: bigint): boolean {
    const jump = this.#allJumps[bank]!.get(address);
    if (jump !== undefined) this.#putJump(bank, address, jump);
    return jump !== undefined;
  }

  /** Where code goes on at an address: a function of the table, and what it is called with. */
  setJump(bank: number, address: bigint, index: number, argument: number): void {
    const all = this.#allJumps[bank]!;
    if (all.size >= MAX_JUMPS) all.clear();
    all.set(address, { index, argument });
    this.#putJump(bank, address, { index, argument });
  }

  #putJump(bank: number, address: bigint, { index, argument }: Jump): void {
    this.#noteHalf(bank, address);
    const at = jumpAt(address) + bank * JUMP_BANK_BYTES;
    this.#jumps[bank]!.add(at);
    this.#view.setBigUint64(at, address, true);
    this.#view.setInt32(at + 8, index, true);
    this.#view.setInt32(at + 12, argument, true);
  }
}

/** All 52 bits of it, which a number has room for. */
const pageNumber = (virtAddr: bigint): number =>
  Number(virtAddr >> 32n) * TWO_20 + (Number(virtAddr & LOW_HALF) >>> 12);

/** Where the jump cache's entry for an address is in the first bank. */
const jumpAt = (address: bigint): number =>
  JUMP_CACHE + ((Number((address & LOW_HALF) >> 2n) % JUMP_CACHE_ENTRIES) << JUMP_CACHE_ENTRY_SHIFT);

const indexOf = (virtAddr: bigint): number => Number((virtAddr >> 12n) & LOW_HALF) % TLB_ENTRIES;
const entryAt = (bank: number, index: number): number => TLB + bank * TLB_BANK_BYTES + (index << TLB_ENTRY_SHIFT);
