/** Products of polynomials over {0, 1}: PMUL and PMULL (PolynomialMult, Arm ARM J1.3). */

import type { Ops } from '../../language/ops.js';
import { at } from '../../language/lookup.js';
import type { InstructionRow } from '../../language/row.js';
import { constant, i32, i64, type I64, type V128 } from '../../language/value.js';
import { simdRow, threeSame } from '../vector/rows.js';
import {
  and,
  element,
  equal,
  extend,
  halfOf,
  lookup,
  or,
  repeated,
  scalar64,
  shl,
  shr,
  shuffle,
  withElement,
  xor,
} from '../vector/values.js';

/** Products of which `b` has coefficients in its low 8 bits. */
const multiplyBytes = (t: Ops, size: number, a: V128, b: V128): V128 => {
  const [x, y] = [t.let(a), t.let(b)];
  const terms = Array.from({ length: 8 }, (_, i) => {
    const bit = repeated(size, 1n << BigInt(i));
    return and(shl(size, x, i32.const(i)), equal(size, and(y, bit), bit));
  });
  return terms.reduce(xor);
};

const CLASSES = [0, 1, 2, 3] as const;

/** Every fourth bit, from one on. */
const everyFourth = (from: number): I64 => i64.const(0x1111_1111_1111_1111n << BigInt(from));

/**
 * The low 64 bits of a product. Integers of which only every fourth bit is set are multiplied: each of those bits is
 * the last one of a sum that the three above have room for, up to the sixteenth term, which is above the low half.
 */
const lowProduct = (t: Ops, a: I64, b: I64): I64 => {
  const spread = (value: I64): readonly I64[] => CLASSES.map((from) => t.let(i64.and(value, everyFourth(from))));
  const [as, bs] = [spread(a), spread(b)];
  const parts = CLASSES.map((sum) => {
    const products = CLASSES.map((from) => i64.mul(at(as, from), at(bs, (sum - from + 4) % 4)));
    return i64.and(
      products.reduce((x, y) => i64.xor(x, y)),
      everyFourth(sum),
    );
  });
  return parts.reduce((x, y) => i64.or(x, y));
};

const reversedNibble = (nibble: number): number =>
  ((nibble & 1) << 3) | ((nibble & 2) << 1) | ((nibble & 4) >> 1) | (nibble >> 3);
const reversedNibbles = (shift: number): V128 =>
  constant(
    'v128',
    Array.from({ length: 16 }, (_, nibble) => BigInt(reversedNibble(nibble) << shift) << BigInt(8 * nibble)).reduce(
      (a, b) => a | b,
    ),
  );
const LOW = reversedNibbles(4);
const HIGH = reversedNibbles(0);

/** The bits of both halves, each in the opposite order. */
const reversed = (t: Ops, a: V128): V128 => {
  const bytes = t.let(shuffle(0, a, a, (i) => i ^ 7));
  const nibbles = repeated(0, 0xfn);
  return or(lookup(LOW, and(bytes, nibbles)), lookup(HIGH, and(shr(1, 'u', bytes, i32.const(4)), nibbles)));
};

/** Of 64 bits each. Backwards, the high half of a product is the low half of the operands' backwards. */
const multiply64 = (t: Ops, a: I64, b: I64): V128 => {
  const [x, y] = [t.let(a), t.let(b)];
  const backwards = t.let(reversed(t, t.let(withElement(3, scalar64(x), 1, y))));
  const high = lowProduct(t, t.let(element(3, 'u', backwards, 0)), t.let(element(3, 'u', backwards, 1)));
  const both = t.let(reversed(t, scalar64(high)));
  return withElement(3, scalar64(lowProduct(t, x, y)), 1, i64.shrU(element(3, 'u', both, 0), i64.const(1)));
};

export const SIMD_POLYNOMIAL: readonly InstructionRow[] = [
  threeSame('PMUL', 1, '10011', 0, ({ n, m }, t) => multiplyBytes(t, 0, n, m)),
  simdRow({
    name: 'PMULL, PMULL2',
    pattern: '0 Q:1 0 01110 00 1 Rm:5 1110 00 Rn:5 Rd:5',
    syntax: 'pmull<Q?|2> <Vd>.8h, <Vn>.<Tb>, <Vm>.<Tb>',
    semantics: (t, { Q, Rm, Rn, Rd }) => {
      const half = halfOf(Q);
      t.setV(Rd, multiplyBytes(t, 1, extend(0, 'u', half, t.v(Rn)), extend(0, 'u', half, t.v(Rm))));
    },
  }),
  simdRow({
    name: 'PMULL, PMULL2, of 64 bits',
    pattern: '0 Q:1 0 01110 11 1 Rm:5 1110 00 Rn:5 Rd:5',
    syntax: 'pmull<Q?|2> <Vd>.1q, <Vn>.<Q?1d|2d>, <Vm>.<Q?1d|2d>',
    semantics: (t, { Q, Rm, Rn, Rd }) =>
      t.setV(Rd, multiply64(t, element(3, 'u', t.v(Rn), Q), element(3, 'u', t.v(Rm), Q))),
  }),
];
