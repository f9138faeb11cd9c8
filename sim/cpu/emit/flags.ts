/**
 * Conditions over flags as code has them: not computed, but by what set them. Mostly one comparison of the operands
 * says the same.
 */

import { FLAG_A, FLAG_B, FLAG_KIND, FLAG_KINDS, type FlagKind } from '../state/layout.js';
import { i32, i64, type I32, type I64, type Integer, type Value } from '../language/value.js';
import { load, type FunctionBuilder, type Local } from './function-builder.js';
import { callRuntime } from './linkage.js';

/** The locals that stand for the flags. */
export interface FlagLocals {
  /** Index in FLAG_KINDS. */
  readonly kind: Local<'i32'>;
  /** Operands; 32-bit ones are zero-extended. */
  readonly a: Local<'i64'>;
  readonly b: Local<'i64'>;
}

export const flagLocals = (f: FunctionBuilder): FlagLocals => ({
  kind: f.variable('i32'),
  a: f.variable('i64'),
  b: f.variable('i64'),
});

/** Takes the flags from where they lie between pieces of code. */
export const loadFlags = (f: FunctionBuilder, base: I32, flags: FlagLocals): void => {
  f.set(flags.kind, load.i32('i32.load', base, FLAG_KIND));
  f.set(flags.a, load.i64('i64.load', base, FLAG_A));
  f.set(flags.b, load.i64('i64.load', base, FLAG_B));
};

/** Puts them there. */
export const storeFlags = (f: FunctionBuilder, base: I32, { kind, a, b }: FlagLocals): void => {
  f.store('i32.store', base, kind, FLAG_KIND);
  f.store('i64.store', base, a, FLAG_A);
  f.store('i64.store', base, b, FLAG_B);
};

export const flagKindConstant = (kind: FlagKind): I32 => i32.const(FLAG_KINDS.indexOf(kind));

type Relation = 'eq' | 'ne' | 'ltS' | 'ltU' | 'leS' | 'leU' | 'gtS' | 'gtU' | 'geS' | 'geU';

const OPPOSITE: Readonly<Record<Relation, Relation>> = {
  eq: 'ne',
  ne: 'eq',
  ltS: 'geS',
  ltU: 'geU',
  leS: 'gtS',
  leU: 'gtU',
  gtS: 'leS',
  gtU: 'leU',
  geS: 'ltS',
  geU: 'ltU',
};

/** Even conditions; odd ones are their opposites (Arm ARM C1.2.4). */
const EQ = 0;
const CS = 2;
const MI = 4;
const HI = 8;
const GE = 10;
const GT = 12;

/** How the operands of a subtraction compare when a condition holds. */
const AFTER_SUB: Readonly<Record<number, Relation>> = {
  [EQ]: 'eq',
  [CS]: 'geU',
  [HI]: 'gtU',
  [GE]: 'geS',
  [GT]: 'gtS',
};
/** How a result compares with zero, where C and V are 0. */
const AFTER_LOGIC: Readonly<Record<number, Relation>> = { [EQ]: 'eq', [MI]: 'ltS', [GE]: 'geS', [GT]: 'gtS' };

type Width = 'i32' | 'i64';

type Comparison<T extends Width> =
  | { readonly relation: Relation; readonly left: Value<T>; readonly right: Value<T> }
  /** It never holds. */
  | { readonly relation: 'never' };

/** The comparison that an even condition is behind an operation; undefined where there is none. */
const comparisonOf = <T extends Width>(
  int: Integer<T>,
  operation: 'add' | 'sub' | 'logic',
  a: Value<T>,
  b: Value<T>,
  condition: number,
): Comparison<T> | undefined => {
  const zero = int.const(0);
  switch (operation) {
    case 'sub': {
      if (condition === MI) return { relation: 'ltS', left: int.sub(a, b), right: zero };
      const relation = AFTER_SUB[condition];
      return relation && { relation, left: a, right: b };
    }
    case 'logic': {
      const relation = AFTER_LOGIC[condition];
      return relation === undefined ? { relation: 'never' } : { relation, left: a, right: zero };
    }
    case 'add':
      if (condition === EQ) return { relation: 'eq', left: int.add(a, b), right: zero };
      if (condition === MI) return { relation: 'ltS', left: int.add(a, b), right: zero };
      return condition === CS ? { relation: 'ltU', left: int.add(a, b), right: a } : undefined;
  }
};

const compare = <T extends Width>(
  int: Integer<T>,
  operation: 'add' | 'sub' | 'logic',
  a: Value<T>,
  b: Value<T>,
  condition: number,
): I32 | undefined => {
  const isOpposite = (condition & 1) === 1;
  const comparison = comparisonOf(int, operation, a, b, condition & ~1);
  if (comparison === undefined) return undefined;
  if (comparison.relation === 'never') return i32.const(isOpposite ? 1 : 0);
  const { relation, left, right } = comparison;
  return int[isOpposite ? OPPOSITE[relation] : relation](left, right);
};

/** The condition as a comparison of what set the flags; undefined where it is not one. */
const asComparison = ({ a, b }: FlagLocals, kind: FlagKind, condition: number): I32 | undefined => {
  switch (kind) {
    case 'add32':
      return compare(i32, 'add', i32.wrap(a), i32.wrap(b), condition);
    case 'sub32':
      return compare(i32, 'sub', i32.wrap(a), i32.wrap(b), condition);
    case 'logic32':
      return compare(i32, 'logic', i32.wrap(a), i32.wrap(b), condition);
    case 'add64':
      return compare(i64, 'add', a, b, condition);
    case 'sub64':
      return compare(i64, 'sub', a, b, condition);
    case 'logic64':
      return compare(i64, 'logic', a, b, condition);
    case 'nzcv':
      return undefined;
  }
};

/** N, Z, C and V in bits 3 to 0. @param kind of the flags, where it is known */
export const nzcvOf = (flags: FlagLocals, kind: FlagKind | undefined): I32 =>
  kind === 'nzcv'
    ? i32.wrap(flags.a)
    : callRuntime('i32', 'nzcv', kind === undefined ? flags.kind : flagKindConstant(kind), flags.a, flags.b);

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

/** Whether a condition holds, 0 or 1. @param kind of the flags, where it is known */
export const conditionOf = (flags: FlagLocals, kind: FlagKind | undefined, condition: number): I32 =>
  (kind && asComparison(flags, kind, condition)) ??
  i32.and(i32.shrU(i32.const(truthTable(condition)), nzcvOf(flags, kind)), i32.const(1));

/** The carry flag, 0 or 1: the condition CS. */
export const carryOf = (flags: FlagLocals, kind: FlagKind | undefined): I32 => conditionOf(flags, kind, CS);

/** An operand of flags as its local keeps it. */
export const zeroExtended = (operand: I32 | I64): I64 => (operand.type === 'i64' ? operand : i64.extendU(operand));
