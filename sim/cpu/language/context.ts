/** What translated code and handlers depend on, beside its bytes. */

import type { CacheMaintenance } from './row.js';

/** Among the direct accesses of a context: the processor is the only one of its machine. */
export const ALONE = 'alone';

/** What the processor's state demands of code. */
export interface TranslationContext {
  /** The bank of the TLB and of the jump cache. */
  readonly bank: number;
  /** The TLB's bank of LDTR and STTR. */
  readonly unprivilegedBank: number;
  /** Every access must be aligned: the MMU is off, or SCTLR_ELx.A is set. */
  readonly strictAlignment: boolean;
  /** SP must be a multiple of 16 where it is the base of an access (SCTLR_ELx.SA, SA0). */
  readonly checkSp: boolean;
  /** Floating point is not trapped. */
  readonly fpEnabled: boolean;
  /** FPCR asks for what WebAssembly does: to nearest, and nothing is flushed to zero. */
  readonly roundsToNearest: boolean;
  /** Accesses to system registers that code makes itself, such as `read TPIDR_EL1`. */
  readonly direct: ReadonlySet<string>;
  /** Cache maintenance that raises an exception instead. */
  readonly forbidden: readonly CacheMaintenance[];
}

/** The same with a key, which is another one for each other context. */
export interface KeyedContext extends TranslationContext {
  readonly key: string;
  /** Short for the key; at least 1. */
  readonly number: number;
}
