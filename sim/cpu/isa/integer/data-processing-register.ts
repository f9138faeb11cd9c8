/** Data processing of registers (Arm ARM C4.1). */

import { at } from '../../language/lookup.js';
import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import { alternatives, type InstructionRow } from '../../language/row.js';
import { constantOf, type I32, i32, select, type Value } from '../../language/value.js';
import { CRC32 } from './crc32.js';
import { ONE_SOURCE, THREE_SOURCES, TWO_SOURCES } from './data-processing-sources.js';
import { type General, REGISTER_GROUP, generalRowsOf } from './general.js';

const row = generalRowsOf(REGISTER_GROUP);

/** Shifts of the second operand by a constant: LSL, LSR, ASR and ROR, by the field's value. */
const SHIFTS = ['shl', 'shrU', 'shrS', 'rotr'] as const;

const shifted = <T extends 'i32' | 'i64'>(g: General<T>, { shift, Rm }: Fields<'shift' | 'Rm'>): Value<T> =>
  g[at(SHIFTS, shift)](g.get(Rm), g.imm(0));

const shiftAmount = ({ imm6 }: Fields<'imm6'>): readonly bigint[] => [BigInt(imm6)];

const isShiftAmount = ({ sf, imm6 }: Fields<'sf' | 'imm6'>): boolean => sf === 1 || imm6 < 32;

/** Aliases are in front of the syntax that all have. */
const logical = (
  name: string,
  section: string,
  opc: string,
  N: 0 | 1,
  op: 'and' | 'or' | 'xor',
  aliases = '',
): InstructionRow =>
  row({
    name: `${name} (shifted register)`,
    section,
    pattern: `sf:1 ${opc} 01010 shift:2 ${N} Rm:5 imm6:6 Rn:5 Rd:5`,
    syntax: `${aliases}${name.toLowerCase()} <Rd>, <Rn>, <Rm>{, <shift>}`,
    allocated: isShiftAmount,
    free: ['imm6'],
    immediates: shiftAmount,
    general: (g, fields) => {
      const operand = shifted(g, fields);
      const result = g[op](g.get(fields.Rn), N === 1 ? g.not(operand) : operand);
      if (opc !== '11') return g.set(fields.Rd, result);
      const once = g.let(result);
      g.set(fields.Rd, once);
      g.setLogicFlags(once);
    },
  });

type AddSubtract = readonly [name: string, kind: 'add' | 'sub', op: 0 | 1, S: 0 | 1];

/** What ADDS and SUBS without a destination are. */
const COMPARISONS = { add: 'cmn', sub: 'cmp' } as const;

const addSubtractShifted = (section: string, [name, kind, op, S]: AddSubtract): InstructionRow =>
  row({
    name: `${name} (shifted register)`,
    section,
    pattern: `sf:1 ${op} ${S} 01011 shift:2 0 Rm:5 imm6:6 Rn:5 Rd:5`,
    syntax: alternatives(
      ...(S === 1 ? [`${COMPARISONS[kind]} <Rn>, <Rm>{, <shift>} if Rd=31`] : []),
      ...(kind === 'sub' ? [`${S === 1 ? 'negs' : 'neg'} <Rd>, <Rm>{, <shift>} if Rn=31`] : []),
      `${name.toLowerCase()} <Rd>, <Rn>, <Rm>{, <shift>}`,
    ),
    allocated: (fields) => fields.shift !== 3 && isShiftAmount(fields),
    free: ['imm6'],
    immediates: shiftAmount,
    general: (g, fields) => {
      const a = g.get(fields.Rn);
      const b = S === 1 ? g.let(shifted(g, fields)) : shifted(g, fields);
      g.set(fields.Rd, g[kind](a, b));
      if (S === 1) g.setFlags(kind, a, b);
    },
  });

/** The second operand, extended from 8, 16, 32 or 64 bits (Arm ARM J1, ExtendReg). */
const extended = <T extends 'i32' | 'i64'>(g: General<T>, { option, Rm }: Fields<'option' | 'Rm'>): Value<T> => {
  const value = g.get(Rm);
  switch (option) {
    case 0:
      return g.and(value, g.const(0xff));
    case 1:
      return g.and(value, g.const(0xffff));
    case 2:
      return g.widenU(g.low(value));
    case 4:
      return g.extend8S(value);
    case 5:
      return g.extend16S(value);
    case 6:
      return g.widenS(g.low(value));
    default:
      return value;
  }
};

