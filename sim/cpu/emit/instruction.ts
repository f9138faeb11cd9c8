import type { TranslationContext } from '../language/context.js';
import {
  ACCESS_FOLLOWS,
  ACCESS_UNPRIVILEGED,
  ACCESS_VALUE,
  ACCESS_WRITE,
  ACCESS_ZERO_BLOCK,
  EXCLUSIVE_ADDRESS,
  EXCLUSIVE_HIGH,
  EXCLUSIVE_LOW,
  EXCLUSIVE_SIZE,
  SP_INDEX,
  STATUS,
  TLB,
  TLB_ADDEND,
  TLB_CODE_MASK,
  TLB_READ_TAG,
  TLB_WRITE_TAG,
} from '../state/layout.js';
import { accessCode, TEMP_LEAF, type AccessCode, type Effect } from '../language/record.js';
import { emitTlbEntry, RUNTIME } from './runtime-module.js';
import { i64, type I64, type Leaf, type Value } from '../language/value.js';
import type { ValueType } from '../wasm/opcodes.js';
import type { CodeWriter } from '../wasm/writer.js';

/** A cached translation of a page, for reading or for writing: locals with its TLB tag and addend. */
export interface PageLocals {
  readonly tag: number;
  readonly addend: number;
}

const LOADS = ['i64.load8_u', 'i64.load16_u', 'i64.load32_u', 'i64.load', 'v128.load'] as const;
const STORES = ['i64.store8', 'i64.store16', 'i64.store32', 'i64.store', 'v128.store'] as const;
const PAGE_MASK = ~0xfffn;
const LINE_SHIFT = 6n;
const SP: Leaf<'i64'> = { kind: 'leaf', type: 'i64', leaf: SP_INDEX };
/** Temporaries of the emitter's own, beside those of the recording. */
const KEPT_LEAF = TEMP_LEAF + 1000;

/**
 * Code for the effects of instructions. Where registers are, and how code is left in the middle, is up to those who make
 * regions and handlers of it.
 */
export abstract class InstructionEmitter {
  readonly #temps = new Map<string, number>();
  readonly #address: number;
  readonly #wanted: number;
  readonly #entry: number;
  #kept = 0;
  /** Accesses to memory of the instruction so far. */
  #accesses = 0;

  constructor(
    protected readonly code: CodeWriter,
    protected readonly context: TranslationContext,
  ) {
    this.#address = code.local('i64');
    this.#wanted = code.local('i64');
    this.#entry = code.local('i32');
  }

  /** Leaves the value of a register, a flag or an operand on the stack. */
  protected abstract register(leaf: Leaf): void;

  /** Leaves in front of the instruction at hand, with a status. */
  protected abstract leave(status: number): void;

  /** The locals that remember the page of an address; undefined to have the runtime do all accesses. */
  protected abstract page(address: I64, write: boolean): PageLocals | undefined;

  /** Whether stores to an address are likely to meet a page that holds code. */
  protected abstract isBesideCode(address: I64): boolean;

  /** Leaves if the address is relative to SP, and that is not a multiple of 16. */
  protected abstract checkSp(address: I64): void;

  /** Leaves if SP is not a multiple of 16. */
  protected leaveIfSpIsMisaligned(): void {
    const { code } = this;
    this.emit(SP);
    code.op('i32.wrap_i64');
    code.constI32(15);
    code.op('i32.and');
    code.if();
    this.leave(STATUS.spAlignment);
    code.end();
  }

  protected beginInstruction(): void {
    this.#kept = 0;
    this.#accesses = 0;
  }

  protected leaf(value: Leaf): void {
    if (this.#isTemp(value)) this.code.getLocal(this.temp(value.type, value.leaf));
    else this.register(value);
  }

  #isTemp({ leaf }: Leaf): boolean {
    return leaf >= TEMP_LEAF && leaf < KEPT_LEAF + 1000;
  }

