/** Floating-point comparisons, and selection by a condition. */

import type { Ops } from '../../language/ops.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, operation, select, type I32, type V128 } from '../../language/value.js';
import { isFloatVector } from './arithmetic.js';
import { double, fabs, single, sizeOf, type FloatSize } from './values.js';
import { fpRow, fpcrRow } from '../vector/rows.js';
import { ZERO, float, lowElement, sized } from '../vector/values.js';

/** NZCV of less, equal, greater and unordered (FPCompare, Arm ARM J1.3). */
const FLAGS = { less: 0b1000, equal: 0b0110, greater: 0b0010, unordered: 0b0011 } as const;

const compare = (size: FloatSize, n: V128, m: V128): I32 => {
  const [a, b] = size === 3 ? [double(n), double(m)] : [single(n), single(m)];
  const is = (name: 'eq' | 'lt' | 'gt'): I32 => operation('i32', `${a.type}.${name}`, [a, b]);
  const unlessLess = select(is('gt'), i32.const(FLAGS.greater), i32.const(FLAGS.unordered));
  return select(is('eq'), i32.const(FLAGS.equal), select(is('lt'), i32.const(FLAGS.less), unlessLess));
};

type Predicate = (t: Ops, size: FloatSize, n: V128, m: V128) => V128;

const predicate =
  (name: 'eq' | 'ge' | 'gt'): Predicate =>
  (_, size, n, m) =>
    float(size, name, n, m);
const ofMagnitudes =
  (name: 'ge' | 'gt'): Predicate =>
  (t, size, n, m) =>
    float(size, name, fabs(t, size, n), fabs(t, size, m));

/** The vector's form and the scalar's: ones where it holds of two registers. */
const register = (name: string, u: number, a: number, opcode: string, holds: Predicate): readonly InstructionRow[] => [
  fpcrRow({
    name,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rm, Rn, Rd }) => t.setV(Rd, sized(Q, holds(t, sizeOf(sz), t.v(Rn), t.v(Rm)))),
  }),
  fpcrRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    semantics: (t, { sz, Rm, Rn, Rd }) => t.setV(Rd, lowElement(sizeOf(sz), holds(t, sizeOf(sz), t.v(Rn), t.v(Rm)))),
  }),
];

/** The same of a register and zero. */
const zero = (name: string, u: number, opcode: string, holds: Predicate): readonly InstructionRow[] => [
  fpcrRow({
    name: `${name} (zero)`,
    pattern: `0 Q:1 ${u} 01110 1 sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd, sized(Q, holds(t, sizeOf(sz), t.v(Rn), ZERO))),
  }),
  fpcrRow({
    name: `${name} (zero), scalar`,
    pattern: `01 ${u} 11110 1 sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, lowElement(sizeOf(sz), holds(t, sizeOf(sz), t.v(Rn), ZERO))),
  }),
];

const swapped =
  (holds: Predicate): Predicate =>
  (t, size, n, m) =>
    holds(t, size, m, n);

export const FP_COMPARE: readonly InstructionRow[] = [
  fpcrRow({
    name: 'FCMP, FCMPE',
    pattern: '000 11110 0 sz:1 1 Rm:5 00 1000 Rn:5 signalling:1 0 000',
    free: ['signalling'],
    semantics: (t, { sz, Rm, Rn }) => t.setFlags('nzcv', compare(sizeOf(sz), t.v(Rn), t.v(Rm))),
  }),
  fpcrRow({
    name: 'FCMP, FCMPE, with zero',
    pattern: '000 11110 0 sz:1 1 ignored:5 00 1000 Rn:5 signalling:1 1 000',
    free: ['ignored', 'signalling'],
    semantics: (t, { sz, Rn }) => t.setFlags('nzcv', compare(sizeOf(sz), t.v(Rn), ZERO)),
  }),
  fpcrRow({
    name: 'FCCMP, FCCMPE',
    pattern: '000 11110 0 sz:1 1 Rm:5 cond:4 01 Rn:5 signalling:1 nzcv:4',
    free: ['signalling'],
    semantics: (t, { sz, Rm, cond, Rn, nzcv }) => {
      const compared = compare(sizeOf(sz), t.v(Rn), t.v(Rm));
      t.setFlags('nzcv', select(t.condition(cond), compared, i32.const(nzcv)));
    },
  }),
  fpRow({
    name: 'FCSEL',
    pattern: '000 11110 0 sz:1 1 Rm:5 cond:4 11 Rn:5 Rd:5',
    semantics: (t, { sz, Rm, cond, Rn, Rd }) =>
      t.setV(Rd, lowElement(sizeOf(sz), select(t.condition(cond), t.v(Rn), t.v(Rm)))),
  }),
  ...register('FCMEQ (register)', 0, 0, '11100', predicate('eq')),
  ...register('FCMGE (register)', 1, 0, '11100', predicate('ge')),
  ...register('FCMGT (register)', 1, 1, '11100', predicate('gt')),
  ...register('FACGE', 1, 0, '11101', ofMagnitudes('ge')),
  ...register('FACGT', 1, 1, '11101', ofMagnitudes('gt')),
  ...zero('FCMGT', 0, '01100', predicate('gt')),
  ...zero('FCMEQ', 0, '01101', predicate('eq')),
  ...zero('FCMLT', 0, '01110', swapped(predicate('gt'))),
  ...zero('FCMGE', 1, '01100', predicate('ge')),
  ...zero('FCMLE', 1, '01101', swapped(predicate('ge'))),
];
