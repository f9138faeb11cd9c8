/**
 * What all rows of Advanced SIMD and floating point have in common. Their sections are not numbered apart here: C7.2
 * has them in alphabetical order of the headings, which are the rows' names.
 */

import type { Ops } from '../../language/ops.js';
import type { FieldNames, Fields } from '../../language/pattern.js';
import { type InstructionRow, type OpsParts, opsRow, type OpsRow } from '../../language/row.js';
import type { V128 } from '../../language/value.js';
import { broadcast, lowElement, sized } from './values.js';

const vectorRowsOf =
  (group: string) =>
  <const Text extends string, const Free extends FieldNames<Text> = never>(
    parts: Omit<OpsParts<Text, Free>, 'group' | 'section' | 'fp'>,
  ): OpsRow =>
    opsRow<Text, Free>({ group, section: 'C7.2', fp: true, ...parts });

export const simdRow = vectorRowsOf('Advanced SIMD');

/** What the assembler calls an instruction: the first name in a heading, such as `add` in `ADD (vector)`. */
export const mnemonicOf = (heading: string): string => (/^\w+/.exec(heading)?.[0] ?? heading).toLowerCase();

export const fpRow = vectorRowsOf('Floating point');

/** Elements up to so large; 64-bit ones only where the vector has two of them. */
export const sizesUpTo =
  (largest: number) =>
  ({ size, Q }: Fields<'size' | 'Q'>): boolean =>
    size <= largest && (size !== 3 || Q === 1);

/** The operands of an instruction on elements of one size. */
export interface Operands extends OneOperand {
  readonly m: V128;
}

export interface OneOperand {
  readonly size: number;
  readonly q: number;
  readonly n: V128;
  /** The destination as it was. */
  readonly d: () => V128;
}

type Row = InstructionRow;
type Rows = readonly InstructionRow[];

export type Compute = (operands: Operands, t: Ops) => V128;
type ComputeOne = (operands: OneOperand, t: Ops) => V128;

/** Advanced SIMD three same: two vectors, element by element. */
export const threeSame = (name: string, u: number, opcode: string, largest: number, compute: Compute): Row =>
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 size:2 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Vd>.<T>, <Vn>.<T>, <Vm>.<T>`,
    allocated: sizesUpTo(largest),
    semantics: (t, { Q, size, Rm, Rn, Rd }) => {
      const operands = { size, q: Q, n: t.v(Rn), m: t.v(Rm), d: () => t.v(Rd) };
      t.setV(Rd, sized(Q, compute(operands, t)));
    },
  });

/** The same, and its scalar form, which is on 64 bits. */
export const threeSameOrScalar = (name: string, u: number, opcode: string, compute: Compute): Rows => [
  threeSame(name, u, opcode, 3, compute),
  simdRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 11 1 Rm:5 ${opcode} 1 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Dd>, <Dn>, <Dm>`,
    semantics: (t, { Rm, Rn, Rd }) => {
      const operands = { size: 3, q: 1, n: t.v(Rn), m: t.v(Rm), d: () => t.v(Rd) };
      t.setV(Rd, lowElement(3, compute(operands, t)));
    },
  }),
];

/** Advanced SIMD two-register miscellaneous: one vector. */
export const twoRegister = (
  name: string,
  u: number,
  opcode: string,
  largest: number,
  compute: ComputeOne,
  syntax = `${mnemonicOf(name)} <Vd>.<T>, <Vn>.<T>`,
): Row =>
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 size:2 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax,
    allocated: sizesUpTo(largest),
    semantics: (t, { Q, size, Rn, Rd }) =>
      t.setV(Rd, sized(Q, compute({ size, q: Q, n: t.v(Rn), d: () => t.v(Rd) }, t))),
  });

/** Comparisons with zero say so. */
const zeroIn = (name: string): string => (name.endsWith('(zero)') ? ', #0' : '');

export const twoRegisterOrScalar = (name: string, u: number, opcode: string, compute: ComputeOne): Rows => [
  twoRegister(name, u, opcode, 3, compute, `${mnemonicOf(name)} <Vd>.<T>, <Vn>.<T>${zeroIn(name)}`),
  simdRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 11 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Dd>, <Dn>${zeroIn(name)}`,
    semantics: (t, { Rn, Rd }) =>
      t.setV(Rd, lowElement(3, compute({ size: 3, q: 1, n: t.v(Rn), d: () => t.v(Rd) }, t))),
  }),
];

/** The element that multiplies all others: of 16 or of 32 bits. */
type WithElement = (t: Ops, fields: Fields<'Rn' | 'Rd'>, size: number, m: V128) => void;
type WithElementOfVector = (t: Ops, fields: Fields<'Q' | 'Rn' | 'Rd'>, size: number, m: V128) => void;

/** Advanced SIMD vector by indexed element. */
/** @param isLong the result's elements are twice as wide */
export const byElement = (
  name: string,
  u: number,
  opcode: string,
  isLong: boolean,
  compute: WithElementOfVector,
): Rows => [
  simdRow({
    name: `${name}, 16 bits`,
    pattern: `0 Q:1 ${u} 01111 01 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5`,
    syntax: isLong
      ? `${mnemonicOf(name)}<Q?|2> <Vd>.4s, <Vn>.<Q?4h|8h>, <Vm>.h[<H,L,M>]`
      : `${mnemonicOf(name)} <Vd>.<Q?4h|8h>, <Vn>.<Q?4h|8h>, <Vm>.h[<H,L,M>]`,
    semantics: (t, { L, M, H, Rm, ...fields }) => compute(t, fields, 1, broadcast(1, t.v(Rm), H * 4 + L * 2 + M)),
  }),
  simdRow({
    name: `${name}, 32 bits`,
    pattern: `0 Q:1 ${u} 01111 10 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    syntax: isLong
      ? `${mnemonicOf(name)}<Q?|2> <Vd>.2d, <Vn>.<Q?2s|4s>, <Vm>.s[<H,L>]`
      : `${mnemonicOf(name)} <Vd>.<Q?2s|4s>, <Vn>.<Q?2s|4s>, <Vm>.s[<H,L>]`,
    semantics: (t, { L, H, Rm, ...fields }) => compute(t, fields, 2, broadcast(2, t.v(Rm), H * 2 + L)),
  }),
];

/** Advanced SIMD scalar by indexed element. */
export const scalarByElement = (
  name: string,
  u: number,
  opcode: string,
  isLong: boolean,
  compute: WithElement,
): Rows => [
  simdRow({
    name: `${name}, scalar, 16 bits`,
    pattern: `01 ${u} 11111 01 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <${isLong ? 'S' : 'H'}d>, <Hn>, <Vm>.h[<H,L,M>]`,
    semantics: (t, { L, M, H, Rm, ...fields }) => compute(t, fields, 1, broadcast(1, t.v(Rm), H * 4 + L * 2 + M)),
  }),
  simdRow({
    name: `${name}, scalar, 32 bits`,
    pattern: `01 ${u} 11111 10 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <${isLong ? 'D' : 'S'}d>, <Sn>, <Vm>.s[<H,L>]`,
    semantics: (t, { L, H, Rm, ...fields }) => compute(t, fields, 2, broadcast(2, t.v(Rm), H * 2 + L)),
  }),
];

/** Names of the signed and the unsigned instruction, which U tells apart. */
export const SIGNS = [
  { sign: 's', u: 0, letter: 'S' },
  { sign: 'u', u: 1, letter: 'U' },
] as const;
