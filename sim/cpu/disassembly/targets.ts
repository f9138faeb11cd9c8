/** Operands that name an address by its distance from the instruction. */

import { type Fields, signExtend } from '../language/pattern.js';
import { find, type Named, named } from './named.js';

const PAGE_BITS = 12n;

const from = (address: bigint, distance: bigint): bigint => BigInt.asUintN(64, address + distance);

const TARGETS: Readonly<Record<string, Named<bigint>>> = {
  label26: named('imm26', ({ imm26 }, address) => from(address, signExtend(imm26, 26) * 4n)),
  label19: named('imm19', ({ imm19 }, address) => from(address, signExtend(imm19, 19) * 4n)),
  label14: named('imm14', ({ imm14 }, address) => from(address, signExtend(imm14, 14) * 4n)),
  label21: named('immhi immlo', ({ immhi, immlo }, address) => from(address, signExtend(immhi * 4 + immlo, 21))),
  page: named('immhi immlo', ({ immhi, immlo }, address) =>
    from((address >> PAGE_BITS) << PAGE_BITS, signExtend(immhi * 4 + immlo, 21) << PAGE_BITS),
  ),
};

/** Undefined where no such operand has the name. */
export const targetNamed = (
  name: string,
  widths: Readonly<Record<string, number>>,
): ((fields: Fields, address: bigint) => bigint) | undefined => find(TARGETS, name, widths);
