/** The floating-point unit: what code hands over to TypeScript, element by element. */

import { FLOAT_OPERANDS, FLOAT_RESULT } from '../state/layout.js';
import {
  add,
  divide,
  multiply,
  multiplyAdd,
  multiplyExtended,
  reciprocalRootStep,
  reciprocalStep,
  squareRoot,
  subtract,
} from './arithmetic.js';
import { decodeCall, type DecodedCall, type ElementSize } from './call.js';
import { compare, extreme, extremeNumber, FLAGS, holds } from './compare.js';
import { convert, fromFixed, roundToIntegral, toFixed } from './convert.js';
import {
  reciprocalEstimate,
  reciprocalExponent,
  reciprocalRootEstimate,
  unsignedReciprocalEstimate,
  unsignedReciprocalRootEstimate,
} from './estimate.js';
import {
  DOUBLE,
  FLAG,
  FloatStatus,
  HALF,
  magnitude,
  modesOf,
  negate,
  SINGLE,
  type FloatFormat,
  type Rounding,
} from './format.js';
import { QuickMath } from './quick.js';

const FORMATS: Readonly<Record<ElementSize, FloatFormat>> = { 1: HALF, 2: SINGLE, 3: DOUBLE };

/** The result of an element, from its bits to bits. */
type Exact = (status: FloatStatus, a: bigint, b: bigint, c: bigint) => bigint;

const ones = (format: FloatFormat): bigint => format.sign | (format.sign - 1n);

const exactOf = (call: DecodedCall): Exact => {
  const { operation, fractionBits, isSigned, isSignalling } = call;
  const format = FORMATS[call.size];
  const result = FORMATS[call.resultSize];
  const rounding = (status: FloatStatus): Rounding => call.rounding ?? status.modes.rounding;
  const maskIf = (isTrue: boolean): bigint => (isTrue ? ones(format) : 0n);
  const size = (value: bigint): bigint => magnitude(format, value);
  switch (operation) {
    case 'add':
      return (status, a, b) => add(status, format, a, b);
    case 'subtract':
      return (status, a, b) => subtract(status, format, a, b);
    case 'absoluteDifference':
      return (status, a, b) => size(subtract(status, format, a, b));
    case 'multiply':
      return (status, a, b) => multiply(status, format, a, b);
    case 'negatedMultiply':
      return (status, a, b) => negate(format, multiply(status, format, a, b));
    case 'multiplyExtended':
      return (status, a, b) => multiplyExtended(status, format, a, b);
    case 'divide':
      return (status, a, b) => divide(status, format, a, b);
    case 'max':
    case 'min':
      return (status, a, b) => extreme(status, format, operation, a, b);
    case 'maxNumber':
      return (status, a, b) => extremeNumber(status, format, 'max', a, b);
    case 'minNumber':
      return (status, a, b) => extremeNumber(status, format, 'min', a, b);
    case 'reciprocalStep':
      return (status, a, b) => reciprocalStep(status, format, a, b);
    case 'reciprocalRootStep':
      return (status, a, b) => reciprocalRootStep(status, format, a, b);
    case 'squareRoot':
      return (status, a) => squareRoot(status, format, a);
    case 'reciprocalEstimate':
      return (status, a) => reciprocalEstimate(status, format, a);
    case 'reciprocalRootEstimate':
      return (status, a) => reciprocalRootEstimate(status, format, a);
    case 'reciprocalExponent':
      return (status, a) => reciprocalExponent(status, format, a);
    case 'multiplyAdd':
      return (status, a, b, c) => multiplyAdd(status, format, a, b, c);
    case 'roundToIntegral':
      return (status, a) => roundToIntegral(status, format, a, rounding(status), isSignalling);
    case 'equal':
    case 'greaterOrEqual':
    case 'greater':
      return (status, a, b) => maskIf(holds(status, format, operation, a, b));
    case 'magnitudeGreaterOrEqual':
      return (status, a, b) => maskIf(holds(status, format, 'greaterOrEqual', size(a), size(b)));
    case 'magnitudeGreater':
      return (status, a, b) => maskIf(holds(status, format, 'greater', size(a), size(b)));
    case 'compare':
      return (status, a, b) => BigInt(compare(status, format, a, b, isSignalling));
    case 'toInteger':
      return (status, a) => toFixed(status, format, a, { bits: result.bits, isSigned }, rounding(status), fractionBits);
    case 'fromInteger':
      return (status, a) => fromFixed(status, result, a, { bits: format.bits, isSigned }, fractionBits);
    case 'convert':
      return (status, a) => convert(status, format, result, a, rounding(status));
    case 'unsignedReciprocalEstimate':
      return (_, a) => unsignedReciprocalEstimate(a);
    case 'unsignedReciprocalRootEstimate':
      return (_, a) => unsignedReciprocalRootEstimate(a);
  }
};

