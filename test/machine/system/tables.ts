/** Page tables as the processor walks them (Arm ARM D8.2), made for tests. */

export type Granule = 4 | 16 | 64;
export type Level = 0 | 1 | 2 | 3;

const SHIFTS: Readonly<Record<Granule, number>> = { 4: 12, 16: 14, 64: 16 };

/** Descriptor bits (Arm ARM D8.3). */
export const TABLE = 3n;
export const BLOCK = 1n;
export const PAGE = 3n;
export const ACCESS_FLAG = 1n << 10n;
export const SHAREABLE = 3n << 8n;
export const USER = 1n << 6n;
export const READ_ONLY = 1n << 7n;
export const DEVICE = 1n << 2n;
export const PXN = 1n << 53n;
export const UXN = 1n << 54n;
/** In table descriptors, for all that is below. */
export const PXN_TABLE = 1n << 59n;
export const UXN_TABLE = 1n << 60n;
export const USER_NOT_TABLE = 1n << 61n;
export const READ_ONLY_TABLE = 1n << 62n;

/** Bits of an address below an entry of a level. */
export const shiftOf = (granule: Granule, level: Level): number =>
  SHIFTS[granule] + (3 - level) * (SHIFTS[granule] - 3);

/** The first level of a walk for 48-bit addresses. */
export const firstLevel = (granule: Granule): Level => (granule === 64 ? 1 : 0);

/** Tables that begin at a physical address, as they are filled. */
export class Tables {
  readonly #words: bigint[] = [];
  readonly #entries: number;

  constructor(
    readonly base: bigint,
    readonly granule: Granule,
  ) {
    this.#entries = 2 ** (SHIFTS[granule] - 3);
    this.#newTable();
  }

  get bytes(): Uint8Array {
    return new Uint8Array(BigUint64Array.from(this.#words).buffer);
  }

  #newTable(): number {
    const at = this.#words.length;
    for (let i = 0; i < this.#entries; i++) this.#words.push(0n);
    return at;
  }

  #place(virtAddr: bigint, level: Level, attributes: bigint): number {
    const granule = this.granule;
    let table = 0;
    const slot = (at: Level): number =>
      table + (Number((virtAddr >> BigInt(shiftOf(granule, at))) & 0xffff_ffffn) % this.#entries);
    for (let at = firstLevel(granule); at < level; at = (at + 1) as Level) {
      if (this.#words[slot(at)] === 0n) this.#words[slot(at)] = (this.base + 8n * BigInt(this.#newTable())) | TABLE;
      if (at + 1 === level) this.#words[slot(at)]! |= attributes;
      table = Number(((this.#words[slot(at)]! & 0xffff_ffff_f000n) - this.base) / 8n);
    }
    return slot(level);
  }

  /**
   * Sets the descriptor for an address at a level; the tables above are made, the last of them with `tableAttributes`.
   */
  set(virtAddr: bigint, level: Level, descriptor: bigint, tableAttributes = 0n): void {
    const at = this.#place(virtAddr, level, tableAttributes);
    this.#words[at] = descriptor;
  }

  /** Physical address of the descriptor of an address. */
  addressOf(virtAddr: bigint, level: Level): bigint {
    return this.base + 8n * BigInt(this.#place(virtAddr, level, 0n));
  }
}
