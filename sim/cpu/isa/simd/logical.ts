/** Bitwise operations on vectors, and those that count bits. */

import type { Ops } from '../../language/ops.js';
import type { InstructionRow } from '../../language/row.js';
import type { V128 } from '../../language/value.js';
import { constant, i32 } from '../../language/value.js';
import { simdRow, sizesUpTo, mnemonicOf } from '../vector/rows.js';
import {
  addPairsLong,
  and,
  andNot,
  bitSelect,
  bitsOf,
  repeated,
  lookup,
  not,
  or,
  popcount,
  shl,
  shr,
  sized,
  sub,
  xor,
} from '../vector/values.js';

type Combine = (n: V128, m: V128, d: () => V128) => V128;

const logical = (name: string, u: number, opc: string, combine: Combine, alias = ''): InstructionRow =>
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 ${opc} 1 Rm:5 00011 1 Rn:5 Rd:5`,
    syntax: `${alias}${mnemonicOf(name)} <Vd>.<Tb>, <Vn>.<Tb>, <Vm>.<Tb>`,
    semantics: (t, { Q, Rm, Rn, Rd }) =>
      t.setV(
        Rd,
        sized(
          Q,
          combine(t.v(Rn), t.v(Rm), () => t.v(Rd)),
        ),
      ),
  });

/** On bytes, or on bits. */
const unary = (name: string, u: number, size: string, opcode: string, compute: (a: V128) => V128): InstructionRow =>
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 ${size} 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name === 'NOT' ? 'mvn' : mnemonicOf(name)} <Vd>.<Tb>, <Vn>.<Tb>`,
    semantics: (t, { Q, Rn, Rd }) => t.setV(Rd, sized(Q, compute(t.v(Rn)))),
  });

const leading = (name: string, u: number, compute: (t: Ops, a: V128, size: number) => V128): InstructionRow =>
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 size:2 10000 00100 10 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Vd>.<T>, <Vn>.<T>`,
    allocated: sizesUpTo(2),
    semantics: (t, { Q, size, Rn, Rd }) => t.setV(Rd, sized(Q, compute(t, t.v(Rn), size))),
  });

/** The bits of every half byte in reverse order, by its value. */
const REVERSED = constant('v128', 0x0f07_0b03_0d05_0901_0e06_0a02_0c04_0800n);
const FOUR = i32.const(4);

const reverseBits = (a: V128): V128 => {
  const low = lookup(REVERSED, and(a, repeated(0, 15n)));
  return or(shl(0, low, FOUR), lookup(REVERSED, shr(0, 'u', a, FOUR)));
};

/** How many ones each element has. */
const countOnes = (size: number, a: V128): V128 => {
  const ofBytes = popcount(a);
  if (size === 0) return ofBytes;
  const ofHalves = addPairsLong(0, 'u', ofBytes);
  return size === 1 ? ofHalves : addPairsLong(1, 'u', ofHalves);
};

/** Copies the highest one to all bits below it, and counts what is left above. */
const leadingZeros = (t: Ops, a: V128, size: number): V128 => {
  let smeared = a;
  for (let by = 1; by < bitsOf(size); by *= 2) smeared = t.let(or(smeared, shr(size, 'u', smeared, i32.const(by))));
  return countOnes(size, not(smeared));
};

/** Bits behind the sign bit that are equal to it: the leading zeros of where neighbours differ, but for the first. */
const leadingSignBits = (t: Ops, a: V128, size: number): V128 =>
  sub(size, leadingZeros(t, t.let(xor(a, shr(size, 's', a, i32.const(1)))), size), repeated(size, 1n));

export const SIMD_LOGICAL: readonly InstructionRow[] = [
  logical('AND (vector)', 0, '00', and),
  logical('BIC (vector, register)', 0, '01', andNot),
  logical('ORR (vector, register)', 0, '10', or, 'mov <Vd>.<Tb>, <Vn>.<Tb> if Rn=Rm; '),
  logical('ORN (vector)', 0, '11', (n, m) => or(n, not(m))),
  logical('EOR (vector)', 1, '00', xor),
  logical('BSL', 1, '01', (n, m, d) => bitSelect(d(), n, m)),
  logical('BIT', 1, '10', (n, m, d) => bitSelect(m, n, d())),
  logical('BIF', 1, '11', (n, m, d) => bitSelect(m, d(), n)),
  unary('NOT', 1, '00', '00101', not),
  unary('RBIT (vector)', 1, '01', '00101', reverseBits),
  unary('CNT', 0, '00', '00101', popcount),
  leading('CLS (vector)', 0, leadingSignBits),
  leading('CLZ (vector)', 1, leadingZeros),
];
