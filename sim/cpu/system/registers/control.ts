/** Registers that control the processor, and those of exceptions (Arm ARM D13.2), as a Cortex-A57 has them. */
import { CPTR, FPSR_WRITABLE, HCR, ISR, SCTLR } from '../../state/control-bits.js';
import { hcr, refuse, register, userIf, type RegisterRow, type Trap } from './row.js';

const TRVM = hcr(HCR.TRVM, 'read');
const TVM = hcr(HCR.TVM, 'write');
/** Who controls a guest's virtual memory. */
const VIRTUAL_MEMORY: readonly Trap[] = [TRVM, TVM];
const TIDCP = [hcr(HCR.TIDCP)];
const TACR = [hcr(HCR.TACR)];
const TCPAC: readonly Trap[] = [{ to: 2, register: 'CPTR_EL2', bits: [CPTR.TCPAC], when: 1, on: 'both' }];

const WORD = 0xffff_ffffn;
const VECTORS = 0xffff_ffff_ffff_f800n;
/** EE and E0E of SCTLR_EL1, EE of SCTLR_EL2. */
const refuseBigEndian = refuse(0x300_0000n, 'big-endian data');
const AARCH32 = 'the AArch32 state';
const CACHE_RAM = 'access to the RAM of the caches';

const EL0_AND_EL1: readonly RegisterRow[] = [
  // RES1 bits hold what is written: software writes 1, and the reset value of a Cortex-A57 has 0 in some.
  register('SCTLR_EL1', 'S3_0_C1_C0_0', {
    reset: 0x00c5_0838n,
    writable: 0x37dd_dbbfn,
    traps: VIRTUAL_MEMORY,
    affects: 'context',
    unmodelled: refuseBigEndian,
  }),
  register('ACTLR_EL1', 'S3_0_C1_C0_1', { writable: 0n, traps: TACR }),
  register('CPACR_EL1', 'S3_0_C1_C0_2', { writable: 0x30_0000n, traps: TCPAC, affects: 'context' }),
  register('TTBR0_EL1', 'S3_0_C2_C0_0', { traps: VIRTUAL_MEMORY, affects: 'space' }),
  register('TTBR1_EL1', 'S3_0_C2_C0_1', { traps: VIRTUAL_MEMORY, affects: 'space' }),
  register('TCR_EL1', 'S3_0_C2_C0_2', { writable: 0x77_ffff_ffbfn, traps: VIRTUAL_MEMORY, affects: 'addresses' }),
  register('MAIR_EL1', 'S3_0_C10_C2_0', { traps: VIRTUAL_MEMORY, affects: 'addresses' }),
  register('AMAIR_EL1', 'S3_0_C10_C3_0', { writable: 0n, traps: VIRTUAL_MEMORY }),
  register('CONTEXTIDR_EL1', 'S3_0_C13_C0_1', { writable: WORD, traps: VIRTUAL_MEMORY }),
  register('AFSR0_EL1', 'S3_0_C5_C1_0', { writable: 0n, traps: VIRTUAL_MEMORY }),
  register('AFSR1_EL1', 'S3_0_C5_C1_1', { writable: 0n, traps: VIRTUAL_MEMORY }),
  register('ESR_EL1', 'S3_0_C5_C2_0', { writable: WORD, traps: VIRTUAL_MEMORY }),
  register('FAR_EL1', 'S3_0_C6_C0_0', { traps: VIRTUAL_MEMORY }),
  register('PAR_EL1', 'S3_0_C7_C4_0'),
  register('VBAR_EL1', 'S3_0_C12_C0_0', { writable: VECTORS }),
  register('ISR_EL1', 'S3_0_C12_C1_0', {
    only: 'read',
    read: ({ inputs }) => [...inputs].reduce((bits, input) => bits | (1n << BigInt(ISR[input])), 0n),
  }),
  register('SPSR_EL1', 'S3_0_C4_C0_0', { writable: WORD }),
  register('ELR_EL1', 'S3_0_C4_C0_1'),
  register('TPIDR_EL1', 'S3_0_C13_C0_4'),
  register('TPIDR_EL0', 'S3_3_C13_C0_2'),
  register('TPIDRRO_EL0', 'S3_3_C13_C0_3', { writeEl: 1 }),
];

