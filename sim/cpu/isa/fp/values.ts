/**
 * Floating-point arithmetic on elements of 32 (size 2) or 64 bits (size 3), as with FPCR = 0: to nearest, ties to even,
 * nothing flushed to zero. WebAssembly agrees with A64 but for the bits of NaNs, which are made here (FPProcessNaNs,
 * Arm ARM J1.3). A scalar is computed as element 0 of a vector.
 */

import type { Ops } from '../../language/ops.js';
import { i32, operation, type F32, type F64, type V128 } from '../../language/value.js';
import {
  and,
  andNot,
  bitSelect,
  constant64,
  repeated,
  equal,
  evens,
  extend,
  float,
  or,
  shl,
  shr,
  ZERO,
  type Half,
} from '../vector/values.js';

export type FloatSize = 2 | 3;

/** The size that the fields `sz` or `type` have for single (0) and double precision (1). */
export const sizeOf = (sz: number): FloatSize => (sz === 1 ? 3 : 2);

const QUIET = { 2: repeated(2, 1n << 22n), 3: repeated(3, 1n << 51n) } as const;
const DEFAULT_NAN = { 2: repeated(2, 0x7fc0_0000n), 3: repeated(3, 0x7ff8n << 48n) } as const;
const SIGN = { 2: repeated(2, 1n << 31n), 3: repeated(3, 1n << 63n) } as const;
const HALF = { 2: repeated(2, 0x3f00_0000n), 3: repeated(3, 0x3fe0n << 48n) } as const;
const ONE = { 2: repeated(2, 0x3f80_0000n), 3: repeated(3, 0x3ff0n << 48n) } as const;

const isNan = (size: FloatSize, a: V128): V128 => float(size, 'ne', a, a);
const isNumber = (size: FloatSize, a: V128): V128 => float(size, 'eq', a, a);
const isQuiet = (size: FloatSize, a: V128): V128 => equal(size, and(a, QUIET[size]), QUIET[size]);

/** The NaN that comes of two operands: a signalling one before a quiet one, the first before the second. */
const nanOf = (t: Ops, size: FloatSize, n: V128, m: V128): V128 => {
  const nIsNan = t.let(isNan(size, n));
  const mIsNan = t.let(isNan(size, m));
  const quiet = bitSelect(nIsNan, n, bitSelect(mIsNan, m, DEFAULT_NAN[size]));
  const mSignals = andNot(mIsNan, isQuiet(size, m));
  const nSignals = andNot(nIsNan, isQuiet(size, n));
  return or(bitSelect(nSignals, n, bitSelect(mSignals, m, quiet)), QUIET[size]);
};

const nanOfOne = (size: FloatSize, a: V128): V128 => or(bitSelect(isNan(size, a), a, DEFAULT_NAN[size]), QUIET[size]);

/** `result` where it is a number. */
const withNan = (t: Ops, size: FloatSize, result: V128, nan: V128): V128 => {
  const once = t.let(result);
  return bitSelect(isNumber(size, once), once, nan);
};

export type Binary = (t: Ops, size: FloatSize, n: V128, m: V128) => V128;
export type Unary = (t: Ops, size: FloatSize, a: V128) => V128;

const binary =
  (name: 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max'): Binary =>
  (t, size, n, m) => {
    const [a, b] = [t.let(n), t.let(m)];
    return withNan(t, size, float(size, name, a, b), nanOf(t, size, a, b));
  };

export const fadd = binary('add');
export const fsub = binary('sub');
export const fmul = binary('mul');
export const fdiv = binary('div');
export const fmin = binary('min');
export const fmax = binary('max');

export const fabs: Unary = (_, size, a) => float(size, 'abs', a);
export const fneg: Unary = (_, size, a) => float(size, 'neg', a);
export const fabd: Binary = (t, size, n, m) => fabs(t, size, fsub(t, size, n, m));
export const fnmul: Binary = (t, size, n, m) => fneg(t, size, fmul(t, size, n, m));

/** FMAXNM and FMINNM: a quiet NaN gives way to a number. */
const numberOf =
  (combine: Binary): Binary =>
  (t, size, n, m) => {
    const [a, b] = [t.let(n), t.let(m)];
    const quietA = and(isNan(size, a), isQuiet(size, a));
    const quietB = and(isNan(size, b), isQuiet(size, b));
    return combine(
      t,
      size,
      bitSelect(and(quietA, isNumber(size, b)), b, a),
      bitSelect(and(quietB, isNumber(size, a)), a, b),
    );
  };

export const fmaxnm = numberOf(fmax);
export const fminnm = numberOf(fmin);

const unary =
  (name: 'sqrt' | 'nearest' | 'ceil' | 'floor' | 'trunc'): Unary =>
  (t, size, a) => {
    const once = t.let(a);
    return withNan(t, size, float(size, name, once), nanOfOne(size, once));
  };

export const fsqrt = unary('sqrt');
export const roundToEven = unary('nearest');
export const roundUp = unary('ceil');
export const roundDown = unary('floor');
export const roundToZero = unary('trunc');

/** To nearest, ties away from zero: one more than the truncated number if at least a half is cut off. */
export const roundAway: Unary = (t, size, a) => {
  const once = t.let(a);
  const whole = t.let(float(size, 'trunc', once));
  const isMore = float(size, 'ge', float(size, 'abs', float(size, 'sub', once, whole)), HALF[size]);
  const magnitude = float(size, 'add', float(size, 'abs', whole), and(isMore, ONE[size]));
  return withNan(t, size, or(magnitude, and(once, SIGN[size])), nanOfOne(size, once));
};

const SINGLE_FRACTION = constant64(0x7f_ffffn);
const TWENTY_NINE = i32.const(29);
const THIRTY_TWO = i32.const(32);

/** Two singles, of one half, as doubles. */
export const toDouble = (t: Ops, half: Half, a: V128): V128 => {
  const bits = t.let(extend(2, 'u', half, a));
  const result = operation('v128', 'f64x2.promote_low_f32x4', [half === 'low' ? a : evens(2, bits, ZERO)]);
  const sign = and(shl(3, bits, THIRTY_TWO), SIGN[3]);
  const nan = or(or(sign, DEFAULT_NAN[3]), shl(3, and(bits, SINGLE_FRACTION), TWENTY_NINE));
  return withNan(t, 3, result, nan);
};

/** Two doubles as singles in the low half, and zeros. */
export const toSingle = (t: Ops, a: V128): V128 => {
  const once = t.let(a);
  const sign = and(shr(3, 'u', once, THIRTY_TWO), constant64(1n << 31n));
  const fraction = and(shr(3, 'u', once, TWENTY_NINE), SINGLE_FRACTION);
  const nan = or(or(sign, constant64(0x7fc0_0000n)), fraction);
  const result = t.let(operation('v128', 'f32x4.demote_f64x2_zero', [once]));
  return bitSelect(isNumber(2, result), result, evens(2, nan, ZERO));
};

/** Element as WebAssembly's scalar. */
export const single = (a: V128, index = 0): F32 => operation('f32', 'f32x4.extract_lane', [a], [index]);
export const double = (a: V128, index = 0): F64 => operation('f64', 'f64x2.extract_lane', [a], [index]);

/** 2^`exponent` in every element. */
export const powerOfTwo = (size: FloatSize, exponent: number): V128 =>
  size === 3 ? repeated(3, BigInt(1023 + exponent) << 52n) : repeated(2, BigInt(127 + exponent) << 23n);
