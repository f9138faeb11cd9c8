/** Data processing with an immediate (Arm ARM C4.1): what is written in the encoding is computed here, once. */

import { present } from '../../language/lookup.js';
import type { Ops } from '../../language/ops.js';
import { type Fields, signExtend } from '../../language/pattern.js';
import { alternatives, type InstructionRow, rowsOf } from '../../language/row.js';
import { constantOf, i64, type Value } from '../../language/value.js';
import { decodeBitMasks, ones } from './bits.js';
import { type General, generalRowsOf, type GeneralSemantics, widthOf } from './general.js';

const GROUP = 'Data processing (immediate)';
const row = rowsOf(GROUP);
const generalRow = generalRowsOf(GROUP);

const PAGE_BITS = 12n;

const adr = (name: string, section: string, op: 0 | 1): InstructionRow =>
  row({
    name,
    section,
    pattern: `${op} immlo:2 10000 immhi:19 Rd:5`,
    syntax: op === 1 ? 'adrp <Xd>, <page>' : 'adr <Xd>, <label21>',
    free: ['immlo', 'immhi'],
    immediates: ({ immlo, immhi }) => [signExtend(immhi * 4 + immlo, 21) << (op === 1 ? PAGE_BITS : 0n)],
    semantics: (t, { Rd }) => {
      const base = op === 1 ? i64.and(t.pc(), i64.const(-1n << PAGE_BITS)) : t.pc();
      t.setX(Rd, i64.add(base, t.imm(0)));
    },
  });

const SHIFTED = '#<imm12:x>{, lsl #<sh12>}';

const addSubtract = (
  name: string,
  section: string,
  kind: 'add' | 'sub',
  setsFlags: boolean,
  syntax: string,
): InstructionRow =>
  generalRow({
    name: `${name} (immediate)`,
    section,
    pattern: `sf:1 ${kind === 'add' ? 0 : 1} ${setsFlags ? 1 : 0} 100010 sh:1 imm12:12 Rn:5 Rd:5`,
    syntax,
    free: ['sh', 'imm12'],
    immediates: ({ sh, imm12 }) => [BigInt(imm12) << (sh === 1 ? 12n : 0n)],
    general: (g, { Rn, Rd }) => {
      const a = g.getSp(Rn);
      const b = g.imm(0);
      const result = g[kind](a, b);
      if (!setsFlags) return g.setSp(Rd, result);
      g.set(Rd, result);
      g.setFlags(kind, a, b);
    },
  });

const bitMask = (fields: Fields<'sf' | 'N' | 'imms' | 'immr'>): bigint | undefined =>
  decodeBitMasks(fields.N, fields.imms, fields.immr, widthOf(fields));

const logical = (
  name: string,
  section: string,
  opc: string,
  op: 'and' | 'or' | 'xor',
  syntax: string,
  setsFlags = false,
): InstructionRow =>
  generalRow({
    name: `${name} (immediate)`,
    section,
    pattern: `sf:1 ${opc} 100100 N:1 immr:6 imms:6 Rn:5 Rd:5`,
    syntax,
    allocated: (fields) => bitMask(fields) !== undefined,
    free: ['N', 'immr', 'imms'],
    immediates: (fields) => [present(bitMask(fields))],
    general: (g, { Rn, Rd }) => {
      const result = g[op](g.get(Rn), g.imm(0));
      if (!setsFlags) return g.setSp(Rd, result);
      const once = g.let(result);
      g.set(Rd, once);
      g.setLogicFlags(once);
    },
  });

const shiftOf = ({ hw }: Fields<'hw'>): bigint => BigInt(hw * 16);

interface MoveWide {
  readonly syntax: string;
  readonly immediates: (fields: Fields<'sf' | 'hw' | 'imm16'>) => readonly bigint[];
  readonly semantics: (t: Ops, fields: Fields<'Rd'>) => void;
}

const moveWide = (name: string, section: string, opc: string, rest: MoveWide): InstructionRow =>
  row({
    name,
    section,
    pattern: `sf:1 ${opc} 100101 hw:2 imm16:16 Rd:5`,
    allocated: ({ sf, hw }) => sf === 1 || hw < 2,
    free: ['sf', 'hw', 'imm16'],
    ...rest,
  });

interface Bitfield {
  readonly syntax: string;
  readonly immediates: (fields: Fields<'sf' | 'immr' | 'imms'>) => readonly bigint[];
  readonly general: GeneralSemantics<Fields<'Rn' | 'Rd'>>;
}

const bitfield = (name: string, section: string, opc: string, rest: Bitfield): InstructionRow =>
  generalRow({
    name,
    section,
    pattern: `sf:1 ${opc} 100110 N:1 immr:6 imms:6 Rn:5 Rd:5`,
    allocated: ({ sf, N, immr, imms }) => N === sf && (sf === 1 || (immr < 32 && imms < 32)),
    free: ['N', 'immr', 'imms'],
    ...rest,
  });

