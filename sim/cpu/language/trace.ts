/** Traces of instructions: the semantics of the table's rows run on a tracer, which writes down what they do. */

import {
  ACCESS_ALIGN_SHIFT,
  ACCESS_ALIGNED,
  ACCESS_CACHE_MAINTENANCE,
  ACCESS_STRICT_SHIFT,
  ACCESS_UNPRIVILEGED,
  ACCESS_WRITE,
  ACCESS_ZERO_BLOCK,
  type DirectRegister,
  type FlagKind,
  type Status,
} from '../state/layout.js';
import { isSameRegister, SP_NUMBER, type Register, type Source } from './leaf.js';
import type { Access, AccessSize, BranchKind, Fast, FloatResult, Ops } from './ops.js';
import { constant, constantOf, i32, i64, leaf, type I32, type I64, type Leaf, type V128, type Value } from './value.js';
import type { ValueType } from '../wasm/opcodes.js';

/**
 * What an instruction does: its effects in order, then all writes of registers together, then where it goes on. All
 * code is made from traces.
 */
export interface Trace {
  readonly effects: readonly Effect[];
  readonly writes: readonly Write[];
  readonly flags: FlagWrite | undefined;
  readonly end: End | undefined;
}

/** A temporary, which a leaf elsewhere in the trace reads. */
export interface Temporary<T extends ValueType = ValueType> extends Leaf<T> {
  readonly source: { readonly kind: 'temporary'; readonly index: number };
}

export type Effect =
  | { readonly kind: 'let'; readonly result: Temporary; readonly value: Value }
  | { readonly kind: 'load'; readonly result: Temporary; readonly address: I64; readonly access: AccessCode }
  | { readonly kind: 'store'; readonly address: I64; readonly value: Value; readonly access: AccessCode }
  | { readonly kind: 'touch'; readonly address: I64; readonly access: AccessCode }
  | {
      readonly kind: 'mark-exclusive';
      readonly address: I64;
      readonly sizeBytes: AccessSize | 16;
      readonly parts: readonly I64[];
    }
  | StoreExclusive
  | { readonly kind: 'clear-exclusive' }
  | FloatEffect
  | {
      readonly kind: 'fused';
      readonly result: Temporary<'f32' | 'f64'>;
      /** The addend, and the factors. */
      readonly operands: readonly [Value, Value, Value];
    };

/** A call of the floating-point unit, by its number, unless there is a faster way. */
export interface FloatEffect {
  readonly kind: 'float';
  readonly result: Temporary<FloatResult>;
  readonly call: number;
  readonly operands: readonly (V128 | I64)[];
  readonly fast: Fast | undefined;
}

export type AccessEffect = Extract<Effect, { readonly kind: 'load' | 'store' }>;

export interface StoreExclusive {
  readonly kind: 'store-exclusive';
  readonly result: Temporary<'i32'>;
  readonly address: I64;
  readonly sizeBytes: AccessSize | 16;
  /** One or two parts of 8 bytes, or one of less. */
  readonly parts: readonly I64[];
}

/** Log2 of an access' bytes. */
export type SizeLog2 = 0 | 1 | 2 | 3 | 4;

export interface AccessCode {
  readonly sizeLog2: SizeLog2;
  /** 1, or what the address must be a multiple of whatever the memory. */
  readonly aligned: number;
  /** What it must be a multiple of where alignment is checked strictly. */
  readonly strictlyAligned: number;
  /** Bits of the access' kind beside the size, as in layout.ts. */
  readonly bits: number;
  readonly spBase: boolean;
}

export interface Write {
  readonly target: Register;
  readonly value: Value;
}

export interface FlagWrite {
  readonly kind: FlagKind;
  readonly a: I32 | I64;
  readonly b: I32 | I64 | undefined;
}

export type End =
  | { readonly kind: 'branch'; readonly target: I64; readonly branch: BranchKind }
  | { readonly kind: 'branch-if'; readonly condition: I32; readonly target: I64 }
  /** Exits behind the instruction if somebody wants attention. */
  | { readonly kind: 'attention' }
  /** Exits from translated code with a status; the program counter is the instruction's. */
  | { readonly kind: 'status'; readonly status: Status };

