/** `kexec-sim replay`: makes recorded system calls on the simulated kernel. Its output is JSON in any case. */
import { formatLines } from '../kernel/state/json.js';
import { readCallFile, replay } from '../kernel/replay.js';
import { type SubcommandContext, type CommonArgv, openMachine } from './common/context.js';

/** Adds the subcommand to kexec-sim. */
export const addReplayCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'replay <calls>',
    'Make the system calls of a recording, and print their results',
    (command) =>
      command.positional('calls', {
        type: 'string',
        demandOption: true,
        describe: 'A calls.json, or the folder that it is in',
      }),
    async (args) => {
      const file = readCallFile(args.calls);
      const { kernel } = openMachine(args, context);
      const results: object[] = [];
      for await (const result of replay(kernel, file)) {
        results.push(result);
        context.progress?.({ what: 'replaying', unit: 'calls', done: results.length, total: file.calls.length });
      }
      context.out(formatLines(results, args.calls));
    },
  );
