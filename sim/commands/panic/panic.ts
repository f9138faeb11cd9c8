/** `kexec-sim panic`: what can be typed. */
import { QUIRK, withRunOptions } from '../boot/run-options.js';
import type { CommonArgv, SubcommandContext } from '../common/context.js';

/** Adds the subcommand to kexec-sim. */
export const addPanicCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'panic',
    "Have the machine's kernel panic: its crash kernel, if one is loaded, starts and runs",
    (command) =>
      withRunOptions(
        command
          .option('cpu', { type: 'string', requiresArg: true, default: '0', describe: 'The processor that panics' })
          .option('cause', {
            choices: ['sysrq', 'oops'] as const,
            requiresArg: true,
            default: 'sysrq' as const,
            describe: 'What the kernel dies of',
          })
          .option('registers', {
            type: 'string',
            requiresArg: true,
            describe: 'A file with registers of that processor: pc=0x... x0=0x...',
          })
          .option('deaf-cpu', {
            type: 'string',
            array: true,
            default: [] as string[],
            requiresArg: true,
            describe: 'A processor that cannot be stopped',
          })
          .option('corrupt', {
            type: 'string',
            requiresArg: true,
            describe: "Change the byte at this address of the crash kernel's memory before",
          })
          .option('vmcore', {
            type: 'string',
            requiresArg: true,
            describe: "Write the dump at the capture kernel's first instruction: what its /proc/vmcore is, a core file",
          })
          .option('quirk', QUIRK),
        'FILE[,rw]: a virtio disk of the machine; without rw, the file stays as it is',
        'Where the run ends: halt, entry, or console:TEXT',
      ),
    async (args) => {
      const { runPanic } = await import('./run-panic.js');
      await runPanic(args, context);
    },
  );
