/** Debug (Arm ARM D13.3) and performance monitors (D13.4). The latter can be set up, and count nothing. */
import { MDCR } from '../../state/control-bits.js';
import { mdcr, refuse, register, userIf, userReadsIf, type LiveState, type RegisterRow, type Trap } from './row.js';

/** Who takes debug exceptions has the registers of debug, too. */
const TDE = mdcr(MDCR.TDE);
const TDA = [mdcr(MDCR.TDA), TDE];
const TDOSA = [mdcr(MDCR.TDOSA), TDE];
const TDRA = [mdcr(MDCR.TDRA), TDE];
const OSLSR_LOCKED = 2n;
/** OSLSR_EL1.OSLM: the OS lock is there. */
const OSLSR_PRESENT = 8n;
/** How many breakpoints and watchpoints there are, as ID_AA64DFR0_EL1 of a Cortex-A57 says. */
export const BREAKPOINTS = 6;
export const WATCHPOINTS = 4;
/** The last two breakpoints can match contexts (CTX_CMPs). */
export const FIRST_OF_CONTEXT = 4;
const DEBUG_CHANNEL = 'the debug communications channel';

/**
 * Breakpoints that match a context, wherever the program counter is, or a guest (DBGBCRn_EL1.BT above 1). One that only
 * lends its context ID to those that are linked to it, 3, is modelled, and the types 4 to 7 are reserved.
 */
const refuseContexts = (control: bigint): string | undefined => {
  const type = (control >> 20n) & 15n;
  return (control & 1n) === 1n && (type === 2n || type >= 8n) ? 'breakpoints of a context' : undefined;
};

const several = (count: number, row: (n: number) => readonly RegisterRow[]): readonly RegisterRow[] =>
  Array.from({ length: count }, (_, n) => row(n)).flat();

const DEBUG_REGISTERS: readonly RegisterRow[] = [
  register('MDSCR_EL1', 'S2_0_C0_C2_2', {
    writable: 0x6ce8_f041n,
    traps: TDA,
    affects: 'debug',
  }),
  register('MDCCINT_EL1', 'S2_0_C0_C2_0', { writable: 0x6000_0000n, traps: TDA }),
  register('OSECCR_EL1', 'S2_0_C0_C6_2', { writable: 0xffff_ffffn, traps: TDA }),
  register('MDRAR_EL1', 'S2_0_C1_C0_0', { only: 'read', traps: TDRA }),
  register('OSLAR_EL1', 'S2_0_C1_C0_4', {
    only: 'write',
    traps: TDOSA,
    affects: 'debug',
    write: ({ store }, value) => store('OSLSR_EL1', OSLSR_PRESENT | ((value & 1n) === 0n ? 0n : OSLSR_LOCKED)),
  }),
  register('OSLSR_EL1', 'S2_0_C1_C1_4', { only: 'read', reset: OSLSR_PRESENT | OSLSR_LOCKED, traps: TDOSA }),
  register('OSDLR_EL1', 'S2_0_C1_C3_4', { writable: 1n, traps: TDOSA, affects: 'debug' }),
  register('DBGPRCR_EL1', 'S2_0_C1_C4_4', { writable: 1n, traps: TDOSA, affects: 'debug' }),
  register('DBGCLAIMSET_EL1', 'S2_0_C7_C8_6', {
    traps: TDA,
    read: () => 0xffn,
    write: ({ stored, store }, value) => store('DBGCLAIMCLR_EL1', stored('DBGCLAIMCLR_EL1') | (value & 0xffn)),
  }),
  register('DBGCLAIMCLR_EL1', 'S2_0_C7_C9_6', {
    traps: TDA,
    write: ({ stored, store }, value) => store('DBGCLAIMCLR_EL1', stored('DBGCLAIMCLR_EL1') & ~value),
  }),
  register('DBGAUTHSTATUS_EL1', 'S2_0_C7_C14_6', { only: 'read', reset: 0xaan, traps: TDA }),
  register('DBGVCR32_EL2', 'S2_4_C0_C7_0', { writable: 0xffff_ffffn }),
  ...several(BREAKPOINTS, (n) => [
    register(`DBGBVR${n}_EL1`, `S2_0_C0_C${n}_4`, { traps: TDA, affects: 'debug' }),
    register(`DBGBCR${n}_EL1`, `S2_0_C0_C${n}_5`, {
      writable: 0xff_e1e7n,
      traps: TDA,
      affects: 'debug',
      ...(n < FIRST_OF_CONTEXT ? {} : { unmodelled: refuseContexts }),
    }),
  ]),
  ...several(WATCHPOINTS, (n) => [
    register(`DBGWVR${n}_EL1`, `S2_0_C0_C${n}_6`, { traps: TDA, affects: 'debug' }),
    register(`DBGWCR${n}_EL1`, `S2_0_C0_C${n}_7`, {
      writable: 0x1f1f_ffffn,
      traps: TDA,
      affects: 'debug',
    }),
  ]),
  register('MDCCSR_EL0', 'S2_3_C0_C1_0', { only: 'read', absent: DEBUG_CHANNEL }),
  register('DBGDTR_EL0', 'S2_3_C0_C4_0', { absent: DEBUG_CHANNEL }),
  register('DBGDTRRX_EL0', 'S2_3_C0_C5_0', { absent: DEBUG_CHANNEL }),
  register('OSDTRRX_EL1', 'S2_0_C0_C0_2', { absent: DEBUG_CHANNEL }),
  register('OSDTRTX_EL1', 'S2_0_C0_C3_2', { absent: DEBUG_CHANNEL }),
];

