/** Instructions that a process under qemu cannot judge, and why. */

import type { Fields } from '../../../sim/cpu/language/pattern.js';
import type { InstructionRow } from '../../../sim/cpu/language/row.js';
import type { Random } from '../../fuzz/mutate.js';
import { pick } from './operands.js';

/** System registers whose value in user mode does not depend on the kernel or the processor: op1, CRn, CRm, op2. */
type Register = readonly [op1: number, crn: number, crm: number, op2: number];

const WRITABLE: readonly Register[] = [
  [3, 4, 2, 0], // NZCV
  [3, 13, 0, 2], // TPIDR_EL0
];
/** FPCR has more bits on qemu's processor, which are not to be set. */
const READABLE: readonly Register[] = [...WRITABLE, [3, 4, 4, 0]];

/** Why user mode cannot judge a row; undefined where it can. The tests of system mode have these instructions. */
export const excludedFromUserMode = (row: InstructionRow): string | undefined => {
  if (/^(?:SVC|BRK)/.test(row.name)) return 'ends the sequence';
  if (/^(?:WFE|WFI|WFET|WFIT)\b/.test(row.name)) return 'waits';
  if (/^(?:HVC|SMC|HLT|DCPS|ERET|DRPS|UDF)/.test(row.name)) return 'undefined in user mode';
  if ('system' in row && row.fp !== true && !/^(?:MRS|MSR \(register\)|NOP|HINT|YIELD|SEV|Hint)/.test(row.name))
    return 'acts on the system';
  return undefined;
};

/** MRS and MSR, of which {@link systemRegisterFields} are the fields. */
export const namesSystemRegister = ({ name }: InstructionRow): boolean => /^(?:MRS|MSR \(register\))/.test(name);

/** Fields of MRS and MSR that name a register that user mode may read and write. */
export const systemRegisterFields = (random: Random, { name }: InstructionRow): Fields => {
  const [op1, crn, crm, op2] = pick(random, name.startsWith('MRS') ? READABLE : WRITABLE);
  return { o0: 1, op1, CRn: crn, CRm: crm, op2 };
};
