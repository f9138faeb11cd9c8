/** The TLB and the jump cache, as TypeScript fills and empties them. */

import {
  FETCH_BANK_BYTES,
  FETCH_ENTRIES,
  FETCH_ENTRY_SHIFT,
  FETCH_OFFSET,
  FETCH_PLACES,
  FETCHES,
  JUMP_BANK_BYTES,
  JUMP_BANKS,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_ENTRY_SHIFT,
  PLACES_HAS_STOPS,
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
import { placesOf } from '../state/places.js';
import { isUpper } from '../state/space.js';

const NO_TAG = 0xffff_ffff_ffff_ffffn;
const LOW_HALF = 0xffff_ffffn;
/** Of an address without its top byte: its page. */
const BELOW_TOP = 0xff_ffff_ffff_f000n;
const PAGE_OF = 0xffff_ffff_ffff_f000n;
const PAGE = 4096;
const PAGES_IN_LOW_HALF = 2 ** 20;
/** Bit 55 of an address, in its upper half: see {@link isUpper}. */
const UPPER = 1 << 23;
const ENTRY_BYTES = 1 << TLB_ENTRY_SHIFT;
/** From one of the two entries of the jump cache for an address to the other one. */
const OTHER_ENTRY = 1 << JUMP_CACHE_ENTRY_SHIFT;
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
  /** The physical pages of the TLB's entries, bank by bank. */
  readonly #pages = new Float64Array(TLB_BANKS * TLB_ENTRIES);
  readonly #halves: readonly Halves[] = allBanks(TLB_BANKS).map(() => ({ lower: true, upper: true }));
  /** The physical pages of those that instructions are fetched from, by bank and entry. */
  readonly #fetched = new Float64Array(JUMP_BANKS * FETCH_ENTRIES);
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
    this.forgetJumps();
  }

  /** Has the next store to each page seen, in all banks. */
  forgetWritable(): void {
    for (let entry = 0; entry < TLB_BANKS * TLB_ENTRIES; entry++) {
      const at = entryAt(Math.floor(entry / TLB_ENTRIES), entry % TLB_ENTRIES);
      this.#view.setBigUint64(at + TLB_WRITE_TAG, NO_TAG, true);
    }
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
    if (bank < JUMP_BANKS) this.#bytes.fill(0xff, fetchBank(bank), fetchBank(bank) + FETCH_BANK_BYTES);
    halves.lower = false;
    halves.upper = false;
  }

  /**
   * Forgets some bytes from an address on in all banks: a multiple of a page. Bits 63 to 56 of the address do not
   * count.
   */
  flushRange(virtAddr: bigint, sizeBytes: number): void {
    const entries = sizeBytes / PAGE;
    if (entries >= TLB_ENTRIES) {
      for (let bank = 0; bank < TLB_BANKS; bank++) this.flushBank(bank);
      return;
    }
    const first = Number((virtAddr & BELOW_TOP) >> 12n);
    for (let bank = 0; bank < TLB_BANKS; bank++) {
      const { lower, upper } = this.#halves[bank]!;
      if (!lower && !upper) continue;
      for (let i = 0; i < entries; i++) {
        const number = first + i;
        const at = entryAt(bank, number % TLB_ENTRIES);
        if (this.#isOf(at + TLB_READ_TAG, number)) this.#clear(at);
        if (bank >= JUMP_BANKS) continue;
        const fetch = fetchAt(bank, number % FETCH_ENTRIES);
        if (this.#isOf(fetch, number)) this.#view.setBigUint64(fetch, NO_TAG, true);
      }
    }
  }

  /** Whether a tag is that of a page whose number has bits 55 to 12 of its address: those above may not count. */
  #isOf(tagAt: number, number: number): boolean {
    const [low, high] = [this.#view.getUint32(tagAt, true), this.#view.getUint32(tagAt + 4, true)];
    return (high & 0xff_ffff) * PAGES_IN_LOW_HALF + (low >>> 12) === number;
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
      if (!this.#allJumps[bank]!.delete(address)) continue;
      const at = inBank + bank * JUMP_BANK_BYTES;
      for (const entry of [at, at ^ OTHER_ENTRY])
        if (this.#view.getBigUint64(entry, true) === address) this.#view.setBigUint64(entry, emptyJump(entry), true);
    }
  }

  forgetJumpsOf(bank: number): void {
    this.#allJumps[bank]!.clear();
    const start = JUMP_CACHE + bank * JUMP_BANK_BYTES;
    this.#jumps[bank]!.drain(
      (entry) => this.#view.setBigUint64(entry, emptyJump(entry), true),
      () => {
        this.#bytes.fill(0xff, start, start + JUMPS_BYTES / 2);
        this.#bytes.fill(0, start + JUMPS_BYTES / 2, start + JUMPS_BYTES);
      },
    );
  }

  /** @param offset of the physical page in the WebAssembly memory */
  fill(bank: number, virtAddr: bigint, offset: number, physPage: number, writable: boolean): void {
    const view = this.#view;
    const [high, low] = [Number(virtAddr >> 32n), Number(virtAddr & LOW_HALF)];
    const page = (low & -PAGE) >>> 0;
    const index = (page / PAGE) % TLB_ENTRIES;
    const at = entryAt(bank, index);
    this.#noteHalf(bank, (high & UPPER) !== 0);
    this.#filled[bank]!.add(at);
    this.#pages[bank * TLB_ENTRIES + index] = physPage;
    const lines = this.linesOf(physPage);
    const code = lines === 0n ? 0 : 1;
    view.setUint32(at + TLB_READ_TAG, page, true);
    view.setUint32(at + TLB_READ_TAG + 4, high, true);
    view.setInt32(at + TLB_WRITE_TAG, writable ? page + code : -1, true);
    view.setInt32(at + TLB_WRITE_TAG + 4, writable ? high : -1, true);
    view.setInt32(at + TLB_ADDEND, offset - page, true);
    view.setBigUint64(at + TLB_CODE_MASK, lines, true);
  }

  #noteHalf(bank: number, isInUpper: boolean): void {
    const halves = this.#halves[bank]!;
    if (isInUpper) halves.upper = true;
    else halves.lower = true;
  }

  /** Where the instructions of an address' page are, if that is known. */
  fetchedFrom(bank: number, virtAddr: bigint): CodePlace | undefined {
    const entry = indexOf(virtAddr) % FETCH_ENTRIES;
    const at = fetchAt(bank, entry);
    if (this.#view.getBigUint64(at, true) !== (virtAddr & PAGE_OF)) return undefined;
    const physPage = this.#fetched[bank * FETCH_ENTRIES + entry]!;
    return { physPage, offset: this.#view.getUint32(at + FETCH_OFFSET, true) };
  }

  /** Instructions of an address' page are fetched from a place. @param hasStops some are to be stopped at */
  noteFetch(bank: number, virtAddr: bigint, { physPage, offset }: CodePlace, hasStops: boolean): void {
    this.#noteHalf(bank, isUpper(virtAddr));
    const entry = indexOf(virtAddr) % FETCH_ENTRIES;
    const at = fetchAt(bank, entry);
    this.#view.setBigUint64(at, virtAddr & PAGE_OF, true);
    this.#view.setUint32(at + FETCH_OFFSET, offset, true);
    this.#view.setUint32(at + FETCH_PLACES, placesOf(physPage) + (hasStops ? PLACES_HAS_STOPS : 0), true);
    this.#fetched[bank * FETCH_ENTRIES + entry] = physPage;
  }

  /** Stores to a page that now holds more code must be seen. */
  protect(physPage: number): void {
    const lines = this.linesOf(physPage);
    const view = this.#view;
    for (let i = this.#pages.indexOf(physPage); i >= 0; i = this.#pages.indexOf(physPage, i + 1)) {
      const at = entryAt(Math.floor(i / TLB_ENTRIES), i % TLB_ENTRIES);
      const tag = view.getBigUint64(at + TLB_WRITE_TAG, true);
      if (tag === NO_TAG) continue;
      view.setBigUint64(at + TLB_WRITE_TAG, tag | 1n, true);
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
    this.#noteHalf(bank, isUpper(address));
    const view = this.#view;
    const first = jumpAt(address) + bank * JUMP_BANK_BYTES;
    const other = first ^ OTHER_ENTRY;
    const isFree = (at: number): boolean => [address, emptyJump(at)].includes(view.getBigUint64(at, true));
    // Of more than two that are in each other's way, the one that came first has to go.
    const at = [first, other].find(isFree) ?? first;
    if (!isFree(at)) this.#bytes.copyWithin(other, first, first + OTHER_ENTRY);
    this.#jumps[bank]!.add(at);
    this.#jumps[bank]!.add(other);
    view.setBigUint64(at, address, true);
    view.setInt32(at + 8, index, true);
    view.setInt32(at + 12, argument, true);
  }
}

/** Where a bank of fetches begins, and where an entry of it is. */
const fetchBank = (bank: number): number => FETCHES + bank * FETCH_BANK_BYTES;
const fetchAt = (bank: number, entry: number): number => fetchBank(bank) + (entry << FETCH_ENTRY_SHIFT);

/** What an empty entry of the jump cache has: an address that is looked for in the other half of the bank. */
const emptyJump = (at: number): bigint => ((at - JUMP_CACHE) % JUMP_BANK_BYTES < JUMPS_BYTES / 2 ? NO_TAG : 0n);

/** Where the jump cache's first entry for an address is in the first bank. */
const jumpAt = (address: bigint): number =>
  JUMP_CACHE + ((Number((address & LOW_HALF) >> 2n) % JUMP_CACHE_ENTRIES) << JUMP_CACHE_ENTRY_SHIFT);

const indexOf = (virtAddr: bigint): number => Number((virtAddr >> 12n) & LOW_HALF) % TLB_ENTRIES;
const entryAt = (bank: number, index: number): number => TLB + bank * TLB_BANK_BYTES + (index << TLB_ENTRY_SHIFT);
