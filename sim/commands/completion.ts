/** `kexec-sim completion`: prints what makes a shell complete our commands. */
import { bashCompletion } from './completion/bash.js';
import { type Builder, typedCommands } from './completion/words.js';
import { zshCompletion } from './completion/zsh.js';
import { ARCHITECTURES } from '../../kexec/arch/architectures.js';
import type { SubcommandContext, CommonArgv } from './common/context.js';

const SHELLS = ['bash', 'zsh'] as const;
const SCRIPT_FOR = { bash: bashCompletion, zsh: zshCompletion } as const;

/**
 * `kexec-sim completion`: a script for a shell. All that may be typed is written out in it: pressing TAB starts
 * nothing.
 * @param kexecSim adds all that there is of kexec-sim to yargs
 */
export const addCompletionCommand = (yargs: CommonArgv, context: SubcommandContext, kexecSim: Builder): CommonArgv =>
  yargs.command(
    'completion <shell>',
    'Print a script that completes kexec, kexec-sim and vmcore-dmesg in a shell',
    (command) => command.positional('shell', { choices: SHELLS, demandOption: true, describe: 'The shell' }),
    async ({ shell }) => {
      const architectures = await Promise.all(ARCHITECTURES.map(({ load }) => load()));
      context.out(SCRIPT_FOR[shell](typedCommands(kexecSim, architectures)));
    },
  );
