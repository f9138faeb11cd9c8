/** The options of kexec: kexec-tools' generic ones, ours, and how an architecture's come in. */
import type { Compat } from '../base/compat.js';
import type { LongOption, OptionSyntax, ShortOption, Token } from './getopt.js';

/** The generic part's options (`OPT_*`, kexec/kexec.h). */
export type GenericOptionId =
  | 'help'
  | 'version'
  | 'debug'
  | 'force'
  | 'no-checks'
  | 'no-ifdown'
  | 'no-sync'
  | 'exec'
  | 'exec-live-update'
  | 'load'
  | 'unload'
  | 'type'
  | 'load-panic'
  | 'kexec-file-syscall'
  | 'kexec-syscall'
  | 'kexec-syscall-auto'
  | 'status'
  | 'mem-min'
  | 'mem-max'
  | 'reuseinitrd'
  | 'load-preserve-context'
  | 'load-jump-back-helper'
  | 'load-live-update'
  | 'entry'
  | 'print-ckr-size'
  | 'hotplug'
  | 'no-cma'
  | 'force-dtb'
  /** `-?`, which the original treats as it treats a mistake. */
  | '?';

/** One option, described once: the parser, help and completion read this. */
export interface OptionSpec<Id extends string = string> {
  readonly id: Id;
  readonly name: string;
  readonly letter?: string;
  /** What the argument is called; undefined when the option takes none. */
  readonly argument?: string;
  readonly description: string;
  /** Whether a release has it; undefined: all have. */
  readonly since?: (compat: Compat) => boolean;
  /** Whether the original leaves a file open for it, which the numbers of later files show. */
  readonly leavesFileOpen?: true;
}

const hasLiveUpdate = (compat: Compat): boolean => compat.hasLiveUpdate;
const hasCmaAndDtbFlags = (compat: Compat): boolean => compat.hasCmaAndDtbFlags;

/** In the original's order, which messages about ambiguous abbreviations follow. */
export const GENERIC_OPTIONS: readonly OptionSpec<GenericOptionId>[] = [
  { id: 'help', name: 'help', letter: 'h', description: 'Print this help' },
  { id: 'version', name: 'version', letter: 'v', description: 'Print the version' },
  { id: 'force', name: 'force', letter: 'f', description: 'Load and execute at once, without shutdown' },
  { id: 'no-checks', name: 'no-checks', letter: 'i', description: 'No check of the digest in purgatory' },
  { id: 'no-ifdown', name: 'no-ifdown', letter: 'x', description: 'Leave network interfaces up' },
  { id: 'no-sync', name: 'no-sync', letter: 'y', description: "Don't sync filesystems first" },
  { id: 'load', name: 'load', letter: 'l', description: 'Load the new kernel' },
  { id: 'unload', name: 'unload', letter: 'u', description: 'Unload what is loaded' },
  { id: 'exec', name: 'exec', letter: 'e', description: 'Execute the loaded kernel' },
  {
    id: 'exec-live-update',
    name: 'exec-live-update',
    description: 'Execute a loaded Xen image',
    since: hasLiveUpdate,
  },
  { id: 'load-preserve-context', name: 'load-preserve-context', description: 'Load, keeping the context' },
  { id: 'load-jump-back-helper', name: 'load-jump-back-helper', description: 'Load a helper to jump back' },
  {
    id: 'load-live-update',
    name: 'load-live-update',
    description: 'Load over the running kernel (Xen)',
    since: hasLiveUpdate,
  },
  { id: 'entry', name: 'entry', argument: 'addr', description: 'Entry point in place of the computed one' },
  { id: 'type', name: 'type', letter: 't', argument: 'TYPE', description: 'The kernel is of this type' },
  { id: 'load-panic', name: 'load-panic', letter: 'p', description: 'Load the kernel for a panic' },
  { id: 'mem-min', name: 'mem-min', argument: 'addr', description: 'Lowest address to load to' },
  { id: 'mem-max', name: 'mem-max', argument: 'addr', description: 'Highest address to load to' },
  { id: 'reuseinitrd', name: 'reuseinitrd', description: 'Reuse the initrd of the first boot' },
  { id: 'kexec-file-syscall', name: 'kexec-file-syscall', letter: 's', description: 'Use kexec_file_load only' },
  { id: 'kexec-syscall', name: 'kexec-syscall', letter: 'c', description: 'Use kexec_load only' },
  {
    id: 'kexec-syscall-auto',
    name: 'kexec-syscall-auto',
    letter: 'a',
    description: 'Use kexec_file_load, or else kexec_load',
  },
  { id: 'debug', name: 'debug', letter: 'd', description: 'Tell what is done' },
  { id: 'status', name: 'status', letter: 'S', description: 'Exit with 1 if a kernel is loaded' },
  { id: 'print-ckr-size', name: 'print-ckr-size', description: 'Print the crash kernel region size' },
  {
    id: 'hotplug',
    name: 'hotplug',
    description: 'Let the kernel update the segments',
    since: (compat) => compat.hasHotplug,
  },
  {
    id: 'no-cma',
    name: 'no-cma',
    description: 'Place nothing in contiguous memory (CMA)',
    since: hasCmaAndDtbFlags,
  },
  {
    id: 'force-dtb',
    name: 'force-dtb',
    description: "Carry over the current boot's device tree",
    since: hasCmaAndDtbFlags,
  },
];

