/** Integer arithmetic and comparisons within elements, and on pairs of them. */

import type { InstructionRow } from '../../language/row.js';
import { i32, type V128 } from '../../language/value.js';
import { SIGNS, simdRow, threeSame, threeSameOrScalar, twoRegister, twoRegisterOrScalar } from '../vector/rows.js';
import {
  ZERO,
  abs,
  add,
  addPairsLong,
  and,
  andNot,
  equal,
  greater,
  greaterOrEqual,
  lowElement,
  max,
  min,
  mul,
  neg,
  not,
  or,
  pairs,
  shr,
  shuffle,
  sub,
  xor,
  type Sign,
} from '../vector/values.js';

const ONE = i32.const(1);

/** Half the sum: what both have, and half of what one has. */
const halvingAdd = (size: number, sign: Sign, a: V128, b: V128): V128 =>
  add(size, and(a, b), shr(size, sign, xor(a, b), ONE));

/** Half the sum, rounded up: what either has, less half of what only one has. */
const roundingHalvingAdd = (size: number, sign: Sign, a: V128, b: V128): V128 =>
  sub(size, or(a, b), shr(size, sign, xor(a, b), ONE));

const halvingSub = (size: number, sign: Sign, a: V128, b: V128): V128 =>
  sub(size, shr(size, sign, xor(a, b), ONE), andNot(b, a));

export const absoluteDifference = (size: number, sign: Sign, a: V128, b: V128): V128 =>
  sub(size, max(size, sign, a, b), min(size, sign, a, b));

const signed = SIGNS.flatMap(({ sign, u, letter }) => [
  threeSame(`${letter}HADD`, u, '00000', 2, ({ size, n, m }) => halvingAdd(size, sign, n, m)),
  threeSame(`${letter}RHADD`, u, '00010', 2, ({ size, n, m }) => roundingHalvingAdd(size, sign, n, m)),
  threeSame(`${letter}HSUB`, u, '00100', 2, ({ size, n, m }) => halvingSub(size, sign, n, m)),
  threeSame(`${letter}MAX`, u, '01100', 2, ({ size, n, m }) => max(size, sign, n, m)),
  threeSame(`${letter}MIN`, u, '01101', 2, ({ size, n, m }) => min(size, sign, n, m)),
  threeSame(`${letter}ABD`, u, '01110', 2, ({ size, n, m }) => absoluteDifference(size, sign, n, m)),
  threeSame(`${letter}ABA`, u, '01111', 2, ({ size, n, m, d }) => add(size, d(), absoluteDifference(size, sign, n, m))),
  threeSame(`${letter}MAXP`, u, '10100', 2, ({ size, q, n, m }) =>
    max(size, sign, pairs(q, size, n, m, 0), pairs(q, size, n, m, 1)),
  ),
  threeSame(`${letter}MINP`, u, '10101', 2, ({ size, q, n, m }) =>
    min(size, sign, pairs(q, size, n, m, 0), pairs(q, size, n, m, 1)),
  ),
  twoRegister(
    `${letter}ADDLP`,
    u,
    '00010',
    2,
    ({ size, n }) => addPairsLong(size, sign, n),
    `${sign}addlp <Vd>.<Tp>, <Vn>.<T>`,
  ),
  twoRegister(
    `${letter}ADALP`,
    u,
    '00110',
    2,
    ({ size, n, d }) => add(size + 1, d(), addPairsLong(size, sign, n)),
    `${sign}adalp <Vd>.<Tp>, <Vn>.<T>`,
  ),
]);

const pairSum = (n: V128): V128 =>
  add(
    3,
    n,
    shuffle(3, n, n, (i) => 1 - i),
  );

export const SIMD_ARITHMETIC: readonly InstructionRow[] = [
  ...signed,
  ...threeSameOrScalar('ADD (vector)', 0, '10000', ({ size, n, m }) => add(size, n, m)),
  ...threeSameOrScalar('SUB (vector)', 1, '10000', ({ size, n, m }) => sub(size, n, m)),
  threeSame('MUL (vector)', 0, '10011', 2, ({ size, n, m }) => mul(size, n, m)),
  threeSame('MLA (vector)', 0, '10010', 2, ({ size, n, m, d }) => add(size, d(), mul(size, n, m))),
  threeSame('MLS (vector)', 1, '10010', 2, ({ size, n, m, d }) => sub(size, d(), mul(size, n, m))),
  threeSame('ADDP (vector)', 0, '10111', 3, ({ size, q, n, m }) =>
    add(size, pairs(q, size, n, m, 0), pairs(q, size, n, m, 1)),
  ),
  simdRow({
    name: 'ADDP (scalar)',
    pattern: '01 0 11110 11 11000 11011 10 Rn:5 Rd:5',
    syntax: 'addp <Dd>, <Vn>.2d',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, lowElement(3, pairSum(t.v(Rn)))),
  }),
  ...twoRegisterOrScalar('ABS', 0, '01011', ({ size, n }) => abs(size, n)),
  ...twoRegisterOrScalar('NEG (vector)', 1, '01011', ({ size, n }) => neg(size, n)),
  ...threeSameOrScalar('CMEQ (register)', 1, '10001', ({ size, n, m }) => equal(size, n, m)),
  ...threeSameOrScalar('CMGT (register)', 0, '00110', ({ size, n, m }) => greater(size, 's', n, m)),
  ...threeSameOrScalar('CMGE (register)', 0, '00111', ({ size, n, m }) => greaterOrEqual(size, 's', n, m)),
  ...threeSameOrScalar('CMHI (register)', 1, '00110', ({ size, n, m }) => greater(size, 'u', n, m)),
  ...threeSameOrScalar('CMHS (register)', 1, '00111', ({ size, n, m }) => greaterOrEqual(size, 'u', n, m)),
  ...threeSameOrScalar('CMTST', 0, '10001', ({ size, n, m }) => not(equal(size, and(n, m), ZERO))),
  ...twoRegisterOrScalar('CMGT (zero)', 0, '01000', ({ size, n }) => greater(size, 's', n, ZERO)),
  ...twoRegisterOrScalar('CMGE (zero)', 1, '01000', ({ size, n }) => greaterOrEqual(size, 's', n, ZERO)),
  ...twoRegisterOrScalar('CMEQ (zero)', 0, '01001', ({ size, n }) => equal(size, n, ZERO)),
  ...twoRegisterOrScalar('CMLE (zero)', 1, '01001', ({ size, n }) => greaterOrEqual(size, 's', ZERO, n)),
  ...twoRegisterOrScalar('CMLT (zero)', 0, '01010', ({ size, n }) => greater(size, 's', ZERO, n)),
];
