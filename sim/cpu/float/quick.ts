/**
 * Operations by JavaScript's own numbers, which round to nearest: for operands with which that shows what the exact
 * result is less the rounded one. What is not sure is left to the exact functions.
 */

import type { Rounding } from './format.js';

/** Within these the errors of sums, products and quotients of doubles are doubles, too. */
const LARGE = 2 ** 450;
const SMALL = 2 ** -450;
const LARGEST_SUM = 2 ** 1000;
/** Veltkamp's constant: it splits a double into halves whose products are exact. */
const SPLIT = 2 ** 27 + 1;
/** Singles above this are normal, and not rounded up to be so. */
const LEAST_SINGLE = 2 ** -126;
/** Whole numbers from here on are not all doubles. */
const WHOLE_DOUBLES = 2 ** 53;
/** Added and subtracted, it rounds a smaller double to a whole number. */
const ROUNDER = 2 ** 52;

/** The rest of a sum that was rounded (Knuth, TwoSum). */
const restOfSum = (a: number, b: number, sum: number): number => {
  const bOfSum = sum - a;
  return a - (sum - bOfSum) + (b - bOfSum);
};

/** The rest of a product that was rounded (Dekker). */
const restOfProduct = (a: number, b: number, product: number): number => {
  const scaledA = SPLIT * a;
  const highA = scaledA - (scaledA - a);
  const lowA = a - highA;
  const scaledB = SPLIT * b;
  const highB = scaledB - (scaledB - b);
  const lowB = b - highB;
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
};

const isBetween = (value: number): boolean => {
  const size = Math.abs(value);
  return size > SMALL && size < LARGE;
};

/** How numbers become whole ones. */
export type WholeRounding = Exclude<Rounding, 'odd'>;

