import { InstructionEmitter } from '../emit/instruction.js';
import type { TranslationContext } from '../language/context.js';
import { emitCarry, emitCondition, emitFlagsAsNzcv, emitLoadFlags, type FlagLocals } from '../emit/flags.js';
import { FLAG_A, FLAG_B, FLAG_KIND, FLAG_KINDS, LEFT, PC, RECORD, SP_INDEX, STATUS, V, X } from '../state/layout.js';
import type { Fields } from '../language/pattern.js';
import { isRegisterField, type OpsRow } from '../language/row.js';
import type { Pattern } from '../language/pattern.js';
import {
  CARRY_LEAF,
  CONDITION_LEAF,
  NZCV_LEAF,
  Recorder,
  V_LEAF,
  type End,
  type FlagWrite,
  type Recorded,
  type Write,
} from '../language/record.js';
import { constantOf, type I64, type Leaf, type V128, type Value } from '../language/value.js';
import { CodeWriter } from '../wasm/writer.js';

/**
 * The interpreter's code for one shape of instruction: all instructions that differ only in the numbers of their
 * registers and in free fields. Those come from a record, which is made when an instruction is met.
 */

/** Leaves whose place is in the record: the slot of the register field, or of the immediate, is added. */
const X_OPERAND = 5000;
const SP_OPERAND = 5010;
const V_OPERAND = 5020;
const IMMEDIATE = 5030;
const OWN_PC = 5040;
/** Register numbers that the semantics are given: the slot is added. */
const SYMBOL = 1000;

const leaf = <T extends 'i32' | 'i64' | 'v128'>(type: T, number: number): Leaf<T> => ({
  kind: 'leaf',
  type,
  leaf: number,
});

/** Immediates that fit into a record. */
const MAX_IMMEDIATES = 3;

/** What instructions of one row have in common if they may share a handler. */
export interface ShapeRule {
  /** Bits of the encoding in which they are equal. */
  readonly mask: number;
  /** The register fields that vary, in order of their slots. */
  readonly slots: readonly { readonly name: string; readonly shift: number; readonly width: number }[];
}

export const shapeRule = (row: OpsRow, pattern: Pattern): ShapeRule => {
  const fixed = row.fixed ?? [];
  const slots = pattern.fields.filter(({ name }) => isRegisterField(name) && !fixed.includes(name));
  const free = pattern.fields.filter(({ name }) => row.free?.includes(name) === true);
  const open = [...slots, ...free].reduce((bits, { shift, width }) => bits | ((2 ** width - 1) << shift), 0);
  return { mask: ~open >>> 0, slots };
};

class ShapeRecorder extends Recorder {
  constructor() {
    super(0n, []);
  }

  override pc(): I64 {
    return leaf('i64', OWN_PC);
  }

  override imm(index: number): I64 {
    if (index >= MAX_IMMEDIATES) throw new Error(`more than ${MAX_IMMEDIATES} immediates`);
    return leaf('i64', IMMEDIATE + index);
  }

  override x(register: number): I64 {
    return register >= SYMBOL ? leaf('i64', register - SYMBOL + X_OPERAND) : super.x(register);
  }

  override xsp(register: number): I64 {
    return register >= SYMBOL ? leaf('i64', register - SYMBOL + SP_OPERAND) : super.xsp(register);
  }

  override v(register: number): V128 {
    return register >= SYMBOL ? leaf('v128', register - SYMBOL + V_OPERAND) : super.v(register);
  }

  override setX(register: number, value: I64): void {
    if (register >= SYMBOL) this.write(register - SYMBOL + X_OPERAND, value);
    else super.setX(register, value);
  }

  override setXsp(register: number, value: I64): void {
    if (register >= SYMBOL) this.write(register - SYMBOL + SP_OPERAND, value);
    else super.setXsp(register, value);
  }

  override setV(register: number, value: V128): void {
    if (register >= SYMBOL) this.write(register - SYMBOL + V_OPERAND, value);
    else super.setV(register, value);
  }
}

