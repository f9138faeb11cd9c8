import type { Access, AccessSize, Fields, Ops, OpsRow } from '../../language/ops.js';
import { i64, type I64 } from '../../language/value.js';

/*
 * How loads and stores find their address (Arm ARM C1.3.3). Sections of the tables of loads and stores are those of the
 * Arm ARM's issues up to K.a; L renumbers them.
 */

/** The access of an instruction whose base register may be SP. */
export const BASE: Access = { spBase: true };

export const aligned = (sizeBytes: number): Access => ({ ...BASE, aligned: sizeBytes });

const SIZES: readonly AccessSize[] = [1, 2, 4, 8];

/** @param scale 0 to 3 */
export const bytesOf = (scale: number): AccessSize => SIZES[scale]!;

export const row = (rest: Omit<OpsRow, 'group'>): OpsRow => ({ group: 'Loads and stores', ...rest });

/** Where an instruction accesses memory, and what its base register becomes, if it changes. */
export interface Address {
  readonly at: I64;
  readonly writeBack?: I64;
}

/** One way to an address. `scale` is the binary logarithm of the size of what is loaded or stored. */
export interface AddressingMode {
  readonly title: string;
  /** What the mode puts into the pattern: before and behind the bits that select the operation. */
  readonly bits: readonly [before: string, behind: string];
  readonly free?: readonly string[];
  readonly immediates?: (fields: Fields, scale: number) => readonly bigint[];
  readonly address: (t: Ops, fields: Fields, scale: number) => Address;
}

/** The free fields and immediates of a row in such a mode. */
export const operandsOf = (
  { free, immediates }: AddressingMode,
  scaleOf: (fields: Fields) => number,
): Pick<OpsRow, 'free' | 'immediates'> => ({
  ...(free && { free }),
  ...(immediates && { immediates: (fields: Fields) => immediates(fields, scaleOf(fields)) }),
});

/** Lets `transfer` access memory, and then moves the base register on, if the mode does so. */
export const accessMemory = (
  t: Ops,
  fields: Fields,
  mode: AddressingMode,
  scale: number,
  transfer: (at: I64) => void,
): void => {
  const { at, writeBack } = mode.address(t, fields, scale);
  transfer(at);
  // The later write counts: where the base is loaded as well (CONSTRAINED UNPREDICTABLE), QEMU gives it the address.
  if (writeBack !== undefined) t.setXsp(fields.Rn!, writeBack);
};

const baseAndImmediate = (t: Ops, { Rn }: Fields): I64 => i64.add(t.xsp(Rn!), t.imm(0));

const offset = (t: Ops, fields: Fields): Address => ({ at: baseAndImmediate(t, fields) });
const postIndex = (t: Ops, fields: Fields): Address => ({
  at: t.xsp(fields.Rn!),
  writeBack: baseAndImmediate(t, fields),
});
const preIndex = (t: Ops, fields: Fields): Address => {
  const at = baseAndImmediate(t, fields);
  return { at, writeBack: at };
};

const signedBytes = (value: number, bits: number, scale: number): bigint =>
  BigInt.asIntN(bits, BigInt(value)) << BigInt(scale);

const unscaled = (title: string, kind: string, address: AddressingMode['address']): AddressingMode => ({
  title,
  bits: ['00', `0 imm9:9 ${kind}`],
  free: ['imm9'],
  immediates: ({ imm9 }) => [signedBytes(imm9!, 9, 0)],
  address,
});

export const UNSCALED = unscaled('', '00', offset);
export const POST_INDEX = unscaled('immediate, post-index', '01', postIndex);
export const UNPRIVILEGED = unscaled('', '10', offset);
export const PRE_INDEX = unscaled('immediate, pre-index', '11', preIndex);

export const UNSIGNED_OFFSET: AddressingMode = {
  title: 'immediate, unsigned offset',
  bits: ['01', 'imm12:12'],
  free: ['imm12'],
  immediates: ({ imm12 }, scale) => [BigInt(imm12!) << BigInt(scale)],
  address: offset,
};

const index = (t: Ops, { Rm, signed, wide }: Fields): I64 => {
  if (wide === 1) return t.x(Rm!);
  return signed === 1 ? i64.extendS(t.w(Rm!)) : i64.extendU(t.w(Rm!));
};

/** Base and a register, extended and shifted by the size as the fields say: UXTW, LSL, SXTW or SXTX. */
export const REGISTER_OFFSET: AddressingMode = {
  title: 'register',
  bits: ['00', '1 Rm:5 signed:1 1 wide:1 S:1 10'],
  address: (t, fields, scale) => ({
    at: i64.add(t.xsp(fields.Rn!), i64.shl(index(t, fields), i64.const(fields.S === 1 ? scale : 0))),
  }),
};

const pair = (title: string, kind: string, address: AddressingMode['address']): AddressingMode => ({
  title,
  bits: [kind, 'imm7:7'],
  free: ['imm7'],
  immediates: ({ imm7 }, scale) => [signedBytes(imm7!, 7, scale)],
  address,
});

export const NON_TEMPORAL = pair('', '00', offset);
export const PAIR_MODES: readonly AddressingMode[] = [
  pair('post-index', '01', postIndex),
  pair('signed offset', '10', offset),
  pair('pre-index', '11', preIndex),
];

/** Relative to the instruction itself: 19 bits that count words. */
export const LITERAL: Pick<OpsRow, 'free' | 'immediates'> & { readonly address: (t: Ops) => I64 } = {
  free: ['imm19'],
  immediates: ({ imm19 }) => [signedBytes(imm19!, 19, 2)],
  address: (t) => i64.add(t.pc(), t.imm(0)),
};

/** A heading such as `LDR (immediate, post-index, SIMD&FP)`. */
export const heading = (mnemonics: string, ...titles: readonly string[]): string => {
  const shown = titles.filter((title) => title !== '');
  return shown.length === 0 ? mnemonics : `${mnemonics} (${shown.join(', ')})`;
};
