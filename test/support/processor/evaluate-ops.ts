/** Carries out single instructions by their semantics, on states that are plain values. */

import type { Access, AccessSize, Ops } from '../../../sim/cpu/language/ops.js';
import type { Fields } from '../../../sim/cpu/language/pattern.js';
import type { OpsRow } from '../../../sim/cpu/language/row.js';
import { constant, type I32, i32, i64, type I64, type V128, type Value } from '../../../sim/cpu/language/value.js';
import type { FlagKind } from '../../../sim/cpu/state/layout.js';
import type { ValueType } from '../../../sim/cpu/wasm/opcodes.js';
import { Evaluator } from './evaluate-value.js';
import { flagsOf, holds } from './flags.js';

/** A processor's state, and a piece of its memory. */
export interface State {
  readonly pc: bigint;
  /** X0 to X30. */
  readonly x: readonly bigint[];
  readonly sp: bigint;
  readonly v: readonly bigint[];
  /** N, Z, C and V in bits 3 to 0. */
  readonly nzcv: number;
  readonly memory: { readonly start: bigint; readonly bytes: Uint8Array };
  /** The address that is marked for a store-exclusive. */
  readonly exclusive: bigint | undefined;
}

/** Zeros everywhere, and no memory. */
export const EMPTY_STATE: State = {
  pc: 0n,
  x: new Array<bigint>(31).fill(0n),
  sp: 0n,
  v: new Array<bigint>(32).fill(0n),
  nzcv: 0,
  memory: { start: 0n, bytes: new Uint8Array() },
  exclusive: undefined,
};

/** What is constant when the semantics are asked, as in the translator, or not at all as in handlers. */
export type Known = 'nothing' | 'immediates' | 'everything';

export interface ObservedAccess extends Access {
  readonly kind: 'load' | 'store';
  readonly address: bigint;
  readonly sizeBytes: number;
}

export interface Evaluated {
  readonly state: State;
  /** In their order. */
  readonly accesses: readonly ObservedAccess[];
}

const ZERO_OR_SP = 31;

/** One instruction on its way. Reads see the state from before; what is written becomes the state after it. */
class Evaluation implements Ops {
  readonly accesses: ObservedAccess[] = [];
  readonly #values = new Evaluator();
  readonly #x: bigint[];
  readonly #v: bigint[];
  readonly #bytes: Uint8Array;
  #sp: bigint;
  #nzcv: number;
  #exclusive: bigint | undefined;
  #pc: bigint;

  constructor(
    private readonly name: string,
    private readonly before: State,
    private readonly immediates: readonly bigint[],
    private readonly known: Known,
  ) {
    this.#x = [...before.x];
    this.#v = [...before.v];
    this.#bytes = before.memory.bytes.slice();
    this.#sp = before.sp;
    this.#nzcv = before.nzcv;
    this.#exclusive = before.exclusive;
    this.#pc = before.pc + 4n;
  }

  get after(): State {
    const memory = { start: this.before.memory.start, bytes: this.#bytes };
    const registers = { pc: this.#pc, x: this.#x, sp: this.#sp, v: this.#v, nzcv: this.#nzcv };
    return { ...registers, memory, exclusive: this.#exclusive };
  }

  #read<T extends ValueType>(type: T, value: bigint, isKnown = this.known === 'everything'): Value<T> {
    return isKnown ? constant(type, value) : this.#values.leaf(type, value);
  }

  #valueOf(value: Value): bigint {
    return this.#values.evaluate(value);
  }

  #no(): never {
    throw new Error(`evaluate-ops: ${this.name} does more than compute, load and store`);
  }

  pc(): I64 {
    return this.#read('i64', this.before.pc);
  }

  imm(index: number): I64 {
    const value = this.immediates[index];
    if (value === undefined) throw new Error(`${this.name}: no immediate ${index}`);
    return this.#read('i64', value, this.known !== 'nothing');
  }

