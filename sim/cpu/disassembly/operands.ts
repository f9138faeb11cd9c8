/** Operands that have a name in the syntax of instructions, or a set of texts that many rows choose from. */

import { decodeBitMasks } from '../isa/integer/bits.js';
import type { Fields } from '../language/pattern.js';
import { conditionAliases, conditionNames } from './condition-names.js';
import { find, type Named, named } from './named.js';
import { registers } from './register-list.js';
import { STRUCTURES } from './structures.js';
import { SYSTEM_OPERANDS } from './system-operands.js';

type Text = string | undefined;

const general = (isWide: boolean, register: number): string => {
  const letter = isWide ? 'x' : 'w';
  return register === 31 ? `${letter}zr` : `${letter}${register}`;
};

const hexadecimal = (value: bigint): string => `0x${value.toString(16)}`;

/** objdump has a column for it, and shows the value in decimal behind it. */
const moved = (value: bigint, bits: 32 | 64): string =>
  `0x${BigInt.asUintN(bits, value).toString(16).padEnd(20)}\t// #${BigInt.asIntN(bits, value)}`;

const widthOf = (sf: number): 32 | 64 => (sf === 1 ? 64 : 32);

const SHIFTS = ['lsl', 'lsr', 'asr', 'ror'] as const;
const EXTENSIONS = ['uxtb', 'uxth', 'uxtw', 'uxtx', 'sxtb', 'sxth', 'sxtw', 'sxtx'] as const;

const amount = (shift: string | undefined, by: number): Text => (by === 0 ? shift : `${shift} #${by}`);

/** The extended register and what is done to it: LSL is UXTW or UXTX beside a stack pointer. */
const extended = (
  names: { readonly Rd: number; readonly Rn: number },
  fields: Fields<'sf' | 'option' | 'imm3' | 'Rm'>,
) => {
  const { sf, option, imm3, Rm } = fields;
  const register = general(sf === 1 && (option & 3) === 3, Rm);
  const isShift = option === (sf === 1 ? 3 : 2) && (names.Rd === 31 || names.Rn === 31);
  if (isShift) return imm3 === 0 ? register : `${register}, lsl #${imm3}`;
  return `${register}, ${amount(EXTENSIONS[option], imm3)}`;
};

/** The number that a floating-point immediate of 8 bits stands for. */
const floatImmediate = (imm8: number): string => {
  const exponent = ((imm8 >> 4) & 7) ^ 4;
  const size = ((16 + (imm8 & 15)) / 16) * 2 ** (exponent - 3);
  const [digits = '', power = ''] = (imm8 >= 128 ? -size : size).toExponential(18).split('e');
  return `${digits}e${power[0]}${power.slice(1).padStart(2, '0')}`;
};

const lowestBit = (imm5: number): number => 31 - Math.clz32(imm5 & -imm5);
const highestBit = (immh: number): number => 31 - Math.clz32(immh);

const ELEMENTS = ['b', 'h', 's', 'd'] as const;
const ARRANGEMENTS = ['8b', '16b', '4h', '8h', '2s', '4s', '1d', '2d'] as const;
const WIDE = ['8h', '4s', '2d'] as const;

