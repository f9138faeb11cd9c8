/** Moves into, out of and between elements, and vectors of constants. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import { alternatives, type InstructionRow } from '../../language/row.js';
import { i32 } from '../../language/value.js';
import type { I64, V128 } from '../../language/value.js';
import { expandFloat } from '../vector/immediate.js';
import { simdRow } from '../vector/rows.js';
import {
  andNot,
  broadcast,
  countOf,
  element,
  lowElement,
  or,
  shuffle,
  sized,
  splat,
  withElement,
} from '../vector/values.js';

const repeat = (value: bigint, bits: number): bigint =>
  Array.from({ length: 64 / bits }, (_, i) => value << BigInt(i * bits)).reduce((a, b) => a | b);

/** AdvSIMDExpandImm without the inversion (Arm ARM J1.3, shared/functions/vector). */
const expandImmediate = (op: number, cmode: number, imm8: number): bigint => {
  const value = BigInt(imm8);
  if (cmode < 8) return repeat(value << BigInt(8 * (cmode >> 1)), 32);
  if (cmode < 12) return repeat(value << BigInt(8 * ((cmode >> 1) & 1)), 16);
  if (cmode === 12) return repeat((value << 8n) | 0xffn, 32);
  if (cmode === 13) return repeat((value << 16n) | 0xffffn, 32);
  if (cmode === 15) return op === 0 ? repeat(expandFloat(32, imm8), 32) : expandFloat(64, imm8);
  if (op === 0) return repeat(value, 8);
  return Array.from({ length: 8 }, (_, i) => ((imm8 >> i) & 1 ? 0xffn << BigInt(8 * i) : 0n)).reduce((a, b) => a | b);
};

/** Odd below 12: the constant is combined with the register. */
const combines = (cmode: number): boolean => cmode < 12 && (cmode & 1) === 1;

/** Of 32 or 16 bits, shifted by whole bytes, zeros or ones coming in. */
const shiftedImmediate = (mnemonic: string): string =>
  alternatives(
    `${mnemonic} <Vd>.<Q?2s|4s>, #<abc,defgh:x>{, <lslBytes>} if cmode<8`,
    `${mnemonic} <Vd>.<Q?4h|8h>, #<abc,defgh:x>{, <lslByte>} if cmode<12`,
    `${mnemonic} <Vd>.<Q?2s|4s>, #<abc,defgh:x>, msl #<cmode?||||||||||||8|16>`,
  );

const immediateRow = (
  name: string,
  syntax: string,
  allocated: (op: number, cmode: number, q: number) => boolean,
  combine: (old: () => V128, imm: V128) => V128 = (_, imm) => imm,
): InstructionRow =>
  simdRow({
    name,
    pattern: '0 Q:1 op:1 0111100000 abc:3 cmode:4 01 defgh:5 Rd:5',
    syntax,
    allocated: ({ Q, op, cmode }) => allocated(op, cmode, Q),
    free: ['op', 'abc', 'cmode', 'defgh'],
    immediates: ({ op, abc, cmode, defgh }) => {
      const bits = expandImmediate(op, cmode, abc * 32 + defgh);
      return [op === 1 && cmode < 14 && !combines(cmode) ? BigInt.asUintN(64, ~bits) : bits];
    },
    semantics: (t, { Q, Rd }) =>
      t.setV(
        Rd,
        sized(
          Q,
          combine(() => t.v(Rd), splat(3, t.imm(0))),
        ),
      ),
  });

/** Log2 of the element's bytes, and its number, as imm5 has both. */
const sizeIn = (imm5: number): number => 31 - Math.clz32(imm5 & -imm5);
const indexIn = (imm5: number): number => imm5 >> (sizeIn(imm5) + 1);

/** Elements up to so large for Q = 0 and for Q = 1. */
const elementsUpTo =
  (withoutQ: number, withQ: number) =>
  ({ Q, imm5 }: Fields<'Q' | 'imm5'>): boolean =>
    (imm5 & 15) !== 0 && sizeIn(imm5) <= (Q === 1 ? withQ : withoutQ);

const setGeneral = (t: Ops, { Q, Rd }: Fields<'Q' | 'Rd'>, value: I64): void =>
  Q === 1 ? t.setX(Rd, value) : t.setW(Rd, i32.wrap(value));

