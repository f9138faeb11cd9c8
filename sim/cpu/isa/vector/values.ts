/**
 * Vectors of 128 bits as A64 sees them, over WebAssembly's fixed-width SIMD. Element 0 is the lowest. A `size` is the
 * log2 of an element's bytes, 0 to 3, as the field of Advanced SIMD has it.
 */

import { at } from '../../language/lookup.js';
import { constant, i32, i64, operation } from '../../language/value.js';
import type { I32, I64, Operation, V128, Value } from '../../language/value.js';

const SHAPES = ['i8x16', 'i16x8', 'i32x4', 'i64x2'] as const;
const FLOAT_SHAPES = { 2: 'f32x4', 3: 'f64x2' } as const;

/** Bits of an element. */
export const bitsOf = (size: number): number => 8 << size;

/** How many elements a vector of 128 bits has. */
export const countOf = (size: number): number => 16 >> size;

type Op = Operation['op'];

const shape = (size: number): (typeof SHAPES)[number] => at(SHAPES, size);

/** The shapes of elements of 8 to 32 bits: WebAssembly has some operations only for them. */
const NARROW_SHAPES = ['i8x16', 'i16x8', 'i32x4'] as const;

const SHORT_SHAPES = ['i8x16', 'i16x8'] as const;

const narrowShape = (size: number): (typeof NARROW_SHAPES)[number] => at(NARROW_SHAPES, size);

const op = (name: Op, ...args: readonly Value[]): V128 => operation('v128', name, args);

export const ZERO: V128 = constant('v128', 0n);

/** The same 64 bits in both halves. */
export const constant64 = (bits: bigint): V128 =>
  constant('v128', BigInt.asUintN(64, bits) | (BigInt.asUintN(64, bits) << 64n));

/** The same bits in every element. */
export const repeated = (size: number, bits: bigint): V128 => {
  const one = BigInt.asUintN(bitsOf(size), bits);
  const elements = Array.from({ length: countOf(size) }, (_, i) => one << BigInt(i * bitsOf(size)));
  return constant(
    'v128',
    elements.reduce((a, b) => a | b),
  );
};

export const and = (a: V128, b: V128): V128 => op('v128.and', a, b);
/** `a` without the bits of `b`. */
export const andNot = (a: V128, b: V128): V128 => op('v128.andnot', a, b);
export const or = (a: V128, b: V128): V128 => op('v128.or', a, b);
export const xor = (a: V128, b: V128): V128 => op('v128.xor', a, b);
export const not = (a: V128): V128 => op('v128.not', a);
/** Bits of `whenOne` where the mask has ones, and of `whenZero` elsewhere. */
export const bitSelect = (mask: V128, whenOne: V128, whenZero: V128): V128 =>
  op('v128.bitselect', whenOne, whenZero, mask);

export const add = (size: number, a: V128, b: V128): V128 => op(`${shape(size)}.add`, a, b);
export const sub = (size: number, a: V128, b: V128): V128 => op(`${shape(size)}.sub`, a, b);
export const neg = (size: number, a: V128): V128 => op(`${shape(size)}.neg`, a);
/** The magnitude; of the smallest number, itself. */
export const abs = (size: number, a: V128): V128 => op(`${shape(size)}.abs`, a);

export type Sign = 's' | 'u';

/** Every second element of `a`, then of `b`. */
export const evens = (size: number, a: V128, b: V128): V128 => shuffle(size, a, b, (i) => 2 * i);
export const odds = (size: number, a: V128, b: V128): V128 => shuffle(size, a, b, (i) => 2 * i + 1);

/** An operation on one half of vectors whose result has elements twice as wide; of elements of 8, 16 or 32 bits. */
const widening = (name: 'extend' | 'extmul', size: number, sign: Sign, half: Half) => {
  const names = [
    `i16x8.${name}_${half}_i8x16_${sign}`,
    `i32x4.${name}_${half}_i16x8_${sign}`,
    `i64x2.${name}_${half}_i32x4_${sign}`,
  ] as const;
  return at(names, size);
};

