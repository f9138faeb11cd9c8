/** Estimates of reciprocals and of reciprocal square roots, to eight bits (Arm ARM J1.3, shared/functions/float). */

import {
  infinity,
  invalid,
  isZero,
  processNan,
  signed,
  unpack,
  zero,
  type FloatFormat,
  type FloatStatus,
} from './format.js';
import { lengthOf, overflow } from './round.js';

const ONES_32 = 0xffff_ffffn;

/** RecipEstimate(): of 256 to 511, which stand for 0.5 up to 1; from 256 to 511, for 1 up to 2. */
const reciprocalOf = (operand: number): number => (Math.floor(2 ** 19 / (operand * 2 + 1)) + 1) >> 1;

/** RecipSqrtEstimate(): of 128 to 511, which stand for 0.25 up to 1; from 256 to 511, for 1 up to 2. */
const reciprocalRootOf = (operand: number): number => {
  const middle = operand < 256 ? operand * 2 + 1 : ((operand >> 1) * 2 + 1) * 2;
  let root = 512;
  while (middle * (root + 1) * (root + 1) < 2 ** 28) root++;
  return (root + 1) >> 1;
};

/** What an estimate is made of: the exponent's field, which may be below 1 here, and the fraction, with 52 bits. */
interface Scaled {
  readonly exponent: number;
  readonly fraction: bigint;
}

const FRACTION_BITS = 52;
const FRACTION = (1n << 52n) - 1n;

/** A subnormal number gets the exponent that it would have, if there were one for it. */
const scaledOf = (format: FloatFormat, mantissa: bigint, exponent: number): Scaled => {
  const length = lengthOf(mantissa);
  const missing = format.fractionBits + 1 - length;
  return {
    exponent: exponent - format.leastExponent + 1 - missing,
    fraction: (mantissa << BigInt(FRACTION_BITS + 1 - length)) & FRACTION,
  };
};

const packed = (format: FloatFormat, negative: boolean, { exponent, fraction }: Scaled): bigint => {
  const cut = fraction >> BigInt(FRACTION_BITS - format.fractionBits);
  return signed(format, negative, (BigInt(exponent) << BigInt(format.fractionBits)) | cut);
};

/** The exponent's field of 1. */
const biasOf = (format: FloatFormat): number => 1 - format.leastExponent - format.fractionBits;

/** The eight bits of an estimate behind its first one, as a fraction. */
const fractionOf = (estimate: number): bigint => BigInt(estimate & 255) << 44n;

/** FPRecipEstimate(). */
export const reciprocalEstimate = (status: FloatStatus, format: FloatFormat, operand: bigint): bigint => {
  const a = unpack(status, format, operand);
  if (a.kind === 'nan') return processNan(status, format, a);
  if (a.kind === 'infinity') return zero(format, a.negative);
  if (isZero(a)) {
    status.raise('divideByZero');
    return infinity(format, a.negative);
  }
  const { exponent, fraction } = scaledOf(format, a.mantissa, a.exponent);
  const bias = biasOf(format);
  if (exponent < -1) return overflow(status, format, a.negative, status.modes.rounding);
  if (status.modes.flushToZero && exponent >= 2 * bias - 1) {
    status.raise('underflow');
    return zero(format, a.negative);
  }
  const estimate = fractionOf(reciprocalOf(256 + Number(fraction >> 44n)));
  const result = 2 * bias - 1 - exponent;
  // A subnormal result has the first bit in its fraction.
  const subnormal = ((1n << 52n) | estimate) >> BigInt(1 - Math.min(result, 1));
  return packed(format, a.negative, {
    exponent: Math.max(result, 0),
    fraction: result > 0 ? estimate : subnormal,
  });
};

/** FPRSqrtEstimate(). */
export const reciprocalRootEstimate = (status: FloatStatus, format: FloatFormat, operand: bigint): bigint => {
  const a = unpack(status, format, operand);
  if (a.kind === 'nan') return processNan(status, format, a);
  if (isZero(a)) {
    status.raise('divideByZero');
    return infinity(format, a.negative);
  }
  if (a.negative) return invalid(status, format);
  if (a.kind === 'infinity') return zero(format, false);
  const { exponent, fraction } = scaledOf(format, a.mantissa, a.exponent);
  const isEven = exponent % 2 === 0;
  const scaled = isEven ? 256 + Number(fraction >> 44n) : 128 + Number(fraction >> 45n);
  return packed(format, false, {
    exponent: Math.trunc((3 * biasOf(format) - 1 - exponent) / 2),
    fraction: fractionOf(reciprocalRootOf(scaled)),
  });
};

/** FPRecpX(): the exponent's bits turned around, and no fraction. */
export const reciprocalExponent = (status: FloatStatus, format: FloatFormat, operand: bigint): bigint => {
  const a = unpack(status, format, operand);
  if (a.kind === 'nan') return processNan(status, format, a);
  const exponent = operand & format.infinity;
  const least = format.fraction + 1n;
  return signed(format, a.negative, exponent === 0n ? format.infinity - least : format.infinity & ~exponent);
};

/** UnsignedRecipEstimate(), of numbers from 0.5 up to 1. */
export const unsignedReciprocalEstimate = (operand: bigint): bigint =>
  operand >> 31n === 0n ? ONES_32 : BigInt(reciprocalOf(Number(operand >> 23n))) << 23n;

/** UnsignedRSqrtEstimate(), of numbers from 0.25 up to 1. */
export const unsignedReciprocalRootEstimate = (operand: bigint): bigint =>
  operand >> 30n === 0n ? ONES_32 : BigInt(reciprocalRootOf(Number(operand >> 23n))) << 23n;
