import { describe, expect, test } from '@jest/globals';
import { DOUBLE, fusedMultiplyAdd, SINGLE } from '../../../../../sim/cpu/isa/fp/exact.js';

const bitsOf = (value: number): bigint => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0);
};
const numberOf = (bits: bigint): number => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
};
const double = (addend: number, first: number, second: number): number =>
  numberOf(fusedMultiplyAdd(DOUBLE, bitsOf(addend), bitsOf(first), bitsOf(second)));

describe('a fused multiplication and addition', () => {
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

  test('is the exact sum where that has a place', () => {
    for (let i = 0; i < 2000; i++) {
      const [a, n, m] = [(i * 7919) % 100_003, (i * 104_729) % 1009, ((i * 31) % 997) - 500] as const;
      expect(double(a, n, m)).toBe(a + n * m + 0);
    }
  });

  test('hands on NaNs: signalling ones first, then the addend', () => {
    const [quiet, signalling] = [0x7fc0_0001n, 0x7f80_0002n];
    expect(fusedMultiplyAdd(SINGLE, quiet, 0n, signalling)).toBe(0x7fc0_0002n);
    expect(fusedMultiplyAdd(SINGLE, quiet, 0n, 0x7fc0_0003n)).toBe(quiet);
    expect(fusedMultiplyAdd(SINGLE, quiet, 0x7f80_0000n, 0n)).toBe(0x7fc0_0000n);
  });
});
