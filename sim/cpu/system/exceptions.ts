/** Synchronous exceptions as values: their syndromes, and the process state that they save and restore. */
import { EC, ISS_CACHE_MAINTENANCE, ISS_STEPPED, ISS_STEPPED_EXCLUSIVE, ISS_WRITE, makeEsr } from './esr.js';
import type { Stepped } from '../state/saved-cpu.js';
import { FaultStatus } from '../state/fault.js';
import { isSet } from '../state/control-bits.js';
import type { ExceptionLevel } from '../state/levels.js';

/** Process state that SPSR_ELx saves (Arm ARM D1.7). */
export interface Pstate {
  /** N, Z, C and V in bits 3 to 0. */
  readonly nzcv: number;
  /** D, A, I and F in bits 3 to 0: 1 masks. */
  readonly daif: number;
  readonly el: ExceptionLevel;
  /** 1 selects SP_ELx, 0 SP_EL0. */
  readonly spSel: 0 | 1;
}

const SPSR_IL = 1n << 20n;
const SPSR_SS = 21;

/** PSTATE as SPSR_ELx has it (Arm ARM C5.2.18). `illegal` is PSTATE.IL. */
export const packSpsr = ({ nzcv, daif, el, spSel }: Pstate, illegal = false, ss: 0 | 1 = 0): bigint =>
  (BigInt(nzcv) << 28n) |
  (BigInt(ss) << BigInt(SPSR_SS)) |
  (illegal ? SPSR_IL : 0n) |
  BigInt((daif << 6) | (el << 2) | spSel);

/** SPSR_ELx.SS. */
export const ssOf = (spsr: bigint): 0 | 1 => (isSet(spsr, SPSR_SS) ? 1 : 0);

/** What an exception return with a saved state leads to. */
export type Return =
  /** `illegalState`: PSTATE.IL is set, and the first instruction raises the exception of that name. */
  | { readonly kind: 'legal'; readonly pstate: Pstate; readonly illegalState: boolean }
  /** PSTATE.IL is set; exception level and stack pointer stay. */
  | { readonly kind: 'illegal'; readonly nzcv: number; readonly daif: number }
  | { readonly kind: 'aarch32' };

/** What decides where an exception return may go. */
export interface ReturnRules {
  readonly el: 1 | 2;
  /** HCR_EL2.TGE: nothing runs at EL1. */
  readonly tge: boolean;
  /** HCR_EL2.RW, or true where there is no EL2: EL1 is AArch64. */
  readonly el1Is64: boolean;
}

const AARCH32 = 0x10;
const AARCH32_USER = 0x10;
/** FIQ, IRQ, Supervisor, Abort, Undefined, System. */
const AARCH32_EL1: readonly number[] = [0x11, 0x12, 0x13, 0x17, 0x1b, 0x1f];

/** Decodes a saved state (Arm ARM D1.11.3 and D1.11.4, illegal return events). */
export const unpackSpsr = (spsr: bigint, { el: from, tge, el1Is64 }: ReturnRules): Return => {
  const nzcv = Number((spsr >> 28n) & 15n);
  const daif = Number((spsr >> 6n) & 15n);
  const mode = Number(spsr & 0x1fn);
  const el = mode >> 2;
  const spSel = mode & 1;
  const illegal: Return = { kind: 'illegal', nzcv, daif };
  if ((mode & AARCH32) !== 0) {
    const isEl1 = from === 2 && !el1Is64 && !tge && AARCH32_EL1.includes(mode);
    return mode === AARCH32_USER || isEl1 ? { kind: 'aarch32' } : illegal;
  }
  const isReserved = (mode & 2) !== 0 || mode === 1;
  const isTaken = from === 2 && ((el === 1 && tge) || (el < 2 && !el1Is64));
  if (isReserved || el > from || isTaken) return illegal;
  const pstate: Pstate = { nzcv, daif, el: el as ExceptionLevel, spSel: spSel as 0 | 1 };
  return { kind: 'legal', pstate, illegalState: (spsr & SPSR_IL) !== 0n };
};

