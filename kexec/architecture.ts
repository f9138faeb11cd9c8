import type { Compat } from './base/compat.js';
import type { ImageFormat } from './formats/image-format.js';
import type { OptionSpec, OptionToken } from './options/options.js';
import type { MemoryLimits } from './memory/placement.js';
import type { MemoryRange, Range } from './base/range.js';
import type { ReadContext } from './compression/read-context.js';

/** What an architecture needs of the command that is running. */
export interface ArchContext extends ReadContext {
  /** The object that goes between the kernels. */
  readonly purgatory: Uint8Array;
  readonly limits: MemoryLimits;
  /** Whether a crash kernel is to be loaded (KEXEC_ON_CRASH). */
  readonly onCrash: boolean;
}

/** An architecture at work on one command: what it read of the machine and of the options, and what it does with it. */
export interface ArchSession {
  readonly formats: readonly ImageFormat[];
  /** Takes the options that are the architecture's (arch_process_options()). @throws KexecError */
  processOptions(options: readonly OptionToken[]): void;
  /** Whether the running kernel has memory set aside for a crash kernel. @throws KexecError */
  isCrashkernelMemReserved(): boolean;
  /** Where a crash kernel goes; undefined without such memory. @throws KexecError */
  crashKernelLoadRange(): Range | undefined;
  /** Memory that the new kernel may be loaded to. @throws KexecError */
  memoryRanges(): readonly MemoryRange[];
  /** --reuseinitrd was given. */
  reuseInitrd(): void;
}

/** An architecture: the generic part knows no other way to it. */
export interface Architecture {
  readonly name: string;
  /** Values of uname's machine, with the flag that kexec_load wants for them. */
  readonly machines: ReadonlyMap<string, bigint>;
  readonly options: readonly OptionSpec[];
  /** Names and usages of the formats, and the options' usage, for the help. */
  formatUsages(compat: Compat): readonly Pick<ImageFormat, 'name' | 'usage'>[];
  optionUsage(compat: Compat): string;
  open(context: ArchContext): ArchSession;
}