/** Doubles the width of the elements of one half. */
export const extend = (size: number, sign: Sign, half: Half, a: V128): V128 =>
  op(widening('extend', size, sign, half), a);

/** Products, twice as wide, of the elements of one half. */
export const extendMultiply = (size: number, sign: Sign, half: Half, a: V128, b: V128): V128 =>
  op(widening('extmul', size, sign, half), a, b);

export type Half = 'low' | 'high';

const PRODUCTS = ['i16x8.mul', 'i32x4.mul', 'i64x2.mul'] as const;

/** Low halves of products. WebAssembly has none of bytes. */
export const mul = (size: number, a: V128, b: V128): V128 =>
  size === 0
    ? evens(0, extendMultiply(0, 'u', 'low', a, b), extendMultiply(0, 'u', 'high', a, b))
    : op(at(PRODUCTS, size - 1), a, b);

/** Sums of neighbours, twice as wide. */
export const addPairsLong = (size: number, sign: Sign, a: V128): V128 =>
  size === 2
    ? add(3, extend(2, sign, 'low', evens(2, a, a)), extend(2, sign, 'low', odds(2, a, a)))
    : op(size === 0 ? `i16x8.extadd_pairwise_i8x16_${sign}` : `i32x4.extadd_pairwise_i16x8_${sign}`, a);

/** All ones where true. */
export const equal = (size: number, a: V128, b: V128): V128 => op(`${shape(size)}.eq`, a, b);

const SIGN_64 = constant64(1n << 63n);

/** WebAssembly compares 64-bit elements signed only: flipped sign bits turn one order into the other. */
const compare =
  (name: 'gt' | 'ge') =>
  (size: number, sign: Sign, a: V128, b: V128): V128 =>
    size < 3
      ? op(`${narrowShape(size)}.${name}_${sign}`, a, b)
      : sign === 's'
        ? op(`i64x2.${name}_s`, a, b)
        : op(`i64x2.${name}_s`, xor(a, SIGN_64), xor(b, SIGN_64));

export const greater = compare('gt');
export const greaterOrEqual = compare('ge');

/** All ones where not true. */
export const notEqual = (size: number, a: V128, b: V128): V128 => op(`${shape(size)}.ne`, a, b);

/** 1 if any bit is set. */
export const anyTrue = (a: V128): I32 => operation('i32', 'v128.any_true', [a]);

/** Sums and differences that saturate, of elements of 8 or 16 bits. */
export const addSaturating = (size: number, sign: Sign, a: V128, b: V128): V128 =>
  op(`${at(SHORT_SHAPES, size)}.add_sat_${sign}`, a, b);
export const subSaturating = (size: number, sign: Sign, a: V128, b: V128): V128 =>
  op(`${at(SHORT_SHAPES, size)}.sub_sat_${sign}`, a, b);

/** Elements of 8, 16 or 32 bits. */
export const min = (size: number, sign: Sign, a: V128, b: V128): V128 => op(`${narrowShape(size)}.min_${sign}`, a, b);
export const max = (size: number, sign: Sign, a: V128, b: V128): V128 => op(`${narrowShape(size)}.max_${sign}`, a, b);

/** Counts are taken modulo the width. */
export const shl = (size: number, a: V128, count: I32): V128 => op(`${shape(size)}.shl`, a, count);
export const shr = (size: number, sign: Sign, a: V128, count: I32): V128 => op(`${shape(size)}.shr_${sign}`, a, count);

export const popcount = (a: V128): V128 => op('i8x16.popcnt', a);

/** Bytes of `table` by the indices; 0 for an index above 15. */
export const lookup = (table: V128, indices: V128): V128 => op('i8x16.swizzle', table, indices);

/**
 * Elements out of two vectors.
 * @param pick for each element of the result, the element taken: those of `b` are numbered on from those of `a`
 */
export const shuffle = (size: number, a: V128, b: V128, pick: (element: number) => number): V128 => {
  const bytes = Array.from({ length: 16 }, (_, i) => (pick(i >> size) << size) + (i & ((1 << size) - 1)));
  return operation('v128', 'i8x16.shuffle', [a, b], bytes);
};