/** The result of an element by {@link QuickMath}, to nearest; NaN where that is not sure. */
type Quick = (math: QuickMath, a: number, b: number, c: number) => number;

/** Of floats that become floats of a size. */
const quickOf = ({ operation, size, resultSize, rounding = 'even' }: DecodedCall): Quick | undefined => {
  const isDouble = size === 3;
  switch (operation) {
    case 'add':
      return isDouble ? (math, a, b) => math.add(a, b) : (math, a, b) => math.addSingles(a, b);
    case 'subtract':
      return isDouble ? (math, a, b) => math.add(a, -b) : (math, a, b) => math.addSingles(a, -b);
    case 'absoluteDifference':
      return isDouble ? (math, a, b) => Math.abs(math.add(a, -b)) : (math, a, b) => Math.abs(math.addSingles(a, -b));
    case 'multiply':
    case 'multiplyExtended':
      return isDouble ? (math, a, b) => math.multiply(a, b) : (math, a, b) => math.multiplySingles(a, b);
    case 'negatedMultiply':
      return isDouble ? (math, a, b) => -math.multiply(a, b) : (math, a, b) => -math.multiplySingles(a, b);
    case 'divide':
      return isDouble ? (math, a, b) => math.divide(a, b) : (math, a, b) => math.divideSingles(a, b);
    case 'squareRoot':
      return isDouble ? (math, a) => math.squareRoot(a) : (math, a) => math.squareRootOfSingle(a);
    case 'multiplyAdd':
      return isDouble
        ? (math, a, b, c) => math.multiplyAdd(a, b, c)
        : (math, a, b, c) => math.multiplyAddSingles(a, b, c);
    case 'max':
    case 'maxNumber':
      return (math, a, b) => math.exactly(Math.max(a, b));
    case 'min':
    case 'minNumber':
      return (math, a, b) => math.exactly(Math.min(a, b));
    case 'convert':
      if (size === 3 && resultSize === 2 && rounding === 'even') return (math, a) => math.toSingle(a);
      return size === 2 && resultSize === 3 ? (math, a) => math.exactly(a) : undefined;
    case 'roundToIntegral':
      return rounding === 'odd' ? undefined : (math, a) => math.toIntegral(a, rounding);
    case 'reciprocalStep':
    case 'reciprocalRootStep':
    case 'reciprocalEstimate':
    case 'reciprocalRootEstimate':
    case 'reciprocalExponent':
    case 'equal':
    case 'greaterOrEqual':
    case 'greater':
    case 'magnitudeGreaterOrEqual':
    case 'magnitudeGreater':
    case 'compare':
    case 'toInteger':
    case 'fromInteger':
    case 'unsignedReciprocalEstimate':
    case 'unsignedReciprocalRootEstimate':
      return undefined;
  }
};

/** The result of comparing two numbers, as bits; undefined for what is no comparison. */
const comparisonOf = ({ operation, size }: DecodedCall): ((a: number, b: number) => bigint) | undefined => {
  const all = ones(FORMATS[size]);
  switch (operation) {
    case 'equal':
      return (a, b) => (a === b ? all : 0n);
    case 'greaterOrEqual':
      return (a, b) => (a >= b ? all : 0n);
    case 'greater':
      return (a, b) => (a > b ? all : 0n);
    case 'magnitudeGreaterOrEqual':
      return (a, b) => (Math.abs(a) >= Math.abs(b) ? all : 0n);
    case 'magnitudeGreater':
      return (a, b) => (Math.abs(a) > Math.abs(b) ? all : 0n);
    case 'compare':
      return (a, b) => BigInt(a === b ? FLAGS.equal : a < b ? FLAGS.less : FLAGS.greater);
    default:
      return undefined;
  }
};