/** Results of singles and doubles to nearest, or NaN where it is not sure; subnormal ones only where they are exact. */
export class QuickMath {
  /** Whether the last result, unless it was NaN, was rounded. */
  isInexact = false;
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);

  add(a: number, b: number): number {
    if (!(Math.abs(a) < LARGEST_SUM && Math.abs(b) < LARGEST_SUM)) return NaN;
    const sum = a + b;
    this.isInexact = restOfSum(a, b, sum) !== 0;
    return sum;
  }

  multiply(a: number, b: number): number {
    const product = a * b;
    if (isBetween(a) && isBetween(b)) {
      this.isInexact = restOfProduct(a, b, product) !== 0;
      return product;
    }
    return this.#exact((a === 0 && Math.abs(b) < Infinity) || (b === 0 && Math.abs(a) < Infinity), product);
  }

  divide(a: number, b: number): number {
    const quotient = a / b;
    if (isBetween(a) && isBetween(b) && isBetween(quotient)) {
      const product = quotient * b;
      this.isInexact = product !== a || restOfProduct(quotient, b, product) !== 0;
      return quotient;
    }
    return this.#exact(a === 0 && b !== 0 && Math.abs(b) < Infinity, quotient);
  }

  squareRoot(a: number): number {
    const root = Math.sqrt(a);
    if (isBetween(a) && a > 0) {
      const square = root * root;
      this.isInexact = square !== a || restOfProduct(root, root, square) !== 0;
      return root;
    }
    return this.#exact(a === 0, root);
  }

  /**
   * `addend + a * b`, rounded once (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved
   * algorithms using rounding to odd").
   */
  multiplyAdd(addend: number, a: number, b: number): number {
    if (!isBetween(a) || !isBetween(b) || !(addend === 0 || isBetween(addend))) return NaN;
    const product = a * b;
    const productRest = restOfProduct(a, b, product);
    const low = addend + productRest;
    const lowRest = restOfSum(addend, productRest, low);
    const high = product + low;
    const highRest = restOfSum(product, low, high);
    const rest = this.#odd(lowRest + highRest, restOfSum(lowRest, highRest, lowRest + highRest));
    const wasExact = !this.isInexact;
    const result = high + rest;
    this.isInexact = !wasExact || restOfSum(high, rest, result) !== 0;
    return result;
  }

  // Singles: their sums, quotients and roots may be rounded to doubles first, since these have more than twice the bits.

  addSingles(a: number, b: number): number {
    const sum = a + b;
    const isExact = restOfSum(a, b, sum) === 0;
    return this.#single(sum, isExact);
  }

  multiplySingles(a: number, b: number): number {
    return this.#single(a * b, true);
  }

  divideSingles(a: number, b: number): number {
    if (b === 0) return NaN;
    const quotient = a / b;
    return this.#single(quotient, quotient * b === a);
  }

  squareRootOfSingle(a: number): number {
    const root = Math.sqrt(a);
    return this.#single(root, root * root === a);
  }

  multiplyAddSingles(addend: number, a: number, b: number): number {
    const product = a * b;
    const sum = product + addend;
    const rest = restOfSum(product, addend, sum);
    if (Number.isNaN(rest)) return NaN;
    const odd = this.#odd(sum, rest);
    return this.#single(odd, !this.isInexact);
  }

  toSingle(a: number): number {
    return this.#single(a, true);
  }

  /** A whole number to the nearest double. */
  fromWhole(value: bigint): number {
    const result = Number(value);
    this.isInexact = BigInt(result) !== value;
    return result;
  }

  /** The same to the nearest single. */
  singleFromWhole(value: bigint): number {
    const double = Number(value);
    return Math.abs(double) < WHOLE_DOUBLES ? this.#single(double, true) : NaN;
  }

  /** To a whole number. */
  toWhole(a: number, rounding: WholeRounding): number {
    const whole = wholeOf(a, rounding);
    this.isInexact = whole !== a;
    return whole;
  }

  /** A result that needs no rounding. */
  exactly(result: number): number {
    this.isInexact = false;
    return result;
  }

  /** The same as a float, which keeps its sign. */
  toIntegral(a: number, rounding: WholeRounding): number {
    const whole = this.toWhole(a, rounding);
    return whole === 0 && (a < 0 || Object.is(a, -0)) ? -0 : whole;
  }

  #exact(isSure: boolean, result: number): number {
    return this.exactly(isSure ? result : NaN);
  }

  /** @param isExact of a double that is the result itself, and not rounded */
  #single(double: number, isExact: boolean): number {
    const result = Math.fround(double);
    this.isInexact = !isExact || result !== double;
    const size = Math.abs(result);
    return (size > LEAST_SINGLE && size < Infinity) || !this.isInexact ? result : NaN;
  }

  /** A sum of which a rest was cut off: with the last bit one, as if it had been rounded to odd. */
  #odd(sum: number, rest: number): number {
    this.isInexact = rest !== 0;
    if (rest === 0) return sum;
    const words = this.#words;
    this.#double[0] = sum;
    if ((words[0]! & 1) !== 0) return sum;
    // An even number that is not zero has odd neighbours, of which the lower one may be below a power of two.
    if (rest > 0 === sum > 0) words[0]! += 1;
    else {
      if (words[0] === 0) words[1]! -= 1;
      words[0]! -= 1;
    }
    return this.#double[0];
  }
}

const wholeOf = (a: number, rounding: WholeRounding): number => {
  const size = Math.abs(a);
  if (!(size < ROUNDER)) return a;
  switch (rounding) {
    case 'even':
      return a < 0 ? -(size + ROUNDER - ROUNDER) : size + ROUNDER - ROUNDER;
    case 'up':
      return Math.ceil(a);
    case 'down':
      return Math.floor(a);
    case 'zero':
      return Math.trunc(a);
    case 'away': {
      const below = Math.floor(size);
      const whole = size - below >= 0.5 ? below + 1 : below;
      return a < 0 ? -whole : whole;
    }
  }
};
