/** AES: AESE, AESD, AESMC and AESIMC. */

import type { Ops } from '../../language/ops.js';
import type { InstructionRow } from '../../language/row.js';
import { constant, i32, type V128 } from '../../language/value.js';
import { simdRow } from '../vector/rows.js';
import { add, and, greater, lookup, repeated, shr, shuffle, xor, ZERO } from '../vector/values.js';

const table = (entries: bigint): V128 => constant('v128', entries);

/** Pairs of tables with 16 entries, of which the last stands first: the sum of what is found in both is taken. */
interface Substitution {
  /** By the low and the high half of a byte: i + j in the high half, i in the low one; see {@link substitute}. */
  readonly inputs: readonly [V128, V128];
  /** By the two numbers at its end. */
  readonly outputs: readonly [V128, V128];
}

/**
 * The S-box (FIPS 197, 5.1.1) but for its constant, and its inverse (5.3.2). A test makes all tables here of what they
 * are said to be.
 */
export const SUBSTITUTION: Substitution = {
  inputs: [table(0x2223_0b0a_6564_4c4d_6f6e_4647_2829_0100n), table(0x3c04_e7df_0c34_d7ef_d3eb_0830_e3db_3800n)],
  outputs: [table(0xd4e8_fe77_b52a_a3c2_5d16_3c61_899f_4b00n), table(0xe245_55f3_01b7_11f2_4410_a7e3_a6b6_5400n)],
};
export const INVERSE_SUBSTITUTION: Substitution = {
  inputs: [table(0x3460_a4f0_a3f7_3367_1541_85d1_82d6_1246n), table(0x6c1f_1063_92e1_ee9d_f182_8dfe_0f7c_7300n)],
  outputs: [table(0x3aac_b588_ab8f_b223_0719_9691_3d24_1e00n), table(0x6af1_5584_4a3f_eece_bba4_9b20_d175_1f00n)],
};
const SBOX_CONSTANT = repeated(0, 0x63n);

/**
 * Inverses in GF(2^4), and a constant over its numbers. That of 0 is 0x80, plus infinity: no index of a table, so that
 * 0, its inverse, is found by it.
 */
export const INVERSES = table(0x0803_040a_050c_020f_0607_0b0d_0e09_0180n);
export const A_OVER = table(0x0e0f_0704_0209_0a06_0d08_010c_030b_0580n);

const LOW_HALVES = repeated(0, 0xfn);
const lowHalf = (a: V128): V128 => and(a, LOW_HALVES);
const highHalf = (a: V128): V128 => lowHalf(shr(1, 'u', a, i32.const(4)));

/**
 * The inverses of all bytes in GF(2^8), between two affine maps, in GF(2^4) (Hamburg, "Accelerating AES with vector
 * permute instructions", 2009). A byte is i * z + j * z', where z and its conjugate z' have the sum 1 and the product
 * 1 / a. Then (i + j + a * i) / n and (i + j + a * j) / n, where n is (i + j)^2 + a * i * j, determine the inverse.
 * They are the inverses of the two numbers that are looked up in the end.
 */
const substitute = (t: Ops, { inputs, outputs: [ofI, ofJ] }: Substitution, a: V128): V128 => {
  const bytes = t.let(a);
  const numbers = t.let(xor(lookup(inputs[0], lowHalf(bytes)), lookup(inputs[1], highHalf(bytes))));
  const i = t.let(lowHalf(numbers));
  const sum = t.let(highHalf(numbers));
  const j = t.let(xor(i, sum));
  const aOverSum = t.let(lookup(A_OVER, sum));
  const invert = (number: V128, other: V128): V128 =>
    xor(lookup(INVERSES, xor(lookup(INVERSES, number), aOverSum)), other);
  return xor(lookup(ofI, invert(i, j)), lookup(ofJ, invert(j, i)));
};

/** Rotates row r of the state, which has its columns in words, by r columns: to the left, or where -1 to the right. */
const shiftRows = (direction: 1 | -1, a: V128): V128 =>
  shuffle(0, a, a, (i) => (i % 4) + 4 * (((i >> 2) + direction * (i % 4) + 4) % 4));

/** The bytes so many rows below, in their columns. */
const rowsBelow = (rows: number, a: V128): V128 => shuffle(0, a, a, (i) => (i & ~3) | ((i + rows) & 3));

/** Twice each byte in GF(2^8). */
const twice = (a: V128): V128 => xor(add(0, a, a), and(greater(0, 's', ZERO, a), repeated(0, 0x1bn)));

/** Two of a byte and three of the one below, and once the other two. */
const mixColumns = (t: Ops, a: V128): V128 => {
  const once = t.let(a);
  const below = t.let(rowsBelow(1, once));
  const both = t.let(xor(once, below));
  return xor(xor(twice(both), below), rowsBelow(2, both));
};

/** Five of a byte and four of the second below, and then the same as to mix them. */
const unmixColumns = (t: Ops, a: V128): V128 => {
  const four = twice(t.let(twice(t.let(xor(a, rowsBelow(2, a))))));
  return mixColumns(t, xor(a, four));
};

const row = (name: string, opcode: string, compute: (t: Ops, d: () => V128, n: V128) => V128): InstructionRow =>
  simdRow({
    name,
    pattern: `01001110 00 10100 001 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.16b, <Vn>.16b`,
    semantics: (t, { Rn, Rd }) =>
      t.setV(
        Rd,
        compute(t, () => t.v(Rd), t.v(Rn)),
      ),
  });

export const SIMD_AES: readonly InstructionRow[] = [
  row('AESE', '00', (t, d, n) => xor(substitute(t, SUBSTITUTION, shiftRows(1, t.let(xor(d(), n)))), SBOX_CONSTANT)),
  row('AESD', '01', (t, d, n) => substitute(t, INVERSE_SUBSTITUTION, shiftRows(-1, t.let(xor(d(), n))))),
  row('AESMC', '10', (t, _d, n) => mixColumns(t, n)),
  row('AESIMC', '11', (t, _d, n) => unmixColumns(t, n)),
];
