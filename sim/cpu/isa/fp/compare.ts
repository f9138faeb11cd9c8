/** Floating-point comparisons, and selection by a condition. */

import { encodeCall } from '../../float/call.js';
import { FLAGS } from '../../float/compare.js';
import type { Ops } from '../../language/ops.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, select, type I32, type V128 } from '../../language/value.js';
import { fpRow, mnemonicOf } from '../vector/rows.js';
import { lowElement, ZERO } from '../vector/values.js';
import { isFloatVector } from './arithmetic.js';
import { Elements, scalarOf, sizeOf, vectorOf, type FloatSize } from './elements.js';
import { comparison, type Binary } from './operations.js';

/** FPCompare(); the unit says what is unordered. */
const compare = (t: Ops, size: FloatSize, isSignalling: boolean, n: V128, m: V128): I32 => {
  const e = new Elements(scalarOf(size));
  const [a, b] = [t.let(e.read(n)), t.let(e.read(m))];
  const is = (name: 'eq' | 'lt' | 'gt'): I32 => e.all(e.is(name, a, b));
  const unlessLess = i32.const(FLAGS.greater);
  const value = select(is('eq'), i32.const(FLAGS.equal), select(is('lt'), i32.const(FLAGS.less), unlessLess));
  const call = encodeCall({ operation: 'compare', size, lanes: 1, isSignalling });
  const accepts = [is('eq'), is('lt'), is('gt')];
  return t.float('i32', call, [n, m], { value, accepts, rounds: false });
};

/** The vector's form and the scalar's: ones where it holds of two registers. */
const register = (name: string, u: number, a: number, opcode: string, holds: Binary): readonly InstructionRow[] => [
  fpRow({
    name,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Vd>.<Tf>, <Vn>.<Tf>, <Vm>.<Tf>`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rm, Rn, Rd }) => t.setV(Rd, holds(t, vectorOf(Q, sizeOf(sz)), t.v(Rn), t.v(Rm))),
  }),
  fpRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <sz?SDd>, <sz?SDn>, <sz?SDm>`,
    semantics: (t, { sz, Rm, Rn, Rd }) => t.setV(Rd, holds(t, scalarOf(sizeOf(sz)), t.v(Rn), t.v(Rm))),
  }),
];

/** The same of a register and zero. */
const zero = (name: string, u: number, opcode: string, holds: Binary): readonly InstructionRow[] => [
  fpRow({
    name: `${name} (zero)`,
    pattern: `0 Q:1 ${u} 01110 1 sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tf>, <Vn>.<Tf>, #0.0`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd, holds(t, vectorOf(Q, sizeOf(sz)), t.v(Rn), ZERO)),
  }),
  fpRow({
    name: `${name} (zero), scalar`,
    pattern: `01 ${u} 11110 1 sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <sz?SDn>, #0.0`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, holds(t, scalarOf(sizeOf(sz)), t.v(Rn), ZERO)),
  }),
];

const swapped =
  (holds: Binary): Binary =>
  (t, shape, n, m) =>
    holds(t, shape, m, n);

const isEqual = comparison('equal', 'eq');
const isGreaterOrEqual = comparison('greaterOrEqual', 'ge');
const isGreater = comparison('greater', 'gt');

export const FP_COMPARE: readonly InstructionRow[] = [
  fpRow({
    name: 'FCMP, FCMPE',
    pattern: '000 11110 0 sz:1 1 Rm:5 00 1000 Rn:5 signalling:1 0 000',
    syntax: 'fcmp<signalling?|e> <sz?SDn>, <sz?SDm>',
    semantics: (t, { sz, Rm, Rn, signalling }) =>
      t.setFlags('nzcv', compare(t, sizeOf(sz), signalling === 1, t.v(Rn), t.v(Rm))),
  }),
  fpRow({
    name: 'FCMP, FCMPE, with zero',
    pattern: '000 11110 0 sz:1 1 ignored:5 00 1000 Rn:5 signalling:1 1 000',
    syntax: 'fcmp<signalling?|e> <sz?SDn>, #0.0',
    free: ['ignored'],
    semantics: (t, { sz, Rn, signalling }) =>
      t.setFlags('nzcv', compare(t, sizeOf(sz), signalling === 1, t.v(Rn), ZERO)),
  }),
  fpRow({
    name: 'FCCMP, FCCMPE',
    pattern: '000 11110 0 sz:1 1 Rm:5 cond:4 01 Rn:5 signalling:1 nzcv:4',
    syntax: 'fccmp<signalling?|e> <sz?SDn>, <sz?SDm>, #<nzcv:x>, <cond>{\t// <alsoCond>}',
    semantics: (t, { sz, Rm, cond, Rn, signalling, nzcv }) => {
      // Equal numbers raise no flag: they stand for a comparison that does not take place.
      const isCompared = t.let(t.condition(cond));
      const operand = (register: number): V128 => t.let(select(isCompared, t.v(register), ZERO));
      const compared = compare(t, sizeOf(sz), signalling === 1, operand(Rn), operand(Rm));
      t.setFlags('nzcv', select(isCompared, compared, i32.const(nzcv)));
    },
  }),
  fpRow({
    name: 'FCSEL',
    pattern: '000 11110 0 sz:1 1 Rm:5 cond:4 11 Rn:5 Rd:5',
    syntax: 'fcsel <sz?SDd>, <sz?SDn>, <sz?SDm>, <cond>{\t// <alsoCond>}',
    semantics: (t, { sz, Rm, cond, Rn, Rd }) =>
      t.setV(Rd, lowElement(sizeOf(sz), select(t.condition(cond), t.v(Rn), t.v(Rm)))),
  }),
  ...register('FCMEQ (register)', 0, 0, '11100', isEqual),
  ...register('FCMGE (register)', 1, 0, '11100', isGreaterOrEqual),
  ...register('FCMGT (register)', 1, 1, '11100', isGreater),
  ...register('FACGE', 1, 0, '11101', comparison('magnitudeGreaterOrEqual', 'ge', true)),
  ...register('FACGT', 1, 1, '11101', comparison('magnitudeGreater', 'gt', true)),
  ...zero('FCMGT', 0, '01100', isGreater),
  ...zero('FCMEQ', 0, '01101', isEqual),
  ...zero('FCMLT', 0, '01110', swapped(isGreater)),
  ...zero('FCMGE', 1, '01100', isGreaterOrEqual),
  ...zero('FCMLE', 1, '01101', swapped(isGreaterOrEqual)),
];
