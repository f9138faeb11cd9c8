/**
 * Functions of WebAssembly that multiply and add with one rounding, for operands with which that is sure; for others
 * they give a NaN. Sums and products are split into what their rounded value has and the rest, both exactly.
 */

import { constant, i32, i64, operation, select, type F32, type F64, type I32, type I64 } from '../language/value.js';
import { FunctionBuilder, local, type Local } from './function-builder.js';

const bitsOf = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;

const f64 = {
  const: (value: number): F64 => constant('f64', bitsOf(value)),
  add: (a: F64, b: F64): F64 => operation('f64', 'f64.add', [a, b]),
  sub: (a: F64, b: F64): F64 => operation('f64', 'f64.sub', [a, b]),
  mul: (a: F64, b: F64): F64 => operation('f64', 'f64.mul', [a, b]),
  abs: (a: F64): F64 => operation('f64', 'f64.abs', [a]),
  eq: (a: F64, b: F64): I32 => operation('i32', 'f64.eq', [a, b]),
  lt: (a: F64, b: F64): I32 => operation('i32', 'f64.lt', [a, b]),
  gt: (a: F64, b: F64): I32 => operation('i32', 'f64.gt', [a, b]),
  bits: (a: F64): I64 => operation('i64', 'i64.reinterpret_f64', [a]),
  ofBits: (a: I64): F64 => operation('f64', 'f64.reinterpret_i64', [a]),
  promote: (a: F32): F64 => operation('f64', 'f64.promote_f32', [a]),
  demote: (a: F64): F32 => operation('f32', 'f32.demote_f64', [a]),
};

/** A rounded value, and the rest that is missing. */
interface Split {
  readonly value: Local<'f64'>;
  readonly rest: F64;
}

/** TwoSum (Knuth). */
const sumOf = (f: FunctionBuilder, a: Local<'f64'>, b: Local<'f64'>): Split => {
  const value = f.let(f64.add(a, b));
  const bPart = f.let(f64.sub(value, a));
  return { value, rest: f64.add(f64.sub(a, f64.sub(value, bPart)), f64.sub(b, bPart)) };
};

/** Veltkamp: halves whose products are exact. */
const halvesOf = (f: FunctionBuilder, a: Local<'f64'>): readonly [Local<'f64'>, Local<'f64'>] => {
  const scaled = f.let(f64.mul(a, f64.const(2 ** 27 + 1)));
  const high = f.let(f64.sub(scaled, f64.sub(scaled, a)));
  return [high, f.let(f64.sub(a, high))];
};

/** Dekker's product. */
const productOf = (f: FunctionBuilder, a: Local<'f64'>, b: Local<'f64'>): Split => {
  const value = f.let(f64.mul(a, b));
  const [aHigh, aLow] = halvesOf(f, a);
  const [bHigh, bLow] = halvesOf(f, b);
  const error = [f64.mul(aHigh, bHigh), f64.mul(aLow, bHigh), f64.mul(aHigh, bLow)].reduce<F64>(f64.sub, value);
  return { value, rest: f64.sub(f64.mul(aLow, bLow), error) };
};

/** The sum of both parts, with the last bit one if there is a rest: what is rounded to fewer bits then is rounded once. */
const oddOf = (f: FunctionBuilder, { value, rest }: Split): Local<'f64'> => {
  const odd = f.let<'f64'>(value);
  const kept = f.let(rest);
  const bits = f.let(f64.bits(value));
  const isCut = i32.and(i32.eqz(f64.eq(kept, f64.const(0))), i32.eqz(i32.wrap(i64.and(bits, i64.const(1)))));
  f.if(isCut, () => {
    const grows = i64.geS(i64.xor(f64.bits(kept), bits), i64.const(0));
    f.set(odd, f64.ofBits(i64.add(bits, select(grows, i64.const(1), i64.const(-1)))));
  });
  return odd;
};

/** Within these, no part of a product or sum is too large or too small for a double. */
const SMALL = bitsOf(2 ** -450);
const LARGE = bitsOf(2 ** 450);

const isBetween = (a: F64): I32 => {
  const twice = (bits: bigint): I64 => i64.const(bits << 1n);
  return i64.ltU(i64.sub(i64.shl(f64.bits(a), i64.const(1)), twice(SMALL)), twice(LARGE - SMALL));
};

/**
 * Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd". The
 * last two of the parts that are summed need the odd rounding only where their sum is half way between two results.
 */
export const fusedDoubles = (): Uint8Array => {
  const f = new FunctionBuilder(3);
  const [addend, a, b] = [local('f64', 0), local('f64', 1), local('f64', 2)];
  const isAddendFit = i32.or(f64.eq(addend, f64.const(0)), isBetween(addend));
  f.if(i32.eqz(i32.and(i32.and(isBetween(a), isBetween(b)), isAddendFit)), () => f.return(f64.const(NaN)));
  const product = productOf(f, a, b);
  const low = sumOf(f, addend, f.let(product.rest));
  const high = sumOf(f, product.value, low.value);
  const [lowRest, highRest] = [f.let(low.rest), f.let(high.rest)];
  const rest = f.let(f64.add(lowRest, highRest));
  const result = f.let(f64.add(high.value, rest));
  const lost = f64.sub(rest, f64.sub(result, high.value));
  const twice = f.let(f64.mul(lost, f64.const(2)));
  const mayBeHalfWay = f64.eq(f64.sub(f64.add(result, twice), result), twice);
  f.if(i32.and(i32.eqz(f64.eq(twice, f64.const(0))), mayBeHalfWay), () => {
    f.set(result, f64.add(high.value, oddOf(f, sumOf(f, lowRest, highRest))));
  });
  return f.finish(result);
};

/** Singles above this are normal, and not rounded up to be so. */
const LEAST_SINGLE = 2 ** -126;

/** A product of singles is a double. */
export const fusedSingles = (): Uint8Array => {
  const f = new FunctionBuilder(3);
  const double = (index: number): Local<'f64'> => f.let(f64.promote(local('f32', index)));
  const addend = double(0);
  const product = f.let(f64.mul(double(1), double(2)));
  const sum = oddOf(f, sumOf(f, product, addend));
  const result = f.let(f64.demote(sum));
  const size = f.let(f64.abs(f64.promote(result)));
  const isNormal = i32.and(f64.gt(size, f64.const(LEAST_SINGLE)), f64.lt(size, f64.const(Infinity)));
  const isSure = i32.or(isNormal, f64.eq(sum, f64.const(0)));
  return f.finish(select(isSure, result, constant('f32', 0x7fc0_0000n)));
};
