/** Conversions between formats, and to and from whole and fixed-point numbers (Arm ARM J1.3, shared/functions/float). */

import {
  defaultNan,
  HALF,
  infinity,
  isZero,
  pack,
  processNan,
  signed,
  unpack,
  zero,
  type FloatFormat,
  type FloatStatus,
  type Nan,
  type Rounding,
} from './format.js';
import { round, roundShift } from './round.js';

/** FPRoundInt(). @param raisesInexact as FRINTX does */
export const roundToIntegral = (
  status: FloatStatus,
  format: FloatFormat,
  operand: bigint,
  rounding: Rounding,
  raisesInexact: boolean,
): bigint => {
  const a = unpack(status, format, operand);
  if (a.kind === 'nan') return processNan(status, format, a);
  if (a.kind === 'infinity' || a.exponent >= 0 || isZero(a)) return pack(format, a);
  const { whole, isExact } = roundShift(a.mantissa, -a.exponent, a.negative, rounding);
  if (!isExact && raisesInexact) status.raise('inexact');
  return whole === 0n ? zero(format, a.negative) : round(status, format, a.negative, whole, 0);
};

/** A whole number's width, and whether it is two's complement. */
export interface IntegerFormat {
  readonly bits: number;
  readonly isSigned: boolean;
}

/** The nearest there is (Arm ARM, SatQ()). */
const saturate = (value: bigint, { bits, isSigned }: IntegerFormat): bigint => {
  const largest = (1n << BigInt(isSigned ? bits - 1 : bits)) - 1n;
  const least = isSigned ? -largest - 1n : 0n;
  return value < least ? least : value > largest ? largest : value;
};

/**
 * FPToFixed(): times 2^`fractionBits`, as a whole number. @returns unsigned, as its bits
 */
export const toFixed = (
  status: FloatStatus,
  format: FloatFormat,
  operand: bigint,
  integer: IntegerFormat,
  rounding: Rounding,
  fractionBits = 0,
): bigint => {
  const a = unpack(status, format, operand);
  const bitsOf = (value: bigint): bigint => BigInt.asUintN(integer.bits, value);
  if (a.kind === 'nan') {
    status.raise('invalid');
    return 0n;
  }
  if (a.kind === 'infinity') {
    status.raise('invalid');
    const beyond = 1n << BigInt(integer.bits);
    return bitsOf(saturate(a.negative ? -beyond : beyond, integer));
  }
  const { whole, isExact } = roundShift(a.mantissa, -a.exponent - fractionBits, a.negative, rounding);
  const value = a.negative ? -whole : whole;
  const saturated = saturate(value, integer);
  if (saturated !== value) status.raise('invalid');
  else if (!isExact) status.raise('inexact');
  return bitsOf(saturated);
};

/** FixedToFP(): a whole number over 2^`fractionBits`. @param operand its bits */
export const fromFixed = (
  status: FloatStatus,
  format: FloatFormat,
  operand: bigint,
  { bits, isSigned }: IntegerFormat,
  fractionBits = 0,
): bigint => {
  const value = isSigned ? BigInt.asIntN(bits, operand) : BigInt.asUintN(bits, operand);
  if (value === 0n) return zero(format, false);
  return round(status, format, value < 0n, value < 0n ? -value : value, -fractionBits);
};

/** Its upper bits, or with zeros behind (Arm ARM, FPConvertNaN()). */
const convertNan = (from: FloatFormat, to: FloatFormat, { bits }: Nan): bigint => {
  const fraction = bits & from.fraction;
  const more = BigInt(to.fractionBits - from.fractionBits);
  const payload = more >= 0n ? fraction << more : fraction >> -more;
  return signed(to, (bits & from.sign) !== 0n, defaultNan(to) | payload);
};

/** FPConvert(). */
export const convert = (
  status: FloatStatus,
  from: FloatFormat,
  to: FloatFormat,
  operand: bigint,
  rounding = status.modes.rounding,
): bigint => {
  const a = unpack(status, from, operand);
  const isAlternative = to === HALF && status.modes.alternativeHalf;
  const negative = a.kind === 'nan' ? (a.bits & from.sign) !== 0n : a.negative;
  if (a.kind !== 'finite' && isAlternative) {
    status.raise('invalid');
    return a.kind === 'nan' ? zero(to, negative) : signed(to, negative, to.sign - 1n);
  }
  if (a.kind === 'nan') {
    if (!a.isQuiet) status.raise('invalid');
    return status.modes.defaultNan ? defaultNan(to) : convertNan(from, to, a);
  }
  if (a.kind === 'infinity') return infinity(to, negative);
  return a.mantissa === 0n ? zero(to, negative) : round(status, to, negative, a.mantissa, a.exponent, rounding);
};
