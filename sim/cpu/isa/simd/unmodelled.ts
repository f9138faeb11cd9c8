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

const estimate = row('floating-point estimates and their steps');
const half = row('half precision');
const crypto = row('the Cryptographic Extension');

type Allocated<Name extends string> = (fields: Fields<Name>) => boolean;

const floatVector: Allocated<'sz' | 'Q'> = ({ sz, Q }) => sz === 0 || Q === 1;
/** A form on vectors and one on scalars, whose encodings have the same `rest` behind the size. @param a bit 23, which is a part of the opcode */
const floats = (name: string, u: number, a: number, rest: string): readonly UnmodelledRow[] => [
  estimate(name, `0 Q:1 ${u} 01110 ${a} sz:1 ${rest} Rn:5 Rd:5`, floatVector),
  estimate(`${name}, scalar`, `01 ${u} 11110 ${a} sz:1 ${rest} Rn:5 Rd:5`),
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

export const SIMD_UNMODELLED: readonly UnmodelledRow[] = [...ESTIMATES, ...PRECISIONS, ...CRYPTO];
