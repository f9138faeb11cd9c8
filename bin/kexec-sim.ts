import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromByteString, toByteString } from '../host/byte-strings.js';
import { KexecError } from '../kexec/error.js';
import type { RunKexec } from '../sim/commands/context.js';
import { UsageError, runKexecSim } from '../sim/commands/index.js';
import { packageRoot } from '../sim/package-root.js';

/** The kexec-sim command. */

const USAGE_HINT = 'Try "kexec-sim --help".';

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');

const complain = (error: unknown): void => {
  const [reason, hint] =
    error instanceof UsageError
      ? [error.message, USAGE_HINT]
      : error instanceof KexecError
        ? [error.message]
        : [`internal error: ${error instanceof Error ? error.message : String(error)}`];
  process.stderr.write(`kexec-sim: ${oneLine(reason)}\n${hint === undefined ? '' : `${hint}\n`}`);
  process.exitCode = error instanceof KexecError && error.died ? error.exitCode : 1;
};

/** A reader that has enough, such as `head`, is no failure: what there is to do is still done. */
const onOutputError = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EPIPE') complain(KexecError.die(`Cannot write the output: ${error.message}`));
};

const packageVersion = (): string => {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
};

/** The tool is large, and only one subcommand runs it. */
const kexec: RunKexec = async (args, { env, out, err }) => {
  const { runKexec } = await import('../host/run-kexec.js');
  return runKexec(args.map(toByteString), { env, out: (text) => out(fromByteString(text)), err: (text) => err(fromByteString(text)) });
};

process.stdout.on('error', onOutputError);
process.stderr.on('error', () => {
  process.exitCode = 1;
});
process.on('uncaughtException', complain);

try {
  await runKexecSim(process.argv.slice(2), packageVersion(), {
    env: process.env,
    out: (text) => {
      process.stdout.write(text);
    },
    colour: process.stdout.isTTY && !process.env['NO_COLOR'],
    kexec,
  });
} catch (error) {
  complain(error);
}
