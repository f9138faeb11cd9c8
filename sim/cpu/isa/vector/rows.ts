import type { Fields, InstructionRow, Ops, OpsRow } from '../../language/ops.js';
import type { V128 } from '../../language/value.js';
import { lowElement, sized } from './values.js';

/**
 * What all rows of Advanced SIMD and floating point have in common. Their sections are not numbered apart here: C7.2
 * has them in alphabetical order of the headings, which are the rows' names.
 */

type Rest = Omit<OpsRow, 'group' | 'section' | 'fp'>;

export const simdRow = (rest: Rest): OpsRow => ({ group: 'Advanced SIMD', section: 'C7.2', fp: true, ...rest });

export const fpRow = (rest: Rest): OpsRow => ({ group: 'Floating point', section: 'C7.2', fp: true, ...rest });

/** One that computes: as with FPCR = 0. */
export const fpcrRow = (rest: Rest): OpsRow => fpRow({ fpcr: true, ...rest });

/** Elements up to so large; 64-bit ones only where the vector has two of them. */
export const sizesUpTo =
  (largest: number) =>
  ({ size, Q }: Fields): boolean =>
    size! <= largest && (size !== 3 || Q === 1);

/** The operands of an instruction on elements of one size. */
export interface Operands {
  readonly size: number;
  readonly q: number;
  readonly n: V128;
  readonly m: V128;
  /** The destination as it was. */
  readonly d: () => V128;
}

type Row = InstructionRow;
type Rows = readonly InstructionRow[];

export type Compute = (operands: Operands, t: Ops) => V128;

const operands = (t: Ops, { Q = 1, size = 3, Rn, Rm, Rd }: Fields): Operands => ({
  size,
  q: Q,
  n: t.v(Rn!),
  // Without a second operand the first one stands in.
  m: t.v(Rm ?? Rn!),
  d: () => t.v(Rd!),
});

const vector = (name: string, pattern: string, largest: number, compute: Compute): Row =>
  simdRow({
    name,
    pattern,
    allocated: sizesUpTo(largest),
    semantics: (t, fields) => t.setV(fields.Rd!, sized(fields.Q!, compute(operands(t, fields), t))),
  });

const scalar = (name: string, pattern: string, compute: Compute): Row =>
  simdRow({
    name: `${name}, scalar`,
    pattern,
    semantics: (t, fields) => t.setV(fields.Rd!, lowElement(3, compute(operands(t, fields), t))),
  });

/** Advanced SIMD three same: two vectors, element by element. */
export const threeSame = (name: string, u: number, opcode: string, largest: number, compute: Compute): Row =>
  vector(name, `0 Q:1 ${u} 01110 size:2 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`, largest, compute);

/** The same, and its scalar form, which is on 64 bits. */
export const threeSameOrScalar = (name: string, u: number, opcode: string, compute: Compute): Rows => [
  threeSame(name, u, opcode, 3, compute),
  scalar(name, `01 ${u} 11110 11 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`, compute),
];

/** Advanced SIMD two-register miscellaneous: one vector. */
export const twoRegister = (name: string, u: number, opcode: string, largest: number, compute: Compute): Row =>
  vector(name, `0 Q:1 ${u} 01110 size:2 10000 ${opcode} 10 Rn:5 Rd:5`, largest, compute);

export const twoRegisterOrScalar = (name: string, u: number, opcode: string, compute: Compute): Rows => [
  twoRegister(name, u, opcode, 3, compute),
  scalar(name, `01 ${u} 11110 11 10000 ${opcode} 10 Rn:5 Rd:5`, compute),
];

/** Names of the signed and the unsigned instruction, which U tells apart. */
export const SIGNS = [
  { sign: 's', u: 0, letter: 'S' },
  { sign: 'u', u: 1, letter: 'U' },
] as const;
