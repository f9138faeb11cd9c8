/** A machine that was opened to be looked into, whatever it came from. */
import type { CpuModel } from '../../cpu/state/model.js';
import type { MachineTexts } from '../../kernel/inspect/inspector.js';
import type { KernelPlace } from '../../kernel/inspect/kernel-view.js';
import type { StoppedMachine, StoppedProcessor } from '../../kernel/inspect/stopped.js';

export interface OpenedMachine {
  readonly machine: StoppedMachine;
  /** Where a kernel may be, the likeliest place first. */
  readonly kernels: readonly KernelPlace[];
  readonly texts: MachineTexts;
  /** What is told of it before anything is asked. */
  readonly greeting: string;
  /** To be called at the end, where files are open. */
  readonly close?: () => void;
}

const FLAGS_SHIFT = 28;
const MASKS_SHIFT = 6;
const LEVEL_SHIFT = 2;
/** SP_ELx is in use; whether SP_EL0 is, the model's view does not tell, and SP is the right one anyway. */
const OWN_STACK = 1;

/** A processor of a machine that is whole. */
export const stoppedProcessor = (cpu: CpuModel, highestEl: 1 | 2): StoppedProcessor => ({
  x: (register) => cpu.getX(register),
  sp: cpu.sp,
  pc: cpu.pc,
  pstate: BigInt(
    ((cpu.nzcv << FLAGS_SHIFT) >>> 0) +
      (cpu.daif << MASKS_SHIFT) +
      (cpu.el << LEVEL_SHIFT) +
      (cpu.el === 0 ? 0 : OWN_STACK),
  ),
  system: (name) => (highestEl === 1 && name.endsWith('_EL2') ? undefined : cpu.getSystemRegister(name)),
});