/** Where a bitfield comes from, how many bits it has, and where it goes to. */
const bitfieldOf = (
  fields: Fields<'sf' | 'immr' | 'imms'>,
): { readonly from: number; readonly count: number; readonly to: number } => {
  const immr = fields.immr;
  const imms = fields.imms;
  return imms >= immr
    ? { from: immr, count: imms - immr + 1, to: 0 }
    : { from: 0, count: imms + 1, to: widthOf(fields) - immr };
};

/** `(value << left) >> right`, signed; and in one operation what SXTB, SXTH and SXTW are. */
const shiftLeftThenRight = <T extends 'i32' | 'i64'>(
  g: General<T>,
  value: Value<T>,
  left: Value<T>,
  right: Value<T>,
): Value<T> => {
  const unused = constantOf(left);
  if (unused === constantOf(right)) {
    if (unused === BigInt(g.bits - 8)) return g.extend8S(value);
    if (unused === BigInt(g.bits - 16)) return g.extend16S(value);
    if (unused === BigInt(g.bits - 32)) return g.widenS(g.low(value));
  }
  return g.shrS(g.shl(value, left), right);
};

interface Extract {
  readonly syntax: string;
  readonly allocated: (fields: Fields<'sf' | 'N' | 'imms' | 'Rn' | 'Rm'>) => boolean;
  readonly immediates: (fields: Fields<'sf' | 'imms'>) => readonly bigint[];
  readonly general: GeneralSemantics<Fields<'Rm' | 'Rn' | 'Rd'>>;
}

const extract = (name: string, section: string, rest: Extract): InstructionRow =>
  generalRow({
    name,
    section,
    pattern: 'sf:1 00 100111 N:1 0 Rm:5 imms:6 Rn:5 Rd:5',
    free: ['N', 'imms'],
    ...rest,
  });

const isExtract = ({ sf, N, imms }: Fields<'sf' | 'N' | 'imms'>): boolean => N === sf && (sf === 1 || imms < 32);

