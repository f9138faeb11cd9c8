import type { ArchContext } from '../../architecture.js';
import { concatCmdline, getCommandLine } from '../../options/command-line.js';
import type { Compat } from '../../base/compat.js';
import { orNull } from '../../base/format.js';
import type { OptionToken, OptionSpec } from '../../options/options.js';

/** In the original's order (kexec/arch/arm64/include/arch/options.h). */
export const ARM64_OPTIONS: readonly OptionSpec[] = [
  { id: 'append', name: 'append', argument: 'STRING', description: 'Kernel command line' },
  { id: 'append', name: 'command-line', argument: 'STRING', description: 'Kernel command line' },
  { id: 'dtb', name: 'dtb', argument: 'FILE', description: 'Device tree blob' },
  { id: 'initrd', name: 'initrd', argument: 'FILE', description: 'Initial ramdisk' },
  {
    id: 'serial',
    name: 'serial',
    argument: 'STRING',
    description: 'Console for the purgatory, such as ttyAMA0',
    since: (compat) => compat.hasSerial,
  },
  { id: 'initrd', name: 'ramdisk', argument: 'FILE', description: 'Initial ramdisk' },
  { id: 'reuse-cmdline', name: 'reuse-cmdline', description: "Use the running kernel's command line" },
];

export const arm64OptionUsage = (compat: Compat): string =>
  [
    '     --append=STRING       Set the kernel command line to STRING.',
    '     --command-line=STRING Set the kernel command line to STRING.',
    '     --dtb=FILE            Use FILE as the device tree blob.',
    '     --initrd=FILE         Use FILE as the kernel initial ramdisk.',
    ...(compat.hasSerial
      ? ['     --serial=STRING       Name of console used for purgatory printing. (e.g. ttyAMA0)']
      : []),
    '     --ramdisk=FILE        Use FILE as the kernel initial ramdisk.',
    '     --reuse-cmdline       Use kernel command line from running system.',
  ]
    .map((line) => `${line}\n`)
    .join('');

/** `struct arm64_opts`. */
export interface Arm64Options {
  readonly commandLine: string | undefined;
  readonly dtb: string | undefined;
  readonly initrd: string | undefined;
  readonly console: string | undefined;
}

/**
 * arch_process_options() of kexec/arch/arm64/kexec-arm64.c.
 * QUIRK-7: `-s` takes back an earlier --serial, because its case falls through.
 * @throws KexecError when --reuse-cmdline finds no command line
 */
export const processArm64Options = (options: readonly OptionToken[], context: ArchContext): Arm64Options => {
  const { system, compat, log } = context;
  let reused: string | undefined;
  let append: string | undefined;
  let dtb: string | undefined;
  let initrd: string | undefined;
  let console: string | undefined;
  let fileSyscall = false;
  for (const { id, argument } of options) {
    switch (id) {
      case 'append':
        append = argument;
        break;
      case 'reuse-cmdline':
        reused = getCommandLine(system, compat, context.onCrash);
        break;
      case 'dtb':
        dtb = argument;
        break;
      case 'initrd':
        initrd = argument;
        break;
      case 'kexec-file-syscall':
        fileSyscall = true;
        console = argument;
        break;
      case 'serial':
        console = argument;
        break;
      default:
        break;
    }
  }
  const commandLine = concatCmdline(reused, append);
  const { lines } = compat;
  const say = (line: number, text: string): void => log.dbg(`arch_process_options:${line}: ${text}\n`);
  say(lines.commandLine, `command_line: ${orNull(commandLine)}`);
  say(lines.initrd, `initrd: ${orNull(initrd)}`);
  say(lines.dtb, `dtb: ${fileSyscall && dtb !== undefined ? '(ignored)' : orNull(dtb)}`);
  if (lines.console !== undefined) say(lines.console, `console: ${orNull(console)}`);
  return { commandLine, dtb: fileSyscall ? undefined : dtb, initrd, console };
};
