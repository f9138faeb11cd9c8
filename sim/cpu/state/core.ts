/** The part of the processor that its system side works on. */

import type { Bus } from './bus.js';

/** The registers that translated code works on, and its caches, as the rest of the processor sees them. */
export interface Core {
  readonly bus: Bus;
  /** X0 to X30. */
  getX(register: number): bigint;
  setX(register: number, value: bigint): void;
  pc: bigint;
  /** The stack pointer in use; whoever changes the exception level or SPSel puts the other one here. */
  sp: bigint;
  /** N, Z, C and V in bits 3 to 0. */
  nzcv: number;
  fpcr: number;
  fpsr: number;
  readonly instructions: bigint;
  /** The next time when a timer's output goes high is another one. */
  timersChanged(): void;
  clearExclusive(): void;
  /** Forgets where pages of addresses lead: all, or one 4 KiB page. The next access asks the system side again. */
  flushTlb(virtAddr?: bigint): void;
  /** The exception level or what decides how code runs (MMU on, alignment checked, FP trapped) may have changed. */
  contextChanged(): void;
}
