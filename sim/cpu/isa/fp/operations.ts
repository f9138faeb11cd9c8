/** Floating-point operations: calls of the floating-point unit, and the faster way where there is one. */

import { encodeCall, type FloatCall, type FloatOperation } from '../../float/call.js';
import type { Ops } from '../../language/ops.js';
import { i32, type I32, type V128, type Value } from '../../language/value.js';
import { Elements, type Comparison, type Mask, type Rounding, type Shape } from './elements.js';

/** What WebAssembly makes of operands, and where it is right; see {@link Fast}. */
interface FastElements {
  readonly value: Value;
  /** Whether it is right for an element: the first one of them that holds for all of them counts. */
  readonly accepts: readonly Mask[];
  readonly rounds: boolean;
}

type FastBinary = (t: Ops, e: Elements, a: Value, b: Value) => FastElements;
type FastUnary = (t: Ops, e: Elements, a: Value) => FastElements;

/** Of registers. What they give has zeros above the elements. */
export type Binary = (t: Ops, shape: Shape, n: V128, m: V128) => V128;
export type Unary = (t: Ops, shape: Shape, n: V128) => V128;

const accepts = (e: Elements, masks: readonly Mask[]): readonly I32[] => masks.map((mask) => e.all(mask));

export const binary =
  (operation: FloatOperation, fast?: FastBinary): Binary =>
  (t, shape, n, m) => {
    const [first, second] = [t.let(n), t.let(m)];
    const call = encodeCall({ operation, ...shape });
    if (fast === undefined) return t.float('v128', call, [first, second]);
    const e = new Elements(shape);
    const { value, accepts: masks, rounds } = fast(t, e, t.let(e.read(first)), t.let(e.read(second)));
    return t.float('v128', call, [first, second], { value: e.register(value), accepts: accepts(e, masks), rounds });
  };

export const unary =
  (call: Omit<FloatCall, 'size' | 'lanes'>, fast?: FastUnary): Unary =>
  (t, shape, n) => {
    const operand = t.let(n);
    const number = encodeCall({ ...call, ...shape });
    if (fast === undefined) return t.float('v128', number, [operand]);
    const e = new Elements(shape);
    const { value, accepts: masks, rounds } = fast(t, e, t.let(e.read(operand)));
    return t.float('v128', number, [operand], { value: e.register(value), accepts: accepts(e, masks), rounds });
  };

/** Sums too small for a normal number are exact. */
const sum =
  (name: 'add' | 'sub', finish: (e: Elements, value: Value) => Value = (_, value) => value): FastBinary =>
  (t, e, a, b) => {
    const value = t.let(e.compute(name, a, b));
    return { value: finish(e, value), accepts: [e.isFinite(value)], rounds: true };
  };

/** Products are normal, or zeros of zeros. */
const product =
  (finish: (e: Elements, value: Value) => Value = (_, value) => value): FastBinary =>
  (t, e, a, b) => {
    const value = t.let(e.compute('mul', a, b));
    const isNormal = e.isNormal(value);
    const isOfZero = e.both(e.isZero(value), e.either(e.isZero(a), e.isZero(b)));
    return { value: finish(e, value), accepts: [isNormal, e.either(isNormal, isOfZero)], rounds: true };
  };

const quotient: FastBinary = (t, e, a, b) => {
  const value = t.let(e.compute('div', a, b));
  const isNormal = e.isNormal(value);
  const isOfZero = e.both(e.isZero(value), e.isZero(a));
  return { value, accepts: [isNormal, e.either(isNormal, isOfZero)], rounds: true };
};

/** WebAssembly makes a NaN of every NaN. */
const extreme =
  (name: 'max' | 'min'): FastBinary =>
  (t, e, a, b) => {
    const value = t.let(e.compute(name, a, b));
    return { value, accepts: [e.isNumber(value)], rounds: false };
  };

const magnitude = (e: Elements, value: Value): Value => e.compute('abs', value);
const opposite = (e: Elements, value: Value): Value => e.compute('neg', value);

export const fadd = binary('add', sum('add'));
export const fsub = binary('subtract', sum('sub'));
export const fabd = binary('absoluteDifference', sum('sub', magnitude));
export const fmul = binary('multiply', product());
export const fnmul = binary('negatedMultiply', product(opposite));
export const fmulx = binary('multiplyExtended', product());
export const fdiv = binary('divide', quotient);
export const fmax = binary('max', extreme('max'));
export const fmin = binary('min', extreme('min'));
export const fmaxnm = binary('maxNumber', extreme('max'));
export const fminnm = binary('minNumber', extreme('min'));
export const frecps = binary('reciprocalStep');
export const frsqrts = binary('reciprocalRootStep');

