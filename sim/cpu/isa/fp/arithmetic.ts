/** Floating-point arithmetic on scalars and on vectors. What rounds only once (FMADD, FMLA) is in fused.ts. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import type { V128 } from '../../language/value.js';
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
  fneg,
  fnmul,
  fsqrt,
  fsub,
  roundAway,
  roundDown,
  roundToEven,
  roundToZero,
  roundUp,
  sizeOf,
  type Binary,
  type FloatSize,
  type Unary,
} from './values.js';
import { fpRow, fpcrRow } from '../vector/rows.js';
import { broadcast, lowElement, pairs, sized } from '../vector/values.js';

export const isFloatVector = ({ Q, sz }: Fields<'Q' | 'sz'>): boolean => sz === 0 || Q === 1;

const twoSource = (name: string, opcode: string, compute: Binary): InstructionRow =>
  fpcrRow({
    name: `${name} (scalar)`,
    pattern: `000 11110 0 sz:1 1 Rm:5 ${opcode} 10 Rn:5 Rd:5`,
    semantics: (t, { sz, Rm, Rn, Rd }) => t.setV(Rd, lowElement(sizeOf(sz), compute(t, sizeOf(sz), t.v(Rn), t.v(Rm)))),
  });

const oneSource = (name: string, opcode: string, compute: Unary, row = fpcrRow): InstructionRow =>
  row({
    name: `${name} (scalar)`,
    pattern: `000 11110 0 sz:1 1 ${opcode} 10000 Rn:5 Rd:5`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, lowElement(sizeOf(sz), compute(t, sizeOf(sz), t.v(Rn)))),
  });

/** @param a bit 23, which is a part of the opcode */
const vector = (name: string, u: number, a: number, opcode: string, compute: Binary): InstructionRow =>
  fpcrRow({
    name: `${name} (vector)`,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rm, Rn, Rd }) => t.setV(Rd, sized(Q, compute(t, sizeOf(sz), t.v(Rn), t.v(Rm)))),
  });

