/** Calls of the floating-point unit: an operation and its elements, as the number by which code asks for it. */

import type { Rounding } from './format.js';

/** In the order of their numbers. Those of integers are the estimates URECPE and URSQRTE. */
const OPERATIONS = [
  'add',
  'subtract',
  'absoluteDifference',
  'multiply',
  'negatedMultiply',
  'multiplyExtended',
  'divide',
  'max',
  'min',
  'maxNumber',
  'minNumber',
  'reciprocalStep',
  'reciprocalRootStep',
  'squareRoot',
  'reciprocalEstimate',
  'reciprocalRootEstimate',
  'reciprocalExponent',
  'multiplyAdd',
  'roundToIntegral',
  'equal',
  'greaterOrEqual',
  'greater',
  'magnitudeGreaterOrEqual',
  'magnitudeGreater',
  'compare',
  'toInteger',
  'fromInteger',
  'convert',
  'unsignedReciprocalEstimate',
  'unsignedReciprocalRootEstimate',
] as const;

export type FloatOperation = (typeof OPERATIONS)[number];

/** Log2 of an element's bytes. */
export type ElementSize = 1 | 2 | 3;

export interface FloatCall {
  readonly operation: FloatOperation;
  /** Of the operands. */
  readonly size: ElementSize;
  /** Of the results, where that is another one. */
  readonly resultSize?: ElementSize;
  readonly lanes: 1 | 2 | 4;
  /** Other than FPCR's. */
  readonly rounding?: Rounding;
  /** Of integers. */
  readonly isSigned?: boolean;
  /** `compare` with quiet NaNs, and `roundToIntegral` with what is no whole number, raise a flag. */
  readonly isSignalling?: boolean;
  /** Of fixed point: 0 to 64. */
  readonly fractionBits?: number;
}

const ROUNDINGS: readonly (Rounding | undefined)[] = [undefined, 'even', 'up', 'down', 'zero', 'away', 'odd'];

/** Where the parts of a call are in its number, the operation's own aside, which comes first. */
const SIZE = 5;
const RESULT_SIZE = 7;
const LANES = 9;
const ROUNDING = 11;
const SIGNED = 14;
const SIGNALLING = 15;
const FRACTION_BITS = 16;

/** The number of a call. */
export const encodeCall = (call: FloatCall): number =>
  OPERATIONS.indexOf(call.operation) |
  (call.size << SIZE) |
  ((call.resultSize ?? call.size) << RESULT_SIZE) |
  ((call.lanes >> 1) << LANES) |
  (ROUNDINGS.indexOf(call.rounding) << ROUNDING) |
  (Number(call.isSigned === true) << SIGNED) |
  (Number(call.isSignalling === true) << SIGNALLING) |
  ((call.fractionBits ?? 0) << FRACTION_BITS);

const sizeAt = (code: number, shift: number): ElementSize => {
  const size = (code >> shift) & 3;
  if (size === 0) throw new Error(`no floating point of a byte: 0x${code.toString(16)}`);
  return size as ElementSize;
};

const LANE_COUNTS = [1, 2, 4] as const;

/** @throws Error for a number that is none of a call */
export const decodeCall = (code: number) => {
  const operation = OPERATIONS[code & 31];
  const lanes = LANE_COUNTS[(code >> LANES) & 3];
  if (operation === undefined || lanes === undefined) throw new Error(`no floating-point call 0x${code.toString(16)}`);
  return {
    operation,
    size: sizeAt(code, SIZE),
    resultSize: sizeAt(code, RESULT_SIZE),
    lanes,
    rounding: ROUNDINGS[(code >> ROUNDING) & 7],
    isSigned: ((code >> SIGNED) & 1) === 1,
    isSignalling: ((code >> SIGNALLING) & 1) === 1,
    fractionBits: (code >> FRACTION_BITS) & 127,
  };
};

export type DecodedCall = ReturnType<typeof decodeCall>;
