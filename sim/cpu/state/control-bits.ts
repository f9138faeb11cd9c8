/** Positions of bits in control registers, by their names in the Arm ARM (D13.2). */

/** SCTLR_EL1 and SCTLR_EL2; what is about EL0 is in the first only. */
export const SCTLR = {
  M: 0,
  A: 1,
  C: 2,
  SA: 3,
  SA0: 4,
  UMA: 9,
  DZE: 14,
  UCT: 15,
  nTWI: 16,
  nTWE: 18,
  WXN: 19,
  E0E: 24,
  EE: 25,
  UCI: 26,
} as const;

/** CPACR_EL1; FPEN is a field of two bits, of which this is the lower. */
export const CPACR = { FPEN: 20 } as const;

/** The cumulative bits of FPSR (Arm ARM C5.2.10). */
export const FPSR = { IOC: 0, DZC: 1, OFC: 2, UFC: 3, IXC: 4, IDC: 7, QC: 27 } as const;
/** What FPSR holds: its cumulative bits, and N, Z, C and V of AArch32's comparisons. */
export const FPSR_WRITABLE = 0xf800_009fn;

/** HCR_EL2. */
export const HCR = {
  VM: 0,
  FMO: 3,
  IMO: 4,
  DC: 12,
  TWI: 13,
  TWE: 14,
  TID1: 16,
  TID2: 17,
  TID3: 18,
  TSC: 19,
  TIDCP: 20,
  TACR: 21,
  TSW: 22,
  TPC: 23,
  TPU: 24,
  TTLB: 25,
  TVM: 26,
  TGE: 27,
  TDZ: 28,
  HCD: 29,
  TRVM: 30,
  RW: 31,
} as const;

/** CPTR_EL2, where HCR_EL2.E2H is not. */
export const CPTR = { TFP: 10, TCPAC: 31 } as const;

/** MDCR_EL2. */
export const MDCR = { TPMCR: 5, TPM: 6, TDE: 8, TDA: 9, TDOSA: 10, TDRA: 11 } as const;

/** MDSCR_EL1. */
export const MDSCR = { SS: 0, KDE: 13, MDE: 15 } as const;

/** The locks of debug registers and exceptions: OSLSR_EL1, OSDLR_EL1, and DBGPRCR_EL1, which undoes the latter. */
export const OSLSR = { OSLK: 1 } as const;
export const OSDLR = { DLK: 0 } as const;
export const DBGPRCR = { CORENPDRQ: 0 } as const;

/** ISR_EL1, by the inputs that are high. */
export const ISR = { irq: 7, fiq: 6 } as const;

/** Whether a bit of a register's value is one. */
export const isSet = (value: bigint, bit: number): boolean => ((value >> BigInt(bit)) & 1n) === 1n;

/** Some bits of a register's value, from a position on, as a number. */
export const fieldOf = (value: bigint, shift: number, width: number): number =>
  Number((value >> BigInt(shift)) & ((1n << BigInt(width)) - 1n));
