/** `kexec-sim vmcore`: what can be typed. */
import type { CommonArgv, SubcommandContext } from '../common/context.js';

/** Adds the subcommand to kexec-sim. */
export const addVmcoreCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'vmcore <out>',
    'Write what /proc/vmcore is after the panic of a machine that is saved',
    (command) =>
      command
        .positional('out', { type: 'string', demandOption: true, describe: 'The core file, which is made anew' })
        .option('from', {
          type: 'string',
          requiresArg: true,
          demandOption: true,
          describe: 'The saved machine: a file',
        })
        .option('compress', {
          type: 'boolean',
          default: false,
          describe: "In makedumpfile's format kdump-compressed, which crash and drgn read",
        })
        .option('elfcorehdr', {
          type: 'string',
          requiresArg: true,
          describe: 'Where the ELF header of the dump is, if not where a device tree says',
        }),
    async (args) => {
      const { runVmcore } = await import('./run-vmcore.js');
      await runVmcore(args, context);
    },
  );
