/** Flags and conditions as the Arm manual defines them, for tests of what computes them in other ways. */

import type { FlagKind } from '../../../sim/cpu/state/layout.js';

/** N, Z, C and V, in bits 3 to 0, of an addition with carry at so many bits (AddWithCarry, Arm ARM J1). */
const addWithCarry = (bits: number, a: bigint, b: bigint, carry: bigint): number => {
  const unsigned = a + b + carry;
  const signed = BigInt.asIntN(bits, a) + BigInt.asIntN(bits, b) + carry;
  const result = BigInt.asUintN(bits, unsigned);
  const n = BigInt.asIntN(bits, result) < 0n;
  const c = result !== unsigned;
  const v = BigInt.asIntN(bits, result) !== signed;
  return (n ? 8 : 0) | (result === 0n ? 4 : 0) | (c ? 2 : 0) | (v ? 1 : 0);
};

/** N, Z, C and V, in bits 3 to 0, as an instruction of a kind sets them from its operands. */
export const flagsOf = (kind: FlagKind, a: bigint, b: bigint): number => {
  const bits = kind.endsWith('32') ? 32 : 64;
  switch (kind) {
    case 'nzcv':
      return Number(a);
    case 'add32':
    case 'add64':
      return addWithCarry(bits, a, b, 0n);
    case 'sub32':
    case 'sub64':
      return addWithCarry(bits, a, BigInt.asUintN(bits, ~b), 1n);
    case 'logic32':
    case 'logic64':
      return addWithCarry(bits, a, 0n, 0n);
  }
};

/** Whether a condition, 0 to 15, holds for flags (ConditionHolds, Arm ARM C1.2.4). */
export const holds = (condition: number, nzcv: number): boolean => {
  const [n, z, c, v] = [(nzcv & 8) !== 0, (nzcv & 4) !== 0, (nzcv & 2) !== 0, (nzcv & 1) !== 0];
  const result = [z, c, n, v, c && !z, n === v, n === v && !z, true][condition >> 1]!;
  return (condition & 1) === 1 && condition !== 15 ? !result : result;
};
