/** Conversions between precisions, and to and from integers and fixed point. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { operation, type I32, type I64, type V128 } from '../../language/value.js';
import { isFloatVector } from './arithmetic.js';
import {
  double,
  powerOfTwo,
  roundAway,
  roundDown,
  roundToEven,
  roundToZero,
  roundUp,
  single,
  sizeOf,
  toDouble,
  toSingle,
  type FloatSize,
  type Unary,
} from './values.js';
import { SIGNS, fpcrRow } from '../vector/rows.js';
import {
  bitsOf,
  element,
  float,
  halfOf,
  lowElement,
  scalar32,
  scalar64,
  shuffle,
  sized,
  withElement,
  type Sign,
} from '../vector/values.js';

/** A whole number to an integer; what does not fit becomes the nearest that does, and a NaN zero. */
const truncate = <T extends 'i32' | 'i64'>(type: T, sign: Sign, size: FloatSize, a: V128, index = 0) => {
  const value = size === 3 ? double(a, index) : single(a, index);
  return operation(type, `${type}.trunc_sat_${value.type}_${sign}`, [value]);
};

const toDoubleBits = (sign: Sign, value: I32 | I64): I64 =>
  operation('i64', 'i64.reinterpret_f64', [operation('f64', `f64.convert_${value.type}_${sign}`, [value])]);

const toSingleBits = (sign: Sign, value: I32 | I64): I32 =>
  operation('i32', 'i32.reinterpret_f32', [operation('f32', `f32.convert_${value.type}_${sign}`, [value])]);

/** An integer as a float in element 0. */
const fromScalar = (size: FloatSize, sign: Sign, value: I32 | I64): V128 =>
  size === 3 ? scalar64(toDoubleBits(sign, value)) : scalar32(toSingleBits(sign, value));

/** Whole numbers to integers as wide, element by element. */
const toIntegers = (t: Ops, size: FloatSize, sign: Sign, a: V128): V128 => {
  if (size === 2) return operation('v128', `i32x4.trunc_sat_f32x4_${sign}`, [a]);
  const once = t.let(a);
  return withElement(3, scalar64(truncate('i64', sign, 3, once)), 1, truncate('i64', sign, 3, once, 1));
};

const fromIntegers = (size: FloatSize, sign: Sign, a: V128): V128 => {
  if (size === 2) return operation('v128', `f32x4.convert_i32x4_${sign}`, [a]);
  const bits = (index: number): I64 => toDoubleBits(sign, element(3, 'u', a, index));
  return withElement(3, scalar64(bits(0)), 1, bits(1));
};

/** Scaling by a power of two is exact here, or overflows as the conversion itself would. */
const scaled = (size: FloatSize, a: V128, exponent: number): V128 =>
  exponent === 0 ? a : float(size, 'mul', a, powerOfTwo(size, exponent));

type Converted = Fields<'sf' | 'sz' | 'Rn' | 'Rd'>;

/** `scale` is 64 less the fraction bits, of which there are no more than the integer has bits. */
const isScaleInRange = ({ sf, scale }: Fields<'sf' | 'scale'>): boolean => sf === 1 || scale >= 32;

const setGeneral = (t: Ops, { sf, sz, Rd }: Converted, sign: Sign, value: V128): void => {
  if (sf === 1) t.setX(Rd, truncate('i64', sign, sizeOf(sz), value));
  else t.setW(Rd, truncate('i32', sign, sizeOf(sz), value));
};

const toInteger = (name: string, rmode: string, opcode: string, sign: Sign, round: Unary): InstructionRow =>
  fpcrRow({
    name: `${name} (scalar, integer)`,
    pattern: `sf:1 00 11110 0 sz:1 1 ${rmode} ${opcode} 000000 Rn:5 Rd:5`,
    semantics: (t, fields) => setGeneral(t, fields, sign, round(t, sizeOf(fields.sz), t.v(fields.Rn))),
  });

const toFixedPoint = (name: string, opcode: string, sign: Sign): InstructionRow =>
  fpcrRow({
    name: `${name} (scalar, fixed-point)`,
    pattern: `sf:1 00 11110 0 sz:1 0 11 ${opcode} scale:6 Rn:5 Rd:5`,
    allocated: isScaleInRange,
    semantics: (t, fields) => setGeneral(t, fields, sign, scaled(sizeOf(fields.sz), t.v(fields.Rn), 64 - fields.scale)),
  });

const general = (t: Ops, { sf, sz, Rn }: Converted, sign: Sign): V128 =>
  fromScalar(sizeOf(sz), sign, sf === 1 ? t.x(Rn) : t.w(Rn));

const fromInteger = (name: string, opcode: string, sign: Sign): InstructionRow =>
  fpcrRow({
    name: `${name} (scalar, integer)`,
    pattern: `sf:1 00 11110 0 sz:1 1 00 ${opcode} 000000 Rn:5 Rd:5`,
    semantics: (t, fields) => t.setV(fields.Rd, lowElement(sizeOf(fields.sz), general(t, fields, sign))),
  });

