/**
 * Handlers: the code for one shape of instruction, which all instructions have that differ only in the numbers of their
 * registers and in free fields. Those are in the word's form.
 */

import {
  carryOf,
  conditionOf,
  flagKindConstant,
  flagLocals,
  loadFlags,
  nzcvOf,
  zeroExtended,
  type FlagLocals,
} from '../emit/flags.js';
import { load, local, type ResolvedSource } from '../emit/function-builder.js';
import { InstructionEmitter } from '../emit/instruction.js';
import { BASE, callRuntime, statusConstant } from '../emit/linkage.js';
import type { TranslationContext } from '../language/context.js';
import type { Register } from '../language/leaf.js';
import type { Fields, Pattern } from '../language/pattern.js';
import { isRegisterField, type OpsRow } from '../language/row.js';
import { baseOf, exitWith, Tracer, type End, type FlagWrite, type Trace, type Write } from '../language/trace.js';
import { constantOf, i32, i64, leaf, select, type I32, type I64, type V128, type Value } from '../language/value.js';
import { FLAG_A, FLAG_B, FLAG_KIND, PC, FORM, SP_INDEX, systemOffset, V, X, type Status } from '../state/layout.js';

/** From here on, what the semantics are given in place of a register's number: its field's slot is added. */
const SYMBOL = 1000;

const isSymbol = (register: number): boolean => register >= SYMBOL;

const operand = (file: 'x' | 'sp' | 'v', register: number): Register => ({
  kind: 'operand',
  file,
  slot: register - SYMBOL,
});

/** Immediates that a form has room for. */
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

class ShapeTracer extends Tracer {
  constructor() {
    super(0n, []);
  }

  override pc(): I64 {
    return leaf('i64', { kind: 'own-pc' });
  }

  override imm(index: number): I64 {
    if (index >= MAX_IMMEDIATES) throw new Error(`more than ${MAX_IMMEDIATES} immediates`);
    return leaf('i64', { kind: 'immediate', index });
  }

  override x(register: number): I64 {
    return isSymbol(register) ? leaf('i64', operand('x', register)) : super.x(register);
  }

  override xsp(register: number): I64 {
    return isSymbol(register) ? leaf('i64', operand('sp', register)) : super.xsp(register);
  }

  override v(register: number): V128 {
    return isSymbol(register) ? leaf('v128', operand('v', register)) : super.v(register);
  }

  override setX(register: number, value: I64): void {
    if (isSymbol(register)) this.write(operand('x', register), value);
    else super.setX(register, value);
  }

  override setXsp(register: number, value: I64): void {
    if (isSymbol(register)) this.write(operand('sp', register), value);
    else super.setXsp(register, value);
  }

  override setV(register: number, value: V128): void {
    if (isSymbol(register)) this.write(operand('v', register), value);
    else super.setV(register, value);
  }
}

export interface Handler {
  readonly body: Uint8Array;
  /** Whether what follows it in memory does not follow it when it runs. */
  readonly ends: boolean;
}

/** The handler of a shape; the fields are those of any instruction that has it. */
export const makeHandler = (
  row: OpsRow,
  fields: Fields,
  { slots }: ShapeRule,
  context: TranslationContext,
): Handler => {
  if (row.fp === true && !context.fpEnabled) return makeStatusHandler('fp-trap', context);
  const symbolic: Record<string, number> = { ...fields };
  slots.forEach(({ name }, slot) => (symbolic[name] = SYMBOL + slot));
  const tracer = new ShapeTracer();
  row.semantics(tracer, symbolic);
  const trace = tracer.finish();
  return {
    body: new HandlerEmitter(context).make(trace),
    ends: trace.end?.kind === 'branch' || trace.end?.kind === 'status',
  };
};

/** A handler that exits with a status. */
export const makeStatusHandler = (status: Status, context: TranslationContext): Handler => ({
  body: new HandlerEmitter(context).make(exitWith(status)),
  ends: status === 'undefined',
});

/** Parameters of a handler: where the word's form is, and the program counter. */
const WORD = local('i32', 0);
const OWN_PC = local('i64', 2);

const byteAt = (field: number): I32 => load.i32('i32.load8_u', WORD, field);

/** Where a register is, less the offset of the first one. */
const registerAt = (number: I32, log2Bytes: number): I32 => i32.add(i32.shl(number, i32.const(log2Bytes)), BASE);

class HandlerEmitter extends InstructionEmitter {
  #flags: FlagLocals | undefined;

  constructor(context: TranslationContext) {
    super(3, BASE, context);
  }

  make({ effects, writes, flags, end }: Trace): Uint8Array {
    this.beginInstruction();
    for (const effect of effects) this.effect(effect);
    // Any register may be the one that is written: so all values come before the first write.
    const evaluated = this.#evaluate(end);
    this.#commit(writes, flags);
    return this.finish(this.#end(evaluated));
  }

  protected page(): undefined {
    return undefined;
  }

  protected grouped(): undefined {
    return undefined;
  }

  protected isBesideCode(): boolean {
    return false;
  }

  protected checkSp(address: I64): void {
    const base = baseOf(address);
    if (base?.kind !== 'operand' || base.file !== 'sp') return;
    const isSp = i32.eq(byteAt(FORM.register + base.slot), i32.const(SP_INDEX));
    this.if(isSp, () => this.exitIfSpIsMisaligned());
  }

  protected slowAccess(name: 'load' | 'store', address: I64, kind: I32): I32 {
    return callRuntime('i32', name, address, kind, BASE);
  }

  protected unitCall(number: I32): I32 {
    return callRuntime('i32', 'float', number, BASE);
  }

  protected fusedCall<T extends 'f32' | 'f64'>(type: T, operands: readonly Value[]): Value<T> {
    return callRuntime(type, type === 'f32' ? 'fused32' : 'fused64', ...operands);
  }

  protected exit(status: Status): void {
    this.return(statusConstant(status));
  }

  #setPc(value: I64): void {
    this.store('i64.store', BASE, value, PC);
  }

