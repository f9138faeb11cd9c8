/**
 * Instructions of Advanced SIMD and floating point that ARMv8.0-A allocates and that are not modelled, by the reason.
 */

import type { Fields, FieldsOf } from '../../language/pattern.js';
import { type UnmodelledRow, unmodelledRow } from '../../language/row.js';

const row =
  (what: string) =>
  <const Text extends string>(
    name: string,
    pattern: Text,
    allocated?: (fields: FieldsOf<Text>) => boolean,
  ): UnmodelledRow =>
    unmodelledRow({
      name,
      group: 'Advanced SIMD and floating point, not modelled',
      section: 'C7.2',
      pattern,
      fp: true,
      unmodelled: `${name}: ${what}`,
      ...(allocated && { allocated }),
    });

type Make = ReturnType<typeof row>;

const saturating = row('saturation, which FPSR.QC reports');
const estimate = row('floating-point estimates and their steps');
const half = row('half precision');
const crypto = row('the Cryptographic Extension');

type Allocated<Name extends string> = (fields: Fields<Name>) => boolean;

const always = (): boolean => true;
const notDoubleInHalf: Allocated<'size' | 'Q'> = ({ size, Q }) => size !== 3 || Q === 1;
const floatVector: Allocated<'sz' | 'Q'> = ({ sz, Q }) => sz === 0 || Q === 1;
const upTo =
  (largest: number): Allocated<'size'> =>
  ({ size }) =>
    size <= largest;
const wordsAndHalves: Allocated<'size'> = ({ size }) => size === 1 || size === 2;

const U = [0, 1] as const;
const letterOf = (u: number): string => (u === 0 ? 'S' : 'U');

/** A form on vectors of integers and one on scalars, whose encodings have the same `rest` behind the size. */
const integers = (
  name: string,
  u: number,
  rest: string,
  vector: Allocated<'size' | 'Q'>,
  scalar: Allocated<'size'> = always,
): readonly UnmodelledRow[] => [
  saturating(name, `0 Q:1 ${u} 01110 size:2 ${rest} Rn:5 Rd:5`, vector),
  saturating(`${name}, scalar`, `01 ${u} 11110 size:2 ${rest} Rn:5 Rd:5`, scalar),
];

/** The same for floating point. @param a bit 23, which is a part of the opcode */
const floats = (name: string, u: number, a: number, rest: string): readonly UnmodelledRow[] => [
  estimate(name, `0 Q:1 ${u} 01110 ${a} sz:1 ${rest} Rn:5 Rd:5`, floatVector),
  estimate(`${name}, scalar`, `01 ${u} 11110 ${a} sz:1 ${rest} Rn:5 Rd:5`),
];

const threeSame = (name: string, u: number, opcode: string): readonly UnmodelledRow[] =>
  integers(name, u, `1 Rm:5 ${opcode} 1`, notDoubleInHalf);

const unary = (name: string, u: number, opcode: string): readonly UnmodelledRow[] =>
  integers(name, u, `10000 ${opcode} 10`, notDoubleInHalf);

const narrowing = (name: string, u: number, opcode: string): readonly UnmodelledRow[] =>
  integers(name, u, `10000 ${opcode} 10`, upTo(2), upTo(2));

const doubling = (name: string, u: number, opcode: string): readonly UnmodelledRow[] =>
  integers(name, u, `1 Rm:5 ${opcode} 1`, wordsAndHalves, wordsAndHalves);

const doublingLong = (name: string, opcode: string): readonly UnmodelledRow[] =>
  integers(name, 0, `1 Rm:5 ${opcode} 00`, wordsAndHalves, wordsAndHalves);

/** Advanced SIMD shift by immediate: bit 23 is 0 and bit 10 is 1, and immh is not 0. */
const shift = (name: string, u: number, opcode: string, isNarrow: boolean): readonly UnmodelledRow[] => [
  saturating(
    name,
    `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    ({ immh, Q }) => immh > 0 && (immh < 8 || (!isNarrow && Q === 1)),
  ),
  saturating(
    `${name}, scalar`,
    `01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    ({ immh }) => immh > 0 && (immh < 8 || !isNarrow),
  ),
];

const byElement = (name: string, opcode: string): readonly UnmodelledRow[] => [
  saturating(`${name} (by element)`, `0 Q:1 0 01111 size:2 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`, wordsAndHalves),
  saturating(`${name} (by element), scalar`, `01 0 11111 size:2 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`, wordsAndHalves),
];

/** Doubles have no second bit of the index. */
const floatByElement = (make: Make, name: string, u: number, opcode: string): readonly UnmodelledRow[] => [
  make(
    `${name} (by element)`,
    `0 Q:1 ${u} 01111 1 sz:1 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    ({ sz, L, Q }) => sz === 0 || (L === 0 && Q === 1),
  ),
  make(
    `${name} (by element), scalar`,
    `01 ${u} 11111 1 sz:1 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    ({ sz, L }) => sz === 0 || L === 0,
  ),
];

