/** How what is loaded is executed at a reboot, and what carries that out. */
import type { OnProgress } from '../../kexec/progress.js';
import type { ExecuteOptions, Executed, Until } from './execute.js';
import type { ImageSlot } from './kexec-load.js';
import type { RecordedMachine } from './recorded-machine.js';

/** How a reboot is to be carried out, and who is told. */
export interface ExecutionSettings extends Pick<ExecuteOptions, 'console' | 'out' | 'err' | 'step'> {
  /** By default what is loaded decides; `reboot`: the run ends with the system call. */
  readonly until: Until | 'reboot' | undefined;
  readonly maxInstructions: bigint | undefined;
  /** Of the host's time. */
  readonly timeoutMs: number | undefined;
  /** The object that may have been loaded as purgatory, for the names in it. */
  readonly purgatory: () => Uint8Array;
}

/** Executes what is loaded. @param interrupted whether the user wants it to end @throws KexecError */
export type ExecuteImage = (
  machine: RecordedMachine,
  image: ImageSlot,
  settings: ExecutionSettings & { readonly progress?: OnProgress | undefined },
  interrupted: () => boolean,
) => Promise<Executed>;

/** The settings, and the function that they are for: a recorded machine knows no processor. */
export interface Execution extends ExecutionSettings {
  readonly execute: ExecuteImage;
}
