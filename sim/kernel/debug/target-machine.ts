/** A machine that is debugged, and what is known of it beside its hardware. */
import type { CpuModel } from '../../cpu/state/model.js';
import type { Board } from '../../machine/board.js';
import type { Processors, RunEnd } from '../machine/processors.js';
import type { KernelPlace } from '../inspect/kernel-view.js';
import type { DebuggedMachine } from './debugged-machine.js';

export interface MachineTold {
  /** What an address is called, such as `0x40200010 (purgatory+0x10)`. */
  readonly place: (cpu: CpuModel, pc: bigint) => string;
  /** One sentence, without its end. */
  readonly describeEnd: (end: RunEnd) => string;
  /** The log of the kernel that runs, a line each; undefined where there is none. */
  readonly log: (cpu: CpuModel) => string | undefined;
  /** Where the kernel that runs is in memory; undefined where nobody knows. */
  readonly kernel: () => KernelPlace | undefined;
  /** Physical address of the device tree of the kernel that runs, or is to; undefined where nobody knows. */
  readonly tree: () => bigint | undefined;
}

export interface TargetMachine {
  readonly board: Board;
  readonly processors: Processors;
  readonly machine: DebuggedMachine;
  readonly told: MachineTold;
}

/** Why a run is over that gdb has ended. */
export const ENDED_BY_GDB = 'ended by gdb';
