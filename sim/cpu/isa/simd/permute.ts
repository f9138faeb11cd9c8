/** Instructions that put the elements of vectors into another order: UZP, TRN, ZIP, REV, TBL, TBX and EXT. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import type { V128 } from '../../language/value.js';
import { simdRow, sizesUpTo, mnemonicOf } from '../vector/rows.js';
import { bitSelect, repeated, countOf, greater, lookup, or, shuffle, sized, sub } from '../vector/values.js';

/** @param pick by an element's number and how many there are: the element taken, those of Vm behind Vn's */
const permute = (name: string, opcode: string, pick: (element: number, count: number) => number): InstructionRow =>
  simdRow({
    name,
    pattern: `0 Q:1 001110 size:2 0 Rm:5 0 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<T>, <Vn>.<T>, <Vm>.<T>`,
    allocated: sizesUpTo(3),
    semantics: (t, { Q, size, Rm, Rn, Rd }) => {
      const lanes = countOf(size);
      const count = Q === 1 ? lanes : lanes / 2;
      // Elements beyond the half in use are made like the others, and dropped.
      const source = (i: number): number => pick(i % count, count);
      const lane = (i: number): number => (source(i) < count ? source(i) : source(i) - count + lanes);
      t.setV(Rd, sized(Q, shuffle(size, t.v(Rn), t.v(Rm), lane)));
    },
  });

/** @param container log2 of the bytes within which elements change places */
const reverse = (name: string, u: number, opcode: string, container: number): InstructionRow =>
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 size:2 10000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)} <Vd>.<T>, <Vn>.<T>`,
    allocated: ({ size }) => size < container,
    semantics: (t, { Q, size, Rn, Rd }) => {
      const a = t.v(Rn);
      const last = (1 << (container - size)) - 1;
      t.setV(
        Rd,
        sized(
          Q,
          shuffle(size, a, a, (i) => i ^ last),
        ),
      );
    },
  });

/** @param count how many registers the table has from `Rn` on */
type LookUp = (t: Ops, fields: Fields<'Rm' | 'Rn' | 'Rd'>, count: number) => V128;

const table = (name: string, op: number, from: LookUp): readonly InstructionRow[] => [
  simdRow({
    name: `${name}, one register`,
    pattern: `0 Q:1 001110 00 0 Rm:5 0 00 ${op} 00 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tb>, {<Vn>.16b}, <Vm>.<Tb>`,
    semantics: (t, fields) => t.setV(fields.Rd, sized(fields.Q, from(t, fields, 1))),
  }),
  simdRow({
    name: `${name}, several registers`,
    pattern: `0 Q:1 001110 00 0 Rm:5 0 len:2 ${op} 00 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tb>, <table>, <Vm>.<Tb>`,
    fixed: ['Rn'],
    allocated: ({ len }) => len > 0,
    semantics: (t, fields) => t.setV(fields.Rd, sized(fields.Q, from(t, fields, fields.len + 1))),
  }),
];

/** Indices into the table's register `i`; others become so large that nothing is found. */
const within = (indices: V128, i: number): V128 => (i === 0 ? indices : sub(0, indices, repeated(0, BigInt(16 * i))));

/** The registers of a table follow each other, V0 behind V31. */
const lookUp: LookUp = (t, { Rm, Rn }, count) => {
  const indices = t.v(Rm);
  return Array.from({ length: count }, (_, i) => lookup(t.v(i === 0 ? Rn : (Rn + i) % 32), within(indices, i))).reduce(
    or,
  );
};

const lookUpOrKeep: LookUp = (t, fields, count) => {
  const beyond = greater(0, 'u', t.v(fields.Rm), repeated(0, BigInt(16 * count - 1)));
  return bitSelect(beyond, t.v(fields.Rd), lookUp(t, fields, count));
};

export const SIMD_PERMUTE: readonly InstructionRow[] = [
  permute('UZP1', '001', (i) => 2 * i),
  permute('UZP2', '101', (i) => 2 * i + 1),
  permute('TRN1', '010', (i, n) => (i % 2 === 0 ? i : i - 1 + n)),
  permute('TRN2', '110', (i, n) => (i % 2 === 0 ? i + 1 : i + n)),
  permute('ZIP1', '011', (i, n) => (i >> 1) + (i % 2) * n),
  permute('ZIP2', '111', (i, n) => (n >> 1) + (i >> 1) + (i % 2) * n),
  reverse('REV64', 0, '00000', 3),
  reverse('REV32 (vector)', 1, '00000', 2),
  reverse('REV16 (vector)', 0, '00001', 1),
  ...table('TBL', 0, lookUp),
  ...table('TBX', 1, lookUpOrKeep),
  simdRow({
    name: 'EXT',
    pattern: '0 Q:1 101110 00 0 Rm:5 0 imm4:4 0 Rn:5 Rd:5',
    syntax: 'ext <Vd>.<Tb>, <Vn>.<Tb>, <Vm>.<Tb>, #<imm4>',
    allocated: ({ Q, imm4 }) => Q === 1 || imm4 < 8,
    semantics: (t, { Q, imm4, Rm, Rn, Rd }) => {
      const bytes = Q === 1 ? 16 : 8;
      const pick = (i: number): number => (i + imm4 < bytes ? i + imm4 : i + imm4 - bytes + 16);
      t.setV(
        Rd,
        sized(
          Q,
          shuffle(0, t.v(Rn), t.v(Rm), (i) => pick(i % bytes)),
        ),
      );
    },
  }),
];