const EL2: readonly RegisterRow[] = [
  register('SCTLR_EL2', 'S3_4_C1_C0_0', {
    reset: 0x30c5_0838n,
    writable: 0x32cd_183fn,
    affects: 'context',
    unmodelled: refuseBigEndian,
  }),
  register('ACTLR_EL2', 'S3_4_C1_C0_1', { writable: 0x73n }),
  register('HCR_EL2', 'S3_4_C1_C1_0', {
    writable: 0x3_ffff_ffffn,
    affects: 'context',
    unmodelled: refuse(0x1c0n, 'virtual interrupts'),
  }),
  register('MDCR_EL2', 'S3_4_C1_C1_1', { reset: 6n, writable: 0xfffn }),
  // RES1 bits are RES1 here: 13, 12, 9 to 0.
  register('CPTR_EL2', 'S3_4_C1_C1_2', { reset: 0x33ffn, writable: 0x8000_0400n, affects: 'context' }),
  register('HSTR_EL2', 'S3_4_C1_C1_3', { writable: 0xbfefn }),
  register('HACR_EL2', 'S3_4_C1_C1_7', { writable: 0n }),
  register('TTBR0_EL2', 'S3_4_C2_C0_0', { affects: 'addresses' }),
  register('TCR_EL2', 'S3_4_C2_C0_2', { reset: 0x8080_0000n, writable: 0x17_ff3fn, affects: 'addresses' }),
  register('VTTBR_EL2', 'S3_4_C2_C1_0'),
  register('VTCR_EL2', 'S3_4_C2_C1_2', { reset: 0x8000_0000n, writable: 0x7_ffffn }),
  register('MAIR_EL2', 'S3_4_C10_C2_0', { affects: 'addresses' }),
  register('AMAIR_EL2', 'S3_4_C10_C3_0', { writable: 0n }),
  register('AFSR0_EL2', 'S3_4_C5_C1_0', { writable: 0n }),
  register('AFSR1_EL2', 'S3_4_C5_C1_1', { writable: 0n }),
  register('ESR_EL2', 'S3_4_C5_C2_0', { writable: WORD }),
  register('FAR_EL2', 'S3_4_C6_C0_0'),
  register('HPFAR_EL2', 'S3_4_C6_C0_4', { writable: 0xff_ffff_fff0n }),
  register('VBAR_EL2', 'S3_4_C12_C0_0', { writable: VECTORS }),
  register('SPSR_EL2', 'S3_4_C4_C0_0', { writable: WORD }),
  register('ELR_EL2', 'S3_4_C4_C0_1'),
  register('TPIDR_EL2', 'S3_4_C13_C0_2'),
  // What EL2 keeps for an AArch32 guest.
  register('DACR32_EL2', 'S3_4_C3_C0_0', { writable: WORD }),
  register('IFSR32_EL2', 'S3_4_C5_C0_1', { writable: WORD }),
  register('FPEXC32_EL2', 'S3_4_C5_C3_0', { reset: 0x700n, writable: 0x4000_0000n, fp: true }),
  register('SPSR_irq', 'S3_4_C4_C3_0', { writable: WORD }),
  register('SPSR_abt', 'S3_4_C4_C3_1', { writable: WORD }),
  register('SPSR_und', 'S3_4_C4_C3_2', { writable: WORD }),
  register('SPSR_fiq', 'S3_4_C4_C3_3', { writable: WORD }),
];

/** Parts of PSTATE and other registers of the processor that instructions know, too. */
const LIVE: readonly RegisterRow[] = [
  register('CurrentEL', 'S3_0_C4_C2_2', { only: 'read', read: ({ el }) => BigInt(el << 2) }),
  register('SPSel', 'S3_0_C4_C2_0', {
    read: ({ spSel }) => BigInt(spSel),
    write: (state, value) => state.selectSp((value & 1n) === 0n ? 0 : 1),
  }),
  register('DAIF', 'S3_3_C4_C2_1', {
    traps: [userIf('SCTLR_EL1', SCTLR.UMA)],
    read: ({ daif }) => BigInt(daif << 6),
    write: (state, value) => {
      state.daif = Number((value >> 6n) & 15n);
    },
  }),
  register('NZCV', 'S3_3_C4_C2_0', {
    read: ({ core }) => BigInt(core.nzcv) << 28n,
    write: ({ core }, value) => {
      core.nzcv = Number((value >> 28n) & 15n);
    },
  }),
  // AHP, DN, FZ and RMode; the trap enables read as zero on a processor that cannot trap.
  register('FPCR', 'S3_3_C4_C4_0', {
    fp: true,
    read: ({ core }) => BigInt(core.fpcr >>> 0),
    write: ({ core }, value) => {
      core.fpcr = Number(value & 0x7c0_0000n);
    },
  }),
  register('FPSR', 'S3_3_C4_C4_1', { fp: true, writable: FPSR_WRITABLE }),
  ...([0, 1, 2] as const).map((el) =>
    // SP_ELx is reached from the exception level above.
    register(`SP_EL${el}`, ['S3_0_C4_C1_0', 'S3_4_C4_C1_0', 'S3_6_C4_C1_0'][el]!, {
      read: (state) => state.getSp(el),
      write: (state, value) => state.setSp(el, value),
    }),
  ),
];