export interface Handler {
  readonly body: Uint8Array;
  /** Whether a block ends with it. */
  readonly ends: boolean;
}

/** The handler of a shape; the fields are those of any instruction that has it. */
export const makeHandler = (
  row: OpsRow,
  fields: Fields,
  { slots }: ShapeRule,
  context: TranslationContext,
): Handler => {
  if (row.fp === true && !context.fpEnabled) return makeStatusHandler(STATUS.fpTrap, context);
  const symbolic: Record<string, number> = { ...fields };
  slots.forEach(({ name }, slot) => (symbolic[name] = SYMBOL + slot));
  const recorder = new ShapeRecorder();
  row.semantics(recorder, symbolic);
  const recorded = recorder.finish();
  return { body: new HandlerEmitter(context).make(recorded), ends: recorded.end !== undefined };
};

/** A handler that leaves with a status, the program counter being the instruction's. */
export const makeStatusHandler = (status: number, context: TranslationContext): Handler => ({
  body: new HandlerEmitter(context).makeStatus(status),
  ends: true,
});

/** Parameter of a handler: the record. */
const RECORD_LOCAL = 0;

class HandlerEmitter extends InstructionEmitter {
  #flags: FlagLocals | undefined;

  constructor(context: TranslationContext) {
    super(new CodeWriter(1), context);
  }

  make(recorded: Recorded): Uint8Array {
    this.beginInstruction();
    for (const effect of recorded.effects) this.effect(effect);
    const end = this.#evaluate(recorded.end);
    this.#commit(recorded.writes, recorded.flags);
    this.#end(end);
    return this.code.body();
  }

  makeStatus(status: number): Uint8Array {
    this.#setPc(() => this.#ownPc());
    this.code.constI32(status);
    return this.code.body();
  }

  protected page(): undefined {
    return undefined;
  }

  protected isBesideCode(): boolean {
    return false;
  }

  protected checkSp(address: I64): void {
    const base = address.kind === 'op' ? address.args[0]! : address;
    const slot = base.kind === 'leaf' ? base.leaf - SP_OPERAND : -1;
    if (slot < 0 || slot >= V_OPERAND - SP_OPERAND) return;
    const { code } = this;
    code.getLocal(RECORD_LOCAL);
    code.memory('i32.load8_u', RECORD.register + slot);
    code.constI32(SP_INDEX);
    code.op('i32.eq');
    code.if();
    this.leaveIfSpIsMisaligned();
    code.end();
  }

  /** The instruction was counted with its block; those behind it are not carried out. */
  protected leave(status: number): void {
    const { code } = this;
    this.#setPc(() => this.#ownPc());
    code.storeAt('i32.store', LEFT, () => {
      code.loadAt('i32.load', LEFT);
      code.getLocal(RECORD_LOCAL);
      code.memory('i32.load', RECORD.behind);
      code.op('i32.add');
    });
    code.constI32(status);
    code.return();
  }

