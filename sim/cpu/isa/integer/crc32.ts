/** CRC32 and CRC32C (Arm ARM C6.2.100, C6.2.101), bits in order of least significance first. */

import type { Ops } from '../../language/ops.js';
import { type InstructionRow, rowsOf } from '../../language/row.js';
import { constant, type I32, i32, i64, operation, type V128 } from '../../language/value.js';
import { REGISTER_GROUP } from './general.js';

const row = rowsOf(REGISTER_GROUP);

const CRC32_POLYNOMIAL = 0xedb88320n;
const CRC32C_POLYNOMIAL = 0x82f63b78n;

/** What one bit of the input becomes in the remainder, when `steps` bits from it on have been taken in. */
const remainder = (polynomial: bigint, steps: number): bigint => {
  let state = 1n;
  for (let step = 0; step < steps; step++) state = (state >> 1n) ^ ((state & 1n) * polynomial);
  return state;
};

const lanes = (values: readonly bigint[]): V128 =>
  constant(
    'v128',
    values.reduce((all, value, lane) => all | (value << BigInt(32 * lane)), 0n),
  );

/**
 * A CRC is linear: each bit of the input that is set contributes a constant. Four bits at a time have their constants
 * in the lanes of a vector.
 * @param input its low `count` bits are taken in
 * @param after how many more bits follow
 */
const contributions = (t: Ops, polynomial: bigint, input: I32, count: number, after: number): V128 => {
  // Lane 0 has bit 0 in its sign when shifted left by 31, lane 1 has bit 1, and so on.
  const spread = t.let(
    operation('v128', 'i32x4.mul', [operation('v128', 'i32x4.splat', [input]), lanes([8n, 4n, 2n, 1n])]),
  );
  const parts = Array.from({ length: count / 4 }, (_, group) => {
    const bit = 4 * group;
    const signs = operation('v128', 'i32x4.shl', [spread, i32.const(28 - bit)]);
    const masks = operation('v128', 'i32x4.shr_s', [signs, i32.const(31)]);
    const constants = lanes([0, 1, 2, 3].map((lane) => remainder(polynomial, count + after - bit - lane)));
    return operation('v128', 'v128.and', [masks, constants]);
  });
  return parts.reduce((sum, part) => operation('v128', 'v128.xor', [sum, part]));
};

/** The exclusive or of the four lanes. */
const fold = (t: Ops, vector: V128): I32 => {
  const once = t.let(vector);
  const lane = (index: number): I32 => operation('i32', 'i32x4.extract_lane', [once], [index]);
  return i32.xor(i32.xor(lane(0), lane(1)), i32.xor(lane(2), lane(3)));
};

/** By the field `sz`: the letter in the name, and the bits of the input. */
const WIDTHS = [
  { sz: '00', letter: 'B', bits: 8 },
  { sz: '01', letter: 'H', bits: 16 },
  { sz: '10', letter: 'W', bits: 32 },
] as const;

/** Of an input of up to 32 bits. */
const crc32 = (
  name: string,
  section: string,
  C: 0 | 1,
  polynomial: bigint,
  { sz, letter, bits }: (typeof WIDTHS)[number],
): InstructionRow =>
  row({
    name: `${name}${letter}`,
    section,
    pattern: `0 0 0 11010110 Rm:5 010 ${C} ${sz} Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()}${letter.toLowerCase()} <Wd>, <Wn>, <Wm>`,
    semantics: (t, { Rm, Rn, Rd }) => {
      const crc = fold(t, contributions(t, polynomial, i32.xor(t.w(Rn), t.w(Rm)), bits, 0));
      t.setW(Rd, bits === 32 ? crc : i32.xor(crc, i32.shrU(t.w(Rn), i32.const(bits))));
    },
  });

/** Of an input of 64 bits. */
const crc32x = (name: string, section: string, C: 0 | 1, polynomial: bigint): InstructionRow =>
  row({
    name: `${name}X`,
    section,
    pattern: `1 0 0 11010110 Rm:5 010 ${C} 11 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()}x <Wd>, <Wn>, <Xm>`,
    semantics: (t, { Rm, Rn, Rd }) => {
      const low = contributions(t, polynomial, i32.xor(t.w(Rn), t.w(Rm)), 32, 32);
      const high = contributions(t, polynomial, i32.wrap(i64.shrU(t.x(Rm), i64.const(32))), 32, 0);
      t.setW(Rd, fold(t, operation('v128', 'v128.xor', [low, high])));
    },
  });

export const CRC32: readonly InstructionRow[] = [
  ...WIDTHS.flatMap((width) => [
    crc32('CRC32', 'C6.2.100', 0, CRC32_POLYNOMIAL, width),
    crc32('CRC32C', 'C6.2.101', 1, CRC32C_POLYNOMIAL, width),
  ]),
  crc32x('CRC32', 'C6.2.100', 0, CRC32_POLYNOMIAL),
  crc32x('CRC32C', 'C6.2.101', 1, CRC32C_POLYNOMIAL),
];
