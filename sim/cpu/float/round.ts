/** Rounding, which every operation ends with. */

import { HALF, signed, zero, type FloatFormat, type FloatStatus, type Rounding } from './format.js';

/** Number of bits of a number that is not negative; 0 has none. */
export const lengthOf = (value: bigint): number => {
  if (value === 0n) return 0;
  const digits = value.toString(16);
  return 4 * digits.length - Math.clz32(Number.parseInt(digits[0]!, 16)) + 28;
};

const roundsUp = (rounding: Rounding, negative: boolean, isOdd: boolean, rest: bigint, half: bigint): boolean => {
  switch (rounding) {
    case 'even':
      return rest > half || (rest === half && isOdd);
    case 'away':
      return rest >= half;
    case 'up':
      return !negative;
    case 'down':
      return negative;
    case 'zero':
    case 'odd':
      return false;
  }
};

/** `magnitude / 2 ** shift` as a whole number; of a negative shift, always exact. */
export const roundShift = (
  magnitude: bigint,
  shift: number,
  negative: boolean,
  rounding: Rounding,
): { readonly whole: bigint; readonly isExact: boolean } => {
  if (shift <= 0) return { whole: magnitude << BigInt(-shift), isExact: true };
  const whole = magnitude >> BigInt(shift);
  const rest = magnitude - (whole << BigInt(shift));
  if (rest === 0n) return { whole, isExact: true };
  const half = 1n << BigInt(shift - 1);
  if (roundsUp(rounding, negative, (whole & 1n) === 1n, rest, half)) return { whole: whole + 1n, isExact: false };
  return { whole: rounding === 'odd' ? whole | 1n : whole, isExact: false };
};

/** What a number becomes that is too large for the format. */
export const overflow = (status: FloatStatus, format: FloatFormat, negative: boolean, rounding: Rounding): bigint => {
  status.raise('overflow');
  status.raise('inexact');
  // Nearer to infinity than to the largest number, as whatever more than half of a step is.
  const isInfinite = roundsUp(rounding, negative, false, 2n, 1n);
  return signed(format, negative, isInfinite ? format.infinity : format.infinity - 1n);
};

/**
 * The number of the format for `magnitude * 2 ** exponent` (Arm ARM, FPRound()). Whether it is too small is asked before
 * it is rounded. @param magnitude above 0
 */
export const round = (
  status: FloatStatus,
  format: FloatFormat,
  negative: boolean,
  magnitude: bigint,
  exponent: number,
  rounding: Rounding = status.modes.rounding,
): bigint => {
  const { fractionBits, leastExponent } = format;
  const wanted = exponent + lengthOf(magnitude) - 1 - fractionBits;
  const isTiny = wanted < leastExponent;
  if (isTiny && status.modes.flushToZero && format !== HALF) {
    status.raise('underflow');
    return zero(format, negative);
  }
  const last = isTiny ? leastExponent : wanted;
  const { whole, isExact } = roundShift(magnitude, last - exponent, negative, rounding);
  if (isTiny && !isExact) status.raise('underflow');
  // A number that became one bit longer carries into the exponent, as a subnormal one that became normal does.
  const bits = (BigInt(last - leastExponent) << BigInt(fractionBits)) + whole;
  if (format === HALF && status.modes.alternativeHalf) {
    const largest = format.sign - 1n;
    if (bits > largest) {
      status.raise('invalid');
      return signed(format, negative, largest);
    }
  } else if (bits >= format.infinity) return overflow(status, format, negative, rounding);
  if (!isExact) status.raise('inexact');
  return signed(format, negative, bits);
};
