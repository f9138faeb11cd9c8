import type { Access, AccessSize, Ops } from '../../sim/cpu/language/ops.js';
import { constant, constantOf, i32, i64, type I64, type V128, type Value } from '../../sim/cpu/language/value.js';
import type { ValueType } from '../../sim/cpu/wasm/opcodes.js';

/** A processor's state and a piece of its memory, for instructions that are carried out without one. */
export interface ConcreteState {
  pc: bigint;
  /** X0 to X30, and SP as the last. */
  readonly x: bigint[];
  readonly v: bigint[];
  readonly memory: { readonly start: bigint; readonly bytes: Uint8Array };
  /** The address that is marked for a store-exclusive. */
  exclusive: bigint | undefined;
}

export interface RecordedAccess extends Access {
  readonly kind: 'load' | 'store';
  readonly address: bigint;
  readonly sizeBytes: number;
}

const LANE_BITS: Readonly<Record<string, bigint>> = { i8x16: 8n, i16x8: 16n, i32x4: 32n, i64x2: 64n };

const byteOf = (value: bigint, index: number): bigint => (value >> BigInt(8 * index)) & 0xffn;

/** The value of an expression without leaves. */
export const evaluate = (value: Value): bigint => {
  const known = constantOf(value);
  if (known !== undefined) return known;
  if (value.kind !== 'op') throw new Error('a leaf has no value here');
  const args = value.args.map(evaluate);
  const [a, b] = args as [bigint, bigint];
  const [shape, name] = value.op.split('.') as [string, string];
  const bits = LANE_BITS[shape] ?? 0n;
  const shift = BigInt(value.immediate?.[0] ?? 0) * bits;
  const mask = (1n << bits) - 1n;
  switch (name) {
    case 'extend_i32_u':
      return a;
    case 'and':
      return a & b;
    case 'extract_lane':
    case 'extract_lane_u':
      return (a >> shift) & mask;
    case 'replace_lane':
      return (a & ~(mask << shift)) | ((b & mask) << shift);
    case 'splat':
      return Array.from({ length: Number(128n / bits) }).reduce<bigint>((sum) => (sum << bits) | (a & mask), 0n);
    case 'shuffle':
      return value.immediate!.reduceRight((sum, from) => (sum << 8n) | byteOf(a | (b << 128n), from), 0n);
    default:
      throw new Error(`${value.op} is not known here`);
  }
};

const unexpected = (): never => {
  throw new Error('no load or store does this');
};

/**
 * Carries out one instruction's semantics on a state, on values that are all known, so that they fold.
 * @returns the accesses in their order
 */
export const runConcrete = (
  state: ConcreteState,
  immediates: readonly bigint[],
  semantics: (t: Ops) => void,
): readonly RecordedAccess[] => {
  const { start, bytes } = state.memory;
  const accesses: RecordedAccess[] = [];
  const writes: (() => void)[] = [];
  const SP = 31;

  const place = (kind: RecordedAccess['kind'], sizeBytes: number, address: I64, access?: Access): number => {
    const at = evaluate(address);
    accesses.push({ kind, address: at, sizeBytes, ...access });
    const offset = Number(BigInt.asIntN(64, at - start));
    if (offset < 0 || offset + sizeBytes > bytes.length) throw new Error(`access to 0x${at.toString(16)}`);
    return offset;
  };
  const load = <T extends ValueType>(type: T, sizeBytes: number, address: I64, access?: Access): Value<T> => {
    const offset = place('load', sizeBytes, address, access);
    const loaded = bytes.subarray(offset, offset + sizeBytes);
    return constant(
      type,
      loaded.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
    );
  };
  const store = (sizeBytes: number, address: I64, value: Value, access?: Access): void => {
    const offset = place('store', sizeBytes, address, access);
    const stored = evaluate(value);
    for (let i = 0; i < sizeBytes; i++) bytes[offset + i] = Number(byteOf(stored, i));
  };
  const loadExclusive = (sizeBytes: AccessSize, address: I64): I64 => {
    state.exclusive = evaluate(address);
    return load('i64', sizeBytes, address);
  };
  const storeExclusive = (address: I64, action: () => void) => {
    const isMarked = state.exclusive === evaluate(address);
    state.exclusive = undefined;
    if (isMarked) action();
    return i32.const(isMarked ? 0 : 1);
  };
  const second = (sizeBytes: number, address: I64): I64 => i64.add(address, i64.const(sizeBytes));
  const x = (register: number): I64 => i64.const(register === SP ? 0n : state.x[register]!);
  const setXsp = (register: number, value: I64): void => {
    const written = evaluate(value);
    writes.push(() => (state.x[register] = written));
  };
  const setX = (register: number, value: I64): void => {
    if (register !== SP) setXsp(register, value);
  };

  semantics({
    pc: () => i64.const(state.pc),
    imm: (index) => i64.const(immediates[index]!),
    x,
    w: (register) => i32.wrap(x(register)),
    xsp: (register) => i64.const(state.x[register]!),
    wsp: unexpected,
    setX,
    setW: (register, value) => setX(register, i64.extendU(value)),
    setXsp,
    setWsp: unexpected,
    v: (register) => constant('v128', state.v[register]!),
    setV: (register, value: V128) => {
      const written = evaluate(value);
      writes.push(() => (state.v[register] = written));
    },
    condition: unexpected,
    carry: unexpected,
    nzcv: unexpected,
    setFlags: unexpected,
    load: (sizeBytes, address, access) => load('i64', sizeBytes, address, access),
    store,
    load128: (address, access) => load('v128', 16, address, access),
    store128: (address, value, access) => store(16, address, value, access),
    loadExclusive,
    loadExclusivePair: (sizeBytes, address) => [
      loadExclusive(sizeBytes, address),
      load('i64', sizeBytes, second(sizeBytes, address)),
    ],
    storeExclusive: (sizeBytes, address, value) => storeExclusive(address, () => store(sizeBytes, address, value)),
    storeExclusivePair: (sizeBytes, address, low, high) =>
      storeExclusive(address, () => {
        store(sizeBytes, address, low);
        store(sizeBytes, second(sizeBytes, address), high);
      }),
    clearExclusive: unexpected,
    touch: unexpected,
    zeroBlock: unexpected,
    let: (value) => value,
    branch: unexpected,
    branchIf: unexpected,
    undefined: unexpected,
    isb: unexpected,
  });
  for (const write of writes) write();
  return accesses;
};