/** Bits alone: no flags, and NaNs are as others. */
export const fabs: Unary = (_, { size, lanes }, n) => bitwise('abs', { size, lanes }, n);
export const fneg: Unary = (_, { size, lanes }, n) => bitwise('neg', { size, lanes }, n);

const bitwise = (name: 'abs' | 'neg', shape: Shape, n: V128): V128 => {
  const e = new Elements(shape);
  return e.register(e.compute(name, e.read(n)));
};

export const fsqrt = unary({ operation: 'squareRoot' }, (t, e, a) => {
  const value = t.let(e.compute('sqrt', a));
  return { value, accepts: [e.isNumber(value)], rounds: true };
});

/** To nearest, ties away from zero: one more than the truncated number if at least a half is cut off. */
const away = (t: Ops, e: Elements, a: Value): Value => {
  const whole = t.let(e.compute('trunc', a));
  const size = e.compute('abs', e.compute('sub', a, whole));
  // Twice what is cut off, truncated, is 0 or 1.
  const more = e.compute('trunc', e.compute('add', size, size));
  return e.withSign(e.compute('add', e.compute('abs', whole), more), a);
};

/** How a number becomes a whole one. */
export type ToWhole = Rounding | 'away';

export const toWhole = (t: Ops, e: Elements, a: Value, rounding: ToWhole): Value =>
  rounding === 'away' ? away(t, e, a) : e.compute(rounding, a);

/** The roundings of {@link FloatCall}. */
export const ROUNDING_OF = { nearest: 'even', ceil: 'up', floor: 'down', trunc: 'zero', away: 'away' } as const;

/** FRINTN and its like. */
export const roundToIntegral = (rounding: ToWhole): Unary =>
  unary({ operation: 'roundToIntegral', rounding: ROUNDING_OF[rounding] }, (t, e, a) => {
    const value = t.let(toWhole(t, e, a, rounding));
    return { value, accepts: [e.isNumber(value)], rounds: false };
  });

/** FRINTI and FRINTX, as FPCR has it. */
export const roundByMode = (isSignalling: boolean): Unary =>
  unary({ operation: 'roundToIntegral', isSignalling }, (t, e, a) => {
    const value = t.let(e.compute('nearest', a));
    return { value, accepts: [e.isNumber(value)], rounds: isSignalling };
  });

/** FCMEQ and its like: ones in the elements of which it holds. */
export const comparison =
  (operation: FloatOperation, name: Comparison, ofMagnitudes = false): Binary =>
  (t, shape, n, m) => {
    const e = new Elements(shape);
    const [first, second] = [t.let(n), t.let(m)];
    const read = (register: V128): Value => {
      const value = e.read(register);
      return t.let(ofMagnitudes ? e.compute('abs', value) : value);
    };
    const [a, b] = [read(first), read(second)];
    const areOrdered = e.both(e.isNumber(a), e.isNumber(b));
    const value = e.maskRegister(e.is(name, a, b));
    const call = encodeCall({ operation, ...shape });
    return t.float('v128', call, [first, second], { value, accepts: [e.all(areOrdered)], rounds: false });
  };

/** FMLA and its like: the addend, and the factors. */
export const fusedMultiplyAdd = (t: Ops, shape: Shape, addend: V128, n: V128, m: V128): V128 => {
  const operands = [t.let(addend), t.let(n), t.let(m)] as const;
  const e = new Elements(shape);
  const lanes = Array.from({ length: shape.lanes }, (_, lane) => {
    const at = (operand: V128): Value<'f32' | 'f64'> => t.let(e.lane(operand, lane));
    return t.fused(at(operands[0]), at(operands[1]), at(operands[2]));
  });
  const isSure = lanes.map((lane) => {
    const scalar = new Elements({ size: shape.size, lanes: 1 });
    return scalar.all(scalar.isNumber(lane));
  });
  return t.float('v128', encodeCall({ operation: 'multiplyAdd', ...shape }), operands, {
    value: e.ofLanes(lanes),
    accepts: [isSure.reduce((all, one) => i32.and(all, one))],
    rounds: true,
  });
};