const fromFixedPoint = (name: string, opcode: string, sign: Sign): InstructionRow =>
  fpcrRow({
    name: `${name} (scalar, fixed-point)`,
    pattern: `sf:1 00 11110 0 sz:1 0 00 ${opcode} scale:6 Rn:5 Rd:5`,
    allocated: isScaleInRange,
    semantics: (t, fields) => {
      const size = sizeOf(fields.sz);
      t.setV(fields.Rd, lowElement(size, scaled(size, general(t, fields, sign), fields.scale - 64)));
    },
  });

/** Forms on vectors and on scalars in vector registers. */
const inVector = (name: string, u: number, a: number, opcode: string, compute: Unary): readonly InstructionRow[] => [
  fpcrRow({
    name: `${name} (vector)`,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd, sized(Q, compute(t, sizeOf(sz), t.v(Rn)))),
  }),
  fpcrRow({
    name: `${name} (vector), scalar`,
    pattern: `01 ${u} 11110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, lowElement(sizeOf(sz), compute(t, sizeOf(sz), t.v(Rn)))),
  }),
];

type Fixed = (t: Ops, size: FloatSize, a: V128, fractionBits: number) => V128;

const fixedPoint = (name: string, u: number, opcode: string, compute: Fixed): readonly InstructionRow[] => {
  const result = (
    t: Ops,
    { immh, immb, Rn }: Fields<'immh' | 'immb' | 'Rn'>,
  ): { readonly size: FloatSize; readonly value: V128 } => {
    const size = immh >= 8 ? 3 : 2;
    return { size, value: compute(t, size, t.v(Rn), 2 * bitsOf(size) - (immh * 8 + immb)) };
  };
  return [
    fpcrRow({
      name: `${name} (vector, fixed-point)`,
      pattern: `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      allocated: ({ immh, Q }) => immh >= 4 && (immh < 8 || Q === 1),
      semantics: (t, fields) => t.setV(fields.Rd, sized(fields.Q, result(t, fields).value)),
    }),
    fpcrRow({
      name: `${name} (vector, fixed-point), scalar`,
      pattern: `01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      allocated: ({ immh }) => immh >= 4,
      semantics: (t, fields) => {
        const { size, value } = result(t, fields);
        t.setV(fields.Rd, lowElement(size, value));
      },
    }),
  ];
};

/** Rounding by the letter in the name: rmode and opcode of the scalar, bit 23 and opcode of the vector. */
const ROUNDINGS: readonly (readonly [string, string, string, number, string, Unary])[] = [
  ['N', '00', '00', 0, '11010', roundToEven],
  ['P', '01', '00', 1, '11010', roundUp],
  ['M', '10', '00', 0, '11011', roundDown],
  ['Z', '11', '00', 1, '11011', roundToZero],
  ['A', '00', '10', 0, '11100', roundAway],
];

const signed = SIGNS.flatMap(({ sign, u, letter }) => [
  ...ROUNDINGS.flatMap(([to, rmode, opcode, a, vectorOpcode, round]) => [
    toInteger(`FCVT${to}${letter}`, rmode, `${opcode}${u}`, sign, round),
    ...inVector(`FCVT${to}${letter}`, u, a, vectorOpcode, (t, size, n) => toIntegers(t, size, sign, round(t, size, n))),
  ]),
  toFixedPoint(`FCVTZ${letter}`, `00${u}`, sign),
  fromInteger(`${letter}CVTF`, `01${u}`, sign),
  fromFixedPoint(`${letter}CVTF`, `01${u}`, sign),
  ...inVector(`${letter}CVTF`, u, 0, '11101', (_, size, n) => fromIntegers(size, sign, n)),
  ...fixedPoint(`${letter}CVTF`, u, '11100', (_, size, n, bits) => scaled(size, fromIntegers(size, sign, n), -bits)),
  ...fixedPoint(`FCVTZ${letter}`, u, '11111', (t, size, n, bits) => toIntegers(t, size, sign, scaled(size, n, bits))),
]);

export const FP_CONVERT: readonly InstructionRow[] = [
  fpcrRow({
    name: 'FCVT, double from single',
    pattern: '000 11110 00 1 000101 10000 Rn:5 Rd:5',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, lowElement(3, toDouble(t, 'low', t.v(Rn)))),
  }),
  fpcrRow({
    name: 'FCVT, single from double',
    pattern: '000 11110 01 1 000100 10000 Rn:5 Rd:5',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, lowElement(2, toSingle(t, t.v(Rn)))),
  }),
  fpcrRow({
    name: 'FCVTL, FCVTL2, of singles',
    pattern: '0 Q:1 0 01110 01 10000 10111 10 Rn:5 Rd:5',
    semantics: (t, { Q, Rn, Rd }) => t.setV(Rd, toDouble(t, halfOf(Q), t.v(Rn))),
  }),
  fpcrRow({
    name: 'FCVTN, FCVTN2, of doubles',
    pattern: '0 Q:1 0 01110 01 10000 10110 10 Rn:5 Rd:5',
    semantics: (t, { Q, Rn, Rd }) => {
      const singles = toSingle(t, t.v(Rn));
      t.setV(Rd, Q === 0 ? lowElement(3, singles) : shuffle(3, t.v(Rd), singles, (i) => 2 * i));
    },
  }),
  ...signed,
];
