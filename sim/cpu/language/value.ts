/**
 * The expressions that the semantics of instructions compute, over WebAssembly's own operations and without effects. A
 * node is immutable and may be used many times; constants are folded as they are built. Who runs an instruction turns
 * the nodes into code.
 */

import type { ValueType, WasmOp } from '../wasm/opcodes.js';
import type { Source } from './leaf.js';

export type Value<T extends ValueType = ValueType> = Constant<T> | Operation<T> | Leaf<T>;

export interface Constant<T extends ValueType = ValueType> {
  readonly kind: 'const';
  readonly type: T;
  /** Unsigned: an i32 as 0 to 2^32 - 1, an i64 as 0 to 2^64 - 1, a v128 as 0 to 2^128 - 1; floats are their bits. */
  readonly value: bigint;
}

export interface Operation<T extends ValueType = ValueType> {
  readonly kind: 'op';
  readonly type: T;
  readonly op: WasmOp;
  readonly args: readonly Value[];
  /** Bytes of the instruction itself: the lane of `i8x16.extract_lane_u`; the 16 lanes of `i8x16.shuffle`. */
  readonly immediate?: readonly number[];
}

/** What is known only when the code runs: a register, a flag, a temporary. */
export interface Leaf<T extends ValueType = ValueType> {
  readonly kind: 'leaf';
  readonly type: T;
  readonly source: Source;
}

export type I32 = Value<'i32'>;
export type I64 = Value<'i64'>;
export type F32 = Value<'f32'>;
export type F64 = Value<'f64'>;
export type V128 = Value<'v128'>;

const BITS: Readonly<Record<ValueType, number>> = { i32: 32, i64: 64, f32: 32, f64: 64, v128: 128 };

export const constant = <T extends ValueType>(type: T, value: bigint): Constant<T> => ({
  kind: 'const',
  type,
  value: BigInt.asUintN(BITS[type], value),
});

/** The value of a constant; undefined for what is known only when it runs. */
export const constantOf = (value: Value): bigint | undefined => (value.kind === 'const' ? value.value : undefined);

export const leaf = <T extends ValueType>(type: T, source: Source): Leaf<T> => ({ kind: 'leaf', type, source });

/** Any operation of WebAssembly, unfolded: for vectors and floats. */
export const operation = <T extends ValueType>(
  type: T,
  op: WasmOp,
  args: readonly Value[],
  immediate?: readonly number[],
): Value<T> => ({ kind: 'op', type, op, args, ...(immediate && { immediate }) });

type Arithmetic =
  'add' | 'sub' | 'mul' | 'div_s' | 'div_u' | 'rem_u' | 'and' | 'or' | 'xor' | 'shl' | 'shr_u' | 'shr_s' | 'rotr';
type Comparison = 'eq' | 'ne' | 'lt_u' | 'lt_s' | 'gt_u' | 'gt_s' | 'le_u' | 'le_s' | 'ge_u' | 'ge_s';
type Binary = Arithmetic | Comparison;

type Fold = (a: bigint, b: bigint, bits: number) => bigint;

const signed = (value: bigint, bits: number): bigint => BigInt.asIntN(bits, value);
const bool = (value: boolean): bigint => (value ? 1n : 0n);
const shiftBy = (b: bigint, bits: number): bigint => b & BigInt(bits - 1);

/** How constants combine, by the part of the name behind the type. What is missing here is not folded. */
const FOLDS: Readonly<Partial<Record<Binary, Fold>>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, bits) => a << shiftBy(b, bits),
  shr_u: (a, b, bits) => a >> shiftBy(b, bits),
  shr_s: (a, b, bits) => signed(a, bits) >> shiftBy(b, bits),
  rotr: (a, b, bits) => (a >> shiftBy(b, bits)) | (a << ((BigInt(bits) - shiftBy(b, bits)) % BigInt(bits))),
  eq: (a, b) => bool(a === b),
  ne: (a, b) => bool(a !== b),
  lt_u: (a, b) => bool(a < b),
  lt_s: (a, b, bits) => bool(signed(a, bits) < signed(b, bits)),
  gt_u: (a, b) => bool(a > b),
  gt_s: (a, b, bits) => bool(signed(a, bits) > signed(b, bits)),
  le_u: (a, b) => bool(a <= b),
  le_s: (a, b, bits) => bool(signed(a, bits) <= signed(b, bits)),
  ge_u: (a, b) => bool(a >= b),
  ge_s: (a, b, bits) => bool(signed(a, bits) >= signed(b, bits)),
};

/** Operations that give `a` back when `b` is 0. */
const ZERO_IS_NEUTRAL: readonly Binary[] = ['add', 'sub', 'or', 'xor', 'shl', 'shr_u', 'shr_s', 'rotr'];

type Build<T extends ValueType> = (a: Value, b: Value) => Value<T>;