/** Offset in the vector table of a synchronous exception (Arm ARM D1.10.2). */
export const vectorOffset = (from: Pick<Pstate, 'el' | 'spSel'>, target: ExceptionLevel): bigint => {
  if (from.el < target) return 0x400n;
  return from.spSel === 1 ? 0x200n : 0n;
};

/** A synchronous exception before it is taken. */
export interface Exception {
  readonly esr: bigint;
  /** For FAR_ELx; undefined leaves that register as it is. */
  readonly far?: bigint;
  /** The preferred return address is the next instruction: the call was carried out. */
  readonly isCall?: boolean;
  /** PSTATE.IL was set. */
  readonly isIllegalState?: boolean;
}

/** An abort as the part of the processor reports it that made the access. */
export interface Abort {
  readonly kind: 'instruction' | 'data';
  readonly virtAddr: bigint;
  /** ISS bits 5 to 0. */
  readonly faultStatus: number;
  readonly isWrite?: boolean;
  readonly cacheMaintenance?: boolean;
}

/** @param isLower the exception level of the access is below the one that takes the abort */
export const abortException = (abort: Abort, isLower: boolean): Exception => {
  const { kind, virtAddr: far, faultStatus, isWrite = false, cacheMaintenance = false } = abort;
  if (kind === 'instruction')
    return { esr: makeEsr(isLower ? EC.instructionAbortLower : EC.instructionAbortSame, faultStatus), far };
  const write = isWrite || cacheMaintenance ? ISS_WRITE : 0;
  const maintenance = cacheMaintenance ? ISS_CACHE_MAINTENANCE : 0;
  return { esr: makeEsr(isLower ? EC.dataAbortLower : EC.dataAbortSame, maintenance | write | faultStatus), far };
};

/** Debug exceptions have the same fault status in their syndromes. @param isLower as {@link abortException} */
export const hardwareBreakpointException = (isLower: boolean): Exception => ({
  esr: makeEsr(isLower ? EC.breakpointLower : EC.breakpointSame, FaultStatus.debug),
});
export const watchpointException = (far: bigint, isWrite: boolean, isLower: boolean): Exception => {
  const iss = (isWrite ? ISS_WRITE : 0) | FaultStatus.debug;
  return { esr: makeEsr(isLower ? EC.watchpointLower : EC.watchpointSame, iss), far };
};
export const softwareStepException = (stepped: Stepped, isLower: boolean): Exception => {
  const valid = stepped === 'nothing' ? 0 : ISS_STEPPED;
  const exclusive = stepped === 'load-exclusive' ? ISS_STEPPED_EXCLUSIVE : 0;
  const ec = isLower ? EC.softwareStepLower : EC.softwareStepSame;
  return { esr: makeEsr(ec, valid | exclusive | FaultStatus.debug) };
};

/** CV, and the condition "always": how AArch64 fills the syndromes that AArch32 makes conditional. */
const ALWAYS = (1 << 24) | (0xe << 20);

export const undefinedException: Exception = { esr: makeEsr(EC.unknown) };
export const illegalStateException: Exception = { esr: makeEsr(EC.illegalState), isIllegalState: true };
export const fpAccessException: Exception = { esr: makeEsr(EC.fpAccess, ALWAYS) };
export const spAlignmentException: Exception = { esr: makeEsr(EC.spAlignment) };
export const pcAlignmentException = (pc: bigint): Exception => ({ esr: makeEsr(EC.pcAlignment), far: pc });
export const waitException = (kind: 'wfi' | 'wfe'): Exception => ({
  esr: makeEsr(EC.wait, ALWAYS | (kind === 'wfe' ? 1 : 0)),
});
export const breakpointException = (imm16: number): Exception => ({ esr: makeEsr(EC.brk, imm16) });
export const callException = (kind: 'svc' | 'hvc', imm16: number): Exception => ({
  esr: makeEsr(EC[kind], imm16),
  isCall: true,
});
/** SMC that EL2 traps: the preferred return address is the instruction itself, and its immediate is not told. */
export const trappedSmcException = (imm16: number): Exception => ({ esr: makeEsr(EC.smc, imm16) });
