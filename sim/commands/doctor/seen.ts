/**
 * What is seen of a machine, of a command line for it, and of what becomes of that: what the findings are drawn from.
 */
import type { Compat } from '../../../kexec/base/compat.js';
import type { Range } from '../../../kexec/base/range.js';
import type { BoardFacts } from '../../kernel/facts/board-arm64.js';
import { type KernelFacts, crashRegionsOf } from '../../kernel/facts/facts.js';
import type { Resource } from '../../kernel/facts/iomem.js';
import type { RecordedFiles } from '../../kernel/facts/recorded-files.js';
import type { CrashLoad } from '../../kernel/execution/crash-load.js';
import type { KernelBug } from '../../kernel/machine/processors.js';
import type { RuleResult } from '../../kernel/execution/rule.js';
import type { KernelState, LoadedImage } from '../../kernel/rules/kexec-load.js';
import type { ToldByTree } from '../../machine/board-tree/told-by-tree.js';
import type { LoadedCapture } from './capture-kernel.js';

/** By which call a kernel is loaded: as -s, -c and -a say. */
export const WAYS = ['s', 'c', 'a'] as const;
export type Way = (typeof WAYS)[number];

/** What a command line asks for. */
export interface Wanted {
  readonly compat: Compat;
  readonly kernel: string;
  readonly initrd: string | undefined;
  readonly dtb: string | undefined;
  readonly serial: string | undefined;
  /** The new kernel's command line; undefined without one. */
  readonly cmdline: string | undefined;
  /** For a panic. */
  readonly onCrash: boolean;
  readonly skipsChecks: boolean;
  readonly memMin: bigint;
  /** Inclusive. */
  readonly memMax: bigint;
  /** The options that say how the load is made, as they were given: --dtb, --serial, ... */
  readonly given: readonly string[];
  /** The kernel's file; undefined where it cannot be read. */
  readonly kernelFile: Uint8Array | undefined;
  /** Bytes of the initrd; undefined without one, and where it cannot be read. */
  readonly initrdBytes: number | undefined;
}

/** What became of a command. */
export interface Attempt {
  readonly way: Way;
  readonly exitCode: number;
  /** All that kexec said, and where it failed, what it says with -d. */
  readonly said: string;
  /** The last line of what it said without. */
  readonly last: string;
  /** The call that was refused last. */
  readonly refusal: Refusal | undefined;
  /** The kernel's log of it. */
  readonly kernelLog: readonly string[];
  /** What is loaded then. */
  readonly image: LoadedImage | undefined;
}

export interface Refusal {
  readonly call: 'kexec_load' | 'kexec_file_load';
  /** Its text, as strerror() has it. */
  readonly reason: string;
}

/** What the machine was like at the new kernel's first instruction. */
export interface Arrived {
  /** Why it never got there; undefined where it did, or nobody tried. */
  readonly failure?: string | undefined;
  /** What the running kernel dies of before, with its last words. */
  readonly bug?: KernelBug | undefined;
  /** Why nobody could tell; undefined where somebody can. */
  readonly skipped?: string | undefined;
  /** The rules of booting.rst, and of what the new kernel is told. */
  readonly rules: readonly RuleResult[];
}

/** How the new kernel ran on. */
export interface Ran {
  readonly exitCode: number;
  readonly console: string;
  readonly report: string;
}

/** A kernel that is loaded for a panic. */
export interface Crash {
  readonly load: CrashLoad;
  readonly capture: LoadedCapture;
  /** What was loaded before, in the state that the machine has; undefined where nothing was, or it cannot be read. */
  readonly before: CrashLoad | undefined;
}

export interface Seen {
  readonly files: RecordedFiles;
  readonly facts: KernelFacts;
  /** As it was recorded. */
  readonly state: KernelState;
  /** What the kernel has logged in that state. */
  readonly log: readonly string[];
  /** Undefined where its device tree is broken. */
  readonly board: BoardFacts | undefined;
  readonly resources: readonly Resource[];
  readonly wanted: Wanted;
  /** The command line as it is. */
  readonly chosen: Attempt;
  readonly ways: Readonly<Record<Way, Attempt>>;
  /** What the new kernel's device tree tells; undefined where nothing is loaded, or the tree cannot be read. */
  readonly told: ToldByTree | undefined;
  /** A kernel that is loaded for a panic; undefined where none is. */
  readonly crash: Crash | undefined;
  /** Undefined where nothing is loaded. */
  readonly arrived: Arrived | undefined;
  /** Undefined where it was not asked for. */
  readonly ran: Ran | undefined;
}

/** The reason for which the command was refused by a call; undefined where it was not. */
export const refusedFor = ({ chosen }: Seen, ...reasons: readonly string[]): Refusal | undefined =>
  chosen.exitCode !== 0 && chosen.refusal !== undefined && reasons.includes(chosen.refusal.reason)
    ? chosen.refusal
    : undefined;

/** The first line of what kexec said that fits, in a command that failed. */
export const failedWith = ({ chosen }: Seen, pattern: RegExp): RegExpExecArray | undefined =>
  chosen.exitCode === 0 ? undefined : (pattern.exec(chosen.said) ?? undefined);

/** Memory that is set aside for a crash kernel. */
export const crashRegions = ({ resources }: Pick<Seen, 'resources'>): readonly Range[] => crashRegionsOf(resources);

/** The running kernel's command line. */
export const runningCmdline = ({ files }: Seen): string => files.readText('/proc/cmdline')?.trim() ?? '';

/** Whether what is loaded was loaded by kexec_file_load, whose kernel makes the segments. */
export const isByFile = ({ chosen }: Seen): boolean =>
  chosen.image?.segments.some(({ role }) => role !== undefined) === true;

/** The first word of a command line that fits. */
export const wordOf = (line: string | undefined, pattern: RegExp): string | undefined =>
  (line ?? '').split(/\s+/).find((word) => pattern.test(word));

/** The capture kernel's command line: what is given, or else what the device tree had before. */
export const captureCmdline = ({ crash, wanted }: Seen): string => crash?.load.told?.bootargs ?? wanted.cmdline ?? '';

/** Whether a kernel with this command line starts few processors. */
export const keepsToOne = (line: string): boolean => wordOf(line, /^(nr_cpus|maxcpus)=/) !== undefined;