const addSubtractExtended = (section: string, [name, kind, op, S]: AddSubtract): InstructionRow =>
  row({
    name: `${name} (extended register)`,
    section,
    pattern: `sf:1 ${op} ${S} 01011 00 1 Rm:5 option:3 imm3:3 Rn:5 Rd:5`,
    syntax:
      S === 0
        ? `${name.toLowerCase()} <Rd|SP>, <Rn|SP>, <extended>`
        : alternatives(
            `${COMPARISONS[kind]} <Rn|SP>, <extendedFlags> if Rd=31`,
            `${name.toLowerCase()} <Rd>, <Rn|SP>, <extendedFlags>`,
          ),
    allocated: ({ imm3 }) => imm3 <= 4,
    free: ['imm3'],
    immediates: ({ imm3 }) => [BigInt(imm3)],
    general: (g, fields) => {
      const a = g.getSp(fields.Rn);
      const operand = g.shl(extended(g, fields), g.imm(0));
      if (S === 0) return g.setSp(fields.Rd, g[kind](a, operand));
      const b = g.let(operand);
      g.set(fields.Rd, g[kind](a, b));
      g.setFlags(kind, a, b);
    },
  });

const ADD: AddSubtract = ['ADD', 'add', 0, 0];
const ADDS: AddSubtract = ['ADDS', 'add', 0, 1];
const SUB: AddSubtract = ['SUB', 'sub', 1, 0];
const SUBS: AddSubtract = ['SUBS', 'sub', 1, 1];

/** N, Z, C and V in bits 3 to 0; `overflow` holds V in its sign. */
const flagsOf = <T extends 'i32' | 'i64'>(g: General<T>, result: Value<T>, carry: I32, overflow: Value<T>): I32 => {
  const signAt = (bit: number, value: Value<T>): I32 =>
    g.low(g.and(g.shrU(value, g.const(g.bits - 1 - bit)), g.const(1 << bit)));
  const nz = i32.or(signAt(3, result), i32.shl(g.eqz(result), i32.const(2)));
  return i32.or(nz, i32.or(i32.shl(carry, i32.const(1)), signAt(0, overflow)));
};

const withCarry = (name: string, section: string, op: 0 | 1, S: 0 | 1): InstructionRow =>
  row({
    name,
    section,
    pattern: `sf:1 ${op} ${S} 11010000 Rm:5 000000 Rn:5 Rd:5`,
    syntax: `${op === 1 ? `ngc${S === 1 ? 's' : ''} <Rd>, <Rm> if Rn=31; ` : ''}${name.toLowerCase()} <Rd>, <Rn>, <Rm>`,
    general: (g, { Rm, Rn, Rd }, t) => {
      const a = g.get(Rn);
      const b = op === 1 ? g.not(g.get(Rm)) : g.get(Rm);
      const sum = g.add(g.add(a, b), g.widenU(t.carry()));
      if (S === 0) return g.set(Rd, sum);
      const result = t.let(sum);
      g.set(Rd, result);
      const carries = g.or(g.and(a, b), g.and(g.or(a, b), g.not(result)));
      const carry = g.low(g.shrU(carries, g.const(g.bits - 1)));
      const overflow = g.and(g.xor(a, result), g.xor(b, result));
      t.setFlags('nzcv', flagsOf(g, result, carry, overflow));
    },
  });

interface Comparison<T extends 'i32' | 'i64'> {
  readonly a: Value<T>;
  readonly b: Value<T>;
  readonly cond: number;
}

/** Sets the flags of a comparison where the condition holds, else those in the encoding, which are the immediate 0. */
const compareIf = <T extends 'i32' | 'i64'>(g: General<T>, t: Ops, op: 0 | 1, { a, b, cond }: Comparison<T>): void => {
  const result = t.let(op === 1 ? g.sub(a, b) : g.add(a, b));
  const carry = op === 1 ? g.geU(a, b) : g.ltU(result, a);
  const overflow = g.and(g.xor(a, result), op === 1 ? g.xor(a, b) : g.xor(b, result));
  const flags = flagsOf(g, result, carry, overflow);
  t.setFlags('nzcv', select(t.condition(cond), flags, i32.wrap(t.imm(0))));
};

const conditionalCompareRegister = (name: string, section: string, op: 0 | 1): InstructionRow =>
  row({
    name: `${name} (register)`,
    section,
    pattern: `sf:1 ${op} 1 11010010 Rm:5 cond:4 00 Rn:5 0 nzcv:4`,
    syntax: `${name.toLowerCase()} <Rn>, <Rm>, #<nzcv:x>, <cond>{\t// <alsoCond>}`,
    free: ['nzcv'],
    immediates: ({ nzcv }) => [BigInt(nzcv)],
    general: (g, { Rm, Rn, cond }, t) => compareIf(g, t, op, { a: g.get(Rn), b: g.get(Rm), cond }),
  });

