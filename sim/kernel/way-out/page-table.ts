/** Translation tables as Linux makes them for the way out. */
import type { PhysicalMemory } from '../../machine/memory.js';

/** Attributes of a mapping: bits of a block or page descriptor (Arm ARM D5.3.3). */
export type PageAttributes = bigint;

const VALID = 1n;
/** A table above the last level, a page on the last one. */
const TABLE_OR_PAGE = 2n;
const AP_READ_ONLY = 1n << 7n;
const INNER_SHAREABLE = 3n << 8n;
const ACCESS_FLAG = 1n << 10n;
const PXN = 1n << 53n;
const UXN = 1n << 54n;

const NORMAL = INNER_SHAREABLE | ACCESS_FLAG | UXN;

/** Data of the kernel: PAGE_KERNEL, with memory type 0 (arch/arm64/include/asm/pgtable-prot.h). */
export const PAGE_KERNEL: PageAttributes = NORMAL | PXN;
/** Code of the kernel: PAGE_KERNEL_ROX. */
export const PAGE_KERNEL_ROX: PageAttributes = NORMAL | AP_READ_ONLY;

export interface PageTableOptions {
  readonly memory: PhysicalMemory;
  /** Bytes: 4, 16 or 64 KiB. */
  readonly pageSize: bigint;
  /** How many low bits of a virtual address the tables resolve: 64 - TCR_EL1.TxSZ. */
  readonly addressBits: number;
  /** Gives the physical address of a page that nobody uses. */
  readonly allocate: () => bigint;
}

const DESCRIPTOR_BYTES = 8n;
const LAST_LEVEL = 3;

/** A translation table of stage 1 in simulated memory (Arm ARM D5.2). */
export class PageTable {
  /** Physical address, for TTBRx_EL1. */
  readonly root: bigint;
  /** Bits of a virtual address that the tables resolve. */
  readonly addressBits: number;
  readonly #memory: PhysicalMemory;
  readonly #allocate: () => bigint;
  readonly #pageSize: bigint;
  readonly #pageShift: number;
  readonly #addressMask: bigint;
  readonly #firstLevel: number;

  constructor({ memory, pageSize, addressBits, allocate }: PageTableOptions) {
    this.addressBits = addressBits;
    this.#memory = memory;
    this.#allocate = allocate;
    this.#pageSize = pageSize;
    this.#pageShift = pageSize.toString(2).length - 1;
    this.#addressMask = (1n << BigInt(addressBits)) - 1n;
    const levels = Math.ceil((addressBits - this.#pageShift) / this.#indexBits);
    this.#firstLevel = LAST_LEVEL + 1 - levels;
    this.root = this.#emptyTable();
  }

  get #indexBits(): number {
    return this.#pageShift - 3;
  }

  /**
   * Maps a range, by the largest blocks that both addresses allow.
   * @param virtAddr its bits above `addressBits` are not looked at
   * @param sizeBytes a multiple of the page size, as the addresses are
   */
  map(virtAddr: bigint, physAddr: bigint, sizeBytes: bigint, attributes: PageAttributes): void {
    for (let done = 0n; done < sizeBytes;) {
      const at = (virtAddr + done) & this.#addressMask;
      done += this.#mapOne(at, physAddr + done, sizeBytes - done, attributes);
    }
  }

  /** @returns the bytes of the block or page that was mapped */
  #mapOne(virtAddr: bigint, physAddr: bigint, sizeBytes: bigint, attributes: PageAttributes): bigint {
    let table = this.root;
    for (let level = this.#firstLevel; ; level++) {
      const size = 1n << BigInt(this.#shift(level));
      const place = table + this.#index(virtAddr, level) * DESCRIPTOR_BYTES;
      const present = this.#memory.read64(place);
      const isFree = (present & VALID) === 0n;
      const fits = (virtAddr | physAddr) % size === 0n && sizeBytes >= size;
      if (level === LAST_LEVEL || (isFree && fits && this.#mayBeBlock(level))) {
        this.#memory.write64(place, physAddr | attributes | (level === LAST_LEVEL ? TABLE_OR_PAGE : 0n) | VALID);
        return size;
      }
      table = isFree ? this.#emptyTable() : present & ~(this.#pageSize - 1n);
      if (isFree) this.#memory.write64(place, table | TABLE_OR_PAGE | VALID);
    }
  }

  #shift(level: number): number {
    return this.#pageShift + (LAST_LEVEL - level) * this.#indexBits;
  }

  /** The first level has fewer entries than a page holds, unless the address bits come out even. */
  #index(virtAddr: bigint, level: number): bigint {
    return (virtAddr >> BigInt(this.#shift(level))) % (this.#pageSize / DESCRIPTOR_BYTES);
  }

  /** Blocks of 1 GiB and 2 MiB, 32 MiB, or 512 MiB (Arm ARM D5.3.1). */
  #mayBeBlock(level: number): boolean {
    return level === 2 || (level === 1 && this.#pageSize === 4096n);
  }

  #emptyTable(): bigint {
    const page = this.#allocate();
    this.#memory.clear(page, Number(this.#pageSize));
    return page;
  }
}