  /** Evaluates a value now, for use later in the instruction. */
  protected keep<T extends ValueType>(value: Value<T>): Leaf<T> {
    const kept: Leaf<T> = { kind: 'leaf', type: value.type, leaf: KEPT_LEAF + this.#kept++ };
    this.emit(value);
    this.code.setLocal(this.temp(kept.type, kept.leaf));
    return kept;
  }

  protected temp(type: ValueType, name: number | 'now'): number {
    const key = `${type}${name}`;
    let local = this.#temps.get(key);
    if (local === undefined) {
      local = this.code.local(type);
      this.#temps.set(key, local);
    }
    return local;
  }

  protected effect(effect: Effect): void {
    const code = this.code;
    switch (effect.kind) {
      case 'let':
        this.emit(effect.value);
        code.setLocal(this.temp(effect.result.type, effect.result.leaf));
        return;
      case 'load':
        this.#load(effect.address, effect.access, effect.result);
        return;
      case 'touch':
        this.#load(effect.address, effect.access, undefined);
        return;
      case 'store':
        this.#storeValue(effect.address, effect.access, effect.value);
        return;
      case 'mark-exclusive':
        code.storeAt('i64.store', EXCLUSIVE_ADDRESS, () => this.emit(effect.address));
        code.storeAt('i32.store', EXCLUSIVE_SIZE, () => code.constI32(effect.sizeBytes));
        effect.parts.forEach((part, i) =>
          code.storeAt('i64.store', i === 0 ? EXCLUSIVE_LOW : EXCLUSIVE_HIGH, () => this.emit(part)),
        );
        return;
      case 'clear-exclusive':
        code.storeAt('i64.store', EXCLUSIVE_ADDRESS, () => code.constI64(-1n));
        return;
      case 'store-exclusive':
        this.#storeExclusive(effect);
        return;
    }
  }

  /** Stores if the mark is still there and memory is as the load found it; clears the mark. */
  #storeExclusive({ result, address, sizeBytes, parts }: Extract<Effect, { kind: 'store-exclusive' }>): void {
    const code = this.code;
    const status = this.temp('i32', result.leaf);
    const partBytes = parts.length === 2 ? 8 : sizeBytes;
    const access = accessCode(partBytes, { aligned: partBytes, spBase: true }, ACCESS_WRITE);
    const at = (i: number): I64 => i64.add(address, i64.const(8 * i));
    code.constI32(1);
    code.setLocal(status);
    code.block('failed');
    code.loadAt('i64.load', EXCLUSIVE_ADDRESS);
    this.emit(address);
    code.op('i64.ne');
    code.brIf('failed');
    code.loadAt('i32.load', EXCLUSIVE_SIZE);
    code.constI32(sizeBytes);
    code.op('i32.ne');
    code.brIf('failed');
    parts.forEach((_part, i) => {
      const now = this.temp('i64', 'now');
      this.#load(at(i), access, { kind: 'leaf', type: 'i64', leaf: -1 }, now);
      code.getLocal(now);
      code.loadAt('i64.load', i === 0 ? EXCLUSIVE_LOW : EXCLUSIVE_HIGH);
      code.op('i64.ne');
      code.brIf('failed');
    });
    parts.forEach((part, i) => this.#storeValue(at(i), access, part));
    code.constI32(0);
    code.setLocal(status);
    code.end();
    code.storeAt('i64.store', EXCLUSIVE_ADDRESS, () => code.constI64(-1n));
  }

  /** What an address that is not sent to `slow` is a multiple of. */
  #alignmentOf({ aligned, strictlyAligned }: AccessCode): number {
    return Math.max(aligned, this.context.strictAlignment ? strictlyAligned : 1);
  }

