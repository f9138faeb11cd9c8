/** System instructions, written as their tests have them and carried out on a machine without code. */

import { SYSTEM } from '../../../sim/cpu/isa/system.js';
import { createDecoder } from '../../../sim/cpu/language/decode.js';
import { wordOf } from '../../../sim/cpu/language/encode.js';
import { parsePattern } from '../../../sim/cpu/language/pattern.js';
import { encode } from './assemble.js';
import type { FakeMachine } from './fake-core.js';

const decode = createDecoder(SYSTEM);

/** Carries out one system instruction, by its encoding. */
export const execute = ({ state }: FakeMachine, word: number): void => {
  const decoded = decode(word);
  if (decoded.kind !== 'row') throw new Error(`0x${word.toString(16)} is not allocated`);
  const { row, fields } = decoded;
  if ('semantics' in row && row.maintenance === undefined && row.system === undefined)
    throw new Error(`${row.name} is not for the system side`);
  state.execute(row, fields);
};

/** MRS of a register such as `S3_0_C1_C0_0`. */
export const mrs = (register: string, rt = 0): number => word(register, rt, true);

/** MSR, or SYS where op0 is 1. */
export const msr = (register: string, rt = 0): number => word(register, rt, false);

/** MSR SPSel: SP_EL0 for 0, SP_ELx for 1. */
export const selectSp = (which: 0 | 1): number => encode('MSR (immediate)', { op1: 0, CRm: which, op2: 5 });

/** op0 and what is behind it, which three rows have in common; any word of SYS, also one that has a row of its own. */
const ENCODING = parsePattern('1101010100 L:1 op0:2 op1:3 CRn:4 CRm:4 op2:3 Rt:5');

const word = (register: string, Rt: number, isRead: boolean): number => {
  const { groups } = /^S(?<op0>\d)_(?<op1>\d)_C(?<CRn>\d+)_C(?<CRm>\d+)_(?<op2>\d)$/.exec(register) ?? {};
  const fields = Object.entries(groups ?? {}).map(([name, digits]) => [name, Number(digits)] as const);
  return wordOf(ENCODING, { ...Object.fromEntries(fields), L: isRead ? 1 : 0, Rt });
};
