/** A machine that was opened to be looked into, whatever it came from. */
import type { MachineTexts } from '../../kernel/inspect/inspector.js';
import type { KernelPlace } from '../../kernel/inspect/kernel-view.js';
import type { StoppedMachine } from '../../kernel/inspect/stopped.js';

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
