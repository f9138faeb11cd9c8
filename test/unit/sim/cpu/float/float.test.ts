import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
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
} from '../../../../../sim/cpu/float/arithmetic.js';
import { compare, extreme, extremeNumber } from '../../../../../sim/cpu/float/compare.js';
import { convert, fromFixed, roundToIntegral, toFixed } from '../../../../../sim/cpu/float/convert.js';
import {
  reciprocalEstimate,
  reciprocalExponent,
  reciprocalRootEstimate,
  unsignedReciprocalEstimate,
  unsignedReciprocalRootEstimate,
} from '../../../../../sim/cpu/float/estimate.js';
import {
  DOUBLE,
  FLAG,
  FloatStatus,
  HALF,
  modesOf,
  SINGLE,
  type FloatModes,
} from '../../../../../sim/cpu/float/format.js';

const bitsOf = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const numberOf = (bits: bigint): number => new Float64Array(new BigUint64Array([bits]).buffer)[0]!;
const singleBits = (value: number): bigint => BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);
const singleOf = (bits: bigint): number => new Float32Array(new Uint32Array([Number(bits)]).buffer)[0]!;

const NEAREST = modesOf(0);
const withModes = (modes: Partial<FloatModes>): FloatStatus => new FloatStatus({ ...NEAREST, ...modes });
const nearest = (): FloatStatus => new FloatStatus(NEAREST);

const names = (raised: number): readonly string[] =>
  Object.entries(FLAG).flatMap(([name, bit]) => ((raised & bit) === 0 ? [] : [name]));

/** A result's bits in hexadecimal, and the flags. */
const outcome = (compute: (status: FloatStatus) => bigint, modes: Partial<FloatModes> = {}): readonly unknown[] => {
  const status = withModes(modes);
  return [compute(status).toString(16), ...names(status.raised)];
};

const anyDouble = fc.oneof(fc.double(), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(numberOf));
const anySingle = fc.oneof(fc.float(), fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map(singleOf));

describe("doubles are JavaScript's, to nearest", () => {
  test.each([
    ['add', add, (a: number, b: number) => a + b],
    ['subtract', subtract, (a: number, b: number) => a - b],
    ['multiply', multiply, (a: number, b: number) => a * b],
    ['divide', divide, (a: number, b: number) => a / b],
  ] as const)('%s', (_, exact, own) => {
    fc.assert(
      fc.property(anyDouble, anyDouble, (a, b) => {
        expect(numberOf(exact(nearest(), DOUBLE, bitsOf(a), bitsOf(b)))).toBe(own(a, b));
        expect(singleOf(exact(nearest(), SINGLE, singleBits(a), singleBits(b)))).toBe(
          Math.fround(own(Math.fround(a), Math.fround(b))),
        );
      }),
    );
  });

  test('squareRoot, roundToIntegral and conversions', () => {
    fc.assert(
      fc.property(anyDouble, anySingle, (a, b) => {
        expect(numberOf(squareRoot(nearest(), DOUBLE, bitsOf(a)))).toBe(Math.sqrt(a));
        expect(singleOf(squareRoot(nearest(), SINGLE, singleBits(b)))).toBe(Math.fround(Math.sqrt(b)));
        expect(numberOf(roundToIntegral(nearest(), DOUBLE, bitsOf(a), 'down', false))).toBe(Math.floor(a));
        expect(numberOf(roundToIntegral(nearest(), DOUBLE, bitsOf(a), 'up', false))).toBe(Math.ceil(a));
        expect(numberOf(roundToIntegral(nearest(), DOUBLE, bitsOf(a), 'zero', false))).toBe(Math.trunc(a));
        expect(singleOf(convert(nearest(), DOUBLE, SINGLE, bitsOf(a)))).toBe(Math.fround(a));
        expect(numberOf(convert(nearest(), SINGLE, DOUBLE, singleBits(b)))).toBe(b);
      }),
    );
  });

  test('whole numbers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
        const bits = fromFixed(nearest(), DOUBLE, value, { bits: 64, isSigned: true });
        expect(numberOf(bits)).toBe(Number(value));
        const back = BigInt.asIntN(64, toFixed(nearest(), DOUBLE, bits, { bits: 64, isSigned: true }, 'zero'));
        expect(back).toBe(BigInt(Number(value)) === 1n << 63n ? (1n << 63n) - 1n : BigInt(Number(value)));
      }),
    );
  });

  test('comparisons', () => {
    const flags = (a: number, b: number): number => (a === b ? 6 : a < b ? 8 : a > b ? 2 : 3);
    fc.assert(
      fc.property(anyDouble, anyDouble, (a, b) => {
        expect(compare(nearest(), DOUBLE, bitsOf(a), bitsOf(b), false)).toBe(flags(a, b));
        expect(numberOf(extreme(nearest(), DOUBLE, 'max', bitsOf(a), bitsOf(b)))).toBe(Math.max(a, b));
        expect(numberOf(extreme(nearest(), DOUBLE, 'min', bitsOf(a), bitsOf(b)))).toBe(Math.min(a, b));
      }),
    );
  });
});