/** What values read: bits of X registers and SP, of V registers, and whether the flags. */
export interface Reads {
  x: number;
  v: number;
  flags: boolean;
}

export const noReads = (): Reads => ({ x: 0, v: 0, flags: false });

const addSource = (source: Source, reads: Reads): void => {
  switch (source.kind) {
    case 'x':
      reads.x |= 1 << source.number;
      return;
    case 'sp':
      reads.x |= 1 << SP_NUMBER;
      return;
    case 'v':
      reads.v |= 1 << source.number;
      return;
    case 'condition':
    case 'carry':
    case 'nzcv':
      reads.flags = true;
      return;
    case 'system':
    case 'operand':
    case 'immediate':
    case 'own-pc':
    case 'temporary':
    case 'local':
      return;
  }
};

export const addReads = (value: Value, reads: Reads): void => {
  if (value.kind === 'op') for (const arg of value.args) addReads(arg, reads);
  else if (value.kind === 'leaf') addSource(value.source, reads);
};

const valuesOf = (effect: Effect): readonly Value[] => {
  switch (effect.kind) {
    case 'let':
      return [effect.value];
    case 'load':
    case 'touch':
      return [effect.address];
    case 'store':
      return [effect.address, effect.value];
    case 'mark-exclusive':
    case 'store-exclusive':
      return [effect.address, ...effect.parts];
    case 'clear-exclusive':
      return [];
    case 'float':
      return [...effect.operands, ...(effect.fast ? [effect.fast.value, ...effect.fast.accepts] : [])];
    case 'fused':
      return effect.operands;
  }
};

/** What an instruction reads, before it writes anything. */
export const readsOf = ({ effects, writes, flags, end }: Trace): Reads => {
  const reads = noReads();
  const add = (value: Value): void => addReads(value, reads);
  for (const effect of effects) valuesOf(effect).forEach(add);
  for (const { value } of writes) add(value);
  if (flags !== undefined) add(flags.a);
  if (flags?.b !== undefined) add(flags.b);
  if (end?.kind === 'branch' || end?.kind === 'branch-if') add(end.target);
  if (end?.kind === 'branch-if') add(end.condition);
  return reads;
};

const ZERO = i64.const(0);

const generalRegister = (register: number): Register =>
  register === SP_NUMBER ? { kind: 'sp' } : { kind: 'x', number: register };

/** Traces one instruction whose operands are all known. */
export class Tracer implements Ops {
  readonly #effects: Effect[] = [];
  readonly #writes: Write[] = [];
  #flags: FlagWrite | undefined;
  #end: End | undefined;
  #fpsrBits: I32 | undefined;
  #temporaries = 0;
  #isAboutAddress = false;

  /** @param address of the instruction */
  constructor(
    private readonly address: bigint,
    private readonly immediates: readonly bigint[],
  ) {}

