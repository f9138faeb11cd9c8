/** Instructions whose results saturate, of which FPSR.QC tells. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, type V128 } from '../../language/value.js';
import {
  byElement,
  type OneOperand,
  type Operands,
  scalarByElement,
  SIGNS,
  simdRow,
  sizesUpTo,
  mnemonicOf,
} from '../vector/rows.js';
import {
  clamp,
  doubledHigh,
  doubledProduct,
  saturatingAbs,
  saturatingAdd,
  saturatingAddOfOther,
  saturatingLeft,
  saturatingLeftToUnsigned,
  saturatingNeg,
  saturatingSub,
  setSaturated,
  setSaturatedScalar,
  type Narrowing,
  type Saturated,
} from '../vector/saturation.js';
import { andNot, bitSelect, halfOf, narrowInto, or, shl, shr, type Half, type Sign } from '../vector/values.js';
import {
  countsIn,
  isToTheRight,
  leftByRegister,
  leftIn,
  rightBelowWidth,
  rightByRegister,
  rightIn,
  roundingShiftRight,
  shiftRight,
  sizeIn,
  type Shifted,
} from './shift.js';

type Rows = readonly InstructionRow[];

/** Elements of 16 and of 32 bits, which products are made of. */
const halvesAndWords = ({ size }: Fields<'size'>): boolean => size === 1 || size === 2;

/** Advanced SIMD three same, and scalar three same of all sizes. */
const threeSame = (
  name: string,
  u: number,
  opcode: string,
  compute: (t: Ops, operands: Operands) => Saturated,
  allocated?: (fields: Fields<'size'>) => boolean,
): Rows => [
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 size:2 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Vd>.<T>, <Vn>.<T>, <Vm>.<T>`,
    allocated: allocated ?? sizesUpTo(3),
    semantics: (t, { Q, size, Rm, Rn, Rd }) =>
      setSaturated(t, Rd, Q, compute(t, { size, q: Q, n: t.v(Rn), m: t.v(Rm), d: () => t.v(Rd) })),
  }),
  simdRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 size:2 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <size?BHSDd>, <size?BHSDn>, <size?BHSDm>`,
    ...(allocated && { allocated }),
    semantics: (t, { size, Rm, Rn, Rd }) =>
      setSaturatedScalar(t, Rd, size, compute(t, { size, q: 1, n: t.v(Rn), m: t.v(Rm), d: () => t.v(Rd) })),
  }),
];

/** Advanced SIMD two-register miscellaneous, and scalar. */
const twoRegister = (
  name: string,
  u: number,
  opcode: string,
  compute: (t: Ops, operands: OneOperand) => Saturated,
): Rows => [
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 size:2 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<T>, <Vn>.<T>`,
    allocated: sizesUpTo(3),
    semantics: (t, { Q, size, Rn, Rd }) =>
      setSaturated(t, Rd, Q, compute(t, { size, q: Q, n: t.v(Rn), d: () => t.v(Rd) })),
  }),
  simdRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 size:2 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <size?BHSDd>, <size?BHSDn>`,
    semantics: (t, { size, Rn, Rd }) =>
      setSaturatedScalar(t, Rd, size, compute(t, { size, q: 1, n: t.v(Rn), d: () => t.v(Rd) })),
  }),
];

/** Advanced SIMD shift by immediate, and scalar of all sizes. */
const byImmediate = (
  name: string,
  u: number,
  opcode: string,
  compute: (t: Ops, size: number, n: V128, by: number) => Saturated,
): Rows => [
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Vd>.<Th>, <Vn>.<Th>, #<left>`,
    allocated: ({ immh, Q }) => immh > 0 && (immh < 8 || Q === 1),
    semantics: (t, { Q, Rn, Rd, ...fields }) =>
      setSaturated(t, Rd, Q, compute(t, sizeIn(fields), t.v(Rn), leftIn(fields))),
  }),
  simdRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <letterH><Rd:d>, <letterH><Rn:d>, #<left>`,
    allocated: ({ immh }) => immh > 0,
    semantics: (t, { Rn, Rd, ...fields }) =>
      setSaturatedScalar(t, Rd, sizeIn(fields), compute(t, sizeIn(fields), t.v(Rn), leftIn(fields))),
  }),
];

/** Writes wide elements, narrowed, to the half of Vd that Q names. */
const setNarrowed = (t: Ops, { Q, Rd }: Fields<'Q' | 'Rd'>, size: number, narrowing: Narrowing, wide: V128): void => {
  const { value, saturated } = clamp(t, size, narrowing, wide);
  setSaturated(t, Rd, 1, { value: narrowInto(Q, size, t.v(Rd), value), saturated });
};