describe('the roundings of an operation enclose its exact result', () => {
  test.each([
    ['add', add],
    ['multiply', multiply],
    ['divide', divide],
  ] as const)('%s', (_, exact) => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (a, b) => {
        const by = (rounding: FloatModes['rounding']): readonly [number, number] => {
          const status = withModes({ rounding });
          return [numberOf(exact(status, DOUBLE, bitsOf(a), bitsOf(b))), status.raised];
        };
        const [[down, flags], [up], [even], [zero]] = [by('down'), by('up'), by('even'), by('zero')];
        if (Number.isNaN(down)) return;
        expect(down <= up && [down, up].includes(even)).toBe(true);
        expect(zero).toBe(even > 0 || up > 0 ? down : up);
        expect(Object.is(down, up) || down === up).toBe((flags & FLAG.inexact) === 0);
      }),
    );
  });
});

describe('a fused multiplication and addition', () => {
  const double = (addend: number, first: number, second: number): number =>
    numberOf(multiplyAdd(nearest(), DOUBLE, bitsOf(addend), bitsOf(first), bitsOf(second)));

  test('rounds once: what a product loses by rounding is there', () => {
    const a = 1 + 2 ** -30;
    expect(a * a - (1 + 2 ** -29)).toBe(0);
    expect(double(-(1 + 2 ** -29), a, a)).toBe(2 ** -60);
  });

  test.each([
    [0, 0, -1, 0],
    [-0, 0, -1, -0],
    [1, -1, 1, 0],
    [-1, Infinity, 1, Infinity],
    [Infinity, -Infinity, 1, NaN],
    [1, Infinity, 0, NaN],
    [0, Number.MAX_VALUE, 2, Infinity],
    [Number.MIN_VALUE, Number.MIN_VALUE, 0.25, Number.MIN_VALUE],
    [0, Number.MIN_VALUE, 0.5, 0],
    [0, Number.MIN_VALUE, 0.75, Number.MIN_VALUE],
    [0, 2 ** -1022, 1 - 2 ** -53, 2 ** -1022],
  ])('of %p + %p * %p is %p', (addend, first, second, expected) => {
    expect(double(addend, first, second)).toBe(expected);
  });

  test('hands on NaNs: signalling ones first, then the addend', () => {
    const [quiet, signalling] = [0x7fc0_0001n, 0x7f80_0002n];
    const single = (...bits: readonly [bigint, bigint, bigint]) => outcome((s) => multiplyAdd(s, SINGLE, ...bits));
    expect(single(quiet, 0n, signalling)).toEqual(['7fc00002', 'invalid']);
    expect(single(quiet, 0n, 0x7fc0_0003n)).toEqual(['7fc00001']);
    expect(single(quiet, 0x7f80_0000n, 0n)).toEqual(['7fc00000', 'invalid']);
  });
});

