/** `kexec-sim snapshot`: the script that records a machine, for people to read before they run it there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../kernel/recording/package-root.js';
import { replaceFile } from '../kernel/saving/replace-file.js';
import type { SubcommandContext, CommonArgv } from './common/context.js';

const PROGRAM = 0o755;

/** Adds the subcommand to kexec-sim. */
export const addSnapshotCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'snapshot',
    'Print a shell script that records the arm64 machine it is run on',
    (command) =>
      command.option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'Write it to this file, ready to be run',
      }),
    ({ output }) => {
      const script = readFileSync(join(packageRoot(), 'util', 'snapshot.sh'), 'utf8');
      if (output === undefined) {
        context.out(script);
        return;
      }
      replaceFile(output, (write) => write(Buffer.from(script)), PROGRAM);
    },
  );