/** The function that builds an operation; what depends on its name alone is found out once. */
const builder = <T extends ValueType>(prefix: 'i32' | 'i64', name: Binary, type: T): Build<T> => {
  const fold = FOLDS[name];
  const bits = BITS[prefix];
  const ones = (1n << BigInt(bits)) - 1n;
  const op = `${prefix}.${name}` as const;
  const keepsLeft = ZERO_IS_NEUTRAL.includes(name);
  const keepsRight = name === 'add' || name === 'or' || name === 'xor';
  const isZeroWithZero = name === 'and' || name === 'mul';
  const build: Build<T> = (a, b) => {
    const x = constantOf(a);
    const y = constantOf(b);
    if (x === undefined && y === undefined) return { kind: 'op', type, op, args: [a, b] };
    if (x !== undefined && y !== undefined && fold !== undefined) return constant(type, fold(x, y, bits));
    if (y === 0n && keepsLeft) return a as Value<T>;
    if (x === 0n && keepsRight) return b as Value<T>;
    if ((x === 0n || y === 0n) && isZeroWithZero) return constant(type, 0n);
    if (name === 'and' && y === ones) return a as Value<T>;
    // (a + 8) + 8 is a + 16: addresses that were computed in steps stay recognisable as base and offset.
    if (name === 'add' && y !== undefined && a.kind === 'op' && a.op === op) {
      const inner = constantOf(a.args[1]!);
      if (inner !== undefined) return build(a.args[0]!, constant(type, inner + y));
    }
    return { kind: 'op', type, op, args: [a, b] };
  };
  return build;
};

const unaryFold = (op: WasmOp, value: bigint): bigint | undefined => {
  switch (op) {
    case 'i32.wrap_i64':
    case 'i64.extend_i32_u':
      return value;
    case 'i64.extend_i32_s':
    case 'i64.extend32_s':
      return BigInt.asIntN(32, value);
    case 'i64.extend16_s':
    case 'i32.extend16_s':
      return BigInt.asIntN(16, value);
    case 'i64.extend8_s':
    case 'i32.extend8_s':
      return BigInt.asIntN(8, value);
    case 'i32.eqz':
    case 'i64.eqz':
      return bool(value === 0n);
    default:
      return undefined;
  }
};

const unary = <T extends ValueType>(type: T, op: WasmOp, a: Value): Value<T> => {
  const value = constantOf(a);
  const folded = value === undefined ? undefined : unaryFold(op, value);
  return folded === undefined ? operation(type, op, [a]) : constant(type, folded);
};

const integer = <T extends 'i32' | 'i64'>(type: T) => {
  const arithmetic = (name: Arithmetic): ((a: Value<T>, b: Value<T>) => Value<T>) => builder(type, name, type);
  const comparison = (name: Comparison): ((a: Value<T>, b: Value<T>) => I32) => builder(type, name, 'i32');
  const [xor, sub] = [builder(type, 'xor', type), builder(type, 'sub', type)];
  return {
    const: (value: bigint | number): Constant<T> => constant(type, BigInt(value)),
    add: arithmetic('add'),
    sub: arithmetic('sub'),
    mul: arithmetic('mul'),
    /** Traps in WebAssembly on a zero divisor and on overflow: only for divisors made safe. */
    divS: arithmetic('div_s'),
    divU: arithmetic('div_u'),
    remU: arithmetic('rem_u'),
    and: arithmetic('and'),
    or: arithmetic('or'),
    xor: arithmetic('xor'),
    /** Shift counts are taken modulo the width, as in A64. */
    shl: arithmetic('shl'),
    shrU: arithmetic('shr_u'),
    shrS: arithmetic('shr_s'),
    rotr: arithmetic('rotr'),
    eq: comparison('eq'),
    ne: comparison('ne'),
    ltU: comparison('lt_u'),
    ltS: comparison('lt_s'),
    gtU: comparison('gt_u'),
    gtS: comparison('gt_s'),
    leU: comparison('le_u'),
    leS: comparison('le_s'),
    geU: comparison('ge_u'),
    geS: comparison('ge_s'),
    not: (a: Value<T>): Value<T> => xor(a, constant(type, -1n)),
    neg: (a: Value<T>): Value<T> => sub(constant(type, 0n), a),
    eqz: (a: Value<T>): I32 => unary('i32', `${type}.eqz`, a),
    clz: (a: Value<T>): Value<T> => operation(type, `${type}.clz`, [a]),
    ctz: (a: Value<T>): Value<T> => operation(type, `${type}.ctz`, [a]),
    popcnt: (a: Value<T>): Value<T> => operation(type, `${type}.popcnt`, [a]),
    extend8S: (a: Value<T>): Value<T> => unary(type, `${type}.extend8_s`, a),
    extend16S: (a: Value<T>): Value<T> => unary(type, `${type}.extend16_s`, a),
  };
};

/** What the operations of both widths have in common. */
export type Integer<T extends 'i32' | 'i64'> = ReturnType<typeof integer<T>>;

/** The 32-bit integer operations. */
export const i32 = {
  ...integer('i32'),
  wrap: (a: I64): I32 => unary('i32', 'i32.wrap_i64', a),
};

/** The 64-bit integer operations. */
export const i64 = {
  ...integer('i64'),
  /** Zero-extends. */
  extendU: (a: I32): I64 => unary('i64', 'i64.extend_i32_u', a),
  /** Sign-extends. */
  extendS: (a: I32): I64 => unary('i64', 'i64.extend_i32_s', a),
  /** Sign-extends the low 32 bits. */
  extend32S: (a: I64): I64 => unary('i64', 'i64.extend32_s', a),
};

/** `whenTrue` if `condition` is not 0. Both are computed. */
export const select = <T extends ValueType>(condition: I32, whenTrue: Value<T>, whenFalse: Value<T>): Value<T> => {
  const known = constantOf(condition);
  if (known !== undefined) return known === 0n ? whenFalse : whenTrue;
  return operation(whenTrue.type, 'select', [whenTrue, whenFalse, condition]);
};
