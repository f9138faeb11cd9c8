/** What comes of looking an address up: a page, or a fault. */

export type AccessKind = 'read' | 'write' | 'execute';

/** Where a 4 KiB page of virtual addresses leads. */
export interface ResolvedPage {
  /** Physical address of the page; multiple of 4096. */
  readonly page: number;
  /** Device memory: unaligned access faults. */
  readonly device: boolean;
  /** Whoever may do this access may write there, too, which is never without reading. */
  readonly writable: boolean;
}

/** A fault of a table walk or of the access itself, as the syndrome's fault status code (ISS bits 5 to 0) has it. */
export interface Fault {
  readonly faultStatus: number;
}

/** Fault status codes (Arm ARM D13.2.37, ISS of an abort); those with a level carry it in bits 1 and 0. */
export const FaultStatus = {
  addressSize: 0x00,
  translation: 0x04,
  accessFlag: 0x08,
  permission: 0x0c,
  externalAbort: 0x10,
  externalAbortOnWalk: 0x14,
  alignment: 0x21,
  debug: 0x22,
} as const;