/** The narrow element 0 is the low part of the wide one. */
const setNarrowedScalar = (t: Ops, rd: number, size: number, narrowing: Narrowing, wide: V128): void =>
  setSaturatedScalar(t, rd, size, clamp(t, size, narrowing, wide));

const narrow = (name: string, u: number, opcode: string, narrowing: Narrowing): Rows => [
  simdRow({
    name: `${name}, ${name}2`,
    pattern: `0 Q:1 ${u} 01110 size:2 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()}<Q?|2> <Vd>.<T>, <Vn>.<Ta>`,
    allocated: ({ size }) => size < 3,
    semantics: (t, { size, Rn, ...fields }) => setNarrowed(t, fields, size, narrowing, t.v(Rn)),
  }),
  simdRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 size:2 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <size?BHSd>, <size?HSDn>`,
    allocated: ({ size }) => size < 3,
    semantics: (t, { size, Rn, Rd }) => setNarrowedScalar(t, Rd, size, narrowing, t.v(Rn)),
  }),
];

const isNarrow = ({ immh }: Fields<'immh'>): boolean => immh > 0 && immh < 8;

const shiftRightNarrow = (name: string, u: number, opcode: string, narrowing: Narrowing, rounding: boolean): Rows => {
  const sign = narrowing === 'u' ? 'u' : 's';
  const shift = rounding ? roundingShiftRight : shiftRight;
  const shifted = (t: Ops, fields: Shifted, rn: number): V128 =>
    shift(sizeIn(fields) + 1, sign, t.v(rn), rightIn(fields));
  return [
    simdRow({
      name: `${name}, ${name}2`,
      pattern: `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()}<Q?|2> <Vd>.<Th>, <Vn>.<Tw>, #<right>`,
      allocated: isNarrow,
      semantics: (t, { Rn, ...fields }) => setNarrowed(t, fields, sizeIn(fields), narrowing, shifted(t, fields, Rn)),
    }),
    simdRow({
      name: `${name}, scalar`,
      pattern: `01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()} <letterH><Rd:d>, <letterHWide><Rn:d>, #<right>`,
      allocated: isNarrow,
      semantics: (t, { Rn, Rd, ...fields }) =>
        setNarrowedScalar(t, Rd, sizeIn(fields), narrowing, shifted(t, fields, Rn)),
    }),
  ];
};

/** Shifts by the signed bytes of Vm: only to the left is there anything to saturate. */
const byRegister = (t: Ops, sign: Sign, { size, n, m }: Operands, rounding: boolean): Saturated => {
  const counts = countsIn(t, size, m);
  const shifted = t.let(leftByRegister(t, size, n, counts));
  const back = rightBelowWidth(t, size, sign, shifted, counts.magnitude);
  const left = saturatingLeft(t, size, sign, { from: n, shifted, back });
  const isRight = t.let(isToTheRight(size, counts));
  const right = rightByRegister(t, size, sign, n, counts, rounding);
  return { value: bitSelect(isRight, right, left.value), saturated: andNot(left.saturated, isRight) };
};

const byImmediateToTheLeft = (t: Ops, size: number, sign: Sign, n: V128, by: number) => {
  const shifted = t.let(shl(size, n, i32.const(by)));
  return { from: n, shifted, back: shr(size, sign, shifted, i32.const(by)) };
};

/** SQDMULL and its like: what a doubled product becomes. `size` is that of the wide elements. */
type Accumulate = (t: Ops, size: number, d: () => V128, product: Saturated) => Saturated;

const adding =
  (combine: typeof saturatingAdd): Accumulate =>
  (t, size, d, product) => {
    const { value, saturated } = combine(t, size, 's', d(), t.let(product.value));
    return { value, saturated: or(saturated, product.saturated) };
  };