/** The least normal number by the size of elements. */
const LEAST_NORMAL: Readonly<Record<ElementSize, number>> = { 1: 2 ** -14, 2: 2 ** -126, 3: 2 ** -1022 };

const OPERAND_BYTES = 16;

/** The operands of a call, and its result, as all kinds of elements. */
class Registers {
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly doublewords: BigUint64Array;
  readonly singles: Float32Array;
  readonly doubles: Float64Array;

  constructor(buffer: ArrayBuffer, at: number) {
    this.halves = new Uint16Array(buffer, at, OPERAND_BYTES / 2);
    this.words = new Uint32Array(buffer, at, OPERAND_BYTES / 4);
    this.doublewords = new BigUint64Array(buffer, at, OPERAND_BYTES / 8);
    this.singles = new Float32Array(buffer, at, OPERAND_BYTES / 4);
    this.doubles = new Float64Array(buffer, at, OPERAND_BYTES / 8);
  }

  bits(size: ElementSize, lane: number): bigint {
    return size === 3 ? this.doublewords[lane]! : BigInt((size === 2 ? this.words : this.halves)[lane]!);
  }

  setBits(size: ElementSize, lane: number, bits: bigint): void {
    if (size === 3) this.doublewords[lane] = bits;
    else (size === 2 ? this.words : this.halves)[lane] = Number(bits);
  }

  floats(size: ElementSize): Float32Array | Float64Array {
    return size === 3 ? this.doubles : this.singles;
  }
}

/** Computes the result of a call, which was all zeros. @returns the flags that it raises */
type Run = () => number;

/**
 * Carries out what code cannot, or not without raising a flag: it finds the operands in the processor's block, and puts
 * the result there.
 */
export class FloatUnit {
  readonly #operands: readonly [Registers, Registers, Registers];
  readonly #result: Registers;
  readonly #runs = new Map<number, Run>();
  readonly #math = new QuickMath();
  #status = new FloatStatus(modesOf(0));
  /** JavaScript's numbers are always rounded to nearest; exact results are the same in every mode. */
  #isNearest = true;

  /** @param base of the processor's block */
  constructor(buffer: ArrayBuffer, base: number) {
    const at = base + FLOAT_OPERANDS;
    const operand = (index: number): Registers => new Registers(buffer, at + OPERAND_BYTES * index);
    this.#operands = [operand(0), operand(1), operand(2)];
    this.#result = new Registers(buffer, base + FLOAT_RESULT);
  }

  set fpcr(value: number) {
    this.#status = new FloatStatus(modesOf(value));
    this.#isNearest = this.#status.modes.rounding === 'even';
  }

  /** @param code of a call. @returns the flags that it raises, as in FPSR */
  run(code: number): number {
    let run = this.#runs.get(code);
    if (run === undefined) {
      run = this.#runOf(decodeCall(code));
      this.#runs.set(code, run);
    }
    this.#result.doublewords[0] = 0n;
    this.#result.doublewords[1] = 0n;
    return run();
  }

