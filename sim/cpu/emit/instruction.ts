/** Code for the effects of instructions. */

import type { TranslationContext } from '../language/context.js';
import { FPSR } from '../state/control-bits.js';
import {
  ACCESS_BANK_SHIFT,
  ACCESS_COMPARES,
  ACCESS_FOLLOWS,
  ACCESS_UNPRIVILEGED,
  ACCESS_WRITE,
  ACCESS_ZERO_BLOCK,
  EXCLUSIVE_ADDRESS,
  EXCLUSIVE_HIGH,
  EXCLUSIVE_LOW,
  EXCLUSIVE_SIZE,
  FLOAT_OPERANDS,
  FLOAT_RESULT,
  systemOffset,
  type Status,
} from '../state/layout.js';
import {
  accessCode,
  type AccessCode,
  type AccessEffect,
  type Effect,
  type FloatEffect,
  type StoreExclusive,
  type Temporary,
} from '../language/trace.js';
import { i32, i64, leaf, type I32, type I64, type Value } from '../language/value.js';
import type { ValueType } from '../wasm/opcodes.js';
import type { Label } from '../wasm/writer.js';
import { FunctionBuilder, load, local, type Local, type ResolvedSource } from './function-builder.js';
import {
  bankOffset,
  isLineOfCode,
  loadAccessValue,
  loadSized,
  storeAccessValue,
  storeSized,
  tlbAddendOf,
  tlbEntryOf,
  tlbTagOf,
} from './page-access.js';

/** A page that was looked up, for reading or for writing: its TLB tag and addend. */
export interface PageLocals {
  readonly tag: Local<'i64'>;
  readonly addend: Local<'i32'>;
}

/** Of accesses that are close together, one: all are in the page that the first of them finds, or take the slow way. */
export interface GroupedPlace {
  /** Where the first byte of all is in memory, once the first access was there; 0 for the slow way. */
  readonly place: Local<'i32'>;
  /** Where this access is, from there. */
  readonly offset: number;
  /** Where the last byte of all is, from there. */
  readonly lastByte: number;
  /** What the first byte's address must be a multiple of. */
  readonly alignment: number;
  readonly isFirst: boolean;
  /** The first access has made sure that SP is aligned. */
  readonly isSpChecked: boolean;
}

const PAGE_BYTES = 4096;
const PAGE_MASK = ~0xfffn;
/** An access, and what is known of it. */
interface AnyAccess {
  readonly address: I64;
  readonly access: AccessCode;
  readonly write: boolean;
  readonly grouped: GroupedPlace | undefined;
}

const SP = leaf('i64', { kind: 'sp' });
const NO_ADDRESS = i64.const(-1);
/** The cumulative flags of floating point. */
const FLAGS_AT = systemOffset('FPSR');
const INEXACT = i32.const(1 << FPSR.IXC);

const loadFloatResult = (type: ValueType, base: I32): Value => {
  switch (type) {
    case 'v128':
      return load.v128('v128.load', base, FLOAT_RESULT);
    case 'i64':
      return load.i64('i64.load', base, FLOAT_RESULT);
    default:
      return load.i32('i32.load', base, FLOAT_RESULT);
  }
};

/**
 * Makes code of the effects of instructions. Where registers are, and how the code exits in the middle, is up to those
 * who make regions and handlers of it.
 */
export abstract class InstructionEmitter extends FunctionBuilder {
  readonly #pool = new Map<string, number>();
  readonly #address: Local<'i64'>;
  readonly #wanted: Local<'i64'>;
  readonly #entry: Local<'i32'>;
  #kept = 0;
  /** Accesses to memory of the instruction so far. */
  #accesses = 0;

  /** @param base of the processor that runs the code */
  constructor(
    parameters: number,
    protected readonly base: I32,
    protected readonly context: TranslationContext,
  ) {
    super(parameters);
    this.#address = this.variable('i64');
    this.#wanted = this.variable('i64');
    this.#entry = this.variable('i32');
  }

  /** Where a register, a flag or an operand is. */
  protected abstract read(source: Exclude<ResolvedSource, { kind: 'temporary' }>): Value;

  /** A call of the runtime's load or store, which is not 0 where that faults. */
  protected abstract slowAccess(name: 'load' | 'store', address: I64, kind: I32): I32;

  /** A call of the floating-point unit, which gives the flags that are raised. */
  protected abstract unitCall(call: I32): I32;

