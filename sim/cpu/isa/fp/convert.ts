/** Conversions between precisions, and to and from integers and fixed point. */

import { encodeCall, type ElementSize } from '../../float/call.js';
import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, i64, operation, type I32, type I64, type V128, type Value } from '../../language/value.js';
import { SIGNS, fpRow } from '../vector/rows.js';
import { bitsOf, element, halfOf, shuffle, withElement, ZERO, type Sign } from '../vector/values.js';
import { isFloatVector } from './arithmetic.js';
import { Elements, scalarOf, sizeOf, vectorOf, type FloatSize, type Mask, type Shape } from './elements.js';
import { ROUNDING_OF, toWhole, type ToWhole } from './operations.js';

type IntegerType = 'i32' | 'i64';

/** A whole number to an integer; the nearest, if it does not fit. */
const truncate = <T extends IntegerType>(type: T, sign: Sign, value: Value): Value<T> =>
  operation(type, `${type}.trunc_sat_${value.type === 'f64' ? 'f64' : 'f32'}_${sign}`, [value]);

/** Whether a whole number fits into an integer of so many bits. */
const fits = (e: Elements, sign: Sign, bits: number, value: Value): Mask => {
  const beyond = 2 ** (sign === 's' ? bits - 1 : bits);
  const least = sign === 's' ? -beyond : 0;
  return e.both(e.is('ge', value, e.constant(least)), e.is('lt', value, e.constant(beyond)));
};

/** Scaling by a power of two is exact, or overflows as the conversion itself would. */
const scaled = (e: Elements, value: Value, exponent: number): Value =>
  exponent === 0 ? value : e.compute('mul', value, e.constant(2 ** exponent));

/** How floats become integers. */
interface ToInteger {
  readonly sign: Sign;
  readonly rounding: ToWhole;
  readonly fractionBits: number;
}

const toIntegerCall = (shape: Shape, { sign, rounding, fractionBits }: ToInteger, resultSize?: ElementSize): number =>
  encodeCall({
    operation: 'toInteger',
    ...shape,
    ...(resultSize && { resultSize }),
    rounding: ROUNDING_OF[rounding],
    isSigned: sign === 's',
    fractionBits,
  });

const wholeOf = (t: Ops, e: Elements, n: V128, { rounding, fractionBits }: ToInteger): Value =>
  t.let(toWhole(t, e, t.let(scaled(e, e.read(n), fractionBits)), rounding));

/** A scalar as an integer of a general register, and zeros above it. */
const toGeneral = (t: Ops, size: FloatSize, sf: number, how: ToInteger, n: V128): I64 => {
  const e = new Elements(scalarOf(size));
  const whole = wholeOf(t, e, n, how);
  const value = sf === 1 ? truncate('i64', how.sign, whole) : i64.extendU(truncate('i32', how.sign, whole));
  const accepts = [e.all(fits(e, how.sign, sf === 1 ? 64 : 32, whole))];
  const call = toIntegerCall(e.shape, how, sf === 1 ? 3 : 2);
  return t.float('i64', call, [n], { value, accepts, rounds: true });
};

/** Elements as integers as wide. */
const toIntegers = (t: Ops, shape: Shape, how: ToInteger, n: V128): V128 => {
  const e = new Elements(shape);
  const whole = wholeOf(t, e, n, how);
  const accepts = [e.all(fits(e, how.sign, bitsOf(shape.size), whole))];
  const value = integersOf(shape, how.sign, whole);
  return t.float('v128', toIntegerCall(shape, how), [n], { value, accepts, rounds: true });
};

const integersOf = (shape: Shape, sign: Sign, whole: Value): V128 => {
  const e = new Elements(shape);
  if (whole.type !== 'v128') {
    const bits = shape.size === 3 ? truncate('i64', sign, whole) : i64.extendU(truncate('i32', sign, whole));
    return withElement(3, ZERO, 0, bits);
  }
  const vector = whole as V128;
  if (shape.size === 2) return e.cut(operation('v128', `i32x4.trunc_sat_f32x4_${sign}`, [vector]));
  const half = (index: number): I64 => truncate('i64', sign, e.lane(vector, index));
  return withElement(3, withElement(3, ZERO, 0, half(0)), 1, half(1));
};

/** How integers become floats. */
interface FromInteger {
  readonly sign: Sign;
  readonly fractionBits: number;
}

const fromIntegerCall = (shape: Shape, { sign, fractionBits }: FromInteger, size: ElementSize): number =>
  encodeCall({
    operation: 'fromInteger',
    lanes: shape.lanes,
    size,
    resultSize: shape.size,
    isSigned: sign === 's',
    fractionBits,
  });

const converted = (size: FloatSize, sign: Sign, value: I32 | I64): Value =>
  size === 3
    ? operation('f64', `f64.convert_${value.type}_${sign}`, [value])
    : operation('f32', `f32.convert_${value.type}_${sign}`, [value]);

