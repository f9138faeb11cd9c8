/** What WebAssembly computes of expressions, on numbers of arbitrary size: slow, and independent of any translator. */

import { constant, leaf, type Value } from '../../../sim/cpu/language/value.js';
import type { ValueType } from '../../../sim/cpu/wasm/opcodes.js';

const LANE_BITS: Readonly<Record<string, number>> = { i8x16: 8, i16x8: 16, i32x4: 32, i64x2: 64 };

const cut = (type: ValueType, value: bigint): bigint => constant(type, value).value;

const lanesOf = (bits: number, vector: bigint): readonly bigint[] =>
  Array.from({ length: 128 / bits }, (_, lane) => BigInt.asUintN(bits, vector >> BigInt(lane * bits)));

const vectorOf = (bits: number, lanes: readonly bigint[]): bigint =>
  lanes.reduce((vector, value, lane) => vector | (BigInt.asUintN(bits, value) << BigInt(lane * bits)), 0n);

/** Arguments are unsigned, as they are for all functions here; a result may have bits above its type. */
type Compute = (args: readonly [bigint, bigint, bigint], immediate: readonly number[]) => bigint;

const ofLanes = (name: string, bits: number): Compute | undefined => {
  const each =
    (change: (lane: bigint, other: bigint) => bigint): Compute =>
    ([a, b]) =>
      vectorOf(
        bits,
        lanesOf(bits, a).map((lane, i) => change(lane, lanesOf(bits, b)[i]!)),
      );
  const shifted =
    (change: (lane: bigint, by: bigint) => bigint): Compute =>
    ([a, b]) =>
      vectorOf(
        bits,
        lanesOf(bits, a).map((lane) => change(lane, b % BigInt(bits))),
      );
  switch (name) {
    case 'splat':
      return ([a]) => vectorOf(bits, new Array<bigint>(128 / bits).fill(a));
    case 'mul':
      return each((a, b) => a * b);
    case 'shl':
      return shifted((a, by) => a << by);
    case 'shr_s':
      return shifted((a, by) => BigInt.asIntN(bits, a) >> by);
    case 'extract_lane':
    case 'extract_lane_u':
      return ([a], [lane]) => lanesOf(bits, a)[lane!]!;
    case 'replace_lane':
      return ([a, b], [lane]) => vectorOf(bits, lanesOf(bits, a).with(lane!, b));
    case 'shuffle':
      return ([a, b], from) => {
        const bytes = [...lanesOf(8, a), ...lanesOf(8, b)];
        return vectorOf(
          8,
          from.map((byte) => bytes[byte]!),
        );
      };
    default:
      return undefined;
  }
};

const ofIntegers = (name: string, bits: number): Compute | undefined => {
  const signed = (value: bigint): bigint => BigInt.asIntN(bits, value);
  const by = (count: bigint): bigint => count % BigInt(bits);
  switch (name) {
    case 'select':
      return ([a, b, c]) => (c === 0n ? b : a);
    case 'add':
      return ([a, b]) => a + b;
    case 'sub':
      return ([a, b]) => a - b;
    case 'mul':
      return ([a, b]) => a * b;
    case 'div_u':
      return ([a, b]) => {
        if (b === 0n) throw new Error('div_u traps');
        return a / b;
      };
    case 'div_s':
      return ([a, b]) => {
        if (b === 0n || (signed(b) === -1n && signed(a) === -1n << BigInt(bits - 1))) throw new Error('div_s traps');
        return signed(a) / signed(b);
      };
    case 'and':
      return ([a, b]) => a & b;
    case 'or':
      return ([a, b]) => a | b;
    case 'xor':
      return ([a, b]) => a ^ b;
    case 'shl':
      return ([a, b]) => a << by(b);
    case 'shr_u':
      return ([a, b]) => a >> by(b);
    case 'shr_s':
      return ([a, b]) => signed(a) >> by(b);
    case 'rotr':
      return ([a, b]) => (a >> by(b)) | (a << (BigInt(bits) - by(b)));
    case 'eq':
      return ([a, b]) => BigInt(a === b);
    case 'ne':
      return ([a, b]) => BigInt(a !== b);
    case 'lt_u':
      return ([a, b]) => BigInt(a < b);
    case 'lt_s':
      return ([a, b]) => BigInt(signed(a) < signed(b));
    case 'gt_u':
      return ([a, b]) => BigInt(a > b);
    case 'gt_s':
      return ([a, b]) => BigInt(signed(a) > signed(b));
    case 'le_u':
      return ([a, b]) => BigInt(a <= b);
    case 'ge_u':
      return ([a, b]) => BigInt(a >= b);
    case 'eqz':
      return ([a]) => BigInt(a === 0n);
    case 'clz':
      return ([a]) => BigInt(bits - (a === 0n ? 0 : a.toString(2).length));
    case 'wrap_i64':
    case 'extend_i32_u':
      return ([a]) => a;
    case 'extend_i32_s':
    case 'extend32_s':
      return ([a]) => BigInt.asIntN(32, a);
    case 'extend16_s':
      return ([a]) => BigInt.asIntN(16, a);
    case 'extend8_s':
      return ([a]) => BigInt.asIntN(8, a);
    default:
      return undefined;
  }
};

const operationNamed = (op: string): Compute => {
  const [prefix, name] = op.includes('.') ? (op.split('.') as [string, string]) : ['', op];
  const lane = LANE_BITS[prefix];
  const compute = lane === undefined ? ofIntegers(name, prefix === 'i64' ? 64 : 32) : ofLanes(name, lane);
  if (compute === undefined) throw new Error(`evaluate-value: ${op}`);
  return compute;
};

/** Evaluates expressions whose leaves it gave out itself, each part of them once. */
export class Evaluator {
  readonly #known = new Map<Value, bigint>();

  /** A leaf that stands for a value. */
  leaf<T extends ValueType>(type: T, value: bigint): Value<T> {
    const made = leaf(type, { kind: 'local', index: this.#known.size });
    this.#known.set(made, cut(type, value));
    return made;
  }

  /** @throws Error for operations that no test needed so far, and where WebAssembly would trap */
  evaluate(value: Value): bigint {
    if (value.kind === 'const') return value.value;
    const before = this.#known.get(value);
    if (before !== undefined) return before;
    if (value.kind === 'leaf') throw new Error('a leaf of somebody else');
    const [a = 0n, b = 0n, c = 0n] = value.args.map((arg) => this.evaluate(arg));
    const result = cut(value.type, operationNamed(value.op)([a, b, c], value.immediate ?? []));
    this.#known.set(value, result);
    return result;
  }
}
