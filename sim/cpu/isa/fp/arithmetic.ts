/** Floating-point arithmetic on scalars and on vectors. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import type { V128 } from '../../language/value.js';
import { fpRow } from '../vector/rows.js';
import { broadcast, pairs } from '../vector/values.js';
import { scalarOf, sizeOf, vectorOf, type FloatSize } from './elements.js';
import {
  fabd,
  fabs,
  fadd,
  fdiv,
  fmax,
  fmaxnm,
  fmin,
  fminnm,
  fmul,
  fmulx,
  fneg,
  fnmul,
  frecps,
  frsqrts,
  fsqrt,
  fsub,
  roundByMode,
  roundToIntegral,
  type Binary,
  type Unary,
} from './operations.js';

export const isFloatVector = ({ Q, sz }: Fields<'Q' | 'sz'>): boolean => sz === 0 || Q === 1;

const twoSource = (name: string, opcode: string, compute: Binary): InstructionRow =>
  fpRow({
    name: `${name} (scalar)`,
    pattern: `000 11110 0 sz:1 1 Rm:5 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <sz?SDn>, <sz?SDm>`,
    semantics: (t, { sz, Rm, Rn, Rd }) => t.setV(Rd, compute(t, scalarOf(sizeOf(sz)), t.v(Rn), t.v(Rm))),
  });

const oneSource = (name: string, opcode: string, compute: Unary): InstructionRow =>
  fpRow({
    name: `${name} (scalar)`,
    pattern: `000 11110 0 sz:1 1 ${opcode} 10000 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <sz?SDn>`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, compute(t, scalarOf(sizeOf(sz)), t.v(Rn))),
  });

/** @param a bit 23, which is a part of the opcode */
const vector = (name: string, u: number, a: number, opcode: string, compute: Binary): InstructionRow =>
  fpRow({
    name: `${name} (vector)`,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tf>, <Vn>.<Tf>, <Vm>.<Tf>`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rm, Rn, Rd }) => t.setV(Rd, compute(t, vectorOf(Q, sizeOf(sz)), t.v(Rn), t.v(Rm))),
  });

/** The same, and its form on scalars of vector registers. */
const vectorOrScalar = (
  name: string,
  u: number,
  a: number,
  opcode: string,
  compute: Binary,
): readonly InstructionRow[] => [
  vector(name, u, a, opcode, compute),
  fpRow({
    name: `${name} (vector), scalar`,
    pattern: `01 ${u} 11110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <sz?SDn>, <sz?SDm>`,
    semantics: (t, { sz, Rm, Rn, Rd }) => t.setV(Rd, compute(t, scalarOf(sizeOf(sz)), t.v(Rn), t.v(Rm))),
  }),
];

const pairwise = (
  name: string,
  a: number,
  opcode: string,
  scalarOpcode: string,
  compute: Binary,
): readonly InstructionRow[] => {
  const parts = (q: number, size: FloatSize, n: V128, m: V128): readonly [V128, V128] => [
    pairs(q, size, n, m, 0),
    pairs(q, size, n, m, 1),
  ];
  return [
    fpRow({
      name: `${name} (vector)`,
      pattern: `0 Q:1 1 01110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()} <Vd>.<Tf>, <Vn>.<Tf>, <Vm>.<Tf>`,
      allocated: isFloatVector,
      semantics: (t, { Q, sz, Rm, Rn, Rd }) => {
        const size = sizeOf(sz);
        t.setV(Rd, compute(t, vectorOf(Q, size), ...parts(Q, size, t.v(Rn), t.v(Rm))));
      },
    }),
    fpRow({
      name: `${name} (scalar)`,
      pattern: `01 1 11110 ${a} sz:1 11000 ${scalarOpcode} 10 Rn:5 Rd:5`,
      syntax: `${name.toLowerCase()} <sz?SDd>, <Vn>.<sz?2s|2d>`,
      semantics: (t, { sz, Rn, Rd }) => {
        const size = sizeOf(sz);
        t.setV(Rd, compute(t, scalarOf(size), ...parts(1, size, t.v(Rn), t.v(Rn))));
      },
    }),
  ];
};

/** Four singles: neighbours first, then what came of them. */
const across = (name: string, a: number, opcode: string, compute: Binary): InstructionRow =>
  fpRow({
    name,
    pattern: `0 1 1 01110 ${a} 0 11000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Sd>, <Vn>.4s`,
    semantics: (t, { Rn, Rd }) => {
      const halve = (lanes: 1 | 2, n: V128): V128 =>
        compute(t, { size: 2, lanes }, pairs(1, 2, n, n, 0), pairs(1, 2, n, n, 1));
      t.setV(Rd, halve(1, halve(2, t.v(Rn))));
    },
  });

const vectorOfOne = (name: string, u: number, a: number, opcode: string, compute: Unary): InstructionRow =>
  fpRow({
    name: `${name} (vector)`,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tf>, <Vn>.<Tf>`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd, compute(t, vectorOf(Q, sizeOf(sz)), t.v(Rn))),
  });

/** The element that a factor is: singles have a two-bit index, in H and L; doubles have one bit, H, and L is zero. */
export const elementAt = (t: Ops, { sz, L, Rm, H }: Fields<'sz' | 'L' | 'Rm' | 'H'>): V128 =>
  broadcast(sizeOf(sz), t.v(Rm), sz === 1 ? H : H * 2 + L);

