/** The system registers that matter on the way out of Linux, as it leaves them. */
import type { CpuModel } from '../../cpu/state/model.js';
import type { Relocation } from '../facts/generations.js';

/** Read and write as the level below sees it: nothing is trapped, EL1 is 64 bits (HCR_HOST_NVHE_FLAGS: HCR_EL2.RW). */
const HCR_EL2 = 1n << 31n;
/** INIT_SCTLR_EL2_MMU_OFF: the bits that are always one (arch/arm64/include/asm/sysreg.h). */
const SCTLR_EL2 = 0x30c5_0830n;
/** Nothing of CPTR_EL2 traps; the other bits are always one. */
const CPTR_EL2 = 0x33ffn;
/** EL1 may use the physical counter and timer. */
const CNTHCTL_EL2 = 3n;
/** INIT_SCTLR_EL1_MMU_ON of ARMv8.0: M, C, SA, SA0, SED, I, DZE, UCT, nTWE, UCI, and the bits that are always one. */
const SCTLR_EL1 = 0x34d4_d91dn;
/** FPEN: floating point is trapped nowhere. */
const CPACR_EL1 = 3n << 20n;

/** MAIR_EL1_SET (arch/arm64/mm/proc.S): type 0 is normal memory; the others moved when write-through went. */
const MAIR_EL1: Readonly<Record<Relocation, bigint>> = {
  mmu_off: 0x000c_0400_bb44_ffffn,
  mmu_on: 0x0000_0004_0044_ffffn,
};

/** TCR_EL1.TG0 and TG1 for a page size in bytes (Arm ARM D13.2.131). */
const GRANULES: Readonly<Record<string, { readonly tg0: bigint; readonly tg1: bigint }>> = {
  4096: { tg0: 0n, tg1: 2n },
  16384: { tg0: 2n, tg1: 1n },
  65536: { tg0: 1n, tg1: 3n },
};

export interface LinuxRegisters {
  readonly relocation: Relocation;
  readonly bootEl: 1 | 2;
  readonly pageSize: bigint;
  readonly addressBits: number;
  /** Physical address of a table that maps nothing, and of the kernel's own. */
  readonly reservedTable: bigint;
  readonly kernelTable: bigint;
  /** Virtual address of the kernel's vectors. */
  readonly vectors: bigint;
  /** Physical address of the stub's vectors at EL2. */
  readonly hypVectors: bigint;
}

/** Puts the processor where the kernel is, at EL1 with the MMU on and interrupts masked. */
export const setLinuxRegisters = (cpu: CpuModel, registers: LinuxRegisters): void => {
  const { relocation, bootEl, reservedTable, kernelTable, vectors, hypVectors } = registers;
  if (bootEl === 2) {
    cpu.setSystemRegister('HCR_EL2', HCR_EL2);
    cpu.setSystemRegister('SCTLR_EL2', SCTLR_EL2);
    cpu.setSystemRegister('CPTR_EL2', CPTR_EL2);
    cpu.setSystemRegister('CNTHCTL_EL2', CNTHCTL_EL2);
    cpu.setSystemRegister('VBAR_EL2', hypVectors);
  }
  cpu.setEl(1);
  cpu.setSystemRegister('CPACR_EL1', CPACR_EL1);
  cpu.setSystemRegister('VBAR_EL1', vectors);
  cpu.setSystemRegister('MAIR_EL1', MAIR_EL1[relocation]);
  cpu.setSystemRegister('TCR_EL1', tcr(cpu, registers));
  cpu.setSystemRegister('TTBR0_EL1', reservedTable);
  cpu.setSystemRegister('TTBR1_EL1', kernelTable);
  cpu.setSystemRegister('SCTLR_EL1', SCTLR_EL1);
  cpu.daif = 0xf;
};

/** The largest size that TCR_EL1.IPS may name: 48 bits. */
const IPS_MOST = 5n;

/** arch/arm64/mm/proc.S: walks are cached and inner shareable, ASIDs have 16 bits and come with TTBR1, TBI0 is on. */
const tcr = (cpu: CpuModel, { pageSize, addressBits }: LinuxRegisters): bigint => {
  const { tg0, tg1 } = GRANULES[`${pageSize}`]!;
  const parange = cpu.getSystemRegister('ID_AA64MMFR0_EL1') & 0xfn;
  const ips = parange < IPS_MOST ? parange : IPS_MOST;
  // TnSZ, IRGNn, ORGNn and SHn.
  const half = BigInt(64 - addressBits) | (1n << 8n) | (1n << 10n) | (3n << 12n);
  const [a1, as, tbi0] = [1n << 22n, 1n << 36n, 1n << 37n];
  return half | (tg0 << 14n) | (half << 16n) | (tg1 << 30n) | (ips << 32n) | a1 | as | tbi0;
};
