import type { Ops } from '../../sim/cpu/language/ops.js';
import type { Fields } from '../../sim/cpu/language/pattern.js';
import type { OpsRow } from '../../sim/cpu/language/row.js';
import { type Constant, constant, type I32, i32, i64, type Value } from '../../sim/cpu/language/value.js';
import type { ValueType } from '../../sim/cpu/wasm/opcodes.js';

/** The state that integer instructions work on. */
export interface IntegerState {
  /** X0 to X30. */
  readonly x: readonly bigint[];
  readonly sp: bigint;
  /** N, Z, C and V in bits 3 to 0. */
  readonly nzcv: number;
  readonly pc: bigint;
}

/** What is constant when the semantics are asked, as in the translator or not at all as in the interpreter. */
export type Known = 'nothing' | 'immediates' | 'everything';

const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

const laneOf = (vector: bigint, lane: number): bigint => u32(vector >> BigInt(32 * lane));
const mapLanes = (change: (lane: number) => bigint): bigint =>
  [0, 1, 2, 3].reduce((all, lane) => all | (u32(change(lane)) << BigInt(32 * lane)), 0n);

/** An operation of WebAssembly on unsigned values; the result is cut to its type by the caller. */
const compute = (op: string, [a = 0n, b = 0n, c = 0n]: readonly bigint[], immediate: readonly number[]): bigint => {
  const [prefix, name] = op.includes('.') ? (op.split('.') as [string, string]) : ['', op];
  const bits = prefix === 'i64' ? 64 : 32;
  const sa = BigInt.asIntN(bits, a);
  const sb = BigInt.asIntN(bits, b);
  const by = b % BigInt(bits);
  const divisor = (value: bigint): bigint => {
    if (value === 0n || (name === 'div_s' && sb === -1n && sa === -1n << BigInt(bits - 1)))
      throw new Error(`${op} traps`);
    return value;
  };
  if (prefix === 'i32x4') {
    switch (name) {
      case 'splat':
        return mapLanes(() => a);
      case 'mul':
        return mapLanes((lane) => laneOf(a, lane) * laneOf(b, lane));
      case 'shl':
        return mapLanes((lane) => laneOf(a, lane) << by);
      case 'shr_s':
        return mapLanes((lane) => BigInt.asIntN(32, laneOf(a, lane)) >> by);
      case 'extract_lane':
        return laneOf(a, immediate[0]!);
    }
  }
  switch (name) {
    case 'select':
      return c === 0n ? b : a;
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div_u':
      return a / divisor(b);
    case 'div_s':
      return sa / divisor(sb);
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return a << by;
    case 'shr_u':
      return a >> by;
    case 'shr_s':
      return sa >> by;
    case 'rotr':
      return (a >> by) | (a << (BigInt(bits) - by));
    case 'eq':
      return BigInt(a === b);
    case 'ne':
      return BigInt(a !== b);
    case 'lt_u':
      return BigInt(a < b);
    case 'ge_u':
      return BigInt(a >= b);
    case 'le_u':
      return BigInt(a <= b);
    case 'gt_u':
      return BigInt(a > b);
    case 'eqz':
      return BigInt(a === 0n);
    case 'clz':
      return BigInt(bits - (a === 0n ? 0 : a.toString(2).length));
    case 'wrap_i64':
    case 'extend_i32_u':
      return a;
    case 'extend_i32_s':
    case 'extend32_s':
      return BigInt.asIntN(32, a);
    case 'extend16_s':
      return BigInt.asIntN(16, a);
    case 'extend8_s':
      return BigInt.asIntN(8, a);
  }
  throw new Error(`evaluate-ops: ${op}`);
};

/** NZCV of an addition with carry at `bits` bits (Arm ARM J1, AddWithCarry). */
const flagsOfSum = (bits: number, a: bigint, b: bigint, carry: bigint): number => {
  const unsigned = a + b + carry;
  const signed = BigInt.asIntN(bits, a) + BigInt.asIntN(bits, b) + carry;
  const result = BigInt.asUintN(bits, unsigned);
  const n = Number(result >> BigInt(bits - 1));
  return (
    n * 8 + (result === 0n ? 4 : 0) + (result === unsigned ? 0 : 2) + (BigInt.asIntN(bits, result) === signed ? 0 : 1)
  );
};

