/** Syndromes, the values of ESR_ELx: how they are made, and what they say in words. */
import { FaultStatus } from '../state/fault.js';
import type { SysregEncoding } from '../state/sysreg-encoding.js';

/** Exception classes (Arm ARM D13.2.37, ESR_EL1.EC). */
export const EC = {
  unknown: 0x00,
  wait: 0x01,
  fpAccess: 0x07,
  illegalState: 0x0e,
  svc: 0x15,
  hvc: 0x16,
  smc: 0x17,
  systemRegister: 0x18,
  instructionAbortLower: 0x20,
  instructionAbortSame: 0x21,
  pcAlignment: 0x22,
  dataAbortLower: 0x24,
  dataAbortSame: 0x25,
  spAlignment: 0x26,
  breakpointLower: 0x30,
  breakpointSame: 0x31,
  softwareStepLower: 0x32,
  softwareStepSame: 0x33,
  watchpointLower: 0x34,
  watchpointSame: 0x35,
  brk: 0x3c,
} as const;

/** ISS.WnR and ISS.CM of a data abort; a watchpoint has the first, too. */
export const ISS_WRITE = 1 << 6;
export const ISS_CACHE_MAINTENANCE = 1 << 8;

/** ISS.ISV and ISS.EX of a software step: EX is valid, and the instruction was a load-exclusive. */
export const ISS_STEPPED = 1 << 24;
export const ISS_STEPPED_EXCLUSIVE = 1 << 6;

const EC_SHIFT = 26;
/** The instruction had 32 bits; also set where the syndrome speaks of none. */
const IL = 1n << 25n;

/** A syndrome for ESR_ELx. `ec` has 6 bits, `iss` 25. */
export const makeEsr = (ec: number, iss = 0): bigint => (BigInt(ec) << BigInt(EC_SHIFT)) | IL | BigInt(iss);

export const ecOf = (esr: bigint): number => Number((esr >> BigInt(EC_SHIFT)) & 0x3fn);
export const issOf = (esr: bigint): number => Number(esr & 0x1ff_ffffn);

/** Whether the exception is a call that the program made on purpose: SVC, HVC or SMC. */
export const isCall = (esr: bigint): boolean => ([EC.svc, EC.hvc, EC.smc] as readonly number[]).includes(ecOf(esr));

/** An MRS, MSR or SYS as ISS has it for EC 0x18. */
export interface TrappedAccess extends SysregEncoding {
  readonly rt: number;
  readonly isRead: boolean;
}

export const trapIss = ({ op0, op1, crn, crm, op2, rt, isRead }: TrappedAccess): number =>
  (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (rt << 5) | (crm << 1) | (isRead ? 1 : 0);

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

const LEVELLED: Readonly<Record<number, string>> = {
  [FaultStatus.addressSize]: 'address size fault',
  [FaultStatus.translation]: 'translation fault',
  [FaultStatus.accessFlag]: 'access flag fault',
  [FaultStatus.permission]: 'permission fault',
  [FaultStatus.externalAbortOnWalk]: 'external abort on a translation table walk',
};

/** A fault status code in words, such as `translation fault, level 2`. */
export const describeFaultStatus = (code: number): string => {
  if (code === FaultStatus.externalAbort) return 'external abort: nothing answers there';
  if (code === FaultStatus.alignment) return 'alignment fault';
  const levelled = LEVELLED[code & ~3];
  return levelled === undefined ? `fault status ${hex(code)}` : `${levelled}, level ${code & 3}`;
};

const dataAbort = (iss: number): string => {
  const isMaintenance = (iss & ISS_CACHE_MAINTENANCE) !== 0;
  const how = isMaintenance ? 'cache maintenance' : (iss & ISS_WRITE) !== 0 ? 'write' : 'read';
  return `${describeFaultStatus(iss & 0x3f)}, on a ${how}`;
};

const trappedAccess = (iss: number): string => {
  const name = `S${(iss >> 20) & 3}_${(iss >> 14) & 7}_C${(iss >> 10) & 15}_C${(iss >> 1) & 15}_${(iss >> 17) & 7}`;
  return `${(iss & 1) === 1 ? 'read' : 'write'} of ${name}, x${(iss >> 5) & 31}`;
};

const watchpoint = (iss: number): string => ((iss & ISS_WRITE) !== 0 ? 'a write' : 'a read');

const softwareStep = (iss: number): string => ((iss & ISS_STEPPED) !== 0 ? 'behind an instruction' : 'behind nothing');

const number16 = (iss: number): string => `#${hex(iss & 0xffff)}`;

/** What each class is called, and what its ISS says. */
const CLASSES: Readonly<Record<number, readonly [name: string, details?: (iss: number) => string]>> = {
  [EC.unknown]: ['undefined instruction'],
  [EC.wait]: ['trapped wait', (iss) => ((iss & 1) === 1 ? 'WFE' : 'WFI')],
  [EC.fpAccess]: ['trapped floating point or SIMD instruction'],
  [EC.illegalState]: ['illegal execution state'],
  [EC.svc]: ['SVC', number16],
  [EC.hvc]: ['HVC', number16],
  [EC.smc]: ['SMC', number16],
  [EC.systemRegister]: ['trapped system instruction', trappedAccess],
  [EC.instructionAbortLower]: ['instruction abort from a lower level', (iss) => describeFaultStatus(iss & 0x3f)],
  [EC.instructionAbortSame]: ['instruction abort', (iss) => describeFaultStatus(iss & 0x3f)],
  [EC.pcAlignment]: ['misaligned program counter'],
  [EC.dataAbortLower]: ['data abort from a lower level', dataAbort],
  [EC.dataAbortSame]: ['data abort', dataAbort],
  [EC.spAlignment]: ['misaligned stack pointer'],
  [EC.breakpointLower]: ['breakpoint at a lower level'],
  [EC.breakpointSame]: ['breakpoint'],
  [EC.softwareStepLower]: ['software step of a lower level', softwareStep],
  [EC.softwareStepSame]: ['software step', softwareStep],
  [EC.watchpointLower]: ['watchpoint at a lower level', watchpoint],
  [EC.watchpointSame]: ['watchpoint', watchpoint],
  [EC.brk]: ['BRK', number16],
};

/** Classes whose FAR_ELx is valid. */
const WITH_ADDRESS: readonly number[] = [
  EC.instructionAbortLower,
  EC.instructionAbortSame,
  EC.pcAlignment,
  EC.dataAbortLower,
  EC.dataAbortSame,
  EC.watchpointLower,
  EC.watchpointSame,
];

/**
 * A syndrome in words, such as `data abort: translation fault, level 2, on a write, at 0xdead0000`.
 * @param far FAR_ELx; named where the class has an address
 */
export const describeEsr = (esr: bigint, far?: bigint): string => {
  const ec = ecOf(esr);
  const [name, details] = CLASSES[ec] ?? [`exception class ${hex(ec)}, ISS ${hex(issOf(esr))}`];
  const what = details === undefined ? name : `${name}: ${details(issOf(esr))}`;
  return far !== undefined && WITH_ADDRESS.includes(ec) ? `${what}, at ${hex(far)}` : what;
};