  /** Leaves the address in its local, and what its TLB tag must be if the access is to be done here. */
  #prepare(address: I64, access: AccessCode): void {
    const { sizeLog2, spBase } = access;
    const code = this.code;
    if (spBase && this.context.checkSp) this.checkSp(address);
    this.emit(address);
    code.teeLocal(this.#address);
    const sizeBytes = 1 << sizeLog2;
    const alignment = this.#alignmentOf(access);
    // A misaligned address keeps low bits, which no tag has; and an aligned access does not cross a page.
    const lowBits = BigInt(alignment - 1);
    if (alignment < sizeBytes) {
      code.constI64(BigInt(sizeBytes - 1));
      code.op('i64.add');
    }
    code.constI64(alignment < sizeBytes ? PAGE_MASK : PAGE_MASK | lowBits);
    if (alignment > 1 && alignment < sizeBytes) {
      code.op('i64.and');
      code.getLocal(this.#address);
      code.constI64(lowBits);
      code.op('i64.and');
      code.op('i64.or');
      code.setLocal(this.#wanted);
      return;
    }
    code.op('i64.and');
    code.setLocal(this.#wanted);
  }

  /** Leaves the offset in memory of the address on the stack, or goes to `slow`. */
  #place(page: PageLocals, write: boolean): void {
    const { code } = this;
    code.getLocal(this.#wanted);
    code.getLocal(page.tag);
    code.op('i64.ne');
    code.if();
    emitTlbEntry(code, this.#address);
    code.teeLocal(this.#entry);
    code.memory('i64.load', TLB + (write ? TLB_WRITE_TAG : TLB_READ_TAG));
    code.getLocal(this.#wanted);
    code.op('i64.ne');
    code.brIf('slow');
    this.#rememberAddend(page);
    code.getLocal(this.#wanted);
    code.setLocal(page.tag);
    code.end();
    this.#addAddend(page);
  }

  /**
   * The same for a store to a page that is known to hold code, such as a stack that shares a page with it: `slow` is only
   * for other pages and for the lines of code themselves.
   */
  #placeBesideCode(page: PageLocals, crossesLines: boolean, sizeBytes: number): void {
    const { code } = this;
    emitTlbEntry(code, this.#address);
    code.teeLocal(this.#entry);
    code.memory('i64.load', TLB + TLB_WRITE_TAG);
    code.getLocal(this.#wanted);
    code.constI64(1n);
    code.op('i64.or');
    code.op('i64.ne');
    code.brIf('slow');
    for (const behind of crossesLines ? [0, sizeBytes - 1] : [0]) {
      code.getLocal(this.#entry);
      code.memory('i64.load', TLB + TLB_CODE_MASK);
      code.getLocal(this.#address);
      if (behind > 0) {
        code.constI64(BigInt(behind));
        code.op('i64.add');
      }
      code.constI64(LINE_SHIFT);
      code.op('i64.shr_u');
      code.op('i64.shr_u');
      code.op('i32.wrap_i64');
      code.constI32(1);
      code.op('i32.and');
      code.brIf('slow');
    }
    this.#rememberAddend(page);
    this.#addAddend(page);
  }

  #rememberAddend({ addend }: PageLocals): void {
    this.code.getLocal(this.#entry);
    this.code.memory('i32.load', TLB + TLB_ADDEND);
    this.code.setLocal(addend);
  }

  #addAddend({ addend }: PageLocals): void {
    this.code.getLocal(this.#address);
    this.code.op('i32.wrap_i64');
    this.code.getLocal(addend);
    this.code.op('i32.add');
  }

  /** Calls the runtime's load or store, and leaves if that faults. */
  #slowly(function_: number, { sizeLog2, bits }: AccessCode): void {
    const code = this.code;
    code.getLocal(this.#address);
    code.constI32(sizeLog2 | bits | (this.#accesses++ > 0 ? ACCESS_FOLLOWS : 0));
    code.call(function_);
    code.if();
    this.leave(STATUS.fault);
    code.end();
  }

  #load(address: I64, access: AccessCode, result: Leaf | undefined, local?: number): void {
    const code = this.code;
    const size = access.sizeLog2;
    this.#prepare(address, access);
    code.block('done');
    code.block('slow');
    const page = (access.bits & ACCESS_UNPRIVILEGED) === 0 ? this.page(address, false) : undefined;
    if (page !== undefined) {
      this.#place(page, false);
      if (result === undefined) {
        code.op('drop');
      } else {
        code.memory(LOADS[size]!);
        code.setLocal(local ?? this.temp(result.type, result.leaf));
      }
      code.br('done');
    }
    code.end();
    this.#slowly(RUNTIME.load, access);
    if (result !== undefined) {
      code.loadAt(size === 4 ? 'v128.load' : 'i64.load', ACCESS_VALUE);
      code.setLocal(local ?? this.temp(result.type, result.leaf));
    }
    code.end();
  }

  #storeValue(address: I64, access: AccessCode, value: Value): void {
    const code = this.code;
    const size = access.sizeLog2;
    this.#prepare(address, access);
    code.block('done');
    code.block('slow');
    // DC ZVA may not be used on Device memory, which all memory is with the MMU off: the runtime sees to that.
    const bits = ACCESS_UNPRIVILEGED | (this.context.strictAlignment ? ACCESS_ZERO_BLOCK : 0);
    const page = (access.bits & bits) === 0 ? this.page(address, true) : undefined;
    if (page !== undefined) {
      if (this.isBesideCode(address)) this.#placeBesideCode(page, this.#alignmentOf(access) < 1 << size, 1 << size);
      else this.#place(page, true);
      this.emit(value);
      code.memory(STORES[size]!);
      code.br('done');
    }
    code.end();
    code.storeAt(size === 4 ? 'v128.store' : 'i64.store', ACCESS_VALUE, () => this.emit(value));
    this.#slowly(RUNTIME.store, access);
    code.end();
  }

  protected emit(value: Value): void {
    const code = this.code;
    switch (value.kind) {
      case 'const':
        if (value.type === 'i64') code.constI64(value.value);
        else if (value.type === 'i32') code.constI32(Number(BigInt.asIntN(32, value.value)));
        else if (value.type === 'v128') code.constV128(value.value);
        else code.constFloat(value.type, value.value);
        return;
      case 'op':
        for (const arg of value.args) this.emit(arg);
        code.op(value.op);
        if (value.immediate !== undefined) code.append(value.immediate);
        return;
      case 'leaf':
        return this.leaf(value);
    }
  }
}
