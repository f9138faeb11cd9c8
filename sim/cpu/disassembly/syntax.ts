/**
 * The language in which rows of instruction tables say their assembly syntax. It is that of the Arm ARM, but for what a
 * program must be told:
 *
 *     cmp <Rn|SP>, #<imm12:x>{, lsl #<sh12>} if Rd=31; subs <Rd>, <Rn|SP>, #<imm12:x>{, lsl #<sh12>}
 *
 * Alternatives are divided by `; `. The first counts whose conditions, behind ` if ` and divided by ` and `, hold, and
 * whose operands all have a text. A condition compares fields with numbers or other fields, or has a name
 * (conditions.ts).
 * Operands stand in angle brackets:
 *
 * - `<Wd>`, `<Xn|SP>`, `<Rt2>`, `<Vm>`: a register by the field of that name. `R` is W or X, as `sf` says.
 * - `<size?BHSDd>`: a register whose letter the field `size` chooses.
 * - `<op?cbz|cbnz>`: one of some texts, chosen by a field. There is no text for what is chosen beyond the last one.
 * - `<imm16>`, `<imm16:x>`, `<±imm9>`, `<imm12 << size+1>`: a number, in decimal, in hexadecimal, signed, and scaled.
 * - `<label19>`: an operand with a name (operands.ts).
 *
 * Fields may stand one behind the other as in `<H,L,M>`, the highest bits first. Braces that begin with a comma, a blank
 * or a tab hold what is left out where an operand in it is 0 or has no text.
 */

import type { Fields } from '../language/pattern.js';
import { conditionNamed } from './conditions.js';
import { operandNamed } from './operands.js';
import { targetNamed } from './targets.js';

/** An instruction as text. */
export interface Disassembled {
  /** The mnemonic, and behind a tab the operands. */
  readonly text: string;
  /** The address that a branch, ADR, ADRP or a literal names: in the text as a hexadecimal number. */
  readonly target?: bigint;
}

/** A row's syntax, ready to make texts. Undefined for fields that the row has no text for. */
export type Syntax = (fields: Fields, address: bigint) => Disassembled | undefined;

/** Where an instruction is, and what it turns out to point at. */
interface Site {
  readonly fields: Fields;
  readonly address: bigint;
  target?: bigint;
}

type Part = (site: Site) => string | undefined;
type NumberOf = (fields: Fields) => number;
type Condition = (fields: Fields) => boolean;

interface Alternative {
  readonly conditions: readonly Condition[];
  readonly parts: readonly Part[];
}

/** A field's value. @throws Error for a field that the row does not have: a mistake in a table */
const valueOf = (fields: Fields, name: string): number => {
  const value = fields[name];
  if (value === undefined) throw new Error(`there is no field ${name}`);
  return value;
};

/** The widths of fields that stand one behind the other. */
export type Widths = Readonly<Record<string, number>>;

/** Fields that stand one behind the other, as in `H,L,M`. */
const concatenation = (text: string, widths: Widths): NumberOf => {
  const [first = '', ...rest] = text.split(',');
  if (!(first in widths)) throw new Error(`there is no field ${first}`);
  if (rest.length === 0) return (fields) => valueOf(fields, first);
  const behind = rest.map((name) => ({ name, shift: valueOf(widths, name) }));
  return (fields) =>
    behind.reduce((high, { name, shift }) => (high << shift) | valueOf(fields, name), valueOf(fields, first));
};

