/** Conditions that have a name in the syntax of instructions: those under which an alias is preferred. */

import { decodeBitMasks } from '../isa/integer/bits.js';
import type { Fields } from '../language/pattern.js';
import { find, type Named, named } from './named.js';

/** Whether one MOVZ or MOVN makes the value, so that it is not ORR that MOV stands for. */
const isWideMove = (value: bigint, bits: 32 | 64): boolean => {
  const fits = (number: bigint): boolean =>
    [0n, 16n, 32n, 48n].some((shift) => (number & ~(0xffffn << shift)) === 0n && shift < BigInt(bits));
  return fits(value) || fits(BigInt.asUintN(bits, ~value));
};

const CONDITIONS: Readonly<Record<string, Named<boolean>>> = {
  /** The immediate is none of MOVZ or MOVN. */
  onlyBitmask: named('sf N imms immr', ({ sf, N, imms, immr }) => {
    const bits = sf === 1 ? 64 : 32;
    const value = decodeBitMasks(N, imms, immr, bits);
    return value !== undefined && !isWideMove(value, bits);
  }),
  /** MOVN is a MOV, but for values that MOVZ makes, and for zeros that are shifted. */
  isMovn: named('sf hw imm16', ({ sf, hw, imm16 }) => (imm16 !== 0 || hw === 0) && (sf === 1 || imm16 !== 0xffff)),
  isMovz: named('hw imm16', ({ hw, imm16 }) => imm16 !== 0 || hw === 0),
  toTop: named('sf imms', ({ sf, imms }) => imms === (sf === 1 ? 63 : 31)),
  /** An element of 32 bits. */
  words: named('imm5', ({ imm5 }) => (imm5 & 7) === 4),
  /** A shift to the left by 0, and no other one. */
  isExtension: named('immh immb', ({ immh, immb }) => immb === 0 && (immh & (immh - 1)) === 0),
  /** Registers that are all needed: the address to copy to or to set, the one to copy from, and the size. */
  ofCopy: named('stage Rs Rn Rd', ({ stage, Rs, Rn, Rd }) => stage < 3 && new Set([Rs, Rn, Rd, 31]).size === 4),
  ofSet: named(
    'stage Rs Rn Rd',
    ({ stage, Rs, Rn, Rd }) => stage < 3 && new Set([Rn, Rd, 31]).size === 3 && Rs !== Rn && Rs !== Rd,
  ),
  /** UBFM as a shift to the left. */
  isLsl: named('sf imms immr', ({ sf, imms, immr }) => imms !== (sf === 1 ? 63 : 31) && imms + 1 === immr),
};

/** @throws Error where there is no such condition: a mistake in a table */
export const conditionNamed = (
  name: string,
  widths: Readonly<Record<string, number>>,
): ((fields: Fields) => boolean) => {
  const holds = find(CONDITIONS, name, widths);
  if (holds === undefined) throw new Error(`there is no condition "${name}"`);
  return (fields) => holds(fields, 0n);
};