  #runOf(call: DecodedCall): Run {
    const lane = this.#exactLane(call);
    const quick = this.#quickLane(call);
    const { lanes } = call;
    return () => {
      let raised = 0;
      for (let i = 0; i < lanes; i++) {
        raised |= quick(i) ?? lane(i);
      }
      return raised;
    };
  }

  #exactLane(call: DecodedCall): (lane: number) => number {
    const exact = exactOf(call);
    const [a, b, c] = this.#operands;
    const { size, resultSize } = call;
    return (lane) => {
      const status = this.#status;
      status.raised = 0;
      const result = exact(status, a.bits(size, lane), b.bits(size, lane), c.bits(size, lane));
      this.#result.setBits(resultSize, lane, result);
      return status.raised;
    };
  }

  /** @returns flags, or undefined where nothing was done */
  #quickLane(call: DecodedCall): (lane: number) => number | undefined {
    if (call.operation === 'toInteger') return this.#quickToInteger(call);
    if (call.operation === 'fromInteger') return this.#quickFromInteger(call);
    const compares = comparisonOf(call);
    if (compares !== undefined) return this.#quickComparison(call, compares);
    const quick = quickOf(call);
    if (quick === undefined) return () => undefined;
    const { size, resultSize, operation, isSignalling } = call;
    const [a, b, c] = [this.#operands[0].floats(size), this.#operands[1].floats(size), this.#operands[2].floats(size)];
    const results = this.#result.floats(resultSize);
    const math = this.#math;
    const inexact = operation === 'roundToIntegral' && !isSignalling ? 0 : FLAG.inexact;
    const followsMode = call.rounding === undefined;
    return (lane) => {
      const [first, second, third] = [a[lane]!, b[lane]!, c[lane]!];
      if (this.#isFlushed(size, first) || this.#isFlushed(size, second) || this.#isFlushed(size, third))
        return undefined;
      const result = quick(math, first, second, third);
      if (Number.isNaN(result) || this.#isFlushed(resultSize, result)) return undefined;
      // The sign of an exact zero depends on the mode, too.
      if (followsMode && !this.#isNearest && (math.isInexact || result === 0)) return undefined;
      results[lane] = result;
      return math.isInexact ? inexact : 0;
    };
  }

  /** Whether a number is one that is flushed to zero. */
  #isFlushed(size: ElementSize, value: number): boolean {
    return this.#status.modes.flushToZero && value !== 0 && Math.abs(value) < LEAST_NORMAL[size];
  }

  #quickComparison(
    { size, resultSize }: DecodedCall,
    compares: (a: number, b: number) => bigint,
  ): (lane: number) => number | undefined {
    const [a, b] = [this.#operands[0].floats(size), this.#operands[1].floats(size)];
    return (lane) => {
      const [first, second] = [a[lane]!, b[lane]!];
      if (Number.isNaN(first) || Number.isNaN(second)) return undefined;
      if (this.#isFlushed(size, first) || this.#isFlushed(size, second)) return undefined;
      this.#result.setBits(resultSize, lane, compares(first, second));
      return 0;
    };
  }

  #quickToInteger(call: DecodedCall): (lane: number) => number | undefined {
    const { size, resultSize, isSigned, rounding = 'even', fractionBits } = call;
    const [a] = this.#operands;
    const floats = a.floats(size);
    const bits = FORMATS[resultSize].bits;
    const beyond = 2 ** (isSigned ? bits - 1 : bits);
    const least = isSigned ? -beyond : 0;
    const scale = 2 ** fractionBits;
    const math = this.#math;
    if (rounding === 'odd') return () => undefined;
    return (lane) => {
      const operand = floats[lane]!;
      const whole = math.toWhole(operand * scale, rounding);
      if (!(whole >= least && whole < beyond) || this.#isFlushed(size, operand)) return undefined;
      this.#result.setBits(resultSize, lane, BigInt.asUintN(bits, BigInt(whole)));
      return math.isInexact ? FLAG.inexact : 0;
    };
  }

  #quickFromInteger(call: DecodedCall): (lane: number) => number | undefined {
    const { size, resultSize, isSigned, fractionBits } = call;
    const [a] = this.#operands;
    const bits = FORMATS[size].bits;
    const results = this.#result.floats(resultSize);
    const scale = 2 ** -fractionBits;
    const math = this.#math;
    return (lane) => {
      const operand = a.bits(size, lane);
      const value = isSigned ? BigInt.asIntN(bits, operand) : operand;
      const result = resultSize === 3 ? math.fromWhole(value) : math.singleFromWhole(value);
      if (Number.isNaN(result) || (math.isInexact && !this.#isNearest)) return undefined;
      results[lane] = result * scale;
      return math.isInexact ? FLAG.inexact : 0;
    };
  }
}
