/** Shifts of elements by constants and by registers. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, type V128 } from '../../language/value.js';
import { SIGNS, simdRow, threeSameOrScalar } from '../vector/rows.js';
import {
  ZERO,
  abs,
  add,
  and,
  andNot,
  bitSelect,
  bitsOf,
  repeated,
  equal,
  extend,
  greater,
  halfOf,
  lowElement,
  narrowInto,
  shl,
  shr,
  sized,
  sub,
  type Sign,
} from '../vector/values.js';

/** The fields that tell the count of a shift by a constant. */
export type Shifted = Fields<'immh' | 'immb'>;

/** What immh says of the element's size, its highest one, and the whole field of the count. */
export const sizeIn = ({ immh }: Shifted): number => 31 - Math.clz32(immh);
const bitsIn = (fields: Shifted): number => bitsOf(sizeIn(fields));
/** The fields hold a left shift plus the element's width, or twice that width less a right shift. */
const fieldIn = ({ immh, immb }: Shifted): number => immh * 8 + immb;
export const leftIn = (fields: Shifted): number => fieldIn(fields) - bitsIn(fields);
export const rightIn = (fields: Shifted): number => 2 * bitsIn(fields) - fieldIn(fields);

/** By 1 to as many bits as an element has, where WebAssembly counts modulo the width. */
export const shiftRight = (size: number, sign: Sign, a: V128, by: number): V128 => {
  if (by < bitsOf(size)) return shr(size, sign, a, i32.const(by));
  return sign === 's' ? shr(size, 's', a, i32.const(by - 1)) : ZERO;
};

/** To nearest, halves up: the last bit shifted out is added. */
export const roundingShiftRight = (size: number, sign: Sign, a: V128, by: number): V128 => {
  const last = by === 1 ? a : shr(size, sign, a, i32.const(by - 1));
  return add(size, shiftRight(size, sign, a, by), and(last, repeated(size, 1n)));
};

type Shift = (size: number, n: V128, fields: Shifted, d: () => V128) => V128;

/** Where to: SHL and SLI are the only ones to the left, and SSHLL and USHLL. */
const directionOf = (name: string): 'left' | 'right' => (/SH?L/.test(name) ? 'left' : 'right');

/** Advanced SIMD shift by immediate: the vector's form and the scalar's, which is on 64 bits. */
const byImmediate = (name: string, u: number, opcode: string, shift: Shift): readonly InstructionRow[] => [
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Th>, <Vn>.<Th>, #<${directionOf(name)}>`,
    allocated: ({ immh, Q }) => immh > 0 && (immh < 8 || Q === 1),
    semantics: (t, fields) => {
      const { Q, Rn, Rd } = fields;
      t.setV(
        Rd,
        sized(
          Q,
          shift(sizeIn(fields), t.v(Rn), fields, () => t.v(Rd)),
        ),
      );
    },
  }),
  simdRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Dd>, <Dn>, #<${directionOf(name)}>`,
    allocated: ({ immh }) => immh >= 8,
    semantics: (t, fields) => {
      const { Rn, Rd } = fields;
      t.setV(
        Rd,
        lowElement(
          3,
          shift(3, t.v(Rn), fields, () => t.v(Rd)),
        ),
      );
    },
  }),
];

type Resized = Fields<'Q' | 'immh' | 'immb' | 'Rn' | 'Rd'>;

/** By zero, SSHLL and USHLL only extend. */
const syntaxOfResizing = (name: string): string => {
  const mnemonic = name.toLowerCase();
  if (directionOf(name) === 'right') return `${mnemonic}<Q?|2> <Vd>.<Th>, <Vn>.<Tw>, #<right>`;
  const extended = `${mnemonic[0]}xtl<Q?|2> <Vd>.<Tw>, <Vn>.<Th> if isExtension`;
  return `${extended}; ${mnemonic}<Q?|2> <Vd>.<Tw>, <Vn>.<Th>, #<left>`;
};

