/** What the generic part knows of an architecture, and what an architecture is given by it. */
import type { Compat } from './base/compat.js';
import type { MemoryRange, Range } from './base/range.js';
import type { Word } from './base/word.js';
import type { ReadContext } from './compression/read-context.js';
import type { ImageFormat } from './formats/image-format.js';
import type { MemoryLimits } from './memory/placement.js';
import type { OptionSpec, OptionToken } from './options/options.js';

/** What an architecture needs of the command that is running. */
export interface ArchContext extends ReadContext {
  /** The object that goes between the kernels. */
  readonly purgatory: Uint8Array;
  readonly limits: MemoryLimits;
  /** Whether a crash kernel is to be loaded (KEXEC_ON_CRASH). */
  readonly onCrash: boolean;
  /** Whether the running kernel is to be come back to (KEXEC_PRESERVE_CONTEXT). */
  readonly preservesContext: boolean;
}

/** Values of an architecture's options, by names that are the architecture's own. */
export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** An architecture with its options' values: all that it does for one command. */
export interface ArchSession {
  /** In the order of probing. */
  readonly formats: readonly ImageFormat[];
  /** Memory that the new kernel may be loaded to; read, and told to the debug log, once. @throws KexecError */
  memoryRanges(): readonly MemoryRange[];
}

/** The running machine as an architecture sees it. */
export interface ArchMachine<Values = OptionValues> {
  /** Whether the running kernel has memory set aside for a crash kernel. @throws KexecError */
  isCrashkernelMemReserved(): boolean;
  /** Where a crash kernel goes; undefined without such memory. @throws KexecError */
  crashKernelLoadRange(): Range | undefined;
  /**
   * Takes the options' values, and tells the debug log of them (the end of arch_process_options()).
   * @param reusesInitrd whether --reuseinitrd was given
   * @throws KexecError
   */
  open(values: Values, reusesInitrd: boolean): ArchSession;
}

/** What is known of an architecture before any of its code is needed. */
export interface ArchitectureFacts<Id extends string = string> {
  readonly name: string;
  /** Values of uname's machine, with the flag that kexec_load wants for them. */
  readonly machines: ReadonlyMap<string, bigint>;
  /** The size of the original's `unsigned long` on it. */
  readonly word: Word;
  /** Its own options; the generic ones are the same for all. */
  readonly options: readonly OptionSpec<Id>[];
}

/** An architecture: the generic part knows no other way to it. */
export interface Architecture<Id extends string = string, Values = OptionValues> extends ArchitectureFacts<Id> {
  /** The object that goes between the kernels unless the user has one of their own. */
  readonly purgatory: Uint8Array;
  /** Names and usages of the formats, and the options' usage, for the help. */
  formatUsages(compat: Compat): readonly Pick<ImageFormat, 'name' | 'usage'>[];
  optionUsage(compat: Compat): string;
  /** The values that options of a command line give, those of the generic part among them. */
  parseOptions(options: readonly OptionToken[]): Values;
  examine(context: ArchContext): ArchMachine<Values>;
}