const holds = (condition: number, nzcv: number): boolean => {
  const [n, z, c, v] = [(nzcv & 8) !== 0, (nzcv & 4) !== 0, (nzcv & 2) !== 0, (nzcv & 1) !== 0];
  const base = [z, c, n, v, c && !z, n === v, n === v && !z, true][condition >> 1]!;
  return (condition & 1) === 1 && condition !== 15 ? !base : base;
};

/**
 * Carries out one integer instruction on numbers of arbitrary size, for tests: slow, and independent of any translator.
 * @throws Error for what integer instructions do not do, and where WebAssembly would trap
 */
export const evaluateInteger = (row: OpsRow, fields: Fields, state: IntegerState, known: Known): IntegerState => {
  const leaves: bigint[] = [];
  const values = new Map<Value, bigint>();
  const x = [...state.x];
  let { sp, nzcv, pc } = { ...state, pc: state.pc + 4n };

  const cut = (type: ValueType, value: bigint): bigint => constant(type, value).value;
  const evaluate = (value: Value): bigint => {
    if (value.kind === 'const') return value.value;
    if (value.kind === 'leaf') return leaves[value.leaf]!;
    const before = values.get(value);
    if (before !== undefined) return before;
    const result = cut(value.type, compute(value.op, value.args.map(evaluate), value.immediate ?? []));
    values.set(value, result);
    return result;
  };
  const read = <T extends ValueType>(type: T, value: bigint, isKnown = known === 'everything'): Value<T> => {
    const folded: Constant<T> = constant(type, value);
    return isKnown ? folded : { kind: 'leaf', type, leaf: leaves.push(folded.value) - 1 };
  };
  const register = (number: number, of31: bigint): bigint => (number === 31 ? of31 : state.x[number]!);
  const isZero = (number: number): boolean => number === 31 && known !== 'nothing';
  const set = (number: number, value: Value): void => {
    const result = evaluate(value);
    if (number !== 31) x[number] = result;
  };
  const setSp = (number: number, value: Value): void => {
    if (number === 31) sp = evaluate(value);
    else set(number, value);
  };
  const no = (): never => {
    throw new Error(`evaluate-ops: ${row.name} does more than integer arithmetic`);
  };
  const branchTo = (target: Value): void => {
    pc = u64(evaluate(target));
  };

  const immediates = row.immediates?.(fields) ?? [];
  const t: Ops = {
    pc: () => read('i64', state.pc),
    imm: (index) => {
      const value = immediates[index];
      if (value === undefined) throw new Error(`${row.name}: no immediate ${index}`);
      return read('i64', value, known !== 'nothing');
    },
    x: (number) => (isZero(number) ? i64.const(0) : read('i64', register(number, 0n))),
    w: (number) => (isZero(number) ? i32.const(0) : read('i32', register(number, 0n))),
    xsp: (number) => read('i64', register(number, state.sp)),
    wsp: (number) => read('i32', register(number, state.sp)),
    setX: set,
    setW: set,
    setXsp: setSp,
    setWsp: setSp,
    condition: (condition) => read('i32', BigInt(holds(condition, state.nzcv))),
    carry: () => read('i32', BigInt((state.nzcv >> 1) & 1)),
    nzcv: () => read('i32', BigInt(state.nzcv)),
    setFlags: (kind: string, a: Value, b?: Value) => {
      const bits = kind.endsWith('32') ? 32 : 64;
      const first = evaluate(a);
      const second = b === undefined ? 0n : evaluate(b);
      if (kind === 'nzcv') nzcv = Number(first);
      else if (kind.startsWith('logic')) nzcv = flagsOfSum(bits, first, 0n, 0n);
      else if (kind.startsWith('add')) nzcv = flagsOfSum(bits, first, second, 0n);
      else nzcv = flagsOfSum(bits, first, BigInt.asUintN(bits, ~second), 1n);
    },
    let: (value) => value,
    branch: branchTo,
    branchIf: (condition: I32, target) => {
      if (evaluate(condition) !== 0n) branchTo(target);
    },
    v: no,
    setV: no,
    load: no,
    store: no,
    load128: no,
    store128: no,
    loadExclusive: no,
    loadExclusivePair: no,
    storeExclusive: no,
    storeExclusivePair: no,
    clearExclusive: no,
    touch: no,
    zeroBlock: no,
    undefined: no,
    isb: no,
  };
  row.semantics(t, fields);
  return { x, sp, nzcv, pc };
};
