/** Data processing of one, two and three registers (Arm ARM C4.1). */

import type { Fields } from '../../language/pattern.js';
import { alternatives, type InstructionRow, rowsOf } from '../../language/row.js';
import { type I64, i32, i64, select, type Value } from '../../language/value.js';
import { ones } from './bits.js';
import { type General, generalRowsOf, type GeneralSemantics, REGISTER_GROUP } from './general.js';

const row = rowsOf(REGISTER_GROUP);
const generalRow = generalRowsOf(REGISTER_GROUP);

type Unary = <T extends 'i32' | 'i64'>(g: General<T>, value: Value<T>) => Value<T>;
type Binary = <T extends 'i32' | 'i64'>(g: General<T>, a: Value<T>, b: Value<T>) => Value<T>;

/** Swaps neighbouring groups of `size` bits. */
const swap = <T extends 'i32' | 'i64'>(g: General<T>, value: Value<T>, size: number): Value<T> => {
  const lower = g.const(ones(size) * (ones(g.bits) / ones(2 * size)));
  const by = g.const(size);
  const once = g.let(value);
  return g.or(g.and(g.shrU(once, by), lower), g.shl(g.and(once, lower), by));
};

const reverseBytesInWords: Unary = (g, value) => {
  const swapped = swap(g, value, 8);
  return g.bits === 32 ? g.rotr(swapped, g.const(16)) : swap(g, swapped, 16);
};

const reverseBytes: Unary = (g, value) => {
  const words = reverseBytesInWords(g, value);
  return g.bits === 32 ? words : g.rotr(words, g.const(32));
};

const reverseBits: Unary = (g, value) => reverseBytes(g, swap(g, swap(g, swap(g, value, 1), 2), 4));

/** Bits behind the sign that equal it: where a bit and its neighbour differ first. */
const countSignBits: Unary = (g, value) => g.sub(g.clz(g.xor(value, g.shrS(value, g.const(1)))), g.const(1));

const ofOne =
  (body: Unary): GeneralSemantics<Fields<'Rn' | 'Rd'>> =>
  (g, { Rn, Rd }) =>
    g.set(Rd, body(g, g.get(Rn)));

const oneSource = (name: string, section: string, opcode: string, body: Unary): InstructionRow =>
  generalRow({
    name,
    section,
    pattern: `sf:1 1 0 11010110 00000 ${opcode} Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Rd>, <Rn>`,
    general: ofOne(body),
  });

export const ONE_SOURCE: readonly InstructionRow[] = [
  oneSource('RBIT', 'C6.2.253', '000000', reverseBits),
  oneSource('REV16', 'C6.2.257', '000001', (g, value) => swap(g, value, 8)),
  generalRow({
    name: 'REV32',
    section: 'C6.2.258',
    pattern: 'sf:1 1 0 11010110 00000 000010 Rn:5 Rd:5',
    syntax: 'rev32 <Rd>, <Rn>',
    allocated: ({ sf }) => sf === 1,
    general: ofOne(reverseBytesInWords),
  }),
  generalRow({
    name: 'REV',
    section: 'C6.2.256',
    pattern: 'sf:1 1 0 11010110 00000 00001 opc:1 Rn:5 Rd:5',
    syntax: 'rev <Rd>, <Rn>',
    allocated: ({ sf, opc }) => sf === opc,
    general: ofOne(reverseBytes),
  }),
  oneSource('CLZ', 'C6.2.58', '000100', (g, value) => g.clz(value)),
  oneSource('CLS', 'C6.2.57', '000101', countSignBits),
];

/** By 0 gives 0; WebAssembly would trap. */
const divideUnsigned: Binary = (g, a, b) => {
  const byZero = g.let(g.eqz(b));
  return select(byZero, g.const(0), g.divU(a, g.or(b, g.widenU(byZero))));
};

/**
 * By 0 gives 0, and the least number by -1 gives itself; WebAssembly would trap on both. So 0 and -1 are left out of
 * the division: of `-a`, as a mask they let pass nothing and all.
 */
const divideSigned: Binary = (g, a, b) => {
  const isSpecial = g.let(g.leU(g.add(b, g.const(1)), g.const(1)));
  return select(isSpecial, g.and(g.neg(a), b), g.divS(a, select(isSpecial, g.const(1), b)));
};

