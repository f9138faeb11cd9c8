/** `kexec-sim snapshot`: the script that records a machine, for people to read before they run it there. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostCall } from '../kernel/recording/host-files.js';
import { packageRoot } from '../kernel/recording/package-root.js';
import type { SubcommandContext, CommonArgv } from './common/context.js';

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
      hostCall('Cannot write', output, () => {
        writeFileSync(output, script);
        chmodSync(output, 0o755);
      });
    },
  );