/** Beside the Arm ARM's pseudocode, function by function. */
describe('flags and special values', () => {
  const [ONE, TWO, LEAST, LARGEST, INFINITY, QUIET, SIGNALLING] = [
    0x3f80_0000n,
    0x4000_0000n,
    0x0080_0000n,
    0x7f7f_ffffn,
    0x7f80_0000n,
    0xffc0_1234n,
    0x7f80_0001n,
  ] as const;
  test.each([
    ['an exact sum raises nothing', outcome((s) => add(s, SINGLE, ONE, ONE)), ['40000000']],
    ['1 / 3 is inexact', outcome((s) => divide(s, SINGLE, ONE, 0x4040_0000n)), ['3eaaaaab', 'inexact']],
    ['1 / 0', outcome((s) => divide(s, SINGLE, ONE, 0n)), ['7f800000', 'divideByZero']],
    ['0 / 0', outcome((s) => divide(s, SINGLE, 0n, 0n)), ['7fc00000', 'invalid']],
    ['overflow', outcome((s) => add(s, SINGLE, LARGEST, LARGEST)), ['7f800000', 'overflow', 'inexact']],
    [
      'overflow to zero is the largest number',
      outcome((s) => add(s, SINGLE, LARGEST, LARGEST), { rounding: 'zero' }),
      ['7f7fffff', 'overflow', 'inexact'],
    ],
    [
      'what is tiny before it is rounded underflows, though it is normal then',
      outcome((s) => multiply(s, SINGLE, LEAST, 0x3f7f_ffffn)),
      ['800000', 'underflow', 'inexact'],
    ],
    ['an exact subnormal number does not', outcome((s) => divide(s, SINGLE, LEAST, TWO)), ['400000']],
    [
      'flushed results underflow, and are not inexact',
      outcome((s) => divide(s, SINGLE, LEAST, TWO), { flushToZero: true }),
      ['0', 'underflow'],
    ],
    ['flushed operands', outcome((s) => add(s, SINGLE, 1n, ONE), { flushToZero: true }), ['3f800000', 'inputDenormal']],
    ['quiet NaNs go through', outcome((s) => add(s, SINGLE, ONE, QUIET)), ['ffc01234']],
    ['signalling ones first', outcome((s) => add(s, SINGLE, QUIET, SIGNALLING)), ['7fc00001', 'invalid']],
    ['default NaN', outcome((s) => add(s, SINGLE, ONE, QUIET), { defaultNan: true }), ['7fc00000']],
    ['x - x', outcome((s) => subtract(s, SINGLE, ONE, ONE)), ['0']],
    ['x - x, down', outcome((s) => subtract(s, SINGLE, ONE, ONE), { rounding: 'down' }), ['80000000']],
    ['FMULX of infinity and zero', outcome((s) => multiplyExtended(s, SINGLE, INFINITY, 1n << 31n)), ['c0000000']],
    ['FRECPS of infinity and zero', outcome((s) => reciprocalStep(s, SINGLE, INFINITY, 0n)), ['40000000']],
    ['FRSQRTS of infinity and zero', outcome((s) => reciprocalRootStep(s, SINGLE, INFINITY, 0n)), ['3fc00000']],
    ['FRSQRTS of 1 and 1', outcome((s) => reciprocalRootStep(s, SINGLE, ONE, ONE)), ['3f800000']],
    ['the root of -1', outcome((s) => squareRoot(s, SINGLE, 0xbf80_0000n)), ['7fc00000', 'invalid']],
    ['FMAXNM of a quiet NaN', outcome((s) => extremeNumber(s, SINGLE, 'max', QUIET, ONE)), ['3f800000']],
    ['FMAX of zeros', outcome((s) => extreme(s, SINGLE, 'max', 1n << 31n, 0n)), ['0']],
    ['FRECPE of 1', outcome((s) => reciprocalEstimate(s, SINGLE, ONE)), ['3f7f8000']],
    ['FRECPE of a tiny number', outcome((s) => reciprocalEstimate(s, SINGLE, 1n)), ['7f800000', 'overflow', 'inexact']],
    ['FRSQRTE of 4', outcome((s) => reciprocalRootEstimate(s, SINGLE, 0x4080_0000n)), ['3eff8000']],
    ['FRECPX of 1', outcome((s) => reciprocalExponent(s, SINGLE, ONE)), ['40000000']],
    ['URECPE of less than a half', [unsignedReciprocalEstimate(1n).toString(16)], ['ffffffff']],
    ['URECPE of a half', [unsignedReciprocalEstimate(0x8000_0000n).toString(16)], ['ff800000']],
    ['URSQRTE of a quarter', [unsignedReciprocalRootEstimate(0x4000_0000n).toString(16)], ['ff800000']],
  ])('%s', (_, actual, expected) => {
    expect(actual).toEqual(expected);
  });
});

describe('halves', () => {
  const half = (bits: bigint, modes: Partial<FloatModes> = {}) => outcome((s) => convert(s, HALF, SINGLE, bits), modes);
  const toHalf = (value: number, modes: Partial<FloatModes> = {}) =>
    outcome((s) => convert(s, SINGLE, HALF, singleBits(value)), modes);

  test('every one comes back from singles and doubles, but for the quiet bit of NaNs', () => {
    for (const modes of [{}, { alternativeHalf: true }]) {
      for (let bits = 0n; bits < 0x1_0000n; bits++) {
        const isNan = (bits & 0x7fffn) > 0x7c00n && !('alternativeHalf' in modes);
        for (const format of [SINGLE, DOUBLE]) {
          const wide = convert(withModes(modes), HALF, format, bits);
          const back = convert(withModes(modes), format, HALF, wide);
          if (back !== (isNan ? bits | 0x200n : bits)) throw new Error(`${bits.toString(16)}: ${back.toString(16)}`);
        }
      }
    }
  });

  test('too large a number', () => {
    expect(toHalf(65520)).toEqual(['7c00', 'overflow', 'inexact']);
    expect(toHalf(65519)).toEqual(['7bff', 'inexact']);
  });

  test('the alternative format has neither infinities nor NaNs', () => {
    const modes = { alternativeHalf: true };
    expect(half(0x7c00n, modes)).toEqual(['47800000']);
    expect(toHalf(65536, modes)).toEqual(['7c00']);
    expect(toHalf(-200_000, modes)).toEqual(['ffff', 'invalid']);
    expect(toHalf(Infinity, modes)).toEqual(['7fff', 'invalid']);
    expect(toHalf(NaN, modes)).toEqual(['0', 'invalid']);
  });

  test('are not flushed to zero', () => {
    expect(half(1n, { flushToZero: true })).toEqual(['33800000']);
    expect(toHalf(2 ** -24, { flushToZero: true })).toEqual(['1']);
  });
});
