/** What `diff` and `doctor` have in common: they run kexec as the words behind "--" say, and end with 2 for trouble. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attemptAsync } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import type { RunKexec, SubcommandContext } from './context.js';

/** The exit code where there is no answer. */
export const TROUBLE = 2;

/** Whatever goes wrong is trouble, and no answer. @throws KexecError */
export const asTrouble = async <T>(action: () => Promise<T>): Promise<T> => {
  const result = await attemptAsync(KexecError, action);
  if (!(result instanceof KexecError)) return result;
  const { message, subject } = result;
  throw KexecError.die(message, { ...(subject !== undefined && { subject }), exitCode: TROUBLE });
};

/** The words behind "--". */
export const behindDashes = (args: Readonly<Record<string, unknown>>): readonly string[] => {
  const behind = args['--'];
  return Array.isArray(behind) ? behind.map(String) : [];
};

/** What runs kexec. @throws KexecError where there is none, or where options of ours are among those of the real one */
export const kexecFor = (given: readonly string[], { kexec }: SubcommandContext): RunKexec => {
  if (kexec === undefined) throw KexecError.die('there is no kexec to run here');
  const own = given.find((arg) => arg.startsWith('--sim-'));
  if (own === undefined) return kexec;
  throw KexecError.die(`${own}: behind -- go options of the real kexec only`, { subject: own });
};

/** Does what needs a directory of its own, which is removed when it has ended. */
export const inScratch = async <T>(name: string, action: (directory: string) => Promise<T>): Promise<T> => {
  const directory = mkdtempSync(join(tmpdir(), `kexec-sim-${name}-`));
  try {
    return await action(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};
