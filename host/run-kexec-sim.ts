/** The `kexec-sim` command as a function. */
import { KexecError } from '../kexec/base/error.js';
import { visible } from '../kexec/base/format.js';
import type { Platform } from '../kexec/base/platform.js';
import type { RunKexec, SubcommandContext } from '../sim/commands/common/context.js';
import { UsageError, runKexecSim as runSubcommand } from '../sim/commands/index.js';
import { fromByteString, toByteString } from './byte-strings.js';

const usageHint = ({ command }: UsageError): string =>
  `Try "kexec-sim ${command === undefined ? '' : `${command} `}--help".\n`;

/** What the `kexec-sim` command is connected to. */
export interface RunKexecSimOptions extends Omit<SubcommandContext, 'kexec' | 'platform' | 'gdbPort'> {
  /** The package's version. */
  readonly version: string;
  /** Receives text for stderr. */
  readonly err: (text: string) => void;
}

/** The tool is large, and only one subcommand runs it. */
const kexec: RunKexec = async (args, { env, out, err }) => {
  const { runKexec } = await import('./run-kexec.js');
  return runKexec(args.map(toByteString), {
    env,
    out: (text) => out(fromByteString(text)),
    err: (text) => err(fromByteString(text)),
  });
};

const platform = async (): Promise<Platform> => (await import('./platform-node.js')).nodePlatform;

const gdbPort: SubcommandContext['gdbPort'] = async (address) => (await import('./gdb-port.js')).openGdbPort(address);

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');

/** Writes what went wrong, whatever it is, in one line. @returns the exit code */
export const complain = (error: unknown, err: (text: string) => void): number => {
  const [reason, hint] =
    error instanceof UsageError
      ? [error.message, usageHint(error)]
      : error instanceof KexecError
        ? [error.message, '']
        : [`internal error: ${error instanceof Error ? error.message : String(error)}`, ''];
  err(`kexec-sim: ${visible(oneLine(reason))}\n${hint}`);
  if (error instanceof UsageError) return error.exitCode;
  return error instanceof KexecError && error.died ? error.exitCode : 1;
};

/**
 * The `kexec-sim` command as a function: everything that it does, but connecting to the process. yargs writes the help
 * itself.
 * @param args the arguments behind the command's name
 * @returns the exit code
 */
export const runKexecSim = async (
  args: readonly string[],
  { version, err, ...context }: RunKexecSimOptions,
): Promise<number> => {
  try {
    await runSubcommand(args, version, { ...context, kexec, platform, gdbPort });
    return 0;
  } catch (error) {
    return complain(error, err);
  }
};