  #general<T extends 'i32' | 'i64'>(type: T, register: number): Value<T> {
    return register === ZERO_OR_SP
      ? this.#read(type, 0n, this.known !== 'nothing')
      : this.#read(type, this.before.x[register]!);
  }

  #generalOrSp<T extends 'i32' | 'i64'>(type: T, register: number): Value<T> {
    return this.#read(type, register === ZERO_OR_SP ? this.before.sp : this.before.x[register]!);
  }

  x(register: number): I64 {
    return this.#general('i64', register);
  }

  w(register: number): I32 {
    return this.#general('i32', register);
  }

  xsp(register: number): I64 {
    return this.#generalOrSp('i64', register);
  }

  wsp(register: number): I32 {
    return this.#generalOrSp('i32', register);
  }

  #set(register: number, value: Value): void {
    const written = this.#valueOf(value);
    if (register !== ZERO_OR_SP) this.#x[register] = written;
  }

  #setOrSp(register: number, value: Value): void {
    if (register === ZERO_OR_SP) this.#sp = this.#valueOf(value);
    else this.#set(register, value);
  }

  setX(register: number, value: I64): void {
    this.#set(register, value);
  }

  setW(register: number, value: I32): void {
    this.#set(register, value);
  }

  setXsp(register: number, value: I64): void {
    this.#setOrSp(register, value);
  }

  setWsp(register: number, value: I32): void {
    this.#setOrSp(register, value);
  }

  v(register: number): V128 {
    return this.#read('v128', this.before.v[register]!);
  }

  setV(register: number, value: V128): void {
    this.#v[register] = this.#valueOf(value);
  }

  condition(condition: number): I32 {
    return this.#read('i32', BigInt(holds(condition, this.before.nzcv)));
  }

  carry(): I32 {
    return this.#read('i32', BigInt((this.before.nzcv >> 1) & 1));
  }

  nzcv(): I32 {
    return this.#read('i32', BigInt(this.before.nzcv));
  }

  setFlags(kind: FlagKind, a: Value, b?: Value): void {
    this.#nzcv = flagsOf(kind, this.#valueOf(a), b === undefined ? 0n : this.#valueOf(b));
  }

  /** Notes an access. @returns the bytes that it is about */
  #access(kind: ObservedAccess['kind'], sizeBytes: number, address: I64, access?: Access): Uint8Array {
    const at = this.#valueOf(address);
    this.accesses.push({ kind, address: at, sizeBytes, ...access });
    const offset = Number(BigInt.asIntN(64, at - this.before.memory.start));
    if (offset < 0 || offset + sizeBytes > this.#bytes.length) throw new Error(`access to 0x${at.toString(16)}`);
    return this.#bytes.subarray(offset, offset + sizeBytes);
  }

  #load<T extends ValueType>(type: T, sizeBytes: number, address: I64, access?: Access): Value<T> {
    const bytes = this.#access('load', sizeBytes, address, access);
    return this.#read(
      type,
      bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
    );
  }

  #store(sizeBytes: number, address: I64, value: Value, access?: Access): void {
    const stored = this.#valueOf(value);
    const bytes = this.#access('store', sizeBytes, address, access);
    bytes.forEach((_, i) => (bytes[i] = Number((stored >> BigInt(8 * i)) & 0xffn)));
  }

  load(sizeBytes: AccessSize, address: I64, access?: Access): I64 {
    return this.#load('i64', sizeBytes, address, access);
  }

  store(sizeBytes: AccessSize, address: I64, value: I64, access?: Access): void {
    this.#store(sizeBytes, address, value, access);
  }

  load128(address: I64, access?: Access): V128 {
    return this.#load('v128', 16, address, access);
  }

  store128(address: I64, value: V128, access?: Access): void {
    this.#store(16, address, value, access);
  }

  loadExclusive(sizeBytes: AccessSize, address: I64): I64 {
    this.#exclusive = this.#valueOf(address);
    return this.#load('i64', sizeBytes, address);
  }

  loadExclusivePair(sizeBytes: 4 | 8, address: I64): readonly [I64, I64] {
    return [this.loadExclusive(sizeBytes, address), this.#load('i64', sizeBytes, behind(address, sizeBytes))];
  }

  storeExclusive(sizeBytes: AccessSize, address: I64, value: I64): I32 {
    return this.#ifMarked(address, () => this.#store(sizeBytes, address, value));
  }

  storeExclusivePair(sizeBytes: 4 | 8, address: I64, low: I64, high: I64): I32 {
    return this.#ifMarked(address, () => {
      this.#store(sizeBytes, address, low);
      this.#store(sizeBytes, behind(address, sizeBytes), high);
    });
  }

  #ifMarked(address: I64, store: () => void): I32 {
    const isMarked = this.#exclusive === this.#valueOf(address);
    this.#exclusive = undefined;
    if (isMarked) store();
    return i32.const(isMarked ? 0 : 1);
  }

  let<T extends ValueType>(value: Value<T>): Value<T> {
    return value;
  }

  branch(target: I64): void {
    this.#pc = this.#valueOf(target);
  }

  branchIf(condition: I32, target: I64): void {
    if (this.#valueOf(condition) !== 0n) this.branch(target);
  }

  clearExclusive(): void {
    this.#no();
  }

  touch(): void {
    this.#no();
  }

  zeroBlock(): void {
    this.#no();
  }

  undefined(): void {
    this.#no();
  }

  system(): I64 {
    return this.#no();
  }

  setSystem(): void {
    this.#no();
  }

  setFpsrBits(): void {
    this.#no();
  }

  float(): never {
    return this.#no();
  }

  fused(): never {
    return this.#no();
  }

  attend(): void {
    this.#no();
  }
}

const behind = (address: I64, sizeBytes: number): I64 => i64.add(address, i64.const(sizeBytes));

/**
 * Carries out one instruction that computes, loads or stores.
 * @param immediates where they are not to be computed from the fields
 * @throws Error for what else instructions do, for memory that the state has not, and where WebAssembly would trap
 */
export const evaluateInstruction = (
  row: OpsRow,
  fields: Fields,
  state: State,
  known: Known = 'everything',
  immediates = row.immediates?.(fields) ?? [],
): Evaluated => {
  const evaluation = new Evaluation(row.name, state, immediates, known);
  row.semantics(evaluation, fields);
  return { state: evaluation.after, accesses: evaluation.accesses };
};
