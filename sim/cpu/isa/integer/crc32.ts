import type { InstructionRow, Ops } from '../../language/ops.js';
import { constant, type I32, i32, i64, operation, type V128 } from '../../language/value.js';
import { registerRow as row } from './general.js';

/** CRC32 and CRC32C (Arm ARM C6.2.100, C6.2.101), bits in order of least significance first. */

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
  let sum: V128 | undefined;
  for (let bit = 0; bit < count; bit += 4) {
    const signs = operation('v128', 'i32x4.shl', [spread, i32.const(28 - bit)]);
    const masks = operation('v128', 'i32x4.shr_s', [signs, i32.const(31)]);
    const constants = lanes([0, 1, 2, 3].map((lane) => remainder(polynomial, count + after - bit - lane)));
    const part = operation('v128', 'v128.and', [masks, constants]);
    sum = sum === undefined ? part : operation('v128', 'v128.xor', [sum, part]);
  }
  return sum!;
};

/** The exclusive or of the four lanes. */
const fold = (t: Ops, vector: V128): I32 => {
  const once = t.let(vector);
  const lane = (index: number): I32 => operation('i32', 'i32x4.extract_lane', [once], [index]);
  return i32.xor(i32.xor(lane(0), lane(1)), i32.xor(lane(2), lane(3)));
};

const crc32 = (name: string, section: string, C: 0 | 1, sz: number): InstructionRow =>
  row(
    `${name}${'BHWX'[sz]!}`,
    section,
    `${sz === 3 ? 1 : 0} 0 0 11010110 Rm:5 010 ${C} ${sz.toString(2).padStart(2, '0')} Rn:5 Rd:5`,
    {
      semantics: (t, { Rm, Rn, Rd }) => {
        const polynomial = C === 1 ? CRC32C_POLYNOMIAL : CRC32_POLYNOMIAL;
        const start = i32.xor(t.w(Rn!), t.w(Rm!));
        if (sz === 3) {
          const low = contributions(t, polynomial, start, 32, 32);
          const high = contributions(t, polynomial, i32.wrap(i64.shrU(t.x(Rm!), i64.const(32))), 32, 0);
          return t.setW(Rd!, fold(t, operation('v128', 'v128.xor', [low, high])));
        }
        const bits = 8 << sz;
        const crc = fold(t, contributions(t, polynomial, start, bits, 0));
        t.setW(Rd!, bits === 32 ? crc : i32.xor(crc, i32.shrU(t.w(Rn!), i32.const(bits))));
      },
    },
  );

export const CRC32: readonly InstructionRow[] = [0, 1, 2, 3].flatMap((sz) => [
  crc32('CRC32', 'C6.2.100', 0, sz),
  crc32('CRC32C', 'C6.2.101', 1, sz),
]);