  /** A call of the runtime's fused multiplication and addition. @param operands the addend, and the factors */
  protected abstract fusedCall<T extends 'f32' | 'f64'>(type: T, operands: readonly Value[]): Value<T>;

  /** Exits in front of the instruction at hand. */
  protected abstract exit(status: Status): void;

  /** The locals that remember the page of an address; undefined to have the runtime do all accesses. */
  protected abstract page(address: I64, write: boolean): PageLocals | undefined;

  /** What is known of an access that is close to others. */
  protected abstract grouped(effect: AccessEffect): GroupedPlace | undefined;

  /** Whether stores to an address are likely to meet a page that holds code. */
  protected abstract isBesideCode(address: I64): boolean;

  /** Exits if the address is relative to SP, and that is not a multiple of 16. */
  protected abstract checkSp(address: I64): void;

  protected exitIfSpIsMisaligned(): void {
    this.if(i32.and(i32.wrap(SP), i32.const(15)), () => this.exit('sp-alignment'));
  }

  protected beginInstruction(): void {
    this.#kept = 0;
    this.#accesses = 0;
  }

  protected override resolve(type: ValueType, source: ResolvedSource): Value {
    return source.kind === 'temporary' ? this.#temporary(type, source.index) : this.read(source);
  }

  /** Evaluates a value now, for use later in the instruction. */
  protected keep<T extends ValueType>(value: Value<T>): Local<T> {
    const kept = this.#pooled(value.type, `kept ${this.#kept++}`);
    this.set(kept, value);
    return kept;
  }