const EVENT_COUNTERS = 6;
const COUNTERS = 0x8000_003fn;
const PMUSERENR = 'PMUSERENR_EL0';
/** PMUSERENR_EL0.EN, and what else allows EL0 one thing each: SW, CR, ER. */
const TPM = mdcr(MDCR.TPM);
const USER: readonly Trap[] = [userIf(PMUSERENR, 0), TPM];

/** Two registers that read alike; one sets the bits that are written as 1, the other clears them. */
const setAndClear = (
  set: string,
  setAt: string,
  clear: string,
  clearAt: string,
  traps: readonly Trap[],
): readonly RegisterRow[] => {
  const row = (name: string, at: string, change: (old: bigint, value: bigint) => bigint): RegisterRow =>
    register(name, at, {
      traps,
      read: ({ stored }: LiveState) => stored(set),
      write: ({ stored, store }: LiveState, value: bigint) => store(set, change(stored(set), value & COUNTERS)),
    });
  return [row(set, setAt, (old, value) => old | value), row(clear, clearAt, (old, value) => old & ~value)];
};

const selected = (state: LiveState, kind: 'CNTR' | 'TYPER'): string | undefined => {
  const n = Number(state.stored('PMSELR_EL0') & 31n);
  if (n < EVENT_COUNTERS) return `PMEV${kind}${n}_EL0`;
  return n === 31 && kind === 'TYPER' ? 'PMCCFILTR_EL0' : undefined;
};

/** The event counter or its type that PMSELR_EL0 selects. */
const indirect = (kind: 'CNTR' | 'TYPER'): Pick<Required<RegisterRow>, 'read' | 'write'> => ({
  read: (state) => {
    const name = selected(state, kind);
    return name === undefined ? 0n : state.stored(name);
  },
  write: (state, value) => {
    const name = selected(state, kind);
    if (name !== undefined) state.store(name, value & 0xffff_ffffn);
  },
});

const PERFORMANCE_MONITORS: readonly RegisterRow[] = [
  // IMP, IDCODE and N are fixed; E, DP, X, D and LC stay; P and C only reset counters that do not count.
  register('PMCR_EL0', 'S3_3_C9_C12_0', {
    reset: 0x4101_3000n,
    writable: 0x79n,
    traps: [userIf(PMUSERENR, 0), TPM, mdcr(MDCR.TPMCR)],
    unmodelled: refuse(1n, 'performance counters that count'),
  }),
  ...setAndClear('PMCNTENSET_EL0', 'S3_3_C9_C12_1', 'PMCNTENCLR_EL0', 'S3_3_C9_C12_2', USER),
  ...setAndClear('PMOVSSET_EL0', 'S3_3_C9_C14_3', 'PMOVSCLR_EL0', 'S3_3_C9_C12_3', USER),
  ...setAndClear('PMINTENSET_EL1', 'S3_0_C9_C14_1', 'PMINTENCLR_EL1', 'S3_0_C9_C14_2', [TPM]),
  register('PMSWINC_EL0', 'S3_3_C9_C12_4', { only: 'write', traps: [userIf(PMUSERENR, 0, 1), TPM], write: () => {} }),
  register('PMSELR_EL0', 'S3_3_C9_C12_5', { writable: 0x1fn, traps: [userIf(PMUSERENR, 0, 3), TPM] }),
  register('PMCEID0_EL0', 'S3_3_C9_C12_6', { only: 'read', traps: USER }),
  register('PMCEID1_EL0', 'S3_3_C9_C12_7', { only: 'read', traps: USER }),
  register('PMCCNTR_EL0', 'S3_3_C9_C13_0', {
    traps: [userReadsIf(PMUSERENR, 0, 2), { ...userIf(PMUSERENR, 0), on: 'write' }, TPM],
  }),
  register('PMXEVTYPER_EL0', 'S3_3_C9_C13_1', { traps: USER, ...indirect('TYPER') }),
  register('PMXEVCNTR_EL0', 'S3_3_C9_C13_2', {
    traps: [userReadsIf(PMUSERENR, 0, 3), { ...userIf(PMUSERENR, 0), on: 'write' }, TPM],
    ...indirect('CNTR'),
  }),
  register(PMUSERENR, 'S3_3_C9_C14_0', { writeEl: 1, writable: 0xfn, traps: [TPM] }),
  register('PMCCFILTR_EL0', 'S3_3_C14_C15_7', { writable: 0xf800_0000n, traps: USER }),
  ...several(EVENT_COUNTERS, (n) => [
    register(`PMEVCNTR${n}_EL0`, `S3_3_C14_C8_${n}`, { writable: 0xffff_ffffn, traps: USER }),
    register(`PMEVTYPER${n}_EL0`, `S3_3_C14_C12_${n}`, { writable: 0xfe00_03ffn, traps: USER }),
  ]),
];

export const DEBUG_AND_MONITORS: readonly RegisterRow[] = [...DEBUG_REGISTERS, ...PERFORMANCE_MONITORS];
