/** The `kexec-sim` command: connects runKexecSim() to the process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { progressOnStderr } from '../host/progress.js';
import { processTerminal } from '../host/terminal.js';
import { complain, runKexecSim } from '../host/run-kexec-sim.js';
import { KexecError } from '../kexec/base/error.js';
import { packageRoot } from '../sim/kernel/recording/package-root.js';

const progress = await progressOnStderr(process.env, (text) => process.stderr.write(text));
const out = (text: string): void => {
  process.stdout.write(text);
};
const err = (text: string): void => {
  progress?.erase();
  process.stderr.write(text);
};

const packageVersion = (): string => {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
};

/** A reader that has enough, such as `head`, is no failure: what there is to do is still done. */
const onOutputError = (error: NodeJS.ErrnoException): void => {
  if (error.code === 'EPIPE') return;
  process.exitCode = complain(KexecError.die(`Cannot write the output: ${error.message}`), err);
};

process.stdout.on('error', onOutputError);
process.stderr.on('error', () => {
  process.exitCode = 1;
});
process.on('uncaughtException', (error) => {
  process.exitCode = complain(error, err);
});

const exitCode = await runKexecSim(process.argv.slice(2), {
  version: packageVersion(),
  env: process.env,
  outBytes: (bytes) => void process.stdout.write(bytes),
  out: progress !== undefined && process.stdout.isTTY ? progress.beside(out) : out,
  err,
  terminal: processTerminal(() => progress?.erase()),
  progress: progress?.report,
  colour: process.stdout.isTTY && !process.env['NO_COLOR'],
});
progress?.erase();
// What failed while the output was written stays a failure.
if (exitCode !== 0) process.exitCode = exitCode;
