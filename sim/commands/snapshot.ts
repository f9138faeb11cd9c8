import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KexecError, strerror } from '../../kexec/base/error.js';
import { errnoOf, isNodeError } from '../kernel/recording/host-files.js';
import { packageRoot } from '../kernel/recording/package-root.js';
import type { CommandContext, CommonArgv } from './context.js';

/** `kexec-sim snapshot`: the script that records a machine, for people to read before they run it there. */
export const addSnapshotCommand = (yargs: CommonArgv, context: CommandContext): CommonArgv =>
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
      try {
        writeFileSync(output, script);
        chmodSync(output, 0o755);
      } catch (error) {
        if (!isNodeError(error)) throw error;
        throw KexecError.die(`Cannot write ${output}: ${strerror(errnoOf(error))}`, {
          subject: output,
          errno: -errnoOf(error),
        });
      }
    },
  );
