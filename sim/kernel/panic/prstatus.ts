/** The note that a kernel leaves of a processor's registers when it dies: NT_PRSTATUS (include/linux/elfcore.h). */
import { elfNote } from '../../../kexec/elf/elf-note.js';

/** What a processor was doing: struct user_pt_regs of arm64. */
export interface ProcessorRegisters {
  /** X0 to X30. */
  readonly x: readonly bigint[];
  readonly sp: bigint;
  readonly pc: bigint;
  readonly pstate: bigint;
}

const NT_PRSTATUS = 1;
const NAME = 'CORE';

/** struct elf_prstatus: its size, and where pr_pid and pr_reg are. All else a kernel that dies leaves zero. */
const PRSTATUS_BYTES = 392;
const PR_PID = 32;
const PR_REG = 112;

/** Registers of X0 to X30, SP, PC and PSTATE. */
const GENERAL = 31;

/** crash_save_cpu() (kernel/kexec_core.c, kernel/crash_core.c). @param pid of the process that ran there */
export const prstatusNote = ({ x, sp, pc, pstate }: ProcessorRegisters, pid: number): Uint8Array => {
  const desc = new Uint8Array(PRSTATUS_BYTES);
  const view = new DataView(desc.buffer);
  view.setUint32(PR_PID, pid, true);
  const values = [...Array.from({ length: GENERAL }, (_, i) => x[i] ?? 0n), sp, pc, pstate];
  values.forEach((value, i) => view.setBigUint64(PR_REG + 8 * i, value, true));
  return elfNote({ name: NAME, type: NT_PRSTATUS, desc });
};