export const SIMD_MOVES: readonly InstructionRow[] = [
  immediateRow(
    'MOVI',
    alternatives(
      'movi <Dd>, #<imm64> if op=1 and Q=0',
      'movi <Vd>.2d, #<imm64> if op=1',
      'movi <Vd>.<Tb>, #<abc,defgh:x> if cmode=14',
      shiftedImmediate('movi'),
    ),
    (op, cmode) => (op === 0 ? cmode < 15 && !combines(cmode) : cmode === 14),
  ),
  immediateRow('MVNI', shiftedImmediate('mvni'), (op, cmode) => op === 1 && cmode < 14 && !combines(cmode)),
  immediateRow(
    'FMOV (vector, immediate)',
    'fmov <Vd>.<op,Q?2s|4s||2d>, #<fpvector>',
    (op, cmode, q) => cmode === 15 && (op === 0 || q === 1),
  ),
  immediateRow(
    'ORR (vector, immediate)',
    shiftedImmediate('orr'),
    (op, cmode) => op === 0 && combines(cmode),
    (old, imm) => or(old(), imm),
  ),
  immediateRow(
    'BIC (vector, immediate)',
    shiftedImmediate('bic'),
    (op, cmode) => op === 1 && combines(cmode),
    (old, imm) => andNot(old(), imm),
  ),
  simdRow({
    name: 'DUP (element)',
    pattern: '0 Q:1 0 01110000 imm5:5 0 0000 1 Rn:5 Rd:5',
    syntax: 'dup <Vd>.<T5>, <Vn>.<letter5>[<index5>]',
    allocated: elementsUpTo(2, 3),
    semantics: (t, { Q, imm5, Rn, Rd }) => t.setV(Rd, sized(Q, broadcast(sizeIn(imm5), t.v(Rn), indexIn(imm5)))),
  }),
  simdRow({
    name: 'DUP (element), scalar',
    pattern: '01 0 11110000 imm5:5 0 0000 1 Rn:5 Rd:5',
    syntax: 'mov <letter5><Rd:d>, <Vn>.<letter5>[<index5>]',
    allocated: ({ imm5 }) => (imm5 & 15) !== 0,
    semantics: (t, { imm5, Rn, Rd }) => {
      const size = sizeIn(imm5);
      t.setV(Rd, lowElement(size, broadcast(size, t.v(Rn), indexIn(imm5))));
    },
  }),
  simdRow({
    name: 'DUP (general)',
    pattern: '0 Q:1 0 01110000 imm5:5 0 0001 1 Rn:5 Rd:5',
    syntax: 'dup <Vd>.<T5>, <general5>',
    allocated: elementsUpTo(2, 3),
    semantics: (t, { Q, imm5, Rn, Rd }) => t.setV(Rd, sized(Q, splat(sizeIn(imm5), t.x(Rn)))),
  }),
  simdRow({
    name: 'INS (general)',
    pattern: '0 1 0 01110000 imm5:5 0 0011 1 Rn:5 Rd:5',
    syntax: 'mov <Vd>.<letter5>[<index5>], <general5>',
    allocated: ({ imm5 }) => (imm5 & 15) !== 0,
    semantics: (t, { imm5, Rn, Rd }) => t.setV(Rd, withElement(sizeIn(imm5), t.v(Rd), indexIn(imm5), t.x(Rn))),
  }),
  simdRow({
    name: 'INS (element)',
    pattern: '0 1 1 01110000 imm5:5 0 imm4:4 1 Rn:5 Rd:5',
    syntax: 'mov <Vd>.<letter5>[<index5>], <Vn>.<letter5>[<index4>]',
    allocated: ({ imm5 }) => (imm5 & 15) !== 0,
    semantics: (t, { imm5, imm4, Rn, Rd }) => {
      const size = sizeIn(imm5);
      const source = countOf(size) + (imm4 >> size);
      t.setV(
        Rd,
        shuffle(size, t.v(Rd), t.v(Rn), (i) => (i === indexIn(imm5) ? source : i)),
      );
    },
  }),
  simdRow({
    name: 'SMOV',
    pattern: '0 Q:1 0 01110000 imm5:5 0 0101 1 Rn:5 Rd:5',
    syntax: 'smov <Q?WXd>, <Vn>.<letter5>[<index5>]',
    allocated: elementsUpTo(1, 2),
    semantics: (t, fields) =>
      setGeneral(t, fields, element(sizeIn(fields.imm5), 's', t.v(fields.Rn), indexIn(fields.imm5))),
  }),
  simdRow({
    name: 'UMOV',
    pattern: '0 Q:1 0 01110000 imm5:5 0 0111 1 Rn:5 Rd:5',
    syntax:
      'mov <Xd>, <Vn>.d[<index5>] if Q=1; mov <Wd>, <Vn>.s[<index5>] if words; umov <Wd>, <Vn>.<letter5>[<index5>]',
    allocated: ({ Q, imm5 }) => (imm5 & 15) !== 0 && (sizeIn(imm5) === 3) === (Q === 1),
    semantics: (t, fields) =>
      setGeneral(t, fields, element(sizeIn(fields.imm5), 'u', t.v(fields.Rn), indexIn(fields.imm5))),
  }),
];
