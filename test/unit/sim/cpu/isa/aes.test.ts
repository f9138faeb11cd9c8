import { describe, expect, test } from '@jest/globals';
import { A_OVER, INVERSE_SUBSTITUTION, INVERSES, SUBSTITUTION } from '../../../../../sim/cpu/isa/simd/aes.js';
import { constantOf, type V128 } from '../../../../../sim/cpu/language/value.js';

const BYTES = Array.from({ length: 256 }, (_, byte) => byte);
const NIBBLES = BYTES.slice(0, 16);

/** Products in GF(2^8) (FIPS 197, 4.2). */
const multiply = (a: number, b: number): number =>
  [7, 6, 5, 4, 3, 2, 1, 0].reduce((product, bit) => {
    const twice = (product << 1) ^ (product >= 0x80 ? 0x11b : 0);
    return ((b >> bit) & 1) === 1 ? twice ^ a : twice;
  }, 0);

const power = (a: number, exponent: number): number =>
  Array.from({ length: exponent }, () => a).reduce((product, factor) => multiply(product, factor), 1);

const inverse = (a: number): number => power(a, 254);

/** Numbers of GF(2^4) as bytes: sums of the powers of a root of x^4 + x + 1. */
const root = BYTES.find((byte) => power(byte, 4) === (byte ^ 1))!;
const byteOf = (nibble: number): number =>
  [0, 1, 2, 3].reduce((sum, bit) => (((nibble >> bit) & 1) === 1 ? sum ^ power(root, bit) : sum), 0);
const nibbles = new Map(NIBBLES.map((nibble) => [byteOf(nibble), nibble]));
const nibbleOf = (byte: number): number => nibbles.get(byte)!;

const z = BYTES.find((byte) => (byte ^ power(byte, 16)) === 1)!;
const conjugate = z ^ 1;
const product = multiply(z, conjugate);
const a = inverse(product);

const entries = (table: V128): readonly number[] =>
  NIBBLES.map((i) => Number((constantOf(table)! >> BigInt(8 * i)) & 0xffn));

/** A byte rotated to the left by some counts, added up. */
const rotations =
  (...counts: readonly number[]) =>
  (byte: number): number =>
    counts.reduce((sum, count) => sum ^ (((byte << count) | (byte >> (8 - count))) & 0xff), 0);
const affine = rotations(0, 1, 2, 3, 4);
const inverseAffine = rotations(1, 3, 6);

/** i + j in the high half, i in the low one. */
const split = (byte: number): number => {
  const sum = byte ^ power(byte, 16);
  return (nibbleOf(sum) << 4) | nibbleOf(byte ^ multiply(sum, conjugate));
};

const outputs = (map: (byte: number) => number): readonly (readonly number[])[] =>
  [conjugate ^ product, z ^ product].map((factor) =>
    NIBBLES.map((nibble) => map(multiply(factor, inverse(byteOf(nibble))))),
  );

describe('the tables of AES are', () => {
  test('inverses, and quotients, in GF(2^4)', () => {
    const over = (numerator: number) => (nibble: number) =>
      nibble === 0 ? 0x80 : nibbleOf(multiply(numerator, inverse(byteOf(nibble))));
    expect(entries(INVERSES)).toEqual(NIBBLES.map(over(1)));
    expect(entries(A_OVER)).toEqual(NIBBLES.map(over(a)));
  });

  test('of the S-box: the two numbers of a byte, and the affine map of its inverse', () => {
    expect(SUBSTITUTION.inputs.map(entries)).toEqual([NIBBLES.map(split), NIBBLES.map((n) => split(n << 4))]);
    expect(SUBSTITUTION.outputs.map(entries)).toEqual(outputs(affine));
  });

  test('of the inverse S-box: the two numbers behind the inverse of the affine map, and the inverse', () => {
    const [plus, input] = [split(inverseAffine(0x63)), (byte: number): number => split(inverseAffine(byte))];
    expect(INVERSE_SUBSTITUTION.inputs.map(entries)).toEqual([
      NIBBLES.map((n) => input(n) ^ plus),
      NIBBLES.map((n) => input(n << 4)),
    ]);
    expect(INVERSE_SUBSTITUTION.outputs.map(entries)).toEqual(outputs((byte) => byte));
  });
});