const pairwise = (
  name: string,
  a: number,
  opcode: string,
  scalarOpcode: string,
  compute: Binary,
): readonly InstructionRow[] => {
  const ofPairs = (t: Ops, q: number, size: FloatSize, n: V128, m: V128): V128 =>
    compute(t, size, pairs(q, size, n, m, 0), pairs(q, size, n, m, 1));
  return [
    fpcrRow({
      name: `${name} (vector)`,
      pattern: `0 Q:1 1 01110 ${a} sz:1 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
      allocated: isFloatVector,
      semantics: (t, { Q, sz, Rm, Rn, Rd }) => t.setV(Rd, sized(Q, ofPairs(t, Q, sizeOf(sz), t.v(Rn), t.v(Rm)))),
    }),
    fpcrRow({
      name: `${name} (scalar)`,
      pattern: `01 1 11110 ${a} sz:1 11000 ${scalarOpcode} 10 Rn:5 Rd:5`,
      semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, lowElement(sizeOf(sz), ofPairs(t, 1, sizeOf(sz), t.v(Rn), t.v(Rn)))),
    }),
  ];
};

/** Four singles: neighbours first, then what came of them. */
const across = (name: string, a: number, opcode: string, compute: Binary): InstructionRow =>
  fpcrRow({
    name,
    pattern: `0 1 1 01110 ${a} 0 11000 ${opcode} 10 Rn:5 Rd:5`,
    semantics: (t, { Rn, Rd }) => {
      const halve = (n: V128): V128 => compute(t, 2, pairs(1, 2, n, n, 0), pairs(1, 2, n, n, 1));
      t.setV(Rd, lowElement(2, halve(t.let(halve(t.v(Rn))))));
    },
  });

const vectorOfOne = (
  name: string,
  u: number,
  a: number,
  opcode: string,
  compute: Unary,
  row = fpcrRow,
): InstructionRow =>
  row({
    name: `${name} (vector)`,
    pattern: `0 Q:1 ${u} 01110 ${a} sz:1 10000 ${opcode} 10 Rn:5 Rd:5`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd, sized(Q, compute(t, sizeOf(sz), t.v(Rn)))),
  });

/** FMUL by element. Singles have a two-bit index, in H and L; doubles have one bit, H. */
const mulByElement: readonly InstructionRow[] = [
  fpcrRow({
    name: 'FMUL (by element), single',
    pattern: '0 Q:1 0 01111 1 0 L:1 Rm:5 1001 H:1 0 Rn:5 Rd:5',
    semantics: (t, { Q, L, H, Rm, Rn, Rd }) =>
      t.setV(Rd, sized(Q, fmul(t, 2, t.v(Rn), broadcast(2, t.v(Rm), H * 2 + L)))),
  }),
  fpcrRow({
    name: 'FMUL (by element), scalar, single',
    pattern: '01 0 11111 1 0 L:1 Rm:5 1001 H:1 0 Rn:5 Rd:5',
    semantics: (t, { L, H, Rm, Rn, Rd }) =>
      t.setV(Rd, lowElement(2, fmul(t, 2, t.v(Rn), broadcast(2, t.v(Rm), H * 2 + L)))),
  }),
  fpcrRow({
    name: 'FMUL (by element), double',
    pattern: '0 Q:1 0 01111 1 1 0 Rm:5 1001 H:1 0 Rn:5 Rd:5',
    allocated: ({ Q }) => Q === 1,
    semantics: (t, { Q, H, Rm, Rn, Rd }) => t.setV(Rd, sized(Q, fmul(t, 3, t.v(Rn), broadcast(3, t.v(Rm), H)))),
  }),
  fpcrRow({
    name: 'FMUL (by element), scalar, double',
    pattern: '01 0 11111 1 1 0 Rm:5 1001 H:1 0 Rn:5 Rd:5',
    semantics: (t, { H, Rm, Rn, Rd }) => t.setV(Rd, lowElement(3, fmul(t, 3, t.v(Rn), broadcast(3, t.v(Rm), H)))),
  }),
];

/** By the opcode of the scalar; of the vector U, bit 23 and opcode. */
const ROUNDINGS: readonly (readonly [string, string, number, number, string, Unary])[] = [
  ['FRINTN', '001000', 0, 0, '11000', roundToEven],
  ['FRINTP', '001001', 0, 1, '11000', roundUp],
  ['FRINTM', '001010', 0, 0, '11001', roundDown],
  ['FRINTZ', '001011', 0, 1, '11001', roundToZero],
  ['FRINTA', '001100', 1, 0, '11000', roundAway],
  ['FRINTX', '001110', 1, 0, '11001', roundToEven],
  ['FRINTI', '001111', 1, 1, '11001', roundToEven],
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
  oneSource('FABS', '000001', fabs, fpRow),
  oneSource('FNEG', '000010', fneg, fpRow),
  oneSource('FSQRT', '000011', fsqrt),
  vector('FADD', 0, 0, '11010', fadd),
  vector('FSUB', 0, 1, '11010', fsub),
  vector('FMUL', 1, 0, '11011', fmul),
  vector('FDIV', 1, 0, '11111', fdiv),
  vector('FMAX', 0, 0, '11110', fmax),
  vector('FMIN', 0, 1, '11110', fmin),
  vector('FMAXNM', 0, 0, '11000', fmaxnm),
  vector('FMINNM', 0, 1, '11000', fminnm),
  vector('FABD', 1, 1, '11010', fabd),
  fpcrRow({
    name: 'FABD (scalar)',
    pattern: '01 1 11110 1 sz:1 1 Rm:5 11010 1 Rn:5 Rd:5',
    semantics: (t, { sz, Rm, Rn, Rd }) => t.setV(Rd, lowElement(sizeOf(sz), fabd(t, sizeOf(sz), t.v(Rn), t.v(Rm)))),
  }),
  ...pairwise('FADDP', 0, '11010', '01101', fadd),
  ...pairwise('FMAXP', 0, '11110', '01111', fmax),
  ...pairwise('FMINP', 1, '11110', '01111', fmin),
  ...pairwise('FMAXNMP', 0, '11000', '01100', fmaxnm),
  ...pairwise('FMINNMP', 1, '11000', '01100', fminnm),
  across('FMAXV', 0, '01111', fmax),
  across('FMINV', 1, '01111', fmin),
  across('FMAXNMV', 0, '01100', fmaxnm),
  across('FMINNMV', 1, '01100', fminnm),
  vectorOfOne('FABS', 0, 1, '01111', fabs, fpRow),
  vectorOfOne('FNEG', 1, 1, '01111', fneg, fpRow),
  vectorOfOne('FSQRT', 1, 1, '11111', fsqrt),
  ...mulByElement,
  ...ROUNDINGS.flatMap(([name, opcode, u, a, vectorOpcode, compute]) => [
    oneSource(name, opcode, compute),
    vectorOfOne(name, u, a, vectorOpcode, compute),
  ]),
];
