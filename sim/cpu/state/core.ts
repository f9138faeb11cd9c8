/** The part of the processor that its system side works on. */

import type { Bus } from './bus.js';
import type { DirectRegister } from './layout.js';
import type { Space } from './space.js';

/** The registers that translated code works on, and its caches, as the rest of the processor sees them. */
export interface Core {
  readonly bus: Bus;
  /** X0 to X30. */
  getX(register: number): bigint;
  setX(register: number, value: bigint): void;
  getV(register: number): bigint;
  setV(register: number, value: bigint): void;
  pc: bigint;
  /** The stack pointer in use; whoever changes the exception level or SPSel puts the other one here. */
  sp: bigint;
  /** N, Z, C and V in bits 3 to 0. */
  nzcv: number;
  fpcr: number;
  readonly instructions: bigint;
  /** The next time when a timer's output goes high is another one. */
  timersChanged(): void;
  clearExclusive(): void;
  /** A system register that lies in memory. */
  getDirect(register: DirectRegister): bigint;
  setDirect(register: DirectRegister, value: bigint): void;
  /** Forgets where addresses lead: all, or so many bytes from one on. The next access asks the system side again. */
  flushTlb(virtAddr?: bigint, sizeBytes?: number): void;
  /** Forgets where addresses of the lower half lead, which may be valid for one ASID only. */
  flushUsers(): void;
  /** The tables of EL1 and EL0 are others. */
  spaceChanged(space: Space): void;
  /** The exception level or the stack pointer selection is another one. */
  levelChanged(): void;
  /** There are breakpoints at other addresses, which no code may run over. */
  breakpointsChanged(addresses: readonly bigint[]): void;
  /**
   * What decides how code runs (MMU on, alignment checked, FP trapped) may have changed; all of the TLB is forgotten.
   */
  contextChanged(): void;
}
