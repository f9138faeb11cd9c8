/** The `kexec-sim` command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromByteString, toByteString } from '../host/byte-strings.js';
import { progressOnStderr } from '../host/progress.js';
import { KexecError } from '../kexec/base/error.js';
import type { RunKexec } from '../sim/commands/context.js';
import { UsageError, runKexecSim } from '../sim/commands/index.js';
import { packageRoot } from '../sim/kernel/recording/package-root.js';

const USAGE_HINT = 'Try "kexec-sim --help".';

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');

const progress = await progressOnStderr(process.env, (text) => process.stderr.write(text));
const out = (text: string): void => {
  process.stdout.write(text);
};

const complain = (error: unknown): void => {
  const [reason, hint] =
    error instanceof UsageError
      ? [error.message, USAGE_HINT]
      : error instanceof KexecError
        ? [error.message]
        : [`internal error: ${error instanceof Error ? error.message : String(error)}`];
  progress?.erase();
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
  return runKexec(args.map(toByteString), {
    env,
    out: (text) => out(fromByteString(text)),
    err: (text) => err(fromByteString(text)),
  });
};

process.stdout.on('error', onOutputError);
process.stderr.on('error', () => {
  process.exitCode = 1;
});
process.on('uncaughtException', complain);

try {
  await runKexecSim(process.argv.slice(2), packageVersion(), {
    env: process.env,
    out: progress !== undefined && process.stdout.isTTY ? progress.beside(out) : out,
    progress: progress?.report,
    colour: process.stdout.isTTY && !process.env['NO_COLOR'],
    kexec,
  });
  progress?.erase();
} catch (error) {
  complain(error);
}