  #ownPc(): void {
    this.code.getLocal(RECORD_LOCAL);
    this.code.memory('i64.load', RECORD.pc);
  }

  #setPc(value: () => void): void {
    this.code.storeAt('i64.store', PC, value);
  }

  /** Leaves the offset of a register that the record names, less that of the first one. */
  #place(field: number, scale: number): void {
    const { code } = this;
    code.getLocal(RECORD_LOCAL);
    code.memory('i32.load8_u', field);
    code.constI32(scale);
    code.op('i32.shl');
  }

  protected register({ leaf: number }: Leaf): void {
    const { code } = this;
    if (number >= OWN_PC) return this.#ownPc();
    if (number >= IMMEDIATE) {
      code.getLocal(RECORD_LOCAL);
      return code.memory('i64.load', RECORD.immediate + 8 * (number - IMMEDIATE));
    }
    if (number >= V_OPERAND) {
      this.#place(RECORD.register + number - V_OPERAND, 4);
      return code.memory('v128.load', V);
    }
    if (number >= SP_OPERAND) {
      this.#place(RECORD.register + number - SP_OPERAND, 3);
      return code.memory('i64.load', X);
    }
    if (number >= X_OPERAND) {
      this.#place(RECORD.readX + number - X_OPERAND, 3);
      return code.memory('i64.load', X);
    }
    if (number < V_LEAF) return code.loadAt('i64.load', X + 8 * number);
    if (number < CONDITION_LEAF) return code.loadAt('v128.load', V + 16 * (number - V_LEAF));
    const flags = this.#loadFlags();
    if (number < CARRY_LEAF) emitCondition(code, flags, undefined, number - CONDITION_LEAF);
    else if (number === CARRY_LEAF) emitCarry(code, flags, undefined);
    else if (number === NZCV_LEAF) emitFlagsAsNzcv(code, flags);
  }

  #loadFlags(): FlagLocals {
    const { code } = this;
    this.#flags ??= { kind: code.local('i32'), a: code.local('i64'), b: code.local('i64') };
    emitLoadFlags(code, this.#flags);
    return this.#flags;
  }

  #evaluate(end: End | undefined): End | undefined {
    if (end?.kind === 'branch') return { ...end, target: this.#once(end.target) };
    if (end?.kind === 'branch-if')
      return { ...end, condition: this.#once(end.condition), target: this.#once(end.target) };
    return end;
  }

  /** Any register may be the one that is written: so all values come before the first write. */
  #once<T extends Value['type']>(value: Value<T>): Value<T> {
    return value.kind === 'const' ? value : this.keep(value);
  }

  #commit(writes: readonly Write[], flags: FlagWrite | undefined): void {
    const { code } = this;
    const single = writes.length === 1 && flags === undefined;
    const values = single ? writes.map(({ value }) => value) : writes.map(({ value }) => this.#once(value));
    if (flags !== undefined) {
      const [a, b] = [this.#once(flags.a), flags.b && this.#once(flags.b)];
      code.storeAt('i32.store', FLAG_KIND, () => code.constI32(FLAG_KINDS.indexOf(flags.kind)));
      this.#storeFlag(FLAG_A, a);
      if (b !== undefined) this.#storeFlag(FLAG_B, b);
    }
    writes.forEach(({ target }, i) => this.#write(target, values[i]!));
  }

  #storeFlag(at: number, value: Value): void {
    this.code.storeAt('i64.store', at, () => {
      this.emit(value);
      if (value.type === 'i32') this.code.op('i64.extend_i32_u');
    });
  }

  #write(target: number, value: Value): void {
    const { code } = this;
    if (target >= V_OPERAND) this.#place(RECORD.register + target - V_OPERAND, 4);
    else if (target >= SP_OPERAND) this.#place(RECORD.register + target - SP_OPERAND, 3);
    else if (target >= X_OPERAND) this.#place(RECORD.writeX + target - X_OPERAND, 3);
    else code.constI32(target < V_LEAF ? 8 * target : 16 * (target - V_LEAF));
    this.emit(value);
    if (value.type === 'v128') code.memory('v128.store', V);
    else code.memory('i64.store', X);
  }

  #end(end: End | undefined): void {
    const { code } = this;
    switch (end?.kind) {
      case undefined:
        return code.constI32(STATUS.next);
      case 'status':
        this.#setPc(() => {
          this.#ownPc();
          code.constI64(end.status === STATUS.isb ? 4n : 0n);
          code.op('i64.add');
        });
        return code.constI32(end.status);
      case 'branch':
        this.#setPc(() => this.emit(end.target));
        code.constI32(STATUS.stuck);
        code.constI32(STATUS.branched);
        if (end.branch === 'jump' && constantOf(end.target) === undefined) {
          this.emit(end.target);
          this.#ownPc();
          code.op('i64.eq');
        } else {
          code.constI32(0);
        }
        return code.op('select');
      case 'branch-if':
        this.#setPc(() => {
          this.emit(end.target);
          this.#ownPc();
          code.constI64(4n);
          code.op('i64.add');
          this.emit(end.condition);
          code.op('select');
        });
        return code.constI32(STATUS.branched);
    }
  }
}