const FIELDS = String.raw`[A-Za-z]\w*(?:,[A-Za-z]\w*)*`;
const REGISTER = new RegExp(String.raw`^(?:(${FIELDS})\?)?([WXRBHSDQV]+)(d|n|m|a|t|t2|s)(\+1)?(\|SP)?$`);
const CHOICE = new RegExp(String.raw`^(${FIELDS})\?(.*)$`);
const NUMBER = new RegExp(String.raw`^(±?)(${FIELDS})(?: << (?:(\d)|(${FIELDS})(?:\+(\d))?))?(:x|:d)?$`);
const COMPARISON = new RegExp(String.raw`^(${FIELDS})(=|!=|<|>)(\d+|[A-Za-z]\w*)$`);
const PIECES = /<((?:[^<>]|<< )*)>|\{([, \t](?:[^{}])*)\}|[^<{]+|[<{]/g;

const ZERO_OR_SP = 31;

const registerText = (letter: string, register: number, isSp: boolean): string => {
  if (register !== ZERO_OR_SP || (letter !== 'W' && letter !== 'X')) return `${letter.toLowerCase()}${register}`;
  if (isSp) return letter === 'W' ? 'wsp' : 'sp';
  return letter === 'W' ? 'wzr' : 'xzr';
};

const registerPart = (match: RegExpExecArray, widths: Widths): Part => {
  const [, by, letters = '', suffix = '', next, sp] = match;
  const isGeneral = letters === 'R';
  const chosen = isGeneral ? 'WX' : letters;
  const choose = isGeneral ? concatenation('sf', widths) : by === undefined ? () => 0 : concatenation(by, widths);
  const name = `R${suffix}`;
  if (!(name in widths)) throw new Error(`there is no field ${name}`);
  return ({ fields }) => {
    const letter = chosen[choose(fields)];
    return letter === undefined
      ? undefined
      : registerText(letter, valueOf(fields, name) + (next === undefined ? 0 : 1), sp !== undefined);
  };
};

const choicePart = ([, by = '', texts = '']: RegExpExecArray, widths: Widths): Part => {
  const choose = concatenation(by, widths);
  const choices = texts.split('|');
  return ({ fields }) => choices[choose(fields)];
};

const hexadecimal = (value: number): string => `0x${value.toString(16)}`;

const numberPart = (match: RegExpExecArray, widths: Widths, isOptional: boolean): Part => {
  const [, sign, names = '', constant, scaleBy, more = '0', format] = match;
  const read = concatenation(names, widths);
  const bits = names.split(',').reduce((sum, name) => sum + valueOf(widths, name), 0);
  const scale = scaleBy === undefined ? undefined : concatenation(scaleBy, widths);
  const write = format === ':x' ? hexadecimal : String;
  return ({ fields }) => {
    const raw = read(fields);
    if (isOptional && raw === 0) return undefined;
    const value = sign === '' ? raw : (raw << (32 - bits)) >> (32 - bits);
    const shift = scale === undefined ? Number(constant ?? 0) : scale(fields) + Number(more);
    return write(value * 2 ** shift);
  };
};

const targetPart = (name: string, widths: Widths): Part | undefined => {
  const target = targetNamed(name, widths);
  return (
    target &&
    ((site) => {
      site.target = target(site.fields, site.address);
      return `0x${site.target.toString(16)}`;
    })
  );
};

const namedPart = (name: string, widths: Widths): Part | undefined => {
  const operand = operandNamed(name, widths);
  return operand && (({ fields }) => operand(fields));
};

const operandPart = (text: string, widths: Widths, isOptional: boolean): Part => {
  const part = namedPart(text, widths) ?? targetPart(text, widths);
  if (part !== undefined) return part;
  const register = REGISTER.exec(text);
  if (register !== null) return registerPart(register, widths);
  const choice = CHOICE.exec(text);
  if (choice !== null) return choicePart(choice, widths);
  const number = NUMBER.exec(text);
  if (number === null) throw new Error(`there is no operand "${text}"`);
  return numberPart(number, widths, isOptional);
};

const join = (parts: readonly Part[], site: Site): string | undefined => {
  let all = '';
  for (const part of parts) {
    const text = part(site);
    if (text === undefined) return undefined;
    all += text;
  }
  return all;
};

const partsOf = (text: string, widths: Widths, isOptional = false): readonly Part[] =>
  [...text.matchAll(PIECES)].map(([whole, operand, group]): Part => {
    if (operand !== undefined) return operandPart(operand, widths, isOptional);
    if (group === undefined) return () => whole;
    const inner = partsOf(group, widths, true);
    return (site) => join(inner, site) ?? '';
  });

const conditionOf = (text: string, widths: Widths): Condition => {
  const match = COMPARISON.exec(text);
  if (match === null) return conditionNamed(text, widths);
  const [, names = '', operator, to = ''] = match;
  const left = concatenation(names, widths);
  const right: NumberOf = /^\d/.test(to) ? () => Number(to) : concatenation(to, widths);
  switch (operator) {
    case '=':
      return (fields) => left(fields) === right(fields);
    case '!=':
      return (fields) => left(fields) !== right(fields);
    case '<':
      return (fields) => left(fields) < right(fields);
    default:
      return (fields) => left(fields) > right(fields);
  }
};

const alternativeOf = (text: string, widths: Widths): Alternative => {
  const [template = '', conditions] = text.split(' if ');
  return {
    conditions: (conditions?.split(' and ') ?? []).map((condition) => conditionOf(condition, widths)),
    parts: partsOf(template, widths),
  };
};

/**
 * @param text in the language described above
 * @param widths the fields of the row's pattern
 * @throws Error for what is not in the language, and for fields that the pattern does not have: a mistake in a table
 */
export const compileSyntax = (text: string, widths: Widths): Syntax => {
  const alternatives = text.split('; ').map((alternative) => alternativeOf(alternative, widths));
  return (fields, address) => {
    for (const { conditions, parts } of alternatives) {
      if (!conditions.every((holds) => holds(fields))) continue;
      const site: Site = { fields, address };
      const line = join(parts, site);
      if (line === undefined) continue;
      const withTab = line.replace(' ', '\t');
      return site.target === undefined ? { text: withTab } : { text: withTab, target: site.target };
    }
    return undefined;
  };
};