  #temporary<T extends ValueType>(type: T, index: number): Local<T> {
    return this.#pooled(type, `temporary ${index}`);
  }

  /** A local that instructions share, since none needs it behind its end. */
  #pooled<T extends ValueType>(type: T, name: string): Local<T> {
    const key = `${type} ${name}`;
    let index = this.#pool.get(key);
    if (index === undefined) {
      index = this.variable(type).source.index;
      this.#pool.set(key, index);
    }
    return local(type, index);
  }

  protected effect(effect: Effect): void {
    switch (effect.kind) {
      case 'let':
        return this.set(this.#result(effect.result), effect.value);
      case 'load':
        return this.#load(effect.address, effect.access, this.#result(effect.result), this.grouped(effect));
      case 'touch':
        return this.#load(effect.address, effect.access, undefined);
      case 'store':
        return this.#storeValue(effect.address, effect.access, effect.value, this.grouped(effect));
      case 'mark-exclusive':
        this.store('i64.store', this.base, effect.address, EXCLUSIVE_ADDRESS);
        this.store('i32.store', this.base, i32.const(effect.sizeBytes), EXCLUSIVE_SIZE);
        effect.parts.forEach((part, i) =>
          this.store('i64.store', this.base, part, i === 0 ? EXCLUSIVE_LOW : EXCLUSIVE_HIGH),
        );
        return;
      case 'clear-exclusive':
        return this.store('i64.store', this.base, NO_ADDRESS, EXCLUSIVE_ADDRESS);
      case 'store-exclusive':
        return this.#storeExclusive(effect);
      case 'float':
        return this.#float(effect);
      case 'fused':
        return this.set(this.#result(effect.result), this.fusedCall(effect.result.type, effect.operands));
    }
  }

  /** Has the floating-point unit compute, unless the fast value may be taken. */
  #float({ result, call, operands, fast }: FloatEffect): void {
    const target = this.#result(result);
    const byUnit = (): void => {
      operands.forEach((operand, i) => {
        const op = operand.type === 'v128' ? 'v128.store' : 'i64.store';
        this.store<ValueType>(op, this.base, operand, FLOAT_OPERANDS + 16 * i);
      });
      const raised = this.unitCall(i32.const(call));
      const flags = load.i32('i32.load', this.base, FLAGS_AT);
      this.store('i32.store', this.base, i32.or(raised, flags), FLAGS_AT);
      this.set(target, loadFloatResult(result.type, this.base));
    };
    if (fast === undefined || !this.context.roundsToNearest) return byUnit();
    this.block((done) => {
      this.block((slow) => {
        this.set(target, fast.value);
        if (fast.accepts.length > 0) this.#branchUnlessAny(slow, fast.accepts);
        // Who rounds raises a flag, which must be there already.
        if (fast.rounds) this.branchIf(slow, i32.eqz(i32.and(load.i32('i32.load', this.base, FLAGS_AT), INEXACT)));
        this.branch(done);
      });
      byUnit();
    });
  }

  #branchUnlessAny(label: Label, conditions: readonly I32[]): void {
    this.block((holds) => {
      for (const condition of conditions.slice(0, -1)) this.branchIf(holds, condition);
      this.branchIf(label, i32.eqz(conditions.at(-1)!));
    });
  }

  #result<T extends ValueType>({ type, source }: Temporary<T>): Local<T> {
    return this.#temporary(type, source.index);
  }

  /** Stores if the mark is still there and memory is as the load found it; clears the mark. */
  #storeExclusive({ result, address, sizeBytes, parts }: StoreExclusive): void {
    const status = this.#result(result);
    const partBytes = parts.length === 2 ? 8 : sizeBytes;
    const code = (bits: number): AccessCode => accessCode(partBytes, { aligned: partBytes, spBase: true }, bits);
    const [comparison, access] = [code(ACCESS_WRITE | ACCESS_COMPARES), code(ACCESS_WRITE)];
    const partAddress = (i: number): I64 => i64.add(address, i64.const(8 * i));
    this.set(status, i32.const(1));
    this.block((failed) => {
      this.branchIf(failed, i64.ne(load.i64('i64.load', this.base, EXCLUSIVE_ADDRESS), address));
      this.branchIf(failed, i32.ne(load.i32('i32.load', this.base, EXCLUSIVE_SIZE), i32.const(sizeBytes)));
      parts.forEach((_part, i) => {
        const now = this.#pooled('i64', 'now');
        this.#load(partAddress(i), comparison, now);
        const before = load.i64('i64.load', this.base, i === 0 ? EXCLUSIVE_LOW : EXCLUSIVE_HIGH);
        this.branchIf(failed, i64.ne(now, before));
      });
      parts.forEach((part, i) => this.#storeValue(partAddress(i), access, part));
      this.set(status, i32.const(0));
    });
    this.store('i64.store', this.base, NO_ADDRESS, EXCLUSIVE_ADDRESS);
  }

  /** What an address that is not sent to the slow path is a multiple of. */
  protected alignmentOf({ aligned, strictlyAligned }: AccessCode): number {
    return Math.max(aligned, this.context.strictAlignment ? strictlyAligned : 1);
  }

  /** A misaligned address keeps low bits, which no tag has. */
  #wantedTag(alignment: number): I64 {
    return i64.and(this.#address, i64.const(PAGE_MASK | BigInt(alignment - 1)));
  }

  /** Whether the last byte, so many behind the first one, is on another page: the one at hand may be that. */
  #crossesPage(lastByte: number): I32 {
    const inPage = i32.and(i32.wrap(this.#address), i32.const(PAGE_BYTES - 1));
    return i32.gtU(inPage, i32.const(PAGE_BYTES - 1 - lastByte));
  }

  /** Looks the address up unless the page is at hand. @returns where it is in memory */
  #place(page: PageLocals, write: boolean, offset: number, slow: Label): I32 {
    this.if(i64.ne(this.#wanted, page.tag), () => {
      this.set(this.#entry, tlbEntryOf(this.base, this.#address));
      this.branchIf(slow, i64.ne(tlbTagOf(this.#entry, write, offset), this.#wanted));
      this.set(page.addend, tlbAddendOf(this.#entry, offset));
      this.set(page.tag, this.#wanted);
    });
    return i32.add(i32.wrap(this.#address), page.addend);
  }

  /**
   * The same for a store to a page that is known to hold code, such as a stack that shares a page with it: the slow
   * path is only for other pages and for the lines of code themselves.
   */
  #placeBesideCode(page: PageLocals, crossesLines: boolean, sizeBytes: number, slow: Label): I32 {
    const offset = bankOffset(this.base, this.context.bank);
    this.set(this.#entry, tlbEntryOf(this.base, this.#address));
    this.branchIf(slow, i64.ne(tlbTagOf(this.#entry, true, offset), i64.or(this.#wanted, i64.const(1))));
    for (const behind of crossesLines ? [0, sizeBytes - 1] : [0]) {
      this.branchIf(slow, isLineOfCode(this.#entry, i64.add(this.#address, i64.const(behind)), offset));
    }
    this.set(page.addend, tlbAddendOf(this.#entry, offset));
    return i32.add(i32.wrap(this.#address), page.addend);
  }

  /** Calls the runtime's load or store, and exits if that faults. */
  #slowly(name: 'load' | 'store', { sizeLog2, bits }: AccessCode): void {
    const follows = this.#accesses++ > 0 ? ACCESS_FOLLOWS : 0;
    const bank = this.#bankOf(bits);
    const where = bank << ACCESS_BANK_SHIFT;
    const failed = this.slowAccess(name, this.#address, i32.const(sizeLog2 | bits | follows | where));
    this.if(failed, () => this.exit('fault'));
  }

  /** The bank of the TLB that an access looks into. */
  #bankOf(bits: number): number {
    return (bits & ACCESS_UNPRIVILEGED) === 0 ? this.context.bank : this.context.unprivilegedBank;
  }

  /**
   * An access: here if its page is at hand or in the TLB, and by the runtime's function otherwise.
   * @param here is given where the address is in memory, in two summands
   */
  #access(
    { address, access, write, grouped }: AnyAccess,
    here: (place: I32, offset: number) => void,
    slowly: () => void,
  ): void {
    if (access.spBase && this.context.checkSp && grouped?.isSpChecked !== true) this.checkSp(address);
    const page = this.hasPage(access) ? this.page(address, write) : undefined;
    if (grouped !== undefined && page !== undefined) {
      if (grouped.isFirst) this.#placeGroup(address, grouped, write, page);
      return this.if(
        grouped.place,
        () => here(grouped.place, grouped.offset),
        () => {
          this.set(this.#address, address);
          slowly();
        },
      );
    }
    this.set(this.#address, address);
    if (page === undefined) return slowly();
    const sizeBytes = 1 << access.sizeLog2;
    const alignment = this.alignmentOf(access);
    this.set(this.#wanted, this.#wantedTag(alignment));
    this.block((done) => {
      this.block((slow) => {
        // An aligned access crosses no page.
        if (alignment < sizeBytes) this.branchIf(slow, this.#crossesPage(sizeBytes - 1));
        const isBesideCode = write && this.isBesideCode(address);
        here(
          isBesideCode
            ? this.#placeBesideCode(page, alignment < sizeBytes, sizeBytes, slow)
            : this.#place(page, write, bankOffset(this.base, this.context.bank), slow),
          0,
        );
        this.branch(done);
      });
      slowly();
    });
  }

  /** Whether accesses of a kind look for their page themselves. */
  protected hasPage({ bits }: AccessCode): boolean {
    // DC ZVA may not be used on Device memory, which all memory is with the MMU off: the runtime sees to that.
    const slowBits = ACCESS_UNPRIVILEGED | (this.context.strictAlignment ? ACCESS_ZERO_BLOCK : 0);
    return (bits & slowBits) === 0;
  }

  /** Looks for the page of a group of accesses, which all of it must be in. */
  #placeGroup(
    address: I64,
    { place, offset, lastByte, alignment }: GroupedPlace,
    write: boolean,
    page: PageLocals,
  ): void {
    this.set(this.#address, i64.add(address, i64.const(-offset)));
    this.set(this.#wanted, this.#wantedTag(alignment));
    this.set(place, i32.const(0));
    this.block((done) => {
      this.branchIf(done, this.#crossesPage(lastByte));
      this.set(place, this.#place(page, write, bankOffset(this.base, this.context.bank), done));
    });
  }

  /** @param result undefined for an access that only faults or does not */
  #load(address: I64, access: AccessCode, result: Local | undefined, grouped?: GroupedPlace): void {
    this.#access(
      { address, access, write: false, grouped },
      (place, offset) => {
        if (result !== undefined) this.set(result, loadSized(access.sizeLog2, place, offset));
      },
      () => {
        this.#slowly('load', access);
        if (result !== undefined) this.set(result, loadAccessValue(this.base, access.sizeLog2));
      },
    );
  }

  #storeValue(address: I64, access: AccessCode, value: Value, grouped?: GroupedPlace): void {
    const { sizeLog2 } = access;
    this.#access(
      { address, access, write: true, grouped },
      (place, offset) => storeSized(this, sizeLog2, place, value, offset),
      () => {
        storeAccessValue(this, this.base, sizeLog2, value);
        this.#slowly('store', access);
      },
    );
  }
}
