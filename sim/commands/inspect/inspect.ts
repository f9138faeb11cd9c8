/** `kexec-sim inspect`: what can be typed. */
import type { CommonArgv, SubcommandContext } from '../common/context.js';

/** Adds the subcommand to kexec-sim. */
export const addInspectCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'inspect',
    'Look into a machine that stands still: symbols, memory, code, translation tables, log',
    (command) =>
      command
        .option('at', {
          choices: ['entry', 'panic', 'capture'] as const,
          requiresArg: true,
          describe:
            "Of what is loaded: the new kernel's first instruction, the old kernel in its panic, the capture kernel's first",
        })
        .option('from', { type: 'string', requiresArg: true, describe: 'A saved machine: a file' })
        .option('vmcore', { type: 'string', requiresArg: true, describe: 'A core file of a machine' })
        .option('cpu', {
          type: 'string',
          requiresArg: true,
          describe: 'The processor to look at; the one that ran last',
        })
        .option('command', {
          alias: 'c',
          type: 'string',
          array: true,
          default: [] as string[],
          requiresArg: true,
          describe: 'A command; without any, they are read from stdin',
        })
        .parserConfiguration({ 'populate--': true })
        .example("$0 inspect --from saved -c 'dis panic 4' -c log", '')
        .example('$0 inspect -c reg -- Image --reuse-cmdline', '')
        .epilogue('The command help lists the others. A file that --state names is a saved machine, too.'),
    async (args) => {
      const { runInspect } = await import('./run-inspect.js');
      await runInspect(args, context);
    },
  );
