/** C's `unsigned long`, whose size is a fact of the architecture. */
export interface Word {
  readonly bits: 32 | 64;
  /** ULONG_MAX. */
  readonly max: bigint;
}

export const WORD_32: Word = { bits: 32, max: 0xffff_ffffn };
export const WORD_64: Word = { bits: 64, max: 0xffff_ffff_ffff_ffffn };

/** The value modulo 2^bits, as C's unsigned arithmetic leaves it. */
export const wrap = (value: bigint, { bits }: Word): bigint => BigInt.asUintN(bits, value);
