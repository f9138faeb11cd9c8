/** The interface of a recorded machine. */
import type { System } from '../../kexec/base/system.js';
import type { MachineFiles } from './recording/machine-files.js';
import type { SimulatedKernel } from './simulated-kernel.js';

/** The System of a recorded machine with a simulated kernel. */
export interface RecordedMachine extends System {
  /** The machine's name: the last part of the recording's path. */
  readonly name: string;
  readonly files: MachineFiles;
  readonly kernel: SimulatedKernel;
  /** Where the simulated kernel keeps what is loaded. */
  readonly stateDirectory: string;
  /** Where what processors translated is kept; undefined for nowhere. */
  readonly translationDirectory: string | undefined;
  /** The exception level that the user says the kernel was started at. */
  readonly bootEl: 1 | 2 | undefined;
}
