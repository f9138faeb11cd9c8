import type { Fields, InstructionRow, Ops } from '../../language/ops.js';
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

/** Conversions between precisions, and to and from integers and fixed point. */

/** A whole number to an integer; what does not fit becomes the nearest that does, and a NaN zero. */
const truncate = <T extends 'i32' | 'i64'>(type: T, sign: Sign, size: FloatSize, a: V128, index = 0) => {
  const value = size === 3 ? double(a, index) : single(a, index);
  return operation(type, `${type}.trunc_sat_${value.type}_${sign}`, [value]);
};

const convert = (size: FloatSize, sign: Sign, value: I32 | I64): I64 | I32 =>
  size === 3
    ? operation('i64', 'i64.reinterpret_f64', [operation('f64', `f64.convert_${value.type}_${sign}`, [value])])
    : operation('i32', 'i32.reinterpret_f32', [operation('f32', `f32.convert_${value.type}_${sign}`, [value])]);

const scalarOf = (bits: I64 | I32): V128 => (bits.type === 'i64' ? scalar64(bits) : scalar32(bits));

/** Whole numbers to integers as wide, element by element. */
const toIntegers = (t: Ops, size: FloatSize, sign: Sign, a: V128): V128 => {
  if (size === 2) return operation('v128', `i32x4.trunc_sat_f32x4_${sign}`, [a]);
  const once = t.let(a);
  return withElement(3, scalar64(truncate('i64', sign, 3, once)), 1, truncate('i64', sign, 3, once, 1));
};

const fromIntegers = (size: FloatSize, sign: Sign, a: V128): V128 => {
  if (size === 2) return operation('v128', `f32x4.convert_i32x4_${sign}`, [a]);
  const [low, high] = [0, 1].map((i) => convert(3, sign, element(3, 'u', a, i)) as I64) as [I64, I64];
  return withElement(3, scalar64(low), 1, high);
};

/** Scaling by a power of two is exact here, or overflows as the conversion itself would. */
const scaled = (size: FloatSize, a: V128, exponent: number): V128 =>
  exponent === 0 ? a : float(size, 'mul', a, powerOfTwo(size, exponent));

/** `scale` is 64 less the fraction bits, of which there are no more than the integer has bits. */
const isScaleInRange = ({ sf, scale = 64 }: Fields): boolean => sf === 1 || scale >= 32;

const toGeneral = (
  name: string,
  fixed: '0' | '1',
  rmode: string,
  opcode: string,
  sign: Sign,
  round: Unary,
): InstructionRow =>
  fpcrRow({
    name: `${name} (scalar, ${fixed === '0' ? 'fixed-point' : 'integer'})`,
    pattern: `sf:1 00 11110 0 sz:1 ${fixed} ${rmode} ${opcode} ${fixed === '0' ? 'scale:6' : '000000'} Rn:5 Rd:5`,
    allocated: isScaleInRange,
    semantics: (t, { sf, sz, scale = 64, Rn, Rd }) => {
      const size = sizeOf(sz);
      const value = round(t, size, scaled(size, t.v(Rn!), 64 - scale));
      if (sf === 1) t.setX(Rd!, truncate('i64', sign, size, value));
      else t.setW(Rd!, truncate('i32', sign, size, value));
    },
  });

const fromGeneral = (name: string, fixed: '0' | '1', opcode: string, sign: Sign): InstructionRow =>
  fpcrRow({
    name: `${name} (scalar, ${fixed === '0' ? 'fixed-point' : 'integer'})`,
    pattern: `sf:1 00 11110 0 sz:1 ${fixed} 00 ${opcode} ${fixed === '0' ? 'scale:6' : '000000'} Rn:5 Rd:5`,
    allocated: isScaleInRange,
    semantics: (t, { sf, sz, scale = 64, Rn, Rd }) => {
      const size = sizeOf(sz);
      const whole = scalarOf(convert(size, sign, sf === 1 ? t.x(Rn!) : t.w(Rn!)));
      t.setV(Rd!, lowElement(size, scaled(size, whole, scale - 64)));
    },
  });