export const DATA_PROCESSING_IMMEDIATE: readonly InstructionRow[] = [
  adr('ADR', 'C6.2.10', 0),
  adr('ADRP', 'C6.2.11', 1),

  addSubtract(
    'ADD',
    'C6.2.4',
    'add',
    false,
    alternatives(
      'mov <Rd|SP>, <Rn|SP> if sh,imm12=0 and Rd=31',
      'mov <Rd|SP>, <Rn|SP> if sh,imm12=0 and Rn=31',
      `add <Rd|SP>, <Rn|SP>, ${SHIFTED}`,
    ),
  ),
  addSubtract('ADDS', 'C6.2.8', 'add', true, `cmn <Rn|SP>, ${SHIFTED} if Rd=31; adds <Rd>, <Rn|SP>, ${SHIFTED}`),
  addSubtract('SUB', 'C6.2.357', 'sub', false, `sub <Rd|SP>, <Rn|SP>, ${SHIFTED}`),
  addSubtract('SUBS', 'C6.2.363', 'sub', true, `cmp <Rn|SP>, ${SHIFTED} if Rd=31; subs <Rd>, <Rn|SP>, ${SHIFTED}`),

  logical('AND', 'C6.2.12', '00', 'and', 'and <Rd|SP>, <Rn>, #<bitmask>'),
  logical(
    'ORR',
    'C6.2.240',
    '01',
    'or',
    alternatives(
      'mov <Rd|SP>, #<movedBitmask> if Rn=31 and Rd=31',
      'mov <Rd|SP>, #<movedBitmask> if Rn=31 and onlyBitmask',
      'orr <Rd|SP>, <Rn>, #<bitmask>',
    ),
  ),
  logical('EOR', 'C6.2.119', '10', 'xor', 'eor <Rd|SP>, <Rn>, #<bitmask>'),
  logical('ANDS', 'C6.2.14', '11', 'and', 'tst <Rn>, #<bitmask> if Rd=31; ands <Rd>, <Rn>, #<bitmask>', true),

  moveWide('MOVN', 'C6.2.226', '00', {
    syntax: 'mov <Rd>, #<movn> if isMovn; movn <Rd>, #<imm16:x>{, lsl #<hw16>}',
    immediates: (fields) => [BigInt.asUintN(widthOf(fields), ~(BigInt(fields.imm16) << shiftOf(fields)))],
    semantics: (t, { Rd }) => t.setX(Rd, t.imm(0)),
  }),
  moveWide('MOVZ', 'C6.2.227', '10', {
    syntax: 'mov <Rd>, #<movz> if isMovz; movz <Rd>, #<imm16:x>{, lsl #<hw16>}',
    immediates: (fields) => [BigInt(fields.imm16) << shiftOf(fields)],
    semantics: (t, { Rd }) => t.setX(Rd, t.imm(0)),
  }),
  moveWide('MOVK', 'C6.2.225', '11', {
    syntax: 'movk <Rd>, #<imm16:x>{, lsl #<hw16>}',
    // What is kept of the register: for a W register that leaves out the upper half.
    immediates: (fields) => [
      ones(widthOf(fields)) ^ (0xffffn << shiftOf(fields)),
      BigInt(fields.imm16) << shiftOf(fields),
    ],
    semantics: (t, { Rd }) => t.setX(Rd, i64.or(i64.and(t.x(Rd), t.imm(0)), t.imm(1))),
  }),

  bitfield('SBFM', 'C6.2.268', '00', {
    syntax: alternatives(
      'asr <Rd>, <Rn>, #<immr> if toTop',
      'sxtb <Rd>, <Wn> if immr=0 and imms=7',
      'sxth <Rd>, <Wn> if immr=0 and imms=15',
      'sxtw <Rd>, <Wn> if immr=0 and imms=31',
      'sbfiz <Rd>, <Rn>, #<lsb>, #<widthIn> if imms<immr',
      'sbfx <Rd>, <Rn>, #<immr>, #<widthFrom>',
    ),
    immediates: (fields) => {
      const left = widthOf(fields) - 1 - fields.imms;
      return [BigInt(left), BigInt((left + fields.immr) % widthOf(fields))];
    },
    general: (g, { Rn, Rd }) => g.set(Rd, shiftLeftThenRight(g, g.get(Rn), g.imm(0), g.imm(1))),
  }),
  bitfield('BFM', 'C6.2.30', '01', {
    syntax: alternatives(
      'bfc <Rd>, #<lsb>, #<widthIn> if imms<immr and Rn=31',
      'bfi <Rd>, <Rn>, #<lsb>, #<widthIn> if imms<immr',
      'bfxil <Rd>, <Rn>, #<immr>, #<widthFrom>',
    ),
    immediates: (fields) => {
      const { count, to } = bitfieldOf(fields);
      const written = ones(count) << BigInt(to);
      return [BigInt(fields.immr), written, ~written];
    },
    general: (g, { Rn, Rd }) => {
      const inserted = g.and(g.rotr(g.get(Rn), g.imm(0)), g.imm(1));
      g.set(Rd, g.or(g.and(g.get(Rd), g.imm(2)), inserted));
    },
  }),
  bitfield('UBFM', 'C6.2.385', '10', {
    syntax: alternatives(
      'lsl <Rd>, <Rn>, #<lslAmount> if isLsl',
      'lsr <Rd>, <Rn>, #<immr> if toTop',
      'uxtb <Rd>, <Rn> if sf=0 and immr=0 and imms=7',
      'uxth <Rd>, <Rn> if sf=0 and immr=0 and imms=15',
      'ubfiz <Rd>, <Rn>, #<lsb>, #<widthIn> if imms<immr',
      'ubfx <Rd>, <Rn>, #<immr>, #<widthFrom>',
    ),
    // A field that ends at the top, as LSL's and LSR's do, needs no mask: all ones, which costs nothing.
    immediates: (fields) => {
      const { from, count, to } = bitfieldOf(fields);
      const bits = widthOf(fields);
      return [BigInt(from), from + count === bits || to + count === bits ? -1n : ones(count), BigInt(to)];
    },
    general: (g, { Rn, Rd }) => {
      const field = g.and(g.shrU(g.get(Rn), g.imm(0)), g.imm(1));
      g.set(Rd, g.shl(field, g.imm(2)));
    },
  }),

  extract('ROR (immediate)', 'C6.2.261', {
    syntax: 'ror <Rd>, <Rn>, #<imms>',
    allocated: (fields) => isExtract(fields) && fields.Rn === fields.Rm,
    immediates: ({ imms }) => [BigInt(imms)],
    general: (g, { Rn, Rd }) => g.set(Rd, g.rotr(g.get(Rn), g.imm(0))),
  }),
  extract('EXTR', 'C6.2.124', {
    syntax: 'extr <Rd>, <Rn>, <Rm>, #<imms>',
    allocated: (fields) => isExtract(fields) && fields.Rn !== fields.Rm,
    // By 0 nothing of Rn is left; a shift by the whole width would leave all of it.
    immediates: (fields) => {
      const lsb = fields.imms;
      return [BigInt(lsb), BigInt((widthOf(fields) - lsb) % widthOf(fields)), lsb === 0 ? 0n : -1n];
    },
    general: (g, { Rm, Rn, Rd }) => {
      const high = g.and(g.shl(g.get(Rn), g.imm(1)), g.imm(2));
      g.set(Rd, g.or(g.shrU(g.get(Rm), g.imm(0)), high));
    },
  }),
];