/** IMPLEMENTATION DEFINED registers (Cortex-A57 TRM, 4.3.65 on): they hold what is written. */
const CORTEX_A57: readonly RegisterRow[] = [
  register('CPUACTLR_EL1', 'S3_1_C15_C2_0', { traps: TIDCP }),
  register('CPUECTLR_EL1', 'S3_1_C15_C2_1', { reset: 0x1b_0000_0000n, traps: TIDCP }),
  register('CPUMERRSR_EL1', 'S3_1_C15_C2_2', { traps: TIDCP }),
  register('L2MERRSR_EL1', 'S3_1_C15_C2_3', { traps: TIDCP }),
  register('L2ACTLR_EL1', 'S3_1_C15_C0_0', { writable: WORD, traps: TIDCP }),
  register('CBAR_EL1', 'S3_1_C15_C3_0', { only: 'read', traps: TIDCP }),
  register('L2CTLR_EL1', 'S3_1_C11_C0_2', { writable: WORD, traps: TIDCP }),
  register('L2ECTLR_EL1', 'S3_1_C11_C0_3', { writable: WORD, traps: TIDCP }),
  ...[0, 1, 2, 3].map((n) => register(`IL1DATA${n}_EL1`, `S3_0_C15_C0_${n}`, { absent: CACHE_RAM })),
  ...[0, 1, 2, 3, 4].map((n) => register(`DL1DATA${n}_EL1`, `S3_0_C15_C1_${n}`, { absent: CACHE_RAM })),
];

/** The interface of a GICv3 (IHI 0069, 12.2), which is the interrupt controller's. */
const INTERRUPT_CONTROLLER: readonly RegisterRow[] = [
  ...(
    [
      ['ICC_PMR_EL1', 'S3_0_C4_C6_0'],
      ['ICC_IAR0_EL1', 'S3_0_C12_C8_0'],
      ['ICC_EOIR0_EL1', 'S3_0_C12_C8_1'],
      ['ICC_HPPIR0_EL1', 'S3_0_C12_C8_2'],
      ['ICC_BPR0_EL1', 'S3_0_C12_C8_3'],
      ['ICC_AP0R0_EL1', 'S3_0_C12_C8_4'],
      ['ICC_AP1R0_EL1', 'S3_0_C12_C9_0'],
      ['ICC_DIR_EL1', 'S3_0_C12_C11_1'],
      ['ICC_RPR_EL1', 'S3_0_C12_C11_3'],
      ['ICC_SGI1R_EL1', 'S3_0_C12_C11_5'],
      ['ICC_ASGI1R_EL1', 'S3_0_C12_C11_6'],
      ['ICC_SGI0R_EL1', 'S3_0_C12_C11_7'],
      ['ICC_IAR1_EL1', 'S3_0_C12_C12_0'],
      ['ICC_EOIR1_EL1', 'S3_0_C12_C12_1'],
      ['ICC_HPPIR1_EL1', 'S3_0_C12_C12_2'],
      ['ICC_BPR1_EL1', 'S3_0_C12_C12_3'],
      ['ICC_CTLR_EL1', 'S3_0_C12_C12_4'],
      ['ICC_SRE_EL1', 'S3_0_C12_C12_5'],
      ['ICC_IGRPEN0_EL1', 'S3_0_C12_C12_6'],
      ['ICC_IGRPEN1_EL1', 'S3_0_C12_C12_7'],
      ['ICH_AP0R0_EL2', 'S3_4_C12_C8_0'],
      ['ICH_AP1R0_EL2', 'S3_4_C12_C9_0'],
      ['ICC_SRE_EL2', 'S3_4_C12_C9_5'],
      ['ICH_HCR_EL2', 'S3_4_C12_C11_0'],
      ['ICH_VTR_EL2', 'S3_4_C12_C11_1'],
      ['ICH_MISR_EL2', 'S3_4_C12_C11_2'],
      ['ICH_EISR_EL2', 'S3_4_C12_C11_3'],
      ['ICH_ELRSR_EL2', 'S3_4_C12_C11_5'],
      ['ICH_VMCR_EL2', 'S3_4_C12_C11_7'],
      ...[0, 1, 2, 3].map((n) => [`ICH_LR${n}_EL2`, `S3_4_C12_C12_${n}`] as const),
    ] as const
  ).map(([name, at]) =>
    register(name, at, {
      ofInterruptController: true,
      read: ({ host, model }) => host.interruptRegisters?.read(model(), name) ?? 0n,
      write: ({ host, model }, value) => host.interruptRegisters?.write(model(), name, value),
    }),
  ),
];

const ABSENT: readonly RegisterRow[] = [register('SDER32_EL3', 'S3_6_C1_C1_1', { absent: AARCH32 })];

export const CONTROL_REGISTERS: readonly RegisterRow[] = [
  ...EL0_AND_EL1,
  ...EL2,
  ...LIVE,
  ...CORTEX_A57,
  ...INTERRUPT_CONTROLLER,
  ...ABSENT,
];