/** An integer as a scalar. */
const fromScalar = (t: Ops, size: FloatSize, how: FromInteger, integer: I32 | I64): V128 => {
  const e = new Elements(scalarOf(size));
  const once = t.let<'i32' | 'i64'>(integer);
  const value = e.register(scaled(e, converted(size, how.sign, once), -how.fractionBits));
  const operand = once.type === 'i64' ? (once as I64) : i64.extendU(once as I32);
  const call = fromIntegerCall(e.shape, how, once.type === 'i64' ? 3 : 2);
  // A double has room for every word.
  return t.float('v128', call, [operand], { value, accepts: [], rounds: size === 2 || once.type === 'i64' });
};

/** Integers as elements as wide. */
const fromIntegers = (t: Ops, shape: Shape, how: FromInteger, n: V128): V128 => {
  const e = new Elements(shape);
  const floats = (): Value => {
    if (shape.lanes === 1) {
      const bits = element(shape.size, 'u', n, 0);
      return converted(shape.size, how.sign, shape.size === 3 ? bits : i32.wrap(bits));
    }
    if (shape.size === 2) return operation('v128', `f32x4.convert_i32x4_${how.sign}`, [n]);
    return e.ofLanes([0, 1].map((i) => converted(3, how.sign, element(3, 'u', n, i))));
  };
  const value = e.register(scaled(e, floats(), -how.fractionBits));
  return t.float('v128', fromIntegerCall(shape, how, shape.size), [n], { value, accepts: [], rounds: true });
};

/** Two singles as doubles, or one. */
const toDouble = (t: Ops, lanes: 1 | 2, n: V128): V128 => {
  const value = t.let(operation('v128', 'f64x2.promote_low_f32x4', [n]));
  const call = encodeCall({ operation: 'convert', size: 2, resultSize: 3, lanes });
  const e = new Elements({ size: 3, lanes });
  const accepts = [e.all(e.isNumber(e.read(value)))];
  return t.float('v128', call, [n], { value: e.cut(value), accepts, rounds: false });
};

/** Doubles from the first one on become infinite as singles. */
const BEYOND_SINGLES = 2 ** 128 - 2 ** 103;
const LEAST_SINGLE = 2 ** -126;

/** Two doubles as singles in the low half, or one. */
const toSingle = (t: Ops, lanes: 1 | 2, n: V128): V128 => {
  const e = new Elements({ size: 3, lanes });
  const a = t.let(e.read(n));
  const size = e.compute('abs', a);
  const isNormal = e.both(e.is('ge', size, e.constant(LEAST_SINGLE)), e.is('lt', size, e.constant(BEYOND_SINGLES)));
  const value = new Elements({ size: 2, lanes }).cut(operation('v128', 'f32x4.demote_f64x2_zero', [n]));
  const call = encodeCall({ operation: 'convert', size: 3, resultSize: 2, lanes });
  const accepts = [e.all(isNormal), e.all(e.either(isNormal, e.isZero(a)))];
  return t.float('v128', call, [n], { value, accepts, rounds: true });
};

type Converted = Fields<'sf' | 'sz' | 'Rn' | 'Rd'>;

/** `scale` is 64 less the fraction bits, of which there are no more than the integer has bits. */
const isScaleInRange = ({ sf, scale }: Fields<'sf' | 'scale'>): boolean => sf === 1 || scale >= 32;

const setGeneral = (t: Ops, { sf, sz, Rn, Rd }: Converted, how: ToInteger): void =>
  t.setX(Rd, toGeneral(t, sizeOf(sz), sf, how, t.v(Rn)));

const toInteger = (name: string, rmode: string, opcode: string, sign: Sign, rounding: ToWhole): InstructionRow =>
  fpRow({
    name: `${name} (scalar, integer)`,
    pattern: `sf:1 00 11110 0 sz:1 1 ${rmode} ${opcode} 000000 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Rd>, <sz?SDn>`,
    semantics: (t, fields) => setGeneral(t, fields, { sign, rounding, fractionBits: 0 }),
  });

const toFixedPoint = (name: string, opcode: string, sign: Sign): InstructionRow =>
  fpRow({
    name: `${name} (scalar, fixed-point)`,
    pattern: `sf:1 00 11110 0 sz:1 0 11 ${opcode} scale:6 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Rd>, <sz?SDn>, #<fbits>`,
    allocated: isScaleInRange,
    semantics: (t, fields) => setGeneral(t, fields, { sign, rounding: 'trunc', fractionBits: 64 - fields.scale }),
  });

const setFromGeneral = (t: Ops, { sf, sz, Rn, Rd }: Converted, how: FromInteger): void =>
  t.setV(Rd, fromScalar(t, sizeOf(sz), how, sf === 1 ? t.x(Rn) : t.w(Rn)));