/** The same where the result's elements have another size. */
const resizing = (
  name: string,
  u: number,
  opcode: string,
  compute: (t: Ops, fields: Resized, size: number) => V128,
): InstructionRow =>
  simdRow({
    name: `${name}, ${name}2`,
    pattern: `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    syntax: syntaxOfResizing(name),
    allocated: ({ immh }) => immh > 0 && immh < 8,
    semantics: (t, fields) => t.setV(fields.Rd, compute(t, fields, sizeIn(fields))),
  });

/** Shifts each element by its own count, one bit of the counts after the other; counts are below the width. */
const shiftEach = (t: Ops, size: number, a: V128, counts: V128, shift: (a: V128, by: number) => V128): V128 => {
  let shifted = a;
  for (let by = 1; by < bitsOf(size); by *= 2) {
    const bit = repeated(size, BigInt(by));
    const before = t.let(shifted);
    shifted = bitSelect(equal(size, and(counts, bit), bit), shift(before, by), before);
  }
  return shifted;
};

/** Counts of a shift by a register. */
export interface Counts {
  /** Signed: to the left, or to the right where it is negative. */
  readonly count: V128;
  readonly magnitude: V128;
}

/** The signed low bytes of the elements of `m`. */
export const countsIn = (t: Ops, size: number, m: V128): Counts => {
  const toByte = i32.const(bitsOf(size) - 8);
  const count = t.let(size === 0 ? m : shr(size, 's', shl(size, m, toByte), toByte));
  return { count, magnitude: t.let(abs(size, count)) };
};

export const isToTheRight = (size: number, { count }: Counts): V128 => greater(size, 's', ZERO, count);

/** Whether nothing of an element stays. Unsigned, as the magnitude of the byte -128 is 128. */
const isBeyond = (size: number, by: V128): V128 => greater(size, 'u', by, repeated(size, BigInt(bitsOf(size) - 1)));

export const leftByRegister = (t: Ops, size: number, n: V128, { magnitude }: Counts): V128 =>
  andNot(
    shiftEach(t, size, n, magnitude, (a, by) => shl(size, a, i32.const(by))),
    isBeyond(size, magnitude),
  );

export const rightByRegister = (
  t: Ops,
  size: number,
  sign: Sign,
  n: V128,
  { magnitude }: Counts,
  rounding: boolean,
): V128 => {
  // To round, the last step is taken apart.
  const by = rounding ? t.let(sub(size, magnitude, repeated(size, 1n))) : magnitude;
  const shifted = bitSelect(
    isBeyond(size, by),
    sign === 's' ? shr(size, 's', n, i32.const(bitsOf(size) - 1)) : ZERO,
    rightBelowWidth(t, size, sign, n, by),
  );
  return rounding ? roundingShiftRight(size, sign, t.let(shifted), 1) : shifted;
};

/** By counts below the width. */
export const rightBelowWidth = (t: Ops, size: number, sign: Sign, a: V128, counts: V128): V128 =>
  shiftEach(t, size, a, counts, (shifted, by) => shr(size, sign, shifted, i32.const(by)));

const byRegister = (t: Ops, size: number, sign: Sign, n: V128, m: V128, rounding: boolean): V128 => {
  const counts = countsIn(t, size, m);
  const left = leftByRegister(t, size, n, counts);
  return bitSelect(isToTheRight(size, counts), rightByRegister(t, size, sign, n, counts, rounding), left);
};

/** Bits of `d` where the shift brought none in. */
const insert = (size: number, shifted: V128, d: V128, mask: bigint): V128 =>
  bitSelect(repeated(size, mask), shifted, d);

const ones = (size: number): bigint => (1n << BigInt(bitsOf(size))) - 1n;

const signed = SIGNS.flatMap(({ sign, u, letter }) => [
  ...threeSameOrScalar(`${letter}SHL`, u, '01000', ({ size, n, m }, t) => byRegister(t, size, sign, n, m, false)),
  ...threeSameOrScalar(`${letter}RSHL`, u, '01010', ({ size, n, m }, t) => byRegister(t, size, sign, n, m, true)),
  ...byImmediate(`${letter}SHR`, u, '00000', (size, n, fields) => shiftRight(size, sign, n, rightIn(fields))),
  ...byImmediate(`${letter}SRA`, u, '00010', (size, n, fields, d) =>
    add(size, d(), shiftRight(size, sign, n, rightIn(fields))),
  ),
  ...byImmediate(`${letter}RSHR`, u, '00100', (size, n, fields) => roundingShiftRight(size, sign, n, rightIn(fields))),
  ...byImmediate(`${letter}RSRA`, u, '00110', (size, n, fields, d) =>
    add(size, d(), roundingShiftRight(size, sign, n, rightIn(fields))),
  ),
  resizing(`${letter}SHLL`, u, '10100', (t, fields, size) =>
    shl(size + 1, extend(size, sign, halfOf(fields.Q), t.v(fields.Rn)), i32.const(leftIn(fields))),
  ),
]);

export const SIMD_SHIFT: readonly InstructionRow[] = [
  ...signed,
  ...byImmediate('SHL', 0, '01010', (size, n, fields) => shl(size, n, i32.const(leftIn(fields)))),
  ...byImmediate('SLI', 1, '01010', (size, n, fields, d) =>
    insert(size, shl(size, n, i32.const(leftIn(fields))), d(), ones(size) << BigInt(leftIn(fields))),
  ),
  ...byImmediate('SRI', 1, '01000', (size, n, fields, d) =>
    insert(size, shiftRight(size, 'u', n, rightIn(fields)), d(), ones(size) >> BigInt(rightIn(fields))),
  ),
  resizing('SHRN', 0, '10000', (t, fields, size) =>
    narrowInto(fields.Q, size, t.v(fields.Rd), shr(size + 1, 'u', t.v(fields.Rn), i32.const(rightIn(fields)))),
  ),
  resizing('RSHRN', 0, '10001', (t, fields, size) => {
    const half = repeated(size + 1, 1n << BigInt(rightIn(fields) - 1));
    const rounded = add(size + 1, t.v(fields.Rn), half);
    return narrowInto(fields.Q, size, t.v(fields.Rd), shr(size + 1, 'u', rounded, i32.const(rightIn(fields))));
  }),
];
