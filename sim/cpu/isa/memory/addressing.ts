/**
 * How loads and stores find their address (Arm ARM C1.3.3). Sections of the tables of loads and stores are those of the
 * Arm ARM's issues up to K.a; L renumbers them.
 */

import { at } from '../../language/lookup.js';
import type { Access, AccessSize, Ops } from '../../language/ops.js';
import { type FieldNames, type Fields, type FieldsOf, NamedFields, signExtend } from '../../language/pattern.js';
import { type Description, type Encoding, type OpsRow, rowsOf } from '../../language/row.js';
import { i64, type I64 } from '../../language/value.js';

/** The access of an instruction whose base register may be SP. */
export const BASE: Access = { spBase: true };

/** The same for one whose address must be a multiple of its size, or of that of a pair. */
export const aligned = (sizeBytes: number): Access => ({ ...BASE, aligned: sizeBytes });

const SIZES = [1, 2, 4, 8] as const satisfies readonly AccessSize[];

/** @param scale 0 to 3 */
export const bytesOf = (scale: number): AccessSize => at(SIZES, scale);

const GROUP = 'Loads and stores';

export const row = rowsOf(GROUP);

/** Where an instruction accesses memory, and what its base register becomes, if it changes. */
interface Address {
  readonly at: I64;
  readonly writeBack?: I64;
}

/**
 * One way to an address, which puts fields of its own into patterns; so its functions take the fields of any of them.
 * `scale` is the binary logarithm of the size of what is loaded or stored.
 */
export interface AddressingMode {
  readonly title: string;
  /**
   * The operand in the assembler's syntax. What is counted in pieces of memory is scaled: by the binary logarithm of
   * their size, as the syntax has it (`size`, `wide+2`).
   */
  readonly operand: (scale: string) => string;
  /** What the mode puts into the pattern: before and behind the bits that select the operation. */
  readonly bits: readonly [before: string, behind: string];
  readonly free: readonly string[];
  readonly immediates?: (fields: Fields, scale: number) => readonly bigint[];
  readonly address: (t: Ops, fields: Fields, scale: number) => Address;
}

/** The base register, which all modes have and leave to the rest of the pattern. */
const BASE_REGISTER = 'Rn:5';
const base = new NamedFields(BASE_REGISTER);

type AddressOf = (t: Ops, fields: Fields<'Rn'>) => Address;

const baseAndImmediate = (t: Ops, { Rn }: Fields<'Rn'>): I64 => i64.add(t.xsp(Rn), t.imm(0));

const offset: AddressOf = (t, fields) => ({ at: baseAndImmediate(t, fields) });
const postIndex: AddressOf = (t, fields) => ({ at: t.xsp(fields.Rn), writeBack: baseAndImmediate(t, fields) });
const preIndex: AddressOf = (t, fields) => {
  const address = baseAndImmediate(t, fields);
  return { at: address, writeBack: address };
};

/** A mode whose distance from the base register is an immediate, the only field that it brings. */
const immediateMode = <const Behind extends string>(mode: {
  readonly title: string;
  readonly operand: (scale: string) => string;
  readonly before: string;
  readonly behind: Behind;
  readonly free: readonly FieldNames<Behind>[];
  readonly distance: (fields: FieldsOf<Behind>, scale: number) => bigint;
  readonly address: AddressOf;
}): AddressingMode => {
  const { title, operand, before, behind, free, distance, address } = mode;
  const own = new NamedFields(behind);
  return {
    title,
    operand,
    bits: [before, behind],
    free,
    immediates: (fields, scale) => [distance(own.from(fields), scale)],
    address: (t, fields) => address(t, base.from(fields)),
  };
};

const unscaled = (title: string, kind: string, operand: string, address: AddressOf): AddressingMode =>
  immediateMode({
    title,
    operand: () => operand,
    before: '00',
    behind: `0 imm9:9 ${kind}`,
    free: ['imm9'],
    distance: ({ imm9 }) => signExtend(imm9, 9),
    address,
  });

export const UNSCALED = unscaled('', '00', '[<Xn|SP>{, #<±imm9>}]', offset);
export const POST_INDEX = unscaled('immediate, post-index', '01', '[<Xn|SP>], #<±imm9>', postIndex);
export const UNPRIVILEGED = unscaled('', '10', '[<Xn|SP>{, #<±imm9>}]', offset);
export const PRE_INDEX = unscaled('immediate, pre-index', '11', '[<Xn|SP>, #<±imm9>]!', preIndex);

