/** Multiplications and additions that round once. */

import type { Ops } from '../../language/ops.js';
import type { InstructionRow } from '../../language/row.js';
import type { V128 } from '../../language/value.js';
import { fpRow } from '../vector/rows.js';
import { elementAt, isFloatVector, elementSyntax } from './arithmetic.js';
import { scalarOf, sizeOf, vectorOf, type Shape } from './elements.js';
import { fneg, fusedMultiplyAdd } from './operations.js';

/** Negated or as it is. */
const signed = (t: Ops, shape: Shape, isNegated: boolean, value: V128): V128 =>
  isNegated ? fneg(t, shape, value) : value;

/** @param a bit 23: the product is subtracted */
const vector = (name: string, a: 0 | 1): InstructionRow =>
  fpRow({
    name: `${name} (vector)`,
    pattern: `0 Q:1 0 01110 ${a} sz:1 1 Rm:5 11001 1 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tf>, <Vn>.<Tf>, <Vm>.<Tf>`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rm, Rn, Rd }) => {
      const shape = vectorOf(Q, sizeOf(sz));
      t.setV(Rd, fusedMultiplyAdd(t, shape, t.v(Rd), signed(t, shape, a === 1, t.v(Rn)), t.v(Rm)));
    },
  });

const byElement = (name: string, opcode: string, subtracts: boolean): readonly InstructionRow[] => [
  fpRow({
    name: `${name} (by element)`,
    pattern: `0 Q:1 0 01111 1 sz:1 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    syntax: elementSyntax(name, '<Vd>.<Tf>, <Vn>.<Tf>'),
    allocated: ({ sz, L, Q }) => sz === 0 || (L === 0 && Q === 1),
    semantics: (t, fields) => {
      const { Q, sz, Rn, Rd } = fields;
      const shape = vectorOf(Q, sizeOf(sz));
      t.setV(Rd, fusedMultiplyAdd(t, shape, t.v(Rd), signed(t, shape, subtracts, t.v(Rn)), elementAt(t, fields)));
    },
  }),
  fpRow({
    name: `${name} (by element), scalar`,
    pattern: `01 0 11111 1 sz:1 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    syntax: elementSyntax(name, '<sz?SDd>, <sz?SDn>'),
    allocated: ({ sz, L }) => sz === 0 || L === 0,
    semantics: (t, fields) => {
      const { sz, Rn, Rd } = fields;
      const shape = scalarOf(sizeOf(sz));
      t.setV(Rd, fusedMultiplyAdd(t, shape, t.v(Rd), signed(t, shape, subtracts, t.v(Rn)), elementAt(t, fields)));
    },
  }),
];

export const FP_FUSED: readonly InstructionRow[] = [
  fpRow({
    name: 'FMADD, FMSUB, FNMADD, FNMSUB',
    pattern: '000 11111 0 sz:1 o1:1 Rm:5 o0:1 Ra:5 Rn:5 Rd:5',
    syntax: 'f<o1?|n>m<o0?add|sub> <sz?SDd>, <sz?SDn>, <sz?SDm>, <sz?SDa>',
    semantics: (t, { sz, o1, o0, Ra, Rm, Rn, Rd }) => {
      const shape = scalarOf(sizeOf(sz));
      const addend = signed(t, shape, o1 === 1, t.v(Ra));
      const factor = signed(t, shape, o1 !== o0, t.v(Rn));
      t.setV(Rd, fusedMultiplyAdd(t, shape, addend, factor, t.v(Rm)));
    },
  }),
  vector('FMLA', 0),
  vector('FMLS', 1),
  ...byElement('FMLA', '0001', false),
  ...byElement('FMLS', '0101', true),
];
