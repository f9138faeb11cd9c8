/** `kexec-sim resume`: what can be typed. */
import type { CommonArgv, SubcommandContext } from '../common/context.js';
import { withRunOptions } from './run-options.js';

/** Adds the subcommand to kexec-sim. */
export const addResumeCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'resume <file>',
    'Go on with a machine that boot or resume has saved; its console is here',
    (command) =>
      withRunOptions(
        command.positional('file', { type: 'string', demandOption: true, describe: 'The saved machine: a file' }),
        'FILE[,rw]: where a disk of the machine is now; all of them, in order',
        'Where the run ends: halt, or console:TEXT',
      ),
    async (args) => {
      const { runResume } = await import('./run-resume.js');
      await runResume(args, context);
    },
  );
