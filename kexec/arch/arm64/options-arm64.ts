/** What can be told of arm64 before a kernel is loaded: its machines, its options and their values. */
import type { ArchContext, ArchitectureFacts } from '../../architecture.js';
import { WORD_64 } from '../../base/word.js';
import { concatCmdline, getCommandLine } from '../../options/command-line.js';
import type { Compat } from '../../base/compat.js';
import { orNull } from '../../base/format.js';
import type { OptionToken, OptionSpec } from '../../options/options.js';
import { arm64CompatOf, type Arm64Compat } from './compat-arm64.js';

/** `OPT_*` of kexec/arch/arm64/include/arch/options.h. */
export type Arm64OptionId = 'append' | 'dtb' | 'initrd' | 'serial' | 'reuse-cmdline';

/** In the original's order (kexec/arch/arm64/include/arch/options.h). */
export const ARM64_OPTIONS: readonly OptionSpec<Arm64OptionId>[] = [
  { id: 'append', name: 'append', argument: 'STRING', description: 'Kernel command line' },
  { id: 'append', name: 'command-line', argument: 'STRING', description: 'Kernel command line' },
  { id: 'dtb', name: 'dtb', argument: 'FILE', description: 'Device tree blob' },
  { id: 'initrd', name: 'initrd', argument: 'FILE', description: 'Initial ramdisk' },
  {
    id: 'serial',
    name: 'serial',
    argument: 'STRING',
    description: 'Console for the purgatory, such as ttyAMA0',
    since: (compat) => arm64CompatOf(compat).hasSerial,
  },
  { id: 'initrd', name: 'ramdisk', argument: 'FILE', description: 'Initial ramdisk' },
  {
    id: 'reuse-cmdline',
    name: 'reuse-cmdline',
    description: "Use the running kernel's command line",
    leavesFileOpen: true,
  },
];

/** KEXEC_ARCH_ARM64: the ELF machine number in bits 31..16. */
const KEXEC_ARCH_ARM64 = 183n << 16n;

export const ARM64_FACTS: ArchitectureFacts<Arm64OptionId> = {
  name: 'arm64',
  machines: new Map([
    ['aarch64', KEXEC_ARCH_ARM64],
    ['aarch64_be', KEXEC_ARCH_ARM64],
  ]),
  word: WORD_64,
  options: ARM64_OPTIONS,
};

export const arm64OptionUsage = (compat: Compat): string =>
  [
    '     --append=STRING       Set the kernel command line to STRING.',
    '     --command-line=STRING Set the kernel command line to STRING.',
    '     --dtb=FILE            Use FILE as the device tree blob.',
    '     --initrd=FILE         Use FILE as the kernel initial ramdisk.',
    ...(arm64CompatOf(compat).hasSerial
      ? ['     --serial=STRING       Name of console used for purgatory printing. (e.g. ttyAMA0)']
      : []),
    '     --ramdisk=FILE        Use FILE as the kernel initial ramdisk.',
    '     --reuse-cmdline       Use kernel command line from running system.',
  ]
    .map((line) => `${line}\n`)
    .join('');

/** Values of the options, as they were given. */
export type Arm64OptionValues = Readonly<{
  append?: string | undefined;
  reuseCmdline?: boolean | undefined;
  dtb?: string | undefined;
  initrd?: string | undefined;
  /** Console for the purgatory's output. */
  serial?: string | undefined;
  /** Whether `-s` was given, which leaves the device tree to the kernel. */
  fileSyscall?: boolean | undefined;
}>;

/**
 * The values that a command line gives (the switch of arch_process_options(), kexec/arch/arm64/kexec-arm64.c).
 * QUIRK-7: `-s` takes back an earlier --serial, because its case falls through.
 */
export const parseArm64Options = (options: readonly OptionToken[]): Arm64OptionValues =>
  options.reduce<Arm64OptionValues>((values, { id, argument }) => {
    switch (id) {
      case 'append':
      case 'dtb':
      case 'initrd':
      case 'serial':
        return { ...values, [id]: argument };
      case 'reuse-cmdline':
        return { ...values, reuseCmdline: true };
      case 'kexec-file-syscall':
        return { ...values, fileSyscall: true, serial: undefined };
      default:
        return values;
    }
  }, {});

/** `struct arm64_opts`. */
export interface Arm64Options {
  readonly commandLine: string | undefined;
  readonly dtb: string | undefined;
  readonly initrd: string | undefined;
  readonly console: string | undefined;
}

/**
 * What comes of the values, as the debug log tells it (the end of arch_process_options()).
 * @throws KexecError when --reuse-cmdline finds no command line
 */
export const takeArm64Options = (
  { append, reuseCmdline = false, dtb, initrd, serial: console, fileSyscall = false }: Arm64OptionValues,
  { system, compat, log, onCrash }: ArchContext,
  { lines }: Arm64Compat,
): Arm64Options => {
  const commandLine = concatCmdline(reuseCmdline ? getCommandLine(system, compat, onCrash) : undefined, append);
  const say = (line: number, text: string): void => log.dbg(`arch_process_options:${line}: ${text}\n`);
  say(lines.commandLine, `command_line: ${orNull(commandLine)}`);
  say(lines.initrd, `initrd: ${orNull(initrd)}`);
  say(lines.dtb, `dtb: ${fileSyscall && dtb !== undefined ? '(ignored)' : orNull(dtb)}`);
  if (lines.console !== undefined) say(lines.console, `console: ${orNull(console)}`);
  return { commandLine, dtb: fileSyscall ? undefined : dtb, initrd, console };
};