const doublingLong = (name: string, opcode: string, elementOpcode: string, accumulate: Accumulate): Rows => {
  const result = (t: Ops, { Rn, Rd }: Fields<'Rn' | 'Rd'>, half: Half, size: number, m: V128): Saturated =>
    accumulate(t, size + 1, () => t.v(Rd), doubledProduct(t, size, half, t.v(Rn), m));
  return [
    simdRow({
      name: `${name}, ${name}2 (vector)`,
      pattern: `0 Q:1 0 01110 size:2 1 Rm:5 ${opcode} 00 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()}<Q?|2> <Vd>.<Ta>, <Vn>.<T>, <Vm>.<T>`,
      allocated: halvesAndWords,
      semantics: (t, { Q, size, Rm, ...fields }) =>
        setSaturated(t, fields.Rd, 1, result(t, fields, halfOf(Q), size, t.v(Rm))),
    }),
    simdRow({
      name: `${name} (vector), scalar`,
      pattern: `01 0 11110 size:2 1 Rm:5 ${opcode} 00 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()} <size?HSDd>, <size?BHSn>, <size?BHSm>`,
      allocated: halvesAndWords,
      semantics: (t, { size, Rm, ...fields }) =>
        setSaturatedScalar(t, fields.Rd, size + 1, result(t, fields, 'low', size, t.v(Rm))),
    }),
    ...byElement(`${name}, ${name}2 (by element)`, 0, elementOpcode, true, (t, fields, size, m) =>
      setSaturated(t, fields.Rd, 1, result(t, fields, halfOf(fields.Q), size, m)),
    ),
    ...scalarByElement(`${name} (by element)`, 0, elementOpcode, true, (t, fields, size, m) =>
      setSaturatedScalar(t, fields.Rd, size + 1, result(t, fields, 'low', size, m)),
    ),
  ];
};

const doublingHigh = (name: string, u: number, elementOpcode: string, rounding: boolean): Rows => [
  ...threeSame(
    `${name} (vector)`,
    u,
    '10110',
    (t, { size, n, m }) => doubledHigh(t, size, rounding, n, m),
    halvesAndWords,
  ),
  ...byElement(`${name} (by element)`, 0, elementOpcode, false, (t, { Q, Rn, Rd }, size, m) =>
    setSaturated(t, Rd, Q, doubledHigh(t, size, rounding, t.v(Rn), t.let(m))),
  ),
  ...scalarByElement(`${name} (by element)`, 0, elementOpcode, false, (t, { Rn, Rd }, size, m) =>
    setSaturatedScalar(t, Rd, size, doubledHigh(t, size, rounding, t.v(Rn), t.let(m))),
  ),
];

const signed = SIGNS.flatMap(({ sign, u, letter }) => [
  ...threeSame(`${letter}QADD`, u, '00001', (t, { size, n, m }) => saturatingAdd(t, size, sign, n, m)),
  ...threeSame(`${letter}QSUB`, u, '00101', (t, { size, n, m }) => saturatingSub(t, size, sign, n, m)),
  ...threeSame(`${letter}QSHL (register)`, u, '01001', (t, operands) => byRegister(t, sign, operands, false)),
  ...threeSame(`${letter}QRSHL`, u, '01011', (t, operands) => byRegister(t, sign, operands, true)),
  ...byImmediate(`${letter}QSHL (immediate)`, u, '01110', (t, size, n, by) =>
    saturatingLeft(t, size, sign, byImmediateToTheLeft(t, size, sign, n, by)),
  ),
  ...shiftRightNarrow(`${letter}QSHRN`, u, '10010', sign, false),
  ...shiftRightNarrow(`${letter}QRSHRN`, u, '10011', sign, true),
  ...narrow(`${letter}QXTN`, u, '10100', sign),
]);

export const SIMD_SATURATING: readonly InstructionRow[] = [
  ...signed,
  ...twoRegister('SUQADD', 0, '00011', (t, { size, n, d }) => saturatingAddOfOther(t, size, 's', d(), n)),
  ...twoRegister('USQADD', 1, '00011', (t, { size, n, d }) => saturatingAddOfOther(t, size, 'u', d(), n)),
  ...twoRegister('SQABS', 0, '00111', (t, { size, n }) => saturatingAbs(t, size, n)),
  ...twoRegister('SQNEG', 1, '00111', (t, { size, n }) => saturatingNeg(t, size, n)),
  ...narrow('SQXTUN', 1, '10010', 's to u'),
  ...byImmediate('SQSHLU', 1, '01100', (t, size, n, by) =>
    saturatingLeftToUnsigned(t, size, byImmediateToTheLeft(t, size, 'u', n, by)),
  ),
  ...shiftRightNarrow('SQSHRUN', 1, '10000', 's to u', false),
  ...shiftRightNarrow('SQRSHRUN', 1, '10001', 's to u', true),
  ...doublingHigh('SQDMULH', 0, '1100', false),
  ...doublingHigh('SQRDMULH', 1, '1101', true),
  ...doublingLong('SQDMLAL', '1001', '0011', adding(saturatingAdd)),
  ...doublingLong('SQDMLSL', '1011', '0111', adding(saturatingSub)),
  ...doublingLong('SQDMULL', '1101', '1011', (_t, _size, _d, product) => product),
];
