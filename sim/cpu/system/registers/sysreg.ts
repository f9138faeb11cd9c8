/** The encodings of system registers and of system operations. */

import type { SysregEncoding } from '../../state/sysreg-encoding.js';

/** An encoding as one number, whose parts are in the order in which an instruction has them. */
export const packEncoding = ({ op0, op1, crn, crm, op2 }: SysregEncoding): number =>
  (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;

/**
 * @param at as the assembler writes it, such as `S3_0_C1_C0_0`. @throws Error for another text: a mistake in a table
 */
export const parseEncoding = (at: string): SysregEncoding => {
  const parts = /^S([0-3])_([0-7])_C(\d+)_C(\d+)_([0-7])$/.exec(at)?.slice(1).map(Number);
  if (parts === undefined) throw new Error(`no encoding of a system register: ${at}`);
  const [op0, op1, crn, crm, op2] = parts as [number, number, number, number, number];
  return { op0, op1, crn, crm, op2 };
};

/** The least exception level that op1 stands for (Arm ARM C5.1.2); 3 for what EL3 and secure states have. */
export const LEVEL_OF_OP1: readonly number[] = [1, 1, 1, 0, 2, 3, 3, 3];

export const levelOf = ({ op1 }: SysregEncoding): number => LEVEL_OF_OP1[op1]!;