  finish(): Trace {
    return { effects: this.#effects, writes: this.#writes, flags: this.#flags, end: this.#end };
  }

  #temporary<T extends ValueType>(type: T): Temporary<T> {
    return { kind: 'leaf', type, source: { kind: 'temporary', index: this.#temporaries++ } };
  }

  /** Whether the trace depends on where the instruction is. */
  get isAboutAddress(): boolean {
    return this.#isAboutAddress;
  }

  pc(): I64 {
    this.#isAboutAddress = true;
    return constant('i64', this.address);
  }

  imm(index: number): I64 {
    return constant('i64', this.immediates[index]!);
  }

  x(register: number): I64 {
    return register === 31 ? ZERO : leaf('i64', { kind: 'x', number: register });
  }

  w(register: number): I32 {
    return i32.wrap(this.x(register));
  }

  xsp(register: number): I64 {
    return leaf('i64', generalRegister(register));
  }

  wsp(register: number): I32 {
    return i32.wrap(this.xsp(register));
  }

  setX(register: number, value: I64): void {
    if (register !== 31) this.setXsp(register, value);
  }

  setW(register: number, value: I32): void {
    this.setX(register, i64.extendU(value));
  }

  setXsp(register: number, value: I64): void {
    this.write(generalRegister(register), value);
  }

  protected write(target: Register, value: Value): void {
    // The later of two writes counts, as for a load whose destination is also its base.
    const earlier = this.#writes.findIndex((other) => isSameRegister(other.target, target));
    if (earlier >= 0) this.#writes.splice(earlier, 1);
    this.#writes.push({ target, value });
  }

  setWsp(register: number, value: I32): void {
    this.setXsp(register, i64.extendU(value));
  }

  v(register: number): V128 {
    return leaf('v128', { kind: 'v', number: register });
  }

  setV(register: number, value: V128): void {
    this.write({ kind: 'v', number: register }, value);
  }

  condition(condition: number): I32 {
    return condition >= 14 ? i32.const(1) : leaf('i32', { kind: 'condition', condition });
  }

  carry(): I32 {
    return leaf('i32', { kind: 'carry' });
  }

  nzcv(): I32 {
    return leaf('i32', { kind: 'nzcv' });
  }

  setFlags(kind: FlagKind, a: I32 | I64, b?: I32 | I64): void {
    this.#flags = { kind, a, b };
  }

  load(sizeBytes: AccessSize, address: I64, access: Access = {}): I64 {
    const result = this.#temporary('i64');
    this.#effects.push({ kind: 'load', result, address, access: accessCode(sizeBytes, access) });
    return result;
  }

  store(sizeBytes: AccessSize, address: I64, value: I64, access: Access = {}): void {
    this.#store(sizeBytes, address, value, access);
  }

  load128(address: I64, access: Access = {}): V128 {
    const result = this.#temporary('v128');
    this.#effects.push({ kind: 'load', result, address, access: accessCode(16, access) });
    return result;
  }

  store128(address: I64, value: V128, access: Access = {}): void {
    this.#store(16, address, value, access);
  }

  #store(sizeBytes: AccessSize | 16, address: I64, value: Value, access: Access, bits = 0): void {
    const code = accessCode(sizeBytes, access, ACCESS_WRITE | bits);
    this.#effects.push({ kind: 'store', address, value: this.let(value), access: code });
  }

  loadExclusive(sizeBytes: AccessSize, address: I64): I64 {
    const at = this.let(address);
    const value = this.load(sizeBytes, at, { aligned: sizeBytes, spBase: true });
    this.#effects.push({ kind: 'mark-exclusive', address: at, sizeBytes, parts: [value] });
    return value;
  }

  loadExclusivePair(sizeBytes: 4 | 8, address: I64): readonly [I64, I64] {
    if (sizeBytes === 4) {
      const both = this.loadExclusive(8, address);
      return [i64.and(both, i64.const(0xffff_ffffn)), i64.shrU(both, i64.const(32))];
    }
    const at = this.let(address);
    const low = this.load(8, at, { aligned: 16, spBase: true });
    const high = this.load(8, i64.add(at, i64.const(8)));
    this.#effects.push({ kind: 'mark-exclusive', address: at, sizeBytes: 16, parts: [low, high] });
    return [low, high];
  }

  storeExclusive(sizeBytes: AccessSize, address: I64, value: I64): I32 {
    return this.#storeExclusive(sizeBytes, address, [value]);
  }

  storeExclusivePair(sizeBytes: 4 | 8, address: I64, low: I64, high: I64): I32 {
    if (sizeBytes === 8) return this.#storeExclusive(16, address, [low, high]);
    const both = i64.or(i64.and(low, i64.const(0xffff_ffffn)), i64.shl(high, i64.const(32)));
    return this.#storeExclusive(8, address, [both]);
  }

  #storeExclusive(sizeBytes: AccessSize | 16, address: I64, parts: readonly I64[]): I32 {
    const result = this.#temporary('i32');
    this.#effects.push({
      kind: 'store-exclusive',
      result,
      address: this.let(address),
      sizeBytes,
      parts: parts.map((part) => this.let(part)),
    });
    return result;
  }

  clearExclusive(): void {
    this.#effects.push({ kind: 'clear-exclusive' });
  }

  touch(address: I64): void {
    this.#effects.push({ kind: 'touch', address, access: accessCode(1, {}, ACCESS_CACHE_MAINTENANCE) });
  }

  zeroBlock(address: I64): void {
    const start = this.let(i64.and(address, i64.const(-64)));
    const zero = constant('v128', 0n);
    for (let at = 0; at < 64; at += 16) {
      this.#store(16, i64.add(start, i64.const(at)), zero, {}, ACCESS_ZERO_BLOCK);
    }
  }

  float<T extends FloatResult>(type: T, call: number, operands: readonly (V128 | I64)[], fast?: Fast<T>): Value<T> {
    const result = this.#temporary(type);
    this.#effects.push({ kind: 'float', result, call, operands, fast });
    return result;
  }

  fused<T extends 'f32' | 'f64'>(addend: Value<T>, first: Value<T>, second: Value<T>): Value<T> {
    const result = this.#temporary(addend.type);
    this.#effects.push({ kind: 'fused', result, operands: [addend, first, second] });
    return result;
  }

  let<T extends ValueType>(value: Value<T>): Value<T> {
    if (value.kind !== 'op') return value;
    const result = this.#temporary(value.type);
    this.#effects.push({ kind: 'let', result, value });
    return result;
  }

  branch(target: I64, kind: BranchKind = 'jump'): void {
    const self = kind === 'jump' && constantOf(target) === this.address;
    this.#end = self ? { kind: 'status', status: 'stuck' } : { kind: 'branch', target, branch: kind };
  }

  branchIf(condition: I32, target: I64): void {
    const known = constantOf(condition);
    if (known === undefined) this.#end = { kind: 'branch-if', condition, target };
    else if (known !== 0n) this.branch(target);
  }

  undefined(): void {
    this.#end = { kind: 'status', status: 'undefined' };
  }

  system(register: DirectRegister): I64 {
    return leaf('i64', { kind: 'system', register });
  }

  setSystem(register: DirectRegister, value: I64): void {
    this.write({ kind: 'system', register }, value);
  }

  setFpsrBits(bits: I32): void {
    this.#fpsrBits = this.#fpsrBits === undefined ? bits : i32.or(this.#fpsrBits, bits);
    this.setSystem('FPSR', i64.or(this.system('FPSR'), i64.extendU(this.#fpsrBits)));
  }

  attend(): void {
    this.#end = { kind: 'attention' };
  }
}

/** The trace of an instruction that only exits from translated code. */
export const exitWith = (status: Status): Trace => ({
  effects: [],
  writes: [],
  flags: undefined,
  end: { kind: 'status', status },
});

const SIZES: Readonly<Record<AccessSize | 16, SizeLog2>> = { 1: 0, 2: 1, 4: 2, 8: 3, 16: 4 };

export const accessCode = (sizeBytes: AccessSize | 16, access: Access, more = 0): AccessCode => {
  const aligned = access.aligned ?? 1;
  const strictlyAligned = access.strictAlignment ?? sizeBytes;
  let bits = more | (Math.log2(strictlyAligned) << ACCESS_STRICT_SHIFT);
  if (access.unprivileged === true) bits |= ACCESS_UNPRIVILEGED;
  if (aligned > 1) bits |= ACCESS_ALIGNED | (Math.log2(aligned) << ACCESS_ALIGN_SHIFT);
  return { sizeLog2: SIZES[sizeBytes], aligned, strictlyAligned, bits, spBase: access.spBase === true };
};

/** What an address is computed from, if that is one leaf and something added to it. */
export const baseOf = (address: I64): Source | undefined => {
  const base = address.kind === 'op' && address.op === 'i64.add' ? address.args[0] : address;
  return base?.kind === 'leaf' ? base.source : undefined;
};