/** What is ours, settable in the environment too; never abbreviated. */
export interface SimOption {
  readonly name: string;
  readonly variable: string;
  readonly argument: string;
  readonly description: string;
}

export const SIM_OPTIONS: readonly SimOption[] = [
  {
    name: 'sim-machine',
    variable: 'KEXEC_MACHINE',
    argument: 'NAME|DIR|TAR',
    description: 'Recorded machine to act on; virt-2g by default',
  },
  {
    name: 'sim-state',
    variable: 'KEXEC_STATE',
    argument: 'DIR',
    description: 'Where the simulated kernel keeps what is loaded',
  },
  { name: 'sim-purgatory', variable: 'KEXEC_PURGATORY', argument: 'FILE', description: 'Object to use as purgatory' },
  {
    name: 'sim-compat',
    variable: 'KEXEC_COMPAT',
    argument: 'VERSION[:LIB,...]',
    description: 'Release of kexec-tools to follow',
  },
  { name: 'sim-record', variable: 'KEXEC_RECORD', argument: 'DIR', description: 'Where to record system calls' },
  {
    name: 'sim-crashkernel',
    variable: 'KEXEC_CRASHKERNEL',
    argument: 'SIZE[@OFFSET]',
    description: 'The machine as if its kernel had been started with this crashkernel=',
  },
  {
    name: 'sim-memory',
    variable: 'KEXEC_MEMORY',
    argument: 'SIZE',
    description: 'The machine as if it had so much RAM, such as 4G',
  },
  {
    name: 'sim-cmdline',
    variable: 'KEXEC_CMDLINE',
    argument: 'TEXT',
    description: 'The machine as if its kernel had been started with this command line',
  },
  { name: 'sim-page-size', variable: 'KEXEC_PAGE_SIZE', argument: 'BYTES', description: "The machine's page size" },
  {
    name: 'sim-file-load',
    variable: 'KEXEC_FILE_LOAD',
    argument: 'on|off',
    description: 'Whether the machine has kexec_file_load',
  },
  {
    name: 'sim-el',
    variable: 'KEXEC_EL',
    argument: '1|2',
    description: "Exception level that the machine's kernel was started at",
  },
  {
    name: 'sim-decompress-limit',
    variable: 'KEXEC_DECOMPRESS_LIMIT',
    argument: 'BYTES',
    description: 'Largest kernel that a compressed file may hold',
  },
  {
    name: 'sim-until',
    variable: 'KEXEC_UNTIL',
    argument: 'entry|halt|console:TEXT|reboot',
    description: 'Where the run of kexec -e ends',
  },
  {
    name: 'sim-max-instructions',
    variable: 'KEXEC_MAX_INSTRUCTIONS',
    argument: 'N',
    description: 'Instructions that the run of kexec -e may take',
  },
  {
    name: 'sim-gdb',
    variable: 'KEXEC_GDB',
    argument: '[HOST:]PORT|stdio',
    description: 'Have the run of kexec -e wait for gdb, and run as that says',
  },
  {
    name: 'sim-gdb-at',
    variable: 'KEXEC_GDB_AT',
    argument: 'last|first|purgatory|kernel|ADDRESS|SYMBOL',
    description: "Where it waits; by default at the old kernel's last instruction",
  },
  {
    name: 'sim-timeout',
    variable: 'KEXEC_TIMEOUT',
    argument: 'SECONDS',
    description: 'Time that the run of kexec -e may take',
  },
  {
    name: 'sim-quirk',
    variable: 'KEXEC_QUIRK',
    argument: 'psci-cpu0-only|cpu-on-below-1g|cpu-on-once',
    description: "What the machine's firmware does otherwise than PSCI says; several with commas",
  },
  {
    name: 'sim-trace',
    variable: 'KEXEC_TRACE',
    argument: 'FILE[:branches,exceptions,registers,devices,memory=ADDRESS+BYTES,size=MiB]',
    description: 'File that receives what the processors do in kexec -e, for kexec-sim trace',
  },
];

/** The options of a release: the generic ones, then the architecture's. */
export const optionsOf = (compat: Compat, archOptions: readonly OptionSpec[]): readonly OptionSpec[] =>
  [...GENERIC_OPTIONS, ...archOptions].filter(({ since }) => since === undefined || since(compat));

export const optionSyntax = (options: readonly OptionSpec[], posixlyCorrect: boolean): OptionSyntax<string> => ({
  long: options.map(({ id, name, argument }): LongOption<string> => ({
    name,
    id,
    takesArgument: argument !== undefined,
  })),
  short: [
    ...options.flatMap(({ id, letter, argument }): ShortOption<string>[] =>
      letter === undefined ? [] : [{ letter, id, takesArgument: argument !== undefined }],
    ),
    { letter: '?', id: '?', takesArgument: false },
  ],
  exact: SIM_OPTIONS.map(({ name }) => name),
  program: 'kexec',
  posixlyCorrect,
});

export type OptionToken = Extract<Token<string>, { kind: 'option' }>;