const OPERANDS: Readonly<Record<string, Named<Text>>> = {
  // Immediates.
  bitmask: named('sf N imms immr', ({ sf, N, imms, immr }) => {
    const value = decodeBitMasks(N, imms, immr, widthOf(sf));
    return value === undefined ? undefined : hexadecimal(value);
  }),
  movedBitmask: named('sf N imms immr', ({ sf, N, imms, immr }) => {
    const value = decodeBitMasks(N, imms, immr, widthOf(sf));
    return value === undefined ? undefined : moved(value, widthOf(sf));
  }),
  movz: named('sf hw imm16', ({ sf, hw, imm16 }) => moved(BigInt(imm16) << BigInt(16 * hw), widthOf(sf))),
  movn: named('sf hw imm16', ({ sf, hw, imm16 }) => moved(~(BigInt(imm16) << BigInt(16 * hw)), widthOf(sf))),
  toLeft: named('sf immr', ({ sf, immr }) => String(widthOf(sf) - immr)),
  lsb: named('sf immr', ({ sf, immr }) => String((widthOf(sf) - immr) % widthOf(sf))),
  lslAmount: named('sf imms', ({ sf, imms }) => String(widthOf(sf) - 1 - imms)),
  widthIn: named('imms', ({ imms }) => String(imms + 1)),
  widthFrom: named('imms immr', ({ imms, immr }) => String(imms - immr + 1)),
  fbits: named('scale', ({ scale }) => String(64 - scale)),
  fpimm: named('imm8', ({ imm8 }) => floatImmediate(imm8)),
  fpvector: named('abc defgh', ({ abc, defgh }) => floatImmediate(abc * 32 + defgh)),
  imm64: named('abc defgh', ({ abc, defgh }) => {
    const imm8 = abc * 32 + defgh;
    return hexadecimal(
      Array.from({ length: 8 }, (_, i) => ((imm8 >> i) & 1 ? 0xffn << BigInt(8 * i) : 0n)).reduce((a, b) => a | b),
    );
  }),
  sh12: named('sh', ({ sh }) => (sh === 1 ? '12' : undefined)),
  hw16: named('hw', ({ hw }) => (hw === 0 ? undefined : String(16 * hw))),
  // Shifts and extensions.
  shift: named('shift imm6', ({ shift, imm6 }) =>
    shift === 0 && imm6 === 0 ? undefined : `${SHIFTS[shift]} #${imm6}`,
  ),
  extended: named('sf option imm3 Rm Rn Rd', ({ Rd, Rn, ...fields }) => extended({ Rd, Rn }, fields)),
  extendedFlags: named('sf option imm3 Rm Rn', ({ Rn, ...fields }) => extended({ Rd: 0, Rn }, fields)),
  'extend size': named('signed wide S size', ({ signed, wide, S, size }) => indexExtension(signed, wide, S, size)),
  'extend 3': named('signed wide S', ({ signed, wide, S }) => indexExtension(signed, wide, S, 3)),
  'extend quad,size': named('signed wide S quad size', ({ signed, wide, S, quad, size }) =>
    indexExtension(signed, wide, S, quad * 4 + size),
  ),
  lslBytes: named('cmode', ({ cmode }) => (cmode < 2 ? undefined : `lsl #${(cmode >> 1) * 8}`)),
  lslByte: named('cmode', ({ cmode }) => ((cmode & 2) === 0 ? undefined : 'lsl #8')),
  // Conditions.
  cond: named('cond', ({ cond }) => conditionNames[cond]),
  notCond: named('cond', ({ cond }) => conditionNames[cond ^ 1]),
  alsoBranch: named('cond', ({ cond }) =>
    conditionAliases(cond)
      ?.map((name) => `b.${name}`)
      .join(', '),
  ),
  alsoConsistent: named('cond', ({ cond }) =>
    conditionAliases(cond)
      ?.map((name) => `bc.${name}`)
      .join(', '),
  ),
  alsoCond: named('cond', ({ cond }) => equation(cond)),
  alsoNotCond: named('cond', ({ cond }) => equation(cond ^ 1)),
  // Vectors.
  T: named('size Q', ({ size, Q }) => ARRANGEMENTS[size * 2 + Q]),
  Ta: named('size', ({ size }) => WIDE[size]),
  Tp: named('size Q', ({ size, Q }) => (size === 3 ? undefined : ['4h', '8h', '2s', '4s', '1d', '2d'][size * 2 + Q])),
  Tf: named('sz Q', ({ sz, Q }) => ['2s', '4s', undefined, '2d'][sz * 2 + Q]),
  Tb: named('Q', ({ Q }) => (Q === 1 ? '16b' : '8b')),
  Th: named('immh Q', ({ immh, Q }) => (immh === 0 ? undefined : ARRANGEMENTS[highestBit(immh) * 2 + Q])),
  Tw: named('immh', ({ immh }) => (immh === 0 ? undefined : WIDE[highestBit(immh)])),
  T5: named('imm5 Q', ({ imm5, Q }) => ARRANGEMENTS[lowestBit(imm5) * 2 + Q]),
  letter: named('size', ({ size }) => ELEMENTS[size]),
  letter5: named('imm5', ({ imm5 }) => ELEMENTS[lowestBit(imm5)]),
  index5: named('imm5', ({ imm5 }) => String(imm5 >> (lowestBit(imm5) + 1))),
  index4: named('imm5 imm4', ({ imm5, imm4 }) => String(imm4 >> lowestBit(imm5))),
  general5: named('imm5 Rn', ({ imm5, Rn }) => general(lowestBit(imm5) === 3, Rn)),
  letterH: named('immh', ({ immh }) => (immh === 0 ? undefined : ELEMENTS[highestBit(immh)])),
  letterHWide: named('immh', ({ immh }) => (immh === 0 ? undefined : ELEMENTS[highestBit(immh) + 1])),
  left: named('immh immb', ({ immh, immb }) => String(immh * 8 + immb - (8 << highestBit(immh)))),
  right: named('immh immb', ({ immh, immb }) => String((16 << highestBit(immh)) - immh * 8 - immb)),
  bits: named('size', ({ size }) => String(8 << size)),
  table: named('Rn len', ({ Rn, len }) => registers(Rn, len + 1, '16b')),
  ...STRUCTURES,
  ...SYSTEM_OPERANDS,
};

const equation = (cond: number): Text => {
  const aliases = conditionAliases(cond);
  return aliases && `${conditionNames[cond]} = ${aliases.join(', ')}`;
};

const indexExtension = (signed: number, wide: number, S: number, scale: number): Text => {
  const name = wide === 1 && signed === 0 ? 'lsl' : EXTENSIONS[signed * 4 + 2 + wide];
  if (S === 1) return `${name} #${scale}`;
  return name === 'lsl' ? undefined : name;
};

/** Undefined where no operand has the name. */
export const operandNamed = (
  name: string,
  widths: Readonly<Record<string, number>>,
): ((fields: Fields) => Text) | undefined => {
  const make = find(OPERANDS, name, widths);
  return make && ((fields) => make(fields, 0n));
};