/** One element everywhere. */
export const broadcast = (size: number, a: V128, element: number): V128 => shuffle(size, a, a, () => element);

/** The low bits of an integer in every element. */
export const splat = (size: number, value: I64): V128 =>
  op(`${shape(size)}.splat`, size === 3 ? value : i32.wrap(value));

/** An element, extended to 64 bits. */
export const element = (size: number, sign: Sign, a: V128, index: number): I64 => {
  if (size === 3) return operation('i64', 'i64x2.extract_lane', [a], [index]);
  const name: Op =
    size === 2 ? 'i32x4.extract_lane' : size === 1 ? `i16x8.extract_lane_${sign}` : `i8x16.extract_lane_${sign}`;
  const value = operation('i32', name, [a], [index]);
  return sign === 's' ? i64.extendS(value) : i64.extendU(value);
};

/** `a` with the low bits of an integer as one of its elements. */
export const withElement = (size: number, a: V128, index: number, value: I64): V128 =>
  operation('v128', `${shape(size)}.replace_lane`, [a, size === 3 ? value : i32.wrap(value)], [index]);

/** The same of elements of 32 bits, as integers of that width. */
export const element32 = (a: V128, index: number): I32 => operation('i32', 'i32x4.extract_lane', [a], [index]);
export const withElement32 = (a: V128, index: number, value: I32): V128 =>
  operation('v128', 'i32x4.replace_lane', [a, value], [index]);

/** The low 64 bits. */
export const low64 = (a: V128): I64 => element(3, 'u', a, 0);

/** An integer as a scalar in the register's low half, and zeros above it. */
export const scalar64 = (value: I64): V128 => withElement(3, ZERO, 0, value);
export const scalar32 = (value: I32): V128 => withElement32(ZERO, 0, value);

const LOW_MASKS: readonly V128[] = [8, 16, 32, 64].map((bits) => constant('v128', (1n << BigInt(bits)) - 1n));

/** Element 0 alone, and zeros above it. */
export const lowElement = (size: number, a: V128): V128 => and(a, at(LOW_MASKS, size));

/** What an instruction with a Q bit writes: all of a vector, or its low half and zeros. */
export const sized = (q: number, a: V128): V128 => (q === 1 ? a : lowElement(3, a));

/** The half that instructions ending in 2 (Q = 1) read, and the others' (Q = 0). */
export const halfOf = (q: number): Half => (q === 1 ? 'high' : 'low');

/** Which half of each wide element is kept: 0 is the low one. */
export type Part = 0 | 1;

/** Elements of half the width written to the half that Q names; the low half stays, the high half becomes zero. */
export const narrowInto = (q: number, size: number, old: V128, wide: V128, part: Part = 0): V128 =>
  q === 0
    ? shuffle(size, wide, ZERO, (i) => 2 * i + (2 * i < countOf(size) ? part : 0))
    : shuffle(size, old, wide, (i) => (2 * i < countOf(size) ? i : 2 * i + part));

/** One of each pair of neighbours, of two vectors or of their low halves (Q = 0). */
export const pairs = (q: number, size: number, a: V128, b: V128, part: Part): V128 => {
  const perVector = q === 1 ? countOf(size) / 2 : countOf(size) / 4;
  const pick = (i: number): number => (i < perVector ? 2 * i : countOf(size) + 2 * (i - perVector)) + part;
  return shuffle(size, a, b, (i) => pick(i % (2 * perVector)));
};

/** What WebAssembly has for elements of both widths. */
type FloatName = NameOf<'f32x4', Op> & NameOf<'f64x2', Op>;
type NameOf<Shape extends string, Name extends Op> = Name extends `${Shape}.${infer Rest}` ? Rest : never;

/** An operation on floating-point elements of 32 or 64 bits. */
export const float = (size: 2 | 3, name: FloatName, ...args: readonly V128[]): V128 =>
  op(`${FLOAT_SHAPES[size]}.${name}`, ...args);