const conditionalCompareImmediate = (name: string, section: string, op: 0 | 1): InstructionRow =>
  row({
    name: `${name} (immediate)`,
    section,
    pattern: `sf:1 ${op} 1 11010010 imm5:5 cond:4 10 Rn:5 0 nzcv:4`,
    syntax: `${name.toLowerCase()} <Rn>, #<imm5:x>, #<nzcv:x>, <cond>{\t// <alsoCond>}`,
    free: ['nzcv', 'imm5'],
    immediates: ({ nzcv, imm5 }) => [BigInt(nzcv), BigInt(imm5)],
    general: (g, { Rn, cond }, t) => compareIf(g, t, op, { a: g.get(Rn), b: g.imm(1), cond }),
  });

type Otherwise = <T extends 'i32' | 'i64'>(g: General<T>, value: Value<T>) => Value<T>;

/** Aliases of the opposite condition, where both operands are one register. */
const ifNot = (alias: string, whereZero?: string): string =>
  alternatives(
    ...(whereZero === undefined
      ? []
      : [`${whereZero} <Rd>, <notCond>{\t// <alsoNotCond>} if Rn=31 and Rm=31 and cond<14`]),
    `${alias} <Rd>, <Rn>, <notCond>{\t// <alsoNotCond>} if Rn=Rm and cond<14; `,
  );

const conditionalSelect = (
  name: string,
  section: string,
  op: 0 | 1,
  o2: 0 | 1,
  otherwise: Otherwise,
  aliases = '',
): InstructionRow =>
  row({
    name,
    section,
    pattern: `sf:1 ${op} 0 11010100 Rm:5 cond:4 0 ${o2} Rn:5 Rd:5`,
    syntax: `${aliases}${name.toLowerCase()} <Rd>, <Rn>, <Rm>, <cond>{\t// <alsoCond>}`,
    general: (g, { Rm, cond, Rn, Rd }, t) => {
      const holds = t.condition(cond);
      const whenTrue = g.get(Rn);
      const whenFalse = otherwise(g, g.get(Rm));
      // CSET: the condition itself, turned round.
      const isSet = constantOf(whenTrue) === 0n && constantOf(whenFalse) === 1n;
      g.set(Rd, isSet ? g.widenU(i32.eqz(holds)) : select(holds, whenTrue, whenFalse));
    },
  });

export const DATA_PROCESSING_REGISTER: readonly InstructionRow[] = [
  logical('AND', 'C6.2.13', '00', 0, 'and'),
  logical('BIC', 'C6.2.32', '00', 1, 'and'),
  logical('ORR', 'C6.2.241', '01', 0, 'or', 'mov <Rd>, <Rm> if Rn=31 and shift=0 and imm6=0; '),
  logical('ORN', 'C6.2.239', '01', 1, 'or', 'mvn <Rd>, <Rm>{, <shift>} if Rn=31; '),
  logical('EOR', 'C6.2.120', '10', 0, 'xor'),
  logical('EON', 'C6.2.118', '10', 1, 'xor'),
  logical('ANDS', 'C6.2.15', '11', 0, 'and', 'tst <Rn>, <Rm>{, <shift>} if Rd=31; '),
  logical('BICS', 'C6.2.33', '11', 1, 'and'),

  addSubtractShifted('C6.2.5', ADD),
  addSubtractShifted('C6.2.9', ADDS),
  addSubtractShifted('C6.2.358', SUB),
  addSubtractShifted('C6.2.364', SUBS),
  addSubtractExtended('C6.2.3', ADD),
  addSubtractExtended('C6.2.7', ADDS),
  addSubtractExtended('C6.2.356', SUB),
  addSubtractExtended('C6.2.362', SUBS),

  withCarry('ADC', 'C6.2.1', 0, 0),
  withCarry('ADCS', 'C6.2.2', 0, 1),
  withCarry('SBC', 'C6.2.265', 1, 0),
  withCarry('SBCS', 'C6.2.266', 1, 1),

  conditionalCompareImmediate('CCMN', 'C6.2.48', 0),
  conditionalCompareRegister('CCMN', 'C6.2.49', 0),
  conditionalCompareImmediate('CCMP', 'C6.2.50', 1),
  conditionalCompareRegister('CCMP', 'C6.2.51', 1),

  conditionalSelect('CSEL', 'C6.2.103', 0, 0, (_g, value) => value),
  conditionalSelect('CSINC', 'C6.2.106', 0, 1, (g, value) => g.add(value, g.const(1)), ifNot('cinc', 'cset')),
  conditionalSelect('CSINV', 'C6.2.107', 1, 0, (g, value) => g.not(value), ifNot('cinv', 'csetm')),
  conditionalSelect('CSNEG', 'C6.2.108', 1, 1, (g, value) => g.neg(value), ifNot('cneg')),

  ...ONE_SOURCE,
  ...TWO_SOURCES,
  ...THREE_SOURCES,
  ...CRC32,
];