/** Forms on vectors and on scalars in vector registers. */
const inVector = (name: string, u: number, a: number, opcode: string, compute: Unary): readonly InstructionRow[] => [
  fpcrRow({
    name: `${name} (vector)`,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd!, sized(Q!, compute(t, sizeOf(sz), t.v(Rn!)))),
  }),
  fpcrRow({
    name: `${name} (vector), scalar`,
    pattern: `01 ${u} 11110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd!, lowElement(sizeOf(sz), compute(t, sizeOf(sz), t.v(Rn!)))),
  }),
];

type Fixed = (t: Ops, size: FloatSize, a: V128, fractionBits: number) => V128;

const fixedPoint = (name: string, u: number, opcode: string, compute: Fixed): readonly InstructionRow[] => {
  const result = (t: Ops, { immh, immb, Rn }: Fields): { readonly size: FloatSize; readonly value: V128 } => {
    const size = immh! >= 8 ? 3 : 2;
    return { size, value: compute(t, size, t.v(Rn!), 2 * bitsOf(size) - (immh! * 8 + immb!)) };
  };
  return [
    fpcrRow({
      name: `${name} (vector, fixed-point)`,
      pattern: `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      allocated: ({ immh, Q }) => immh! >= 4 && (immh! < 8 || Q === 1),
      semantics: (t, fields) => t.setV(fields.Rd!, sized(fields.Q!, result(t, fields).value)),
    }),
    fpcrRow({
      name: `${name} (vector, fixed-point), scalar`,
      pattern: `01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      allocated: ({ immh }) => immh! >= 4,
      semantics: (t, fields) => {
        const { size, value } = result(t, fields);
        t.setV(fields.Rd!, lowElement(size, value));
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
    toGeneral(`FCVT${to}${letter}`, '1', rmode, `${opcode}${u}`, sign, round),
    ...inVector(`FCVT${to}${letter}`, u, a, vectorOpcode, (t, size, n) => toIntegers(t, size, sign, round(t, size, n))),
  ]),
  toGeneral(`FCVTZ${letter}`, '0', '11', `00${u}`, sign, (_, __, a) => a),
  fromGeneral(`${letter}CVTF`, '1', `01${u}`, sign),
  fromGeneral(`${letter}CVTF`, '0', `01${u}`, sign),
  ...inVector(`${letter}CVTF`, u, 0, '11101', (_, size, n) => fromIntegers(size, sign, n)),
  ...fixedPoint(`${letter}CVTF`, u, '11100', (_, size, n, bits) => scaled(size, fromIntegers(size, sign, n), -bits)),
  ...fixedPoint(`FCVTZ${letter}`, u, '11111', (t, size, n, bits) => toIntegers(t, size, sign, scaled(size, n, bits))),
]);

export const FP_CONVERT: readonly InstructionRow[] = [
  fpcrRow({
    name: 'FCVT, double from single',
    pattern: '000 11110 00 1 000101 10000 Rn:5 Rd:5',
    semantics: (t, { Rn, Rd }) => t.setV(Rd!, lowElement(3, toDouble(t, 'low', t.v(Rn!)))),
  }),
  fpcrRow({
    name: 'FCVT, single from double',
    pattern: '000 11110 01 1 000100 10000 Rn:5 Rd:5',
    semantics: (t, { Rn, Rd }) => t.setV(Rd!, lowElement(2, toSingle(t, t.v(Rn!)))),
  }),
  fpcrRow({
    name: 'FCVTL, FCVTL2, of singles',
    pattern: '0 Q:1 0 01110 01 10000 10111 10 Rn:5 Rd:5',
    semantics: (t, { Q, Rn, Rd }) => t.setV(Rd!, toDouble(t, halfOf(Q!), t.v(Rn!))),
  }),
  fpcrRow({
    name: 'FCVTN, FCVTN2, of doubles',
    pattern: '0 Q:1 0 01110 01 10000 10110 10 Rn:5 Rd:5',
    semantics: (t, { Q, Rn, Rd }) => {
      const singles = toSingle(t, t.v(Rn!));
      t.setV(Rd!, Q === 0 ? lowElement(3, singles) : shuffle(3, t.v(Rd!), singles, (i) => 2 * i));
    },
  }),
  ...signed,
];
