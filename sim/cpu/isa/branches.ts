/** Branches, exception generation aside (Arm ARM C4.1.65). */

import { signExtend } from '../language/pattern.js';
import { type InstructionRow, rowsOf } from '../language/row.js';
import { i32, i64 } from '../language/value.js';

const row = rowsOf('Branches');

/** The bytes that so many words are. */
const words = (value: number, bits: number): bigint => signExtend(value, bits) * 4n;

export const BRANCHES: readonly InstructionRow[] = [
  row({
    name: 'B',
    section: 'C6.2.26',
    pattern: '0 00101 imm26:26',
    syntax: 'b <label26>',
    free: ['imm26'],
    immediates: ({ imm26 }) => [words(imm26, 26)],
    semantics: (t) => t.branch(i64.add(t.pc(), t.imm(0))),
  }),
  row({
    name: 'BL',
    section: 'C6.2.35',
    pattern: '1 00101 imm26:26',
    syntax: 'bl <label26>',
    free: ['imm26'],
    immediates: ({ imm26 }) => [words(imm26, 26)],
    semantics: (t) => {
      t.setX(30, i64.add(t.pc(), i64.const(4)));
      t.branch(i64.add(t.pc(), t.imm(0)), 'call');
    },
  }),
  row({
    name: 'B.cond',
    section: 'C6.2.27',
    pattern: '0101010 0 imm19:19 0 cond:4',
    syntax: 'b.<cond> <label19>{  // <alsoBranch>}',
    free: ['imm19'],
    immediates: ({ imm19 }) => [words(imm19, 19)],
    semantics: (t, { cond }) => t.branchIf(t.condition(cond), i64.add(t.pc(), t.imm(0))),
  }),
  row({
    name: 'CBZ, CBNZ',
    section: 'C6.2.47, C6.2.46',
    pattern: 'sf:1 011010 op:1 imm19:19 Rt:5',
    syntax: '<op?cbz|cbnz> <Rt>, <label19>',
    free: ['imm19'],
    immediates: ({ imm19 }) => [words(imm19, 19)],
    semantics: (t, { sf, op, Rt }) => {
      const isZero = sf === 1 ? i64.eqz(t.x(Rt)) : i32.eqz(t.w(Rt));
      t.branchIf(op === 1 ? i32.eqz(isZero) : isZero, i64.add(t.pc(), t.imm(0)));
    },
  }),
  row({
    name: 'TBZ, TBNZ',
    section: 'C6.2.375, C6.2.374',
    pattern: 'b5:1 011011 op:1 b40:5 imm14:14 Rt:5',
    syntax: '<op?tbz|tbnz> <b5?WXt>, #<b5,b40>, <label14>',
    free: ['imm14'],
    immediates: ({ imm14 }) => [words(imm14, 14)],
    semantics: (t, { b5, b40, op, Rt }) => {
      const bit = i32.wrap(i64.and(i64.shrU(t.x(Rt), i64.const(b5 * 32 + b40)), i64.const(1)));
      t.branchIf(op === 1 ? bit : i32.eqz(bit), i64.add(t.pc(), t.imm(0)));
    },
  }),
  row({
    name: 'BR',
    section: 'C6.2.37',
    pattern: '1101011 0 0 00 11111 0000 0 0 Rn:5 00000',
    syntax: 'br <Xn>',
    semantics: (t, { Rn }) => t.branch(t.x(Rn), 'indirect'),
  }),
  row({
    name: 'BLR',
    section: 'C6.2.36',
    pattern: '1101011 0 0 01 11111 0000 0 0 Rn:5 00000',
    syntax: 'blr <Xn>',
    semantics: (t, { Rn }) => {
      t.setX(30, i64.add(t.pc(), i64.const(4)));
      t.branch(t.x(Rn), 'call');
    },
  }),
  row({
    name: 'RET',
    section: 'C6.2.254',
    pattern: '1101011 0 0 10 11111 0000 0 0 Rn:5 00000',
    syntax: 'ret if Rn=30; ret <Xn>',
    semantics: (t, { Rn }) => t.branch(t.x(Rn), 'return'),
  }),
];