const fromInteger = (name: string, opcode: string, sign: Sign): InstructionRow =>
  fpRow({
    name: `${name} (scalar, integer)`,
    pattern: `sf:1 00 11110 0 sz:1 1 00 ${opcode} 000000 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <Rn>`,
    semantics: (t, fields) => setFromGeneral(t, fields, { sign, fractionBits: 0 }),
  });

const fromFixedPoint = (name: string, opcode: string, sign: Sign): InstructionRow =>
  fpRow({
    name: `${name} (scalar, fixed-point)`,
    pattern: `sf:1 00 11110 0 sz:1 0 00 ${opcode} scale:6 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <Rn>, #<fbits>`,
    allocated: isScaleInRange,
    semantics: (t, fields) => setFromGeneral(t, fields, { sign, fractionBits: 64 - fields.scale }),
  });

type Compute = (t: Ops, shape: Shape, n: V128) => V128;

/** Forms on vectors and on scalars in vector registers. */
const inVector = (name: string, u: number, a: number, opcode: string, compute: Compute): readonly InstructionRow[] => [
  fpRow({
    name: `${name} (vector)`,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tf>, <Vn>.<Tf>`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd, compute(t, vectorOf(Q, sizeOf(sz)), t.v(Rn))),
  }),
  fpRow({
    name: `${name} (vector), scalar`,
    pattern: `01 ${u} 11110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <sz?SDn>`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, compute(t, scalarOf(sizeOf(sz)), t.v(Rn))),
  }),
];

type Fixed = (t: Ops, shape: Shape, n: V128, fractionBits: number) => V128;

const fixedPoint = (name: string, u: number, opcode: string, compute: Fixed): readonly InstructionRow[] => {
  const sizeBy = (immh: number): FloatSize => (immh >= 8 ? 3 : 2);
  const fractionBits = ({ immh, immb }: Fields<'immh' | 'immb'>): number =>
    2 * bitsOf(sizeBy(immh)) - (immh * 8 + immb);
  return [
    fpRow({
      name: `${name} (vector, fixed-point)`,
      pattern: `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()} <Vd>.<Th>, <Vn>.<Th>, #<right>`,
      allocated: ({ immh, Q }) => immh >= 4 && (immh < 8 || Q === 1),
      semantics: (t, fields) => {
        const { Q, immh, Rn, Rd } = fields;
        t.setV(Rd, compute(t, vectorOf(Q, sizeBy(immh)), t.v(Rn), fractionBits(fields)));
      },
    }),
    fpRow({
      name: `${name} (vector, fixed-point), scalar`,
      pattern: `01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()} <letterH><Rd:d>, <letterH><Rn:d>, #<right>`,
      allocated: ({ immh }) => immh >= 4,
      semantics: (t, fields) => {
        const { immh, Rn, Rd } = fields;
        t.setV(Rd, compute(t, scalarOf(sizeBy(immh)), t.v(Rn), fractionBits(fields)));
      },
    }),
  ];
};

/** Rounding by the letter in the name: rmode and opcode of the scalar, bit 23 and opcode of the vector. */
const ROUNDINGS: readonly (readonly [string, string, string, number, string, ToWhole])[] = [
  ['N', '00', '00', 0, '11010', 'nearest'],
  ['P', '01', '00', 1, '11010', 'ceil'],
  ['M', '10', '00', 0, '11011', 'floor'],
  ['Z', '11', '00', 1, '11011', 'trunc'],
  ['A', '00', '10', 0, '11100', 'away'],
];

const signed = SIGNS.flatMap(({ sign, u, letter }) => [
  ...ROUNDINGS.flatMap(([to, rmode, opcode, a, vectorOpcode, rounding]) => [
    toInteger(`FCVT${to}${letter}`, rmode, `${opcode}${u}`, sign, rounding),
    ...inVector(`FCVT${to}${letter}`, u, a, vectorOpcode, (t, shape, n) =>
      toIntegers(t, shape, { sign, rounding, fractionBits: 0 }, n),
    ),
  ]),
  toFixedPoint(`FCVTZ${letter}`, `00${u}`, sign),
  fromInteger(`${letter}CVTF`, `01${u}`, sign),
  fromFixedPoint(`${letter}CVTF`, `01${u}`, sign),
  ...inVector(`${letter}CVTF`, u, 0, '11101', (t, shape, n) => fromIntegers(t, shape, { sign, fractionBits: 0 }, n)),
  ...fixedPoint(`${letter}CVTF`, u, '11100', (t, shape, n, fractionBits) =>
    fromIntegers(t, shape, { sign, fractionBits }, n),
  ),
  ...fixedPoint(`FCVTZ${letter}`, u, '11111', (t, shape, n, fractionBits) =>
    toIntegers(t, shape, { sign, rounding: 'trunc', fractionBits }, n),
  ),
]);