  protected read(source: Exclude<ResolvedSource, { kind: 'temporary' }>): Value {
    switch (source.kind) {
      case 'own-pc':
        return OWN_PC;
      case 'immediate':
        return load.i64('i64.load', WORD, FORM.immediate + 8 * source.index);
      case 'operand':
        return this.#readOperand(source.file, source.slot);
      case 'x':
        return load.i64('i64.load', BASE, X + 8 * source.number);
      case 'sp':
        return load.i64('i64.load', BASE, X + 8 * SP_INDEX);
      case 'v':
        return load.v128('v128.load', BASE, V + 16 * source.number);
      case 'system':
        return load.i64('i64.load', BASE, systemOffset(source.register));
      case 'condition':
        return conditionOf(this.#loadFlags(), undefined, source.condition);
      case 'carry':
        return carryOf(this.#loadFlags(), undefined);
      case 'nzcv':
        return nzcvOf(this.#loadFlags(), undefined);
    }
  }

  #readOperand(file: 'x' | 'sp' | 'v', slot: number): Value {
    switch (file) {
      case 'x':
        return load.i64('i64.load', registerAt(byteAt(FORM.readX + slot), 3), X);
      case 'sp':
        return load.i64('i64.load', registerAt(byteAt(FORM.register + slot), 3), X);
      case 'v':
        return load.v128('v128.load', registerAt(byteAt(FORM.register + slot), 4), V);
    }
  }

  #loadFlags(): FlagLocals {
    this.#flags ??= flagLocals(this);
    loadFlags(this, BASE, this.#flags);
    return this.#flags;
  }

  #evaluate(end: End | undefined): End | undefined {
    switch (end?.kind) {
      case undefined:
      case 'status':
      case 'attention':
        return end;
      case 'branch':
        return { ...end, target: this.#once(end.target) };
      case 'branch-if':
        return { ...end, condition: this.#once(end.condition), target: this.#once(end.target) };
    }
  }

  #once<T extends Value['type']>(value: Value<T>): Value<T> {
    return value.kind === 'const' ? value : this.keep(value);
  }

  #commit(writes: readonly Write[], flags: FlagWrite | undefined): void {
    const single = writes.length === 1 && flags === undefined;
    const values = single ? writes : writes.map(({ target, value }) => ({ target, value: this.#once(value) }));
    if (flags !== undefined) {
      const [a, b] = [this.#once(zeroExtended(flags.a)), flags.b && this.#once(zeroExtended(flags.b))];
      this.store('i32.store', BASE, flagKindConstant(flags.kind), FLAG_KIND);
      this.store('i64.store', BASE, a, FLAG_A);
      if (b !== undefined) this.store('i64.store', BASE, b, FLAG_B);
    }
    for (const { target, value } of values) this.#write(target, value);
  }

  #write(target: Register, value: Value): void {
    switch (target.kind) {
      case 'x':
        return this.store('i64.store', BASE, value, X + 8 * target.number);
      case 'sp':
        return this.store('i64.store', BASE, value, X + 8 * SP_INDEX);
      case 'v':
        return this.store('v128.store', BASE, value, V + 16 * target.number);
      case 'system':
        return this.store('i64.store', BASE, value, systemOffset(target.register));
      case 'operand':
        return this.#writeOperand(target.file, target.slot, value);
    }
  }

  #writeOperand(file: 'x' | 'sp' | 'v', slot: number, value: Value): void {
    switch (file) {
      case 'x':
        return this.store('i64.store', registerAt(byteAt(FORM.writeX + slot), 3), value, X);
      case 'sp':
        return this.store('i64.store', registerAt(byteAt(FORM.register + slot), 3), value, X);
      case 'v':
        return this.store('v128.store', registerAt(byteAt(FORM.register + slot), 4), value, V);
    }
  }

  /** @returns the status that the handler gives: only behind a branch does it set the program counter */
  #end(end: End | undefined): I32 {
    switch (end?.kind) {
      case undefined:
        return statusConstant('next');
      case 'status':
        return statusConstant(end.status);
      case 'attention':
        return statusConstant('attention');
      case 'branch': {
        this.#setPc(end.target);
        // A jump to a constant address that is its own has the status `stuck` already.
        const mayBeStuck = end.branch === 'jump' && constantOf(end.target) === undefined;
        const isStuck = mayBeStuck ? i64.eq(end.target, OWN_PC) : i32.const(0);
        return select(isStuck, statusConstant('stuck'), statusConstant('branched'));
      }
      case 'branch-if':
        this.if(end.condition, () => {
          this.#setPc(end.target);
          this.return(statusConstant('branched'));
        });
        return statusConstant('passed');
    }
  }
}
