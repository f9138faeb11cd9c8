/**
 * What the processor says about itself: a Cortex-A57 r1p0 (Cortex-A57 TRM, 4.2 and 4.3) with the Cryptographic
 * Extension, that can do two things more: 48-bit physical addresses, and 16K pages.
 */
import { HCR, isSet, SCTLR } from '../../state/control-bits.js';
import { hcr, register, userIf, type RegisterRow, type ResetFacts, type Trap } from './row.js';

const MIDR = 0x411f_d070n;
/** Bit 31 is RES1. */
const mpidr = ({ affinity }: ResetFacts): bigint => 0x8000_0000n | affinity;

const id = (
  name: string,
  at: string,
  reset: RegisterRow['reset'] = 0n,
  traps: readonly Trap[] = [hcr(HCR.TID3)],
): RegisterRow => register(name, at, { only: 'read', reset, traps });

/** EL0 and EL1 in both execution states; EL2 where the machine has it. EL3 is the firmware's, and hidden. */
const aa64pfr0 = ({ highestEl, hasInterruptRegisters }: ResetFacts): bigint =>
  (highestEl === 2 ? 0x222n : 0x22n) | (hasInterruptRegisters ? 1n << 24n : 0n);
const pfr1 = ({ highestEl, hasInterruptRegisters }: ResetFacts): bigint =>
  (highestEl === 2 ? 0x1_1001n : 0x1_0001n) | (hasInterruptRegisters ? 1n << 28n : 0n);

/** CCSIDR_EL1 by CSSELR_EL1: 32 KiB of L1 data cache, 48 KiB of L1 instruction cache, 2 MiB of L2 cache. */
const CACHES: Readonly<Record<string, bigint>> = { 0: 0x701f_e00an, 1: 0x201f_e012n, 2: 0x70ff_e07an };

export const ID_REGISTERS: readonly RegisterRow[] = [
  register('MIDR_EL1', 'S3_0_C0_C0_0', {
    only: 'read',
    reset: MIDR,
    read: ({ el, host, stored }) => stored(el === 1 && host.highestEl === 2 ? 'VPIDR_EL2' : 'MIDR_EL1'),
  }),
  register('MPIDR_EL1', 'S3_0_C0_C0_5', {
    only: 'read',
    reset: mpidr,
    read: ({ el, host, stored }) => stored(el === 1 && host.highestEl === 2 ? 'VMPIDR_EL2' : 'MPIDR_EL1'),
  }),
  register('VPIDR_EL2', 'S3_4_C0_C0_0', { reset: MIDR, writable: 0xffff_ffffn }),
  register('VMPIDR_EL2', 'S3_4_C0_C0_5', { reset: mpidr, writable: 0xff_c1ff_ffffn }),
  id('REVIDR_EL1', 'S3_0_C0_C0_6', 0n, [hcr(HCR.TID1)]),
  id('AIDR_EL1', 'S3_1_C0_C0_7', 0n, [hcr(HCR.TID1)]),

  id('ID_PFR0_EL1', 'S3_0_C0_C1_0', 0x131n),
  id('ID_PFR1_EL1', 'S3_0_C0_C1_1', pfr1),
  id('ID_DFR0_EL1', 'S3_0_C0_C1_2', 0x0301_0066n),
  id('ID_AFR0_EL1', 'S3_0_C0_C1_3'),
  id('ID_MMFR0_EL1', 'S3_0_C0_C1_4', 0x1010_1105n),
  id('ID_MMFR1_EL1', 'S3_0_C0_C1_5', 0x4000_0000n),
  id('ID_MMFR2_EL1', 'S3_0_C0_C1_6', 0x0126_0000n),
  id('ID_MMFR3_EL1', 'S3_0_C0_C1_7', 0x0210_2211n),
  id('ID_ISAR0_EL1', 'S3_0_C0_C2_0', 0x0210_1110n),
  id('ID_ISAR1_EL1', 'S3_0_C0_C2_1', 0x1311_2111n),
  id('ID_ISAR2_EL1', 'S3_0_C0_C2_2', 0x2123_2042n),
  id('ID_ISAR3_EL1', 'S3_0_C0_C2_3', 0x0111_2131n),
  id('ID_ISAR4_EL1', 'S3_0_C0_C2_4', 0x0001_1142n),
  id('ID_ISAR5_EL1', 'S3_0_C0_C2_5', 0x0001_1121n),
  id('MVFR0_EL1', 'S3_0_C0_C3_0', 0x1011_0222n),
  id('MVFR1_EL1', 'S3_0_C0_C3_1', 0x1211_1111n),
  id('MVFR2_EL1', 'S3_0_C0_C3_2', 0x43n),

  id('ID_AA64PFR0_EL1', 'S3_0_C0_C4_0', aa64pfr0),
  id('ID_AA64PFR1_EL1', 'S3_0_C0_C4_1'),
  id('ID_AA64DFR0_EL1', 'S3_0_C0_C5_0', 0x1030_5106n),
  id('ID_AA64DFR1_EL1', 'S3_0_C0_C5_1'),
  id('ID_AA64AFR0_EL1', 'S3_0_C0_C5_4'),
  id('ID_AA64AFR1_EL1', 'S3_0_C0_C5_5'),
  // CRC32, SHA-256, SHA-1, and AES with PMULL.
  id('ID_AA64ISAR0_EL1', 'S3_0_C0_C6_0', 0x1_1120n),
  id('ID_AA64ISAR1_EL1', 'S3_0_C0_C6_1'),
  // A Cortex-A57 has 0x1124: 44-bit addresses, and no 16K pages.
  id('ID_AA64MMFR0_EL1', 'S3_0_C0_C7_0', 0x10_1125n),
  id('ID_AA64MMFR1_EL1', 'S3_0_C0_C7_1'),

  id('CLIDR_EL1', 'S3_1_C0_C0_1', 0x0a20_0023n, [hcr(HCR.TID2)]),
  register('CSSELR_EL1', 'S3_2_C0_C0_0', { writable: 0xfn, traps: [hcr(HCR.TID2)] }),
  register('CCSIDR_EL1', 'S3_1_C0_C0_0', {
    only: 'read',
    traps: [hcr(HCR.TID2)],
    read: ({ stored }) => CACHES[stored('CSSELR_EL1').toString()] ?? 0n,
  }),
  // Cache lines of 64 bytes; L1 instruction cache indexed virtually, tagged physically.
  id('CTR_EL0', 'S3_3_C0_C0_1', 0x8444_c004n, [userIf('SCTLR_EL1', SCTLR.UCT), hcr(HCR.TID2)]),
  // DC ZVA writes 64 bytes. Bit 4, that it may not be used, depends on who asks.
  register('DCZID_EL0', 'S3_3_C0_C0_7', {
    only: 'read',
    read: ({ el, host, stored }) => {
      const userMayNot = el === 0 && !isSet(stored('SCTLR_EL1'), SCTLR.DZE);
      const trapped = el < 2 && host.highestEl === 2 && isSet(stored('HCR_EL2'), HCR.TDZ);
      return userMayNot || trapped ? 0x14n : 0x4n;
    },
  }),
];
