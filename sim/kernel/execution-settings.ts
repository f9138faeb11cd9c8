/** How what is loaded is executed at a reboot, and what carries that out. */
import type { OnProgress } from '../../kexec/base/progress.js';
import type { Quirk } from '../machine/quirks.js';
import type { Keyboard } from '../machine/terminal.js';
import type { GdbSettings } from '../gdb/options.js';
import type { ImageSlot } from './rules/kexec-load.js';
import type { RecordedMachine } from './recorded-machine.js';

/** How a reboot is to be carried out, and who is told. */
export interface ExecutionSettings {
  /** Receives what the new kernel's console prints, one character a byte. */
  readonly console: (text: string) => void;
  /** What is typed into that console; undefined where nobody does. */
  readonly keyboard?: (() => Promise<Keyboard | undefined>) | undefined;
  /** Receives the report on the run. */
  readonly out: (text: string) => void;
  /** Receives the reason when there is no report. */
  readonly err: (text: string) => void;
  /** Receives a line for each step; undefined when the steps are not asked for. */
  readonly step: ((text: string) => void) | undefined;
  /** `halt` by default; `reboot`: the run ends with the system call. */
  readonly until: Until | 'reboot' | undefined;
  readonly maxInstructions: bigint | undefined;
  /** Milliseconds of the host's time that a run may take; undefined for no limit. */
  readonly timeoutMs: number | undefined;
  /** The limit where there is no other, and nobody sits at the keyboard who could end the run. */
  readonly unattendedTimeoutMs?: number | undefined;
  /** What of the run is traced, and where to. */
  readonly trace?: TraceRequest | undefined;
  /** What the firmware does in its own way, beside what the recording says. */
  readonly quirks?: readonly Quirk[] | undefined;
  /** How the run is to be debugged; undefined where nobody does. */
  readonly gdb?: GdbSettings | undefined;
  /** The object that may have been loaded as purgatory, for the names in it. */
  readonly purgatory: () => Uint8Array;
}

/** What is traced, and where to. */
export interface TraceRequest {
  readonly file: string;
  /** Words and numbers with commas, as `--sim-trace` has them. */
  readonly what: string;
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

/** Ends of a run that are no answer of the machine, but of the model or the user: what is loaded can be tried again. */
export const OURS: readonly string[] = ['unmodelled', 'max-instructions', 'timeout', 'interrupted'];

/**
 * Where a run ends: at the new kernel's first instruction, when the machine is switched off, or when its console shows
 * a text.
 */
export type Until = 'entry' | 'halt' | `${typeof CONSOLE}${string}`;

/** What stands before the text that is waited for, one character a byte. */
export const CONSOLE = 'console:';

/** What came of it: the exit code, and whether the machine never got to the new kernel for reasons that are ours. */
export interface Executed {
  readonly exitCode: number;
  readonly keepsImage: boolean;
}
