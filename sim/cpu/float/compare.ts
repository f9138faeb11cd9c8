/** Comparisons, maxima and minima (Arm ARM J1.3, shared/functions/float). */

import {
  defaultNan,
  infinity,
  isZero,
  magnitude,
  pack,
  processNans,
  unpack,
  zero,
  type Finite,
  type FloatFormat,
  type FloatStatus,
  type Infinite,
} from './format.js';

/** NZCV of less, equal, greater and unordered (FPCompare()). */
export const FLAGS = { less: 0b1000, equal: 0b0110, greater: 0b0010, unordered: 0b0011 } as const;

/** A whole number that is the larger, the larger a number of the format is. */
const ordinal = (format: FloatFormat, value: Finite | Infinite): bigint => {
  const size = magnitude(format, pack(format, value));
  return value.negative ? -size : size;
};

/** @param isSignalling quiet NaNs raise Invalid Operation, too, and not only signalling ones */
const relationOf = (
  status: FloatStatus,
  format: FloatFormat,
  first: bigint,
  second: bigint,
  isSignalling: boolean,
): keyof typeof FLAGS => {
  const [a, b] = [unpack(status, format, first), unpack(status, format, second)];
  if (a.kind === 'nan' || b.kind === 'nan') {
    if (isSignalling || [a, b].some((value) => value.kind === 'nan' && !value.isQuiet)) status.raise('invalid');
    return 'unordered';
  }
  const [left, right] = [ordinal(format, a), ordinal(format, b)];
  if (left === right) return 'equal';
  return left < right ? 'less' : 'greater';
};

/** FPCompare(). @returns NZCV in bits 3 to 0 */
export const compare = (
  status: FloatStatus,
  format: FloatFormat,
  first: bigint,
  second: bigint,
  isSignalling: boolean,
): number => FLAGS[relationOf(status, format, first, second, isSignalling)];

export type Predicate = 'equal' | 'greater' | 'greaterOrEqual';

/** FPCompareEQ(), FPCompareGT() and FPCompareGE(). */
export const holds = (
  status: FloatStatus,
  format: FloatFormat,
  predicate: Predicate,
  first: bigint,
  second: bigint,
): boolean => {
  const relation = relationOf(status, format, first, second, predicate !== 'equal');
  switch (predicate) {
    case 'equal':
      return relation === 'equal';
    case 'greater':
      return relation === 'greater';
    case 'greaterOrEqual':
      return relation === 'greater' || relation === 'equal';
  }
};

export type Extreme = 'max' | 'min';

/** FPMax() and FPMin(): positive zero is above negative zero. */
export const extreme = (
  status: FloatStatus,
  format: FloatFormat,
  which: Extreme,
  first: bigint,
  second: bigint,
): bigint => {
  const [a, b] = [unpack(status, format, first), unpack(status, format, second)];
  if (a.kind === 'nan' || b.kind === 'nan') return processNans(status, format, [a, b]) ?? defaultNan(format);
  if (isZero(a) && isZero(b))
    return zero(format, which === 'max' ? a.negative && b.negative : a.negative || b.negative);
  const isFirst = ordinal(format, a) > ordinal(format, b) === (which === 'max');
  return pack(format, isFirst ? a : b);
};

/** FPMaxNum() and FPMinNum(): a quiet NaN gives way to what is none. */
export const extremeNumber = (
  status: FloatStatus,
  format: FloatFormat,
  which: Extreme,
  first: bigint,
  second: bigint,
): bigint => {
  const isQuietNan = (bits: bigint): boolean => magnitude(format, bits) >= defaultNan(format);
  const yielding = infinity(format, which === 'max');
  if (isQuietNan(first) && !isQuietNan(second)) return extreme(status, format, which, yielding, second);
  if (isQuietNan(second) && !isQuietNan(first)) return extreme(status, format, which, first, yielding);
  return extreme(status, format, which, first, second);
};
