/** Sums, products, quotients, roots, and what is fused of them (Arm ARM J1.3, shared/functions/float). */

import {
  defaultNan,
  infinity,
  invalid,
  isZero,
  negate,
  power,
  processNans,
  unpack,
  zero,
  type Finite,
  type FloatFormat,
  type FloatStatus,
  type Unpacked,
} from './format.js';
import { lengthOf, round } from './round.js';

type NumberOrInfinity = Exclude<Unpacked, { kind: 'nan' }>;

/** The sum of two numbers; of an exact zero, the sign is the operands', or else the rounding's. */
const addFinite = (status: FloatStatus, format: FloatFormat, a: Finite, b: Finite): bigint => {
  const exponent = Math.min(a.exponent, b.exponent);
  const aligned = ({ negative, mantissa, exponent: own }: Finite): bigint =>
    (negative ? -mantissa : mantissa) << BigInt(own - exponent);
  const sum = aligned(a) + aligned(b);
  if (sum !== 0n) return round(status, format, sum < 0n, sum < 0n ? -sum : sum, exponent);
  const bothNegative = a.negative && b.negative;
  const isZeros = a.mantissa === 0n && b.mantissa === 0n && a.negative === b.negative;
  return zero(format, isZeros ? bothNegative : status.modes.rounding === 'down');
};

/** FPAdd(). */
export const add = (status: FloatStatus, format: FloatFormat, first: bigint, second: bigint): bigint => {
  const [a, b] = [unpack(status, format, first), unpack(status, format, second)];
  if (a.kind === 'nan' || b.kind === 'nan') return processNans(status, format, [a, b]) ?? defaultNan(format);
  if (a.kind === 'infinity') {
    if (b.kind === 'infinity' && a.negative !== b.negative) return invalid(status, format);
    return infinity(format, a.negative);
  }
  if (b.kind === 'infinity') return infinity(format, b.negative);
  return addFinite(status, format, a, b);
};

/** FPSub(): a NaN keeps its sign. */
export const subtract = (status: FloatStatus, format: FloatFormat, first: bigint, second: bigint): bigint => {
  const isNan = (second & ~format.sign) > format.infinity;
  return add(status, format, first, isNan ? second : negate(format, second));
};

const isInfiniteTimesZero = (a: Unpacked, b: Unpacked): boolean =>
  (a.kind === 'infinity' && isZero(b)) || (b.kind === 'infinity' && isZero(a));

/** @param ofInfiniteAndZero what infinity times zero is */
const multiplyWith = (
  status: FloatStatus,
  format: FloatFormat,
  first: bigint,
  second: bigint,
  ofInfiniteAndZero: (negative: boolean) => bigint,
): bigint => {
  const [a, b] = [unpack(status, format, first), unpack(status, format, second)];
  if (a.kind === 'nan' || b.kind === 'nan') return processNans(status, format, [a, b]) ?? defaultNan(format);
  const negative = a.negative !== b.negative;
  if (isInfiniteTimesZero(a, b)) return ofInfiniteAndZero(negative);
  if (a.kind === 'infinity' || b.kind === 'infinity') return infinity(format, negative);
  const product = a.mantissa * b.mantissa;
  return product === 0n ? zero(format, negative) : round(status, format, negative, product, a.exponent + b.exponent);
};

/** FPMul(). */
export const multiply = (status: FloatStatus, format: FloatFormat, first: bigint, second: bigint): bigint =>
  multiplyWith(status, format, first, second, () => invalid(status, format));

/** FPMulX(): infinity times zero is 2. */
export const multiplyExtended = (status: FloatStatus, format: FloatFormat, first: bigint, second: bigint): bigint =>
  multiplyWith(status, format, first, second, (negative) => power(format, 1) | zero(format, negative));

/** A quotient or root has more bits than it is rounded to by so many; the last one says whether something is behind. */
const GUARD_BITS = 3;

/** FPDiv(). */
export const divide = (status: FloatStatus, format: FloatFormat, first: bigint, second: bigint): bigint => {
  const [a, b] = [unpack(status, format, first), unpack(status, format, second)];
  if (a.kind === 'nan' || b.kind === 'nan') return processNans(status, format, [a, b]) ?? defaultNan(format);
  const negative = a.negative !== b.negative;
  if (a.kind === 'infinity') return b.kind === 'infinity' ? invalid(status, format) : infinity(format, negative);
  if (b.kind === 'infinity') return zero(format, negative);
  if (b.mantissa === 0n) {
    if (a.mantissa === 0n) return invalid(status, format);
    status.raise('divideByZero');
    return infinity(format, negative);
  }
  if (a.mantissa === 0n) return zero(format, negative);
  const shift = Math.max(0, format.fractionBits + GUARD_BITS + lengthOf(b.mantissa) - lengthOf(a.mantissa));
  const dividend = a.mantissa << BigInt(shift);
  const quotient = dividend / b.mantissa;
  const sticky = quotient * b.mantissa === dividend ? 0n : 1n;
  return round(status, format, negative, (quotient << 1n) | sticky, a.exponent - b.exponent - shift - 1);
};