export const UNSIGNED_OFFSET = immediateMode({
  title: 'immediate, unsigned offset',
  operand: (scale) => `[<Xn|SP>{, #<imm12 << ${scale}>}]`,
  before: '01',
  behind: 'imm12:12',
  free: ['imm12'],
  distance: ({ imm12 }, scale) => BigInt(imm12) << BigInt(scale),
  address: offset,
});

const REGISTER_BITS = '1 Rm:5 signed:1 1 wide:1 S:1 10';
const registerFields = new NamedFields(`${REGISTER_BITS} ${BASE_REGISTER}`);

const index = (t: Ops, { Rm, signed, wide }: Fields<'Rm' | 'signed' | 'wide'>): I64 => {
  if (wide === 1) return t.x(Rm);
  return signed === 1 ? i64.extendS(t.w(Rm)) : i64.extendU(t.w(Rm));
};

/** Base and a register, extended and shifted by the size as the fields say: UXTW, LSL, SXTW or SXTX. */
export const REGISTER_OFFSET: AddressingMode = {
  title: 'register',
  operand: (scale) => `[<Xn|SP>, <wide?WXm>{, <extend ${scale}>}]`,
  bits: ['00', REGISTER_BITS],
  free: [],
  address: (t, fields, scale) => {
    const { Rn, S, ...rest } = registerFields.from(fields);
    return { at: i64.add(t.xsp(Rn), i64.shl(index(t, rest), i64.const(S === 1 ? scale : 0))) };
  },
};

const pair = (title: string, kind: string, behind: readonly [string, string], address: AddressOf): AddressingMode =>
  immediateMode({
    title,
    operand: (scale) => `[<Xn|SP>${behind[0]}#<±imm7 << ${scale}>${behind[1]}`,
    before: kind,
    behind: 'imm7:7',
    free: ['imm7'],
    distance: ({ imm7 }, scale) => signExtend(imm7, 7) << BigInt(scale),
    address,
  });

export const NON_TEMPORAL = pair('', '00', ['{, ', '}]'], offset);
export const PAIR_MODES: readonly AddressingMode[] = [
  pair('post-index', '01', ['], ', ''], postIndex),
  pair('signed offset', '10', ['{, ', '}]'], offset),
  pair('pre-index', '11', [', ', ']!'], preIndex),
];

/** What a row needs beside its addressing mode, whose bits are in `pattern`. */
interface AccessRow<Text extends string> extends Omit<Description, 'group'>, Encoding<Text> {
  readonly scale: (fields: FieldsOf<Text>) => number;
  readonly transfer: (t: Ops, fields: FieldsOf<Text>, at: I64, scale: number) => void;
}

/** A row that accesses memory in a mode: `transfer` at the address, and then the base register is moved on. */
export const accessRow = <const Text extends string>(
  mode: AddressingMode,
  { allocated, scale, transfer, ...rest }: AccessRow<Text>,
): OpsRow => {
  const { free, immediates } = mode;
  const own = new NamedFields(rest.pattern, [], mode.bits);
  const scaleOf = (fields: Fields): number => scale(own.from(fields));
  return {
    group: GROUP,
    ...rest,
    free,
    ...(allocated && { allocated: (fields) => allocated(own.from(fields)) }),
    ...(immediates && { immediates: (fields) => immediates(fields, scaleOf(fields)) }),
    semantics: (t, fields) => {
      const { at: address, writeBack } = mode.address(t, fields, scaleOf(fields));
      transfer(t, own.from(fields), address, scaleOf(fields));
      // The later write counts: where the base is loaded as well (CONSTRAINED UNPREDICTABLE), QEMU gives it the
      // address.
      if (writeBack !== undefined) t.setXsp(base.from(fields).Rn, writeBack);
    },
  };
};

/** Relative to the instruction itself: 19 bits that count words. */
export const LITERAL = {
  free: ['imm19'],
  immediates: ({ imm19 }: Fields<'imm19'>): readonly bigint[] => [signExtend(imm19, 19) * 4n],
  address: (t: Ops): I64 => i64.add(t.pc(), t.imm(0)),
} as const;

/** A heading such as `LDR (immediate, post-index, SIMD&FP)`. */
export const heading = (mnemonics: string, ...titles: readonly string[]): string => {
  const shown = titles.filter((title) => title !== '');
  return shown.length === 0 ? mnemonics : `${mnemonics} (${shown.join(', ')})`;
};
