/** How what is loaded is executed at a reboot, and what carries that out. */
import type { OnProgress } from '../../kexec/base/progress.js';
import type { ImageSlot } from './rules/kexec-load.js';
import type { RecordedMachine } from './recorded-machine.js';

/** How a reboot is to be carried out, and who is told. */
export interface ExecutionSettings {
  /** What the new kernel's console prints; one character a byte. */
  readonly console: (text: string) => void;
  /** The result. */
  readonly out: (text: string) => void;
  /** Why there is none. */
  readonly err: (text: string) => void;
  /** The steps; undefined where nobody wants to know. */
  readonly step: ((text: string) => void) | undefined;
  /** `entry` by default; `reboot`: the run ends with the system call. */
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

/** Where a run ends: at the new kernel's first instruction, or when the machine is switched off. */
export type Until = 'entry' | 'halt';

/** What came of it: the exit code, and whether the machine never got to the new kernel for reasons that are ours. */
export interface Executed {
  readonly exitCode: number;
  readonly keepsImage: boolean;
}
