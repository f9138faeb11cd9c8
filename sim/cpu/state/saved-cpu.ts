/** All that a processor is between two instructions, for one like it to go on from. */
import type { ExceptionLevel } from './levels.js';
import type { InterruptInput, TimerName } from './signals.js';

/** What is not in it is made anew: code, and the cached walks of the TLB, which a processor may forget at any time. */
export interface SavedCpu {
  readonly general: SavedRegisters;
  readonly system: SavedSystem;
  /** Instructions carried out so far. */
  readonly instructions: bigint;
  readonly fpcr: number;
  /** In place of what {@link SavedSystem.registers} has by this name. */
  readonly fpsr: number;
  /** N, Z, C and V in bits 3 to 0. */
  readonly nzcv: number;
  /** The physical page in which the last load-exclusive marked something, where stores of others are watched. */
  readonly markedPage: number | undefined;
}

export interface SavedRegisters {
  /** X0 to X30. */
  readonly x: readonly bigint[];
  readonly pc: bigint;
  /** V0 to V31. */
  readonly v: readonly bigint[];
  /** What the last load-exclusive marked, while the mark is there. */
  readonly mark: SavedMark | undefined;
}

export interface SavedMark {
  readonly virtAddr: bigint;
  readonly sizeBytes: number;
  /** What was there, up to 8 bytes each. */
  readonly low: bigint;
  readonly high: bigint;
}

export interface SavedSystem {
  readonly el: ExceptionLevel;
  readonly spSel: 0 | 1;
  /** SP_EL0 to SP_EL2, wherever they are. */
  readonly stackPointers: readonly [bigint, bigint, bigint];
  /** The system registers that are storage. */
  readonly registers: ReadonlyMap<string, bigint>;
  /** The interrupt inputs that are high, in the order in which they came. */
  readonly inputs: readonly InterruptInput[];
  /** What SEV, SEVL and an exception return leave for WFE. */
  readonly event: boolean;
  /** The WFI or WFE in which it waits; undefined while it does not. */
  readonly waitsAt: bigint | undefined;
  /** PSTATE.SS. */
  readonly ss: 0 | 1;
  /** What the last software step was, whose exception is pending. */
  readonly stepped: Stepped;
  readonly timers: SavedTimers;
}

/** What a software step was, for the syndrome of its exception (Arm ARM D2.12.7). */
export type Stepped = 'nothing' | 'instruction' | 'load-exclusive';

export interface SavedTimers {
  /** Whose outputs are high. */
  readonly high: readonly TimerName[];
  /** When the next goes high, as the machine's counter tells time; undefined for never. */
  readonly deadline: bigint | undefined;
}

/** What was saved is of another processor, or broken. The message says what of it. */
export class SavedCpuError extends Error {
  override readonly name = 'SavedCpuError';
}