const twoSources = (name: string, section: string, opcode: string, body: Binary): InstructionRow =>
  generalRow({
    name,
    section,
    pattern: `sf:1 0 0 11010110 Rm:5 ${opcode} Rn:5 Rd:5`,
    // A shift by a register is written without its V.
    syntax: `${name.toLowerCase().replace(/v$/, name.endsWith('DIV') ? 'v' : '')} <Rd>, <Rn>, <Rm>`,
    general: (g, { Rm, Rn, Rd }) => g.set(Rd, body(g, g.get(Rn), g.get(Rm))),
  });

export const TWO_SOURCES: readonly InstructionRow[] = [
  twoSources('UDIV', 'C6.2.388', '000010', divideUnsigned),
  twoSources('SDIV', 'C6.2.270', '000011', divideSigned),
  twoSources('LSLV', 'C6.2.214', '001000', (g, a, b) => g.shl(a, b)),
  twoSources('LSRV', 'C6.2.217', '001001', (g, a, b) => g.shrU(a, b)),
  twoSources('ASRV', 'C6.2.18', '001010', (g, a, b) => g.shrS(a, b)),
  twoSources('RORV', 'C6.2.263', '001011', (g, a, b) => g.rotr(a, b)),
];

const multiplyAdd = (name: string, section: string, o0: 0 | 1): InstructionRow =>
  generalRow({
    name,
    section,
    pattern: `sf:1 00 11011 000 Rm:5 ${o0} Ra:5 Rn:5 Rd:5`,
    syntax: `${o0 === 1 ? 'mneg' : 'mul'} <Rd>, <Rn>, <Rm> if Ra=31; ${name.toLowerCase()} <Rd>, <Rn>, <Rm>, <Ra>`,
    general: (g, { Rm, Ra, Rn, Rd }) => {
      const product = g.mul(g.get(Rn), g.get(Rm));
      g.set(Rd, o0 === 1 ? g.sub(g.get(Ra), product) : g.add(g.get(Ra), product));
    },
  });

const multiplyAddLong = (name: string, section: string, U: 0 | 1, o0: 0 | 1): InstructionRow =>
  row({
    name,
    section,
    pattern: `1 00 11011 ${U}01 Rm:5 ${o0} Ra:5 Rn:5 Rd:5`,
    syntax: alternatives(
      `${U === 1 ? 'u' : 's'}${o0 === 1 ? 'mnegl' : 'mull'} <Xd>, <Wn>, <Wm> if Ra=31`,
      `${name.toLowerCase()} <Xd>, <Wn>, <Wm>, <Xa>`,
    ),
    semantics: (t, { Rm, Ra, Rn, Rd }) => {
      const extend = U === 1 ? i64.extendU : i64.extendS;
      const product = i64.mul(extend(t.w(Rn)), extend(t.w(Rm)));
      t.setX(Rd, o0 === 1 ? i64.sub(t.x(Ra), product) : i64.add(t.x(Ra), product));
    },
  });

/** The upper half of a product of 128 bits, from four products of 32-bit halves. */
const multiplyHigh = (name: string, section: string, U: 0 | 1): InstructionRow =>
  row({
    name,
    section,
    pattern: `1 00 11011 ${U}10 Rm:5 0 ignored:5 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Xd>, <Xn>, <Xm>`,
    free: ['ignored'],
    semantics: (t, { Rm, Rn, Rd }) => {
      const low = (value: I64): I64 => i64.extendU(i32.wrap(value));
      const high = (value: I64): I64 => (U === 1 ? i64.shrU : i64.shrS)(value, i64.const(32));
      const [n, m] = [t.x(Rn), t.x(Rm)];
      const [nLow, nHigh] = [t.let(low(n)), t.let(high(n))];
      const [mLow, mHigh] = [t.let(low(m)), t.let(high(m))];
      const carried = i64.shrU(i64.mul(nLow, mLow), i64.const(32));
      const middle = t.let(i64.add(i64.mul(nHigh, mLow), carried));
      const other = i64.add(i64.mul(nLow, mHigh), low(middle));
      t.setX(Rd, i64.add(i64.mul(nHigh, mHigh), i64.add(high(middle), high(other))));
    },
  });

export const THREE_SOURCES: readonly InstructionRow[] = [
  multiplyAdd('MADD', 'C6.2.218', 0),
  multiplyAdd('MSUB', 'C6.2.231', 1),
  multiplyAddLong('SMADDL', 'C6.2.282', 0, 0),
  multiplyAddLong('SMSUBL', 'C6.2.287', 0, 1),
  multiplyAddLong('UMADDL', 'C6.2.389', 1, 0),
  multiplyAddLong('UMSUBL', 'C6.2.391', 1, 1),
  multiplyHigh('SMULH', 'C6.2.288', 0),
  multiplyHigh('UMULH', 'C6.2.392', 1),
];
