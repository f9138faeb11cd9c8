/**
 * Floating-point elements as WebAssembly computes them: a scalar by its scalar operations, which look at nothing else of
 * the register, and vectors by those of vectors.
 */

import {
  i32,
  i64,
  constant,
  operation,
  type I32,
  type Operation,
  type V128,
  type Value,
} from '../../language/value.js';
import { and, lowElement, or, repeated, scalar32, scalar64, sized, ZERO } from '../vector/values.js';

/** Log2 of the bytes of a single or a double. */
export type FloatSize = 2 | 3;

/** Which elements of its registers an instruction computes. */
export interface Shape {
  readonly size: FloatSize;
  readonly lanes: 1 | 2 | 4;
}

/** The size that the fields `sz` or `type` have for single (0) and double precision (1). */
export const sizeOf = (sz: number): FloatSize => (sz === 1 ? 3 : 2);

export const scalarOf = (size: FloatSize): Shape => ({ size, lanes: 1 });

/** All of a vector, or of its low half. */
export const vectorOf = (q: number, size: FloatSize): Shape => ({ size, lanes: size === 2 && q === 1 ? 4 : 2 });

/** The operations that scalars and vectors of both sizes have. */
type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'sqrt' | 'min' | 'max' | 'abs' | 'neg' | Rounding;
export type Rounding = 'nearest' | 'ceil' | 'floor' | 'trunc';
export type Comparison = 'eq' | 'ne' | 'lt' | 'gt' | 'le' | 'ge';

/** Whether something holds: of a scalar 0 or 1, of vectors zeros or ones in every element. */
export type Mask = I32 | V128;

const PREFIXES = { 2: ['f32', 'f32x4'], 3: ['f64', 'f64x2'] } as const;

const BITS = {
  2: (value: number) => BigInt(viewOf(new Float32Array([value])).getUint32(0, true)),
  3: (value: number) => viewOf(new Float64Array([value])).getBigUint64(0, true),
};

const viewOf = ({ buffer }: Float32Array | Float64Array): DataView => new DataView(buffer);

/** The least normal number. */
const LEAST_NORMAL = { 2: 2 ** -126, 3: 2 ** -1022 } as const;

export class Elements {
  readonly #isScalar: boolean;
  readonly #prefix: (typeof PREFIXES)[FloatSize][0 | 1];
  readonly #type: 'f32' | 'f64' | 'v128';

  constructor(readonly shape: Shape) {
    this.#isScalar = shape.lanes === 1;
    this.#prefix = PREFIXES[shape.size][this.#isScalar ? 0 : 1];
    this.#type = this.#isScalar ? PREFIXES[shape.size][0] : 'v128';
  }

  /** A register's elements. */
  read(register: V128): Value {
    return this.#isScalar ? this.lane(register, 0) : register;
  }

  /** One of a register's elements. */
  lane(register: V128, index: number): Value<'f32' | 'f64'> {
    const { size } = this.shape;
    return operation(PREFIXES[size][0], `${PREFIXES[size][1]}.extract_lane`, [register], [index]);
  }

  /** A register with such elements, and zeros above them. */
  register(value: Value): V128 {
    if (value.type === 'f32') return operation('v128', 'f32x4.replace_lane', [ZERO, value], [0]);
    if (value.type === 'f64') return operation('v128', 'f64x2.replace_lane', [ZERO, value], [0]);
    return this.cut(value as V128);
  }

  /** A register with zeros above the elements. */
  cut(value: V128): V128 {
    const { size, lanes } = this.shape;
    if (lanes === 1) return lowElement(size, value);
    return lanes === 2 && size === 2 ? sized(0, value) : value;
  }

  /** A register made of single elements. */
  ofLanes(values: readonly Value[]): V128 {
    const name = `${PREFIXES[this.shape.size][1]}.replace_lane` as const;
    return values.reduce<V128>((vector, value, i) => operation('v128', name, [vector, value], [i]), ZERO);
  }

  constant(value: number): Value {
    const one = BITS[this.shape.size](value);
    return this.#isScalar ? constant(this.#type, one) : repeated(this.shape.size, one);
  }

  compute(name: Arithmetic, ...args: readonly Value[]): Value {
    const op: Operation['op'] = `${this.#prefix}.${name}`;
    return operation(this.#type, op, args);
  }

  /** The magnitude of one with the sign of another one. */
  withSign(size: Value, sign: Value): Value {
    if (this.#isScalar)
      return operation(this.#type, this.shape.size === 2 ? 'f32.copysign' : 'f64.copysign', [size, sign]);
    const bit = repeated(this.shape.size, BITS[this.shape.size](-0));
    return operation('v128', 'v128.bitselect', [sign, size, bit]);
  }

  is(name: Comparison, a: Value, b: Value): Mask {
    const op: Operation['op'] = `${this.#prefix}.${name}`;
    return this.#isScalar ? operation('i32', op, [a, b]) : operation('v128', op, [a, b]);
  }

  both(a: Mask, b: Mask): Mask {
    return a.type === 'i32' ? i32.and(a, b as I32) : and(a, b as V128);
  }

  either(a: Mask, b: Mask): Mask {
    return a.type === 'i32' ? i32.or(a, b as I32) : or(a, b as V128);
  }

  /** Whether it holds of all elements. */
  all(mask: Mask): I32 {
    if (mask.type === 'i32') return mask;
    const { size, lanes } = this.shape;
    if (size === 3) return operation('i32', 'i64x2.all_true', [mask]);
    if (lanes === 4) return operation('i32', 'i32x4.all_true', [mask]);
    const every = i32.const(3);
    return i32.eq(i32.and(operation('i32', 'i32x4.bitmask', [mask]), every), every);
  }

  /** A register with ones in the elements of which it holds. */
  maskRegister(mask: Mask): V128 {
    if (mask.type === 'v128') return this.cut(mask);
    return this.shape.size === 3 ? scalar64(i64.neg(i64.extendU(mask))) : scalar32(i32.neg(mask));
  }

  isNumber(value: Value): Mask {
    return this.is('eq', value, value);
  }

  isZero(value: Value): Mask {
    return this.is('eq', value, this.constant(0));
  }

  isFinite(value: Value): Mask {
    return this.is('lt', this.compute('abs', value), this.constant(Infinity));
  }

  /** Finite and normal, and no smaller number that was rounded to the least normal one. */
  isNormal(value: Value): Mask {
    const isLarge = this.is('gt', this.compute('abs', value), this.constant(LEAST_NORMAL[this.shape.size]));
    return this.both(isLarge, this.isFinite(value));
  }
}
