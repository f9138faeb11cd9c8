/** Floating-point moves: FMOV between registers of both kinds, and of constants. */

import type { InstructionRow } from '../../language/row.js';
import { i32 } from '../../language/value.js';
import { expandFloat } from '../vector/immediate.js';
import { fpRow } from '../vector/rows.js';
import { element, low64, lowElement, scalar32, scalar64, withElement } from '../vector/values.js';

/** Bits are moved as they are, in scalars of 32 (type 0) and 64 bits (type 1). */
export const FP_MOVES: readonly InstructionRow[] = [
  fpRow({
    name: 'FMOV (register)',
    pattern: '000 11110 0 type:1 1 000000 10000 Rn:5 Rd:5',
    syntax: 'fmov <type?SDd>, <type?SDn>',
    semantics: (t, { type, Rn, Rd }) => t.setV(Rd, lowElement(2 + type, t.v(Rn))),
  }),
  fpRow({
    name: 'FMOV (scalar, immediate)',
    pattern: '000 11110 0 type:1 1 imm8:8 100 00000 Rd:5',
    syntax: 'fmov <type?SDd>, #<fpimm>',
    free: ['type', 'imm8'],
    immediates: ({ type, imm8 }) => [expandFloat(type === 1 ? 64 : 32, imm8)],
    semantics: (t, { Rd }) => t.setV(Rd, scalar64(t.imm(0))),
  }),
  fpRow({
    name: 'FMOV (general), W from S',
    pattern: '0 00 11110 00 1 00 110 000000 Rn:5 Rd:5',
    syntax: 'fmov <Wd>, <Sn>',
    semantics: (t, { Rn, Rd }) => t.setW(Rd, i32.wrap(element(2, 'u', t.v(Rn), 0))),
  }),
  fpRow({
    name: 'FMOV (general), S from W',
    pattern: '0 00 11110 00 1 00 111 000000 Rn:5 Rd:5',
    syntax: 'fmov <Sd>, <Wn>',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, scalar32(t.w(Rn))),
  }),
  fpRow({
    name: 'FMOV (general), X from D',
    pattern: '1 00 11110 01 1 00 110 000000 Rn:5 Rd:5',
    syntax: 'fmov <Xd>, <Dn>',
    semantics: (t, { Rn, Rd }) => t.setX(Rd, low64(t.v(Rn))),
  }),
  fpRow({
    name: 'FMOV (general), D from X',
    pattern: '1 00 11110 01 1 00 111 000000 Rn:5 Rd:5',
    syntax: 'fmov <Dd>, <Xn>',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, scalar64(t.x(Rn))),
  }),
  fpRow({
    name: 'FMOV (general), X from V.D[1]',
    pattern: '1 00 11110 10 1 01 110 000000 Rn:5 Rd:5',
    syntax: 'fmov <Xd>, <Vn>.d[1]',
    semantics: (t, { Rn, Rd }) => t.setX(Rd, element(3, 'u', t.v(Rn), 1)),
  }),
  fpRow({
    name: 'FMOV (general), V.D[1] from X',
    pattern: '1 00 11110 10 1 01 111 000000 Rn:5 Rd:5',
    syntax: 'fmov <Vd>.d[1], <Xn>',
    semantics: (t, { Rn, Rd }) => t.setV(Rd, withElement(3, t.v(Rd), 1, t.x(Rn))),
  }),
];
