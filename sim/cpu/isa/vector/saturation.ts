/** Arithmetic on vectors whose results saturate, and which elements did (SatQ, Arm ARM J1.3). */

import { FPSR, type Ops } from '../../language/ops.js';
import { i32, type V128 } from '../../language/value.js';
import {
  ZERO,
  abs,
  add,
  addSaturating,
  and,
  andNot,
  anyTrue,
  bitSelect,
  bitsOf,
  equal,
  extendMultiply,
  greater,
  lowElement,
  neg,
  not,
  notEqual,
  odds,
  or,
  repeated,
  shr,
  sized,
  sub,
  subSaturating,
  xor,
  type Half,
  type Sign,
} from './values.js';

/** A vector, and bits that are set in the elements that saturated, and in no others. */
export interface Saturated {
  readonly value: V128;
  readonly saturated: V128;
}

const setQc = (t: Ops, saturated: V128): void => t.setFpsrBits(i32.shl(anyTrue(saturated), i32.const(FPSR.QC)));

/** Writes a vector as its Q bit says, and FPSR.QC if an element of it saturated. */
export const setSaturated = (t: Ops, rd: number, q: number, { value, saturated }: Saturated): void => {
  t.setV(rd, sized(q, value));
  setQc(t, sized(q, saturated));
};

/** The same of element 0 alone. */
export const setSaturatedScalar = (t: Ops, rd: number, size: number, { value, saturated }: Saturated): void => {
  t.setV(rd, lowElement(size, value));
  setQc(t, lowElement(size, saturated));
};

/** The smallest signed number: the sign bit. */
const smallest = (size: number): V128 => repeated(size, 1n << BigInt(bitsOf(size) - 1));

/** The largest or the smallest signed number: that with the sign of `a`. */
const limitLike = (size: number, a: V128): V128 =>
  xor(shr(size, 's', a, i32.const(bitsOf(size) - 1)), not(smallest(size)));

/** All ones where an element is negative. */
const isNegative = (size: number, a: V128): V128 => greater(size, 's', ZERO, a);

type Combine = (t: Ops, size: number, sign: Sign, a: V128, b: V128) => Saturated;

/** A sum or difference as it wraps: where both are not the same, an element saturated. */
const wrapped = (t: Ops, saturating: V128, wrapping: V128): Saturated => {
  const value = t.let(saturating);
  return { value, saturated: xor(value, wrapping) };
};

export const saturatingAdd: Combine = (t, size, sign, a, b) => {
  if (size < 2) return wrapped(t, addSaturating(size, sign, a, b), add(size, a, b));
  const sum = t.let(add(size, a, b));
  if (sign === 'u') {
    const saturated = t.let(greater(size, 'u', a, sum));
    return { value: or(sum, saturated), saturated };
  }
  // The sum has a sign that neither operand has.
  const saturated = t.let(isNegative(size, and(xor(a, sum), xor(b, sum))));
  return { value: bitSelect(saturated, limitLike(size, a), sum), saturated };
};

export const saturatingSub: Combine = (t, size, sign, a, b) => {
  if (size < 2) return wrapped(t, subSaturating(size, sign, a, b), sub(size, a, b));
  const difference = t.let(sub(size, a, b));
  if (sign === 'u') {
    const saturated = t.let(greater(size, 'u', b, a));
    return { value: andNot(difference, saturated), saturated };
  }
  const saturated = t.let(isNegative(size, and(xor(a, b), xor(a, difference))));
  return { value: bitSelect(saturated, limitLike(size, a), difference), saturated };
};

/**
 * An operand of the other signedness added to `a`, which has that of the result. With their sign bits flipped, numbers
 * of the one kind are in the order of the other.
 */
export const saturatingAddOfOther: Combine = (t, size, sign, a, other) => {
  const flip = smallest(size);
  const { value, saturated } = saturatingAdd(t, size, sign === 's' ? 'u' : 's', t.let(xor(a, flip)), other);
  return { value: xor(value, flip), saturated };
};

/** Only the smallest number has no magnitude. */
export const saturatingAbs = (t: Ops, size: number, a: V128): Saturated => {
  const saturated = t.let(equal(size, a, smallest(size)));
  return { value: xor(abs(size, a), saturated), saturated };
};

export const saturatingNeg = (t: Ops, size: number, a: V128): Saturated => {
  const saturated = t.let(equal(size, a, smallest(size)));
  return { value: xor(neg(size, a), saturated), saturated };
};

/** Elements that were shifted to the left. */
interface ShiftedLeft {
  readonly from: V128;
  readonly shifted: V128;
  /** `shifted`, as far to the right again. */
  readonly back: V128;
}

/** The largest or the smallest number, where a shift to the left lost bits. */
export const saturatingLeft = (t: Ops, size: number, sign: Sign, { from, shifted, back }: ShiftedLeft): Saturated => {
  const saturated = t.let(notEqual(size, back, from));
  const value = sign === 'u' ? or(shifted, saturated) : bitSelect(saturated, limitLike(size, from), shifted);
  return { value, saturated };
};

/** The same of signed numbers whose results are unsigned: zero for negative ones. */
export const saturatingLeftToUnsigned = (t: Ops, size: number, elements: ShiftedLeft): Saturated => {
  const negative = t.let(isNegative(size, elements.from));
  const { value, saturated } = saturatingLeft(t, size, 'u', elements);
  return { value: andNot(value, negative), saturated: or(saturated, negative) };
};

/** How elements become half as wide: signed, unsigned, or unsigned of signed ones. */
export type Narrowing = 's' | 'u' | 's to u';

/** Wide elements as near to themselves as `size` has room for. */
export const clamp = (t: Ops, size: number, narrowing: Narrowing, wide: V128): Saturated => {
  const bits = BigInt(bitsOf(size));
  const value = t.let(wide);
  const largest = repeated(size + 1, narrowing === 's' ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n);
  const isAbove = t.let(greater(size + 1, narrowing === 'u' ? 'u' : 's', value, largest));
  const notAbove = bitSelect(isAbove, largest, value);
  if (narrowing === 'u') return { value: notAbove, saturated: isAbove };
  const least = narrowing === 's' ? repeated(size + 1, -1n << (bits - 1n)) : ZERO;
  const isBelow = t.let(greater(size + 1, 's', least, value));
  return { value: bitSelect(isBelow, least, notAbove), saturated: or(isAbove, isBelow) };
};

/** Twice the products of signed elements of one half, twice as wide: one of them alone is too large. */
export const doubledProduct = (t: Ops, size: number, half: Half, a: V128, b: V128): Saturated => {
  const product = t.let(extendMultiply(size, 's', half, a, b));
  const doubled = t.let(add(size + 1, product, product));
  const saturated = t.let(equal(size + 1, doubled, smallest(size + 1)));
  return { value: xor(doubled, saturated), saturated };
};

/** The high halves of twice the products of signed elements, rounded or not. */
export const doubledHigh = (t: Ops, size: number, isRounding: boolean, a: V128, b: V128): Saturated => {
  const highOf = (half: Half): V128 => {
    const product = t.let(extendMultiply(size, 's', half, a, b));
    const doubled = add(size + 1, product, product);
    return isRounding ? add(size + 1, doubled, repeated(size + 1, 1n << BigInt(bitsOf(size) - 1))) : doubled;
  };
  const saturated = t.let(and(equal(size, a, smallest(size)), equal(size, b, smallest(size))));
  return { value: xor(odds(size, highOf('low'), highOf('high')), saturated), saturated };
};