/** What narrows: to the low half, and zeros, or to the high half of the destination. */
const narrowed = (t: Ops, { Q, Rd }: Fields<'Q' | 'Rd'>, low: V128): void =>
  t.setV(Rd, Q === 0 ? low : shuffle(3, t.v(Rd), low, (i) => 2 * i));

/** The half of a register that is widened, as a low half. */
const widened = (t: Ops, { Q, Rn }: Fields<'Q' | 'Rn'>): V128 =>
  halfOf(Q) === 'low' ? t.v(Rn) : t.let(shuffle(3, t.v(Rn), t.v(Rn), () => 1));

/** Conversions that only the unit makes: from or to halves, or rounded to odd. */
const byUnit = (t: Ops, size: ElementSize, resultSize: ElementSize, lanes: 1 | 2 | 4, n: V128, isOdd = false): V128 =>
  t.float('v128', encodeCall({ operation: 'convert', size, resultSize, lanes, ...(isOdd && { rounding: 'odd' }) }), [
    n,
  ]);

export const FP_CONVERT: readonly InstructionRow[] = [
  fpRow({
    name: 'FCVT, double from single',
    pattern: '000 11110 00 1 000101 10000 Rn:5 Rd:5',
    syntax: 'fcvt <Dd>, <Sn>',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, toDouble(t, 1, t.v(Rn))),
  }),
  fpRow({
    name: 'FCVT, single from double',
    pattern: '000 11110 01 1 000100 10000 Rn:5 Rd:5',
    syntax: 'fcvt <Sd>, <Dn>',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, toSingle(t, 1, t.v(Rn))),
  }),
  fpRow({
    name: 'FCVT, half from single or double',
    pattern: '000 11110 0 sz:1 1 000111 10000 Rn:5 Rd:5',
    syntax: 'fcvt <Hd>, <sz?SDn>',
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, byUnit(t, sizeOf(sz), 1, 1, t.v(Rn))),
  }),
  fpRow({
    name: 'FCVT, single or double from half',
    pattern: '000 11110 11 1 00010 sz:1 10000 Rn:5 Rd:5',
    syntax: 'fcvt <sz?SDd>, <Hn>',
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, byUnit(t, 1, sizeOf(sz), 1, t.v(Rn))),
  }),
  fpRow({
    name: 'FCVTL, FCVTL2, of singles',
    pattern: '0 Q:1 0 01110 01 10000 10111 10 Rn:5 Rd:5',
    syntax: 'fcvtl<Q?|2> <Vd>.2d, <Vn>.<Q?2s|4s>',
    semantics: (t, fields) => t.setV(fields.Rd, toDouble(t, 2, widened(t, fields))),
  }),
  fpRow({
    name: 'FCVTL, FCVTL2, of halves',
    pattern: '0 Q:1 0 01110 00 10000 10111 10 Rn:5 Rd:5',
    syntax: 'fcvtl<Q?|2> <Vd>.4s, <Vn>.<Q?4h|8h>',
    semantics: (t, fields) => t.setV(fields.Rd, byUnit(t, 1, 2, 4, widened(t, fields))),
  }),
  fpRow({
    name: 'FCVTN, FCVTN2, of doubles',
    pattern: '0 Q:1 0 01110 01 10000 10110 10 Rn:5 Rd:5',
    syntax: 'fcvtn<Q?|2> <Vd>.<Q?2s|4s>, <Vn>.2d',
    semantics: (t, fields) => narrowed(t, fields, toSingle(t, 2, t.v(fields.Rn))),
  }),
  fpRow({
    name: 'FCVTN, FCVTN2, of singles',
    pattern: '0 Q:1 0 01110 00 10000 10110 10 Rn:5 Rd:5',
    syntax: 'fcvtn<Q?|2> <Vd>.<Q?4h|8h>, <Vn>.4s',
    semantics: (t, fields) => narrowed(t, fields, byUnit(t, 2, 1, 4, t.v(fields.Rn))),
  }),
  fpRow({
    name: 'FCVTXN, FCVTXN2',
    pattern: '0 Q:1 1 01110 01 10000 10110 10 Rn:5 Rd:5',
    syntax: 'fcvtxn<Q?|2> <Vd>.<Q?2s|4s>, <Vn>.2d',
    semantics: (t, fields) => narrowed(t, fields, byUnit(t, 3, 2, 2, t.v(fields.Rn), true)),
  }),
  fpRow({
    name: 'FCVTXN, scalar',
    pattern: '01 1 11110 01 10000 10110 10 Rn:5 Rd:5',
    syntax: 'fcvtxn <Sd>, <Dn>',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, byUnit(t, 3, 2, 1, t.v(Rn), true)),
  }),
  ...signed,
];