/** @param operands those before the element */
export const elementSyntax = (name: string, operands: string): string => {
  const start = `${name.toLowerCase()} ${operands}`;
  return `${start}, <Vm>.s[<H,L>] if sz=0; ${start}, <Vm>.d[<H>]`;
};

const byElement = (name: string, u: number, compute: Binary): readonly InstructionRow[] => [
  fpRow({
    name: `${name} (by element)`,
    pattern: `0 Q:1 ${u} 01111 1 sz:1 L:1 Rm:5 1001 H:1 0 Rn:5 Rd:5`,
    syntax: elementSyntax(name, '<Vd>.<Tf>, <Vn>.<Tf>'),
    allocated: ({ sz, L, Q }) => sz === 0 || (L === 0 && Q === 1),
    semantics: (t, fields) => {
      const { Q, sz, Rn, Rd } = fields;
      t.setV(Rd, compute(t, vectorOf(Q, sizeOf(sz)), t.v(Rn), elementAt(t, fields)));
    },
  }),
  fpRow({
    name: `${name} (by element), scalar`,
    pattern: `01 ${u} 11111 1 sz:1 L:1 Rm:5 1001 H:1 0 Rn:5 Rd:5`,
    syntax: elementSyntax(name, '<sz?SDd>, <sz?SDn>'),
    allocated: ({ sz, L }) => sz === 0 || L === 0,
    semantics: (t, fields) => {
      const { sz, Rn, Rd } = fields;
      t.setV(Rd, compute(t, scalarOf(sizeOf(sz)), t.v(Rn), elementAt(t, fields)));
    },
  }),
];

/** By the opcode of the scalar; of the vector U, bit 23 and opcode. */
const ROUNDINGS: readonly (readonly [string, string, number, number, string, Unary])[] = [
  ['FRINTN', '001000', 0, 0, '11000', roundToIntegral('nearest')],
  ['FRINTP', '001001', 0, 1, '11000', roundToIntegral('ceil')],
  ['FRINTM', '001010', 0, 0, '11001', roundToIntegral('floor')],
  ['FRINTZ', '001011', 0, 1, '11001', roundToIntegral('trunc')],
  ['FRINTA', '001100', 1, 0, '11000', roundToIntegral('away')],
  ['FRINTX', '001110', 1, 0, '11001', roundByMode(true)],
  ['FRINTI', '001111', 1, 1, '11001', roundByMode(false)],
];

export const FP_ARITHMETIC: readonly InstructionRow[] = [
  twoSource('FMUL', '0000', fmul),
  twoSource('FDIV', '0001', fdiv),
  twoSource('FADD', '0010', fadd),
  twoSource('FSUB', '0011', fsub),
  twoSource('FMAX', '0100', fmax),
  twoSource('FMIN', '0101', fmin),
  twoSource('FMAXNM', '0110', fmaxnm),
  twoSource('FMINNM', '0111', fminnm),
  twoSource('FNMUL', '1000', fnmul),
  oneSource('FABS', '000001', fabs),
  oneSource('FNEG', '000010', fneg),
  oneSource('FSQRT', '000011', fsqrt),
  vector('FADD', 0, 0, '11010', fadd),
  vector('FSUB', 0, 1, '11010', fsub),
  vector('FMUL', 1, 0, '11011', fmul),
  vector('FDIV', 1, 0, '11111', fdiv),
  vector('FMAX', 0, 0, '11110', fmax),
  vector('FMIN', 0, 1, '11110', fmin),
  vector('FMAXNM', 0, 0, '11000', fmaxnm),
  vector('FMINNM', 0, 1, '11000', fminnm),
  ...vectorOrScalar('FABD', 1, 1, '11010', fabd),
  ...vectorOrScalar('FMULX', 0, 0, '11011', fmulx),
  ...vectorOrScalar('FRECPS', 0, 0, '11111', frecps),
  ...vectorOrScalar('FRSQRTS', 0, 1, '11111', frsqrts),
  ...pairwise('FADDP', 0, '11010', '01101', fadd),
  ...pairwise('FMAXP', 0, '11110', '01111', fmax),
  ...pairwise('FMINP', 1, '11110', '01111', fmin),
  ...pairwise('FMAXNMP', 0, '11000', '01100', fmaxnm),
  ...pairwise('FMINNMP', 1, '11000', '01100', fminnm),
  across('FMAXV', 0, '01111', fmax),
  across('FMINV', 1, '01111', fmin),
  across('FMAXNMV', 0, '01100', fmaxnm),
  across('FMINNMV', 1, '01100', fminnm),
  vectorOfOne('FABS', 0, 1, '01111', fabs),
  vectorOfOne('FNEG', 1, 1, '01111', fneg),
  vectorOfOne('FSQRT', 1, 1, '11111', fsqrt),
  ...byElement('FMUL', 0, fmul),
  ...byElement('FMULX', 1, fmulx),
  ...ROUNDINGS.flatMap(([name, opcode, u, a, vectorOpcode, compute]) => [
    oneSource(name, opcode, compute),
    vectorOfOne(name, u, a, vectorOpcode, compute),
  ]),
];
