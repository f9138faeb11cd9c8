/** `kexec-sim boot`: what can be typed. */
import type { CommonArgv, SubcommandContext } from '../common/context.js';
import { QUIRK, withRunOptions } from './run-options.js';

/** Adds the subcommand to kexec-sim. */
export const addBootCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'boot <image>',
    'Boot a kernel on a recorded machine or an invented one; its console is here',
    (command) =>
      withRunOptions(
        command
          .positional('image', {
            type: 'string',
            demandOption: true,
            describe: 'The kernel: a file with an Image in it, or a vmlinux',
          })
          .option('initrd', { type: 'string', requiresArg: true, describe: 'The initramfs: a file' })
          .option('append', { type: 'string', requiresArg: true, describe: 'The command line' })
          .option('dtb', {
            type: 'string',
            requiresArg: true,
            describe: "The kernel's device tree: a file; without a machine, that is the machine, too",
          })
          .option('memory', { type: 'string', requiresArg: true, describe: 'RAM of the invented machine (2G)' })
          .option('cpus', { type: 'string', requiresArg: true, describe: 'Its processors (1)' })
          .option('gic', { choices: [2, 3] as const, describe: 'Version of its interrupt controller (2)' })
          .option('el', { choices: [1, 2] as const, describe: 'The exception level that it boots at (1)' })
          .option('quirk', QUIRK),
        'FILE[,rw]: a virtio disk; without rw, the file stays as it is',
        'Where the run ends: halt, entry, or console:TEXT',
      ),
    async (args) => {
      const { runBoot } = await import('./run-boot.js');
      await runBoot(args, context);
    },
  );
