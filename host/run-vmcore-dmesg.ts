/** The `vmcore-dmesg` command as a function. */
import { attempt } from '../kexec/base/attempt.js';
import { Errno, KexecError, SystemError } from '../kexec/base/error.js';
import { createLog } from '../kexec/base/log.js';
import { expectCommand } from '../kexec/arguments/shape.js';
import type { System } from '../kexec/base/system.js';
import { vmcoreDmesg } from '../vmcore-dmesg/vmcore-dmesg.js';
import { recordedMachine } from '../sim/kernel/recorded-system.js';
import { fromByteString } from './byte-strings.js';
import { chosenCompat } from './chosen-compat.js';

/** What the `vmcore-dmesg` command is connected to. Text is one byte a character. */
export interface RunVmcoreDmesgOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Receives text for stdout; may throw a KexecError to end the command. */
  readonly out: (text: string) => void;
  /** Receives text for stderr. */
  readonly err: (text: string) => void;
}

const setting = (env: RunVmcoreDmesgOptions['env'], variable: string): string | undefined => env[variable] || undefined;

/** There is no reading at a place in a pipe, and opening one may wait for ever. */
const isPipe = (system: System, path: string): boolean => {
  const stat = attempt(SystemError, () => system.stat(path));
  return !(stat instanceof SystemError) && stat.kind === 'other';
};

const run = (args: readonly string[], { env, out, err }: RunVmcoreDmesgOptions): void => {
  const [path, ...others] = args;
  if (path === undefined || others.length > 0) throw KexecError.die('usage: vmcore-dmesg <kernel core file>');
  const compat = chosenCompat('vmcore-dmesg', setting(env, 'KEXEC_COMPAT'));
  const machine = recordedMachine({ machine: setting(env, 'KEXEC_MACHINE'), state: setting(env, 'KEXEC_STATE'), env });
  const source = {
    readAt: (name: string, offset: number, length: number): Uint8Array => {
      const file = fromByteString(name);
      if (isPipe(machine, file)) throw new SystemError('read', name, Errno.ESPIPE);
      return machine.readAt(file, offset, length);
    },
  };
  for (const text of vmcoreDmesg(source, path, { compat, log: createLog(false, out, err) })) out(text);
};

/**
 * The `vmcore-dmesg` command as a function: everything that it does, but printing and exiting.
 * @param args the arguments behind the command's name, one byte a character
 * @returns the exit code, 0 to 255
 */
export const runVmcoreDmesg = (args: readonly string[], options: RunVmcoreDmesgOptions): number => {
  expectCommand('runVmcoreDmesg', args, options);
  try {
    run(args, options);
    return 0;
  } catch (error) {
    if (error instanceof KexecError) {
      options.err(error.text);
      return error.exitCode & 0xff;
    }
    options.err(`vmcore-dmesg: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
};