const SATURATING: readonly UnmodelledRow[] = [
  ...U.flatMap((u) => [
    ...threeSame(`${letterOf(u)}QADD`, u, '00001'),
    ...threeSame(`${letterOf(u)}QSUB`, u, '00101'),
    ...threeSame(`${letterOf(u)}QSHL (register)`, u, '01001'),
    ...threeSame(`${letterOf(u)}QRSHL`, u, '01011'),
    ...shift(`${letterOf(u)}QSHL (immediate)`, u, '01110', false),
    ...shift(`${letterOf(u)}QSHRN`, u, '10010', true),
    ...shift(`${letterOf(u)}QRSHRN`, u, '10011', true),
    ...narrowing(`${letterOf(u)}QXTN`, u, '10100'),
  ]),
  ...unary('SUQADD', 0, '00011'),
  ...unary('USQADD', 1, '00011'),
  ...unary('SQABS', 0, '00111'),
  ...unary('SQNEG', 1, '00111'),
  ...narrowing('SQXTUN', 1, '10010'),
  ...shift('SQSHLU', 1, '01100', false),
  ...shift('SQSHRUN', 1, '10000', true),
  ...shift('SQRSHRUN', 1, '10001', true),
  ...doubling('SQDMULH (vector)', 0, '10110'),
  ...doubling('SQRDMULH (vector)', 1, '10110'),
  ...doublingLong('SQDMLAL (vector)', '1001'),
  ...doublingLong('SQDMLSL (vector)', '1011'),
  ...doublingLong('SQDMULL (vector)', '1101'),
  ...byElement('SQDMLAL', '0011'),
  ...byElement('SQDMLSL', '0111'),
  ...byElement('SQDMULL', '1011'),
  ...byElement('SQDMULH', '1100'),
  ...byElement('SQRDMULH', '1101'),
];

const ESTIMATES: readonly UnmodelledRow[] = [
  ...floats('FMULX', 0, 0, '1 Rm:5 11011 1'),
  ...floats('FRECPS', 0, 0, '1 Rm:5 11111 1'),
  ...floats('FRSQRTS', 0, 1, '1 Rm:5 11111 1'),
  ...floats('FRECPE', 0, 1, '10000 11101 10'),
  ...floats('FRSQRTE', 1, 1, '10000 11101 10'),
  estimate('FRECPX', '01 0 11110 1 sz:1 10000 11111 10 Rn:5 Rd:5'),
  estimate('URECPE', '0 Q:1 0 01110 10 10000 11100 10 Rn:5 Rd:5'),
  estimate('URSQRTE', '0 Q:1 1 01110 10 10000 11100 10 Rn:5 Rd:5'),
  ...floatByElement(estimate, 'FMULX', 1, '1001'),
];

const ODD = row('rounding to odd');

const PRECISIONS: readonly UnmodelledRow[] = [
  half('FCVT, half from single or double', '000 11110 0 type:1 1 000111 10000 Rn:5 Rd:5'),
  half('FCVT, single or double from half', '000 11110 11 1 00010 double:1 10000 Rn:5 Rd:5'),
  half('FCVTL, FCVTL2, of halves', '0 Q:1 0 01110 00 10000 10111 10 Rn:5 Rd:5'),
  half('FCVTN, FCVTN2, of singles', '0 Q:1 0 01110 00 10000 10110 10 Rn:5 Rd:5'),
  ODD('FCVTXN, FCVTXN2', '0 Q:1 1 01110 01 10000 10110 10 Rn:5 Rd:5'),
  ODD('FCVTXN, scalar', '01 1 11110 01 10000 10110 10 Rn:5 Rd:5'),
];

const CRYPTO: readonly UnmodelledRow[] = [
  crypto('AESE, AESD, AESMC, AESIMC', '01001110 00 10100 001 opcode:2 10 Rn:5 Rd:5'),
  crypto(
    'SHA1C, SHA1P, SHA1M, SHA1SU0, SHA256H, SHA256H2, SHA256SU1',
    '01011110 00 0 Rm:5 0 opcode:3 00 Rn:5 Rd:5',
    ({ opcode }) => opcode !== 7,
  ),
  crypto('SHA1H, SHA1SU1, SHA256SU0', '01011110 00 10100 000 opcode:2 10 Rn:5 Rd:5', ({ opcode }) => opcode !== 3),
  crypto('PMULL, PMULL2, of 64 bits', '0 Q:1 0 01110 11 1 Rm:5 1110 00 Rn:5 Rd:5'),
];

export const SIMD_UNMODELLED: readonly UnmodelledRow[] = [...SATURATING, ...ESTIMATES, ...PRECISIONS, ...CRYPTO];