/** The largest whole number whose square is not above another one, by Newton's method. */
const integerRoot = (square: bigint): bigint => {
  let root = 1n << BigInt((lengthOf(square) + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
};

/** FPSqrt(). */
export const squareRoot = (status: FloatStatus, format: FloatFormat, operand: bigint): bigint => {
  const a = unpack(status, format, operand);
  if (a.kind === 'nan') return processNans(status, format, [a]) ?? defaultNan(format);
  if (isZero(a)) return zero(format, a.negative);
  if (a.negative) return invalid(status, format);
  if (a.kind === 'infinity') return infinity(format, false);
  const wanted = Math.max(0, 2 * (format.fractionBits + GUARD_BITS) - lengthOf(a.mantissa));
  const shift = wanted + (Math.abs(a.exponent - wanted) % 2);
  const square = a.mantissa << BigInt(shift);
  const root = integerRoot(square);
  const sticky = root * root === square ? 0n : 1n;
  return round(status, format, false, (root << 1n) | sticky, (a.exponent - shift) / 2 - 1);
};

/** A product and a sum that round once; NaNs are dealt with. */
const addProduct = (
  status: FloatStatus,
  format: FloatFormat,
  addend: NumberOrInfinity,
  n: NumberOrInfinity,
  m: NumberOrInfinity,
): bigint => {
  const negative = n.negative !== m.negative;
  if (isInfiniteTimesZero(n, m)) return invalid(status, format);
  if (n.kind === 'infinity' || m.kind === 'infinity') {
    if (addend.kind === 'infinity' && addend.negative !== negative) return invalid(status, format);
    return infinity(format, negative);
  }
  if (addend.kind === 'infinity') return infinity(format, addend.negative);
  const product = { mantissa: n.mantissa * m.mantissa, exponent: n.exponent + m.exponent };
  return addFinite(status, format, addend, { kind: 'finite', negative, ...product });
};

/** `addend + first * second` (FPMulAdd()). */
export const multiplyAdd = (
  status: FloatStatus,
  format: FloatFormat,
  addend: bigint,
  first: bigint,
  second: bigint,
): bigint => {
  const a = unpack(status, format, addend);
  const [n, m] = [unpack(status, format, first), unpack(status, format, second)];
  // Infinity times zero counts before a quiet addend, and behind a signalling one.
  if (a.kind === 'nan' && a.isQuiet && isInfiniteTimesZero(n, m)) return invalid(status, format);
  if (a.kind === 'nan' || n.kind === 'nan' || m.kind === 'nan')
    return processNans(status, format, [a, n, m]) ?? defaultNan(format);
  return addProduct(status, format, a, n, m);
};

/** `constant - first * second`, or half of that, where infinity times zero is zero. */
const step = (
  status: FloatStatus,
  format: FloatFormat,
  first: bigint,
  second: bigint,
  { constant, halvings }: { readonly constant: bigint; readonly halvings: 0 | 1 },
): bigint => {
  const [a, b] = [unpack(status, format, negate(format, first)), unpack(status, format, second)];
  if (a.kind === 'nan' || b.kind === 'nan') return processNans(status, format, [a, b]) ?? defaultNan(format);
  const halved = (exponent: number): number => exponent - halvings;
  const whole: Finite = { kind: 'finite', negative: false, mantissa: constant, exponent: halved(0) };
  if (isInfiniteTimesZero(a, b)) return addFinite(status, format, whole, { ...whole, mantissa: 0n });
  const negative = a.negative !== b.negative;
  if (a.kind === 'infinity' || b.kind === 'infinity') return infinity(format, negative);
  const product = { mantissa: a.mantissa * b.mantissa, exponent: halved(a.exponent + b.exponent) };
  return addFinite(status, format, whole, { kind: 'finite', negative, ...product });
};

/** FPRecipStepFused(): 2 less the product. */
export const reciprocalStep = (status: FloatStatus, format: FloatFormat, first: bigint, second: bigint): bigint =>
  step(status, format, first, second, { constant: 2n, halvings: 0 });

/** FPRSqrtStepFused(): 3 less the product, and half of that. */
export const reciprocalRootStep = (status: FloatStatus, format: FloatFormat, first: bigint, second: bigint): bigint =>
  step(status, format, first, second, { constant: 3n, halvings: 1 });
