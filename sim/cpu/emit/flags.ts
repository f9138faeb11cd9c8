import { FLAG_A, FLAG_B, FLAG_KIND, FLAG_KINDS, type FlagKind } from '../state/layout.js';
import { RUNTIME } from './runtime-module.js';
import type { CodeWriter } from '../wasm/writer.js';

/**
 * Conditions from flags that were not computed: a comparison of the operands of what set them says the same, mostly in
 * one operation.
 */

/** The locals that stand for the flags. */
export interface FlagLocals {
  /** Index in FLAG_KINDS (i32). */
  readonly kind: number;
  /** Operands (i64); 32-bit ones are zero-extended. */
  readonly a: number;
  readonly b: number;
}

/** Takes the flags from where they lie between pieces of code. */
export const emitLoadFlags = (code: CodeWriter, flags: FlagLocals): void => {
  code.loadAt('i32.load', FLAG_KIND);
  code.setLocal(flags.kind);
  code.loadAt('i64.load', FLAG_A);
  code.setLocal(flags.a);
  code.loadAt('i64.load', FLAG_B);
  code.setLocal(flags.b);
};

type Comparison = 'eq' | 'ne' | 'lt_s' | 'lt_u' | 'le_s' | 'le_u' | 'gt_s' | 'gt_u' | 'ge_s' | 'ge_u';

/** A comparison that is true when the condition holds: even conditions; odd ones are their opposites (C1.2.4). */
const SUB: Readonly<Record<number, Comparison>> = { 0: 'eq', 2: 'ge_u', 8: 'gt_u', 10: 'ge_s', 12: 'gt_s' };
const SUB_NOT: Readonly<Record<number, Comparison>> = { 0: 'ne', 2: 'lt_u', 8: 'le_u', 10: 'lt_s', 12: 'le_s' };
/** Of the result with zero; C and V are 0. */
const LOGIC: Readonly<Record<number, Comparison>> = { 0: 'eq', 4: 'lt_s', 10: 'ge_s', 12: 'gt_s' };
const LOGIC_NOT: Readonly<Record<number, Comparison>> = { 0: 'ne', 4: 'ge_s', 10: 'lt_s', 12: 'le_s' };

const pushOperand = (code: CodeWriter, local: number, is32: boolean): void => {
  code.getLocal(local);
  if (is32) code.op('i32.wrap_i64');
};

const compare = (code: CodeWriter, flags: FlagLocals, kind: FlagKind, condition: number): boolean => {
  const is32 = kind.endsWith('32');
  const type = is32 ? 'i32' : 'i64';
  const even = condition & ~1;
  const negated = (condition & 1) === 1;
  const zero = (): void => (is32 ? code.constI32(0) : code.constI64(0n));
  const result = (op: Comparison | 'sub' | 'add'): void => {
    pushOperand(code, flags.a, is32);
    pushOperand(code, flags.b, is32);
    code.op(`${type}.${op}`);
  };
  if (kind === 'sub32' || kind === 'sub64') {
    const op = (negated ? SUB_NOT : SUB)[even];
    if (op !== undefined) {
      result(op);
      return true;
    }
    if (even !== 4) return false;
    result('sub');
    zero();
    code.op(`${type}.${negated ? 'ge_s' : 'lt_s'}`);
    return true;
  }
  if (kind === 'logic32' || kind === 'logic64') {
    const op = (negated ? LOGIC_NOT : LOGIC)[even];
    if (op !== undefined) {
      pushOperand(code, flags.a, is32);
      zero();
      code.op(`${type}.${op}`);
    } else {
      // CS, VS and HI never hold.
      code.constI32(negated ? 1 : 0);
    }
    return true;
  }
  if (kind === 'add32' || kind === 'add64') {
    if (even !== 0 && even !== 2 && even !== 4) return false;
    result('add');
    if (even === 2) {
      pushOperand(code, flags.a, is32);
      code.op(`${type}.${negated ? 'ge_u' : 'lt_u'}`);
    } else {
      zero();
      code.op(`${type}.${even === 0 ? (negated ? 'ne' : 'eq') : negated ? 'ge_s' : 'lt_s'}`);
    }
    return true;
  }
  return false;
};

/** N, Z, C and V in bits 3 to 0. */
export const emitFlagsAsNzcv = (code: CodeWriter, flags: FlagLocals, kind?: FlagKind): void => {
  if (kind === 'nzcv') {
    code.getLocal(flags.a);
    code.op('i32.wrap_i64');
    return;
  }
  if (kind === undefined) code.getLocal(flags.kind);
  else code.constI32(FLAG_KINDS.indexOf(kind));
  code.getLocal(flags.a);
  code.getLocal(flags.b);
  code.call(RUNTIME.nzcv);
};

/** For each NZCV, in the bit of its number, whether a condition holds (ConditionHolds() of the Arm ARM). */
const truthTable = (condition: number): number => {
  let table = 0;
  for (let nzcv = 0; nzcv < 16; nzcv++) {
    const [n, z, c, v] = [8, 4, 2, 1].map((bit) => (nzcv & bit) !== 0) as [boolean, boolean, boolean, boolean];
    const holds = [z, c, n, v, c && !z, n === v, n === v && !z, true][condition >> 1]!;
    if (holds !== ((condition & 1) === 1 && condition !== 15)) table |= 1 << nzcv;
  }
  return table;
};

/** Whether a condition holds, 0 or 1. */
export const emitCondition = (
  code: CodeWriter,
  flags: FlagLocals,
  kind: FlagKind | undefined,
  condition: number,
): void => {
  if (kind !== undefined && compare(code, flags, kind, condition)) return;
  code.constI32(truthTable(condition));
  emitFlagsAsNzcv(code, flags, kind);
  code.op('i32.shr_u');
  code.constI32(1);
  code.op('i32.and');
};

/** The carry flag, 0 or 1: the condition CS. */
export const emitCarry = (code: CodeWriter, flags: FlagLocals, kind: FlagKind | undefined): void =>
  emitCondition(code, flags, kind, 2);
