/** The command kexec-sim: its subcommands, and what becomes of a command line. */
import yargs, { type Argv } from 'yargs';
import { addBootCommand } from './boot/boot.js';
import { addResumeCommand } from './boot/resume.js';
import { addCompletionCommand } from './completion.js';
import { type SubcommandContext, type CommonArgv, addCommonOptions } from './common/context.js';
import { addCpuCommand } from './cpu.js';
import { addDiffCommand } from './diff.js';
import { addDmesgCommand } from './dmesg.js';
import { addDoctorCommand } from './doctor/doctor.js';
import { addExtractPurgatoryCommand } from './extract-purgatory.js';
import { addHandoffCommand } from './handoff.js';
import { addMachinesCommand } from './machines.js';
import { addReplayCommand } from './replay.js';
import { addSegmentsCommand } from './segments.js';
import { addSnapshotCommand } from './snapshot.js';
import { addStatusCommand } from './status.js';

/** The user typed something that the command does not know. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const COMMANDS = [
  addMachinesCommand,
  addStatusCommand,
  addSegmentsCommand,
  addDmesgCommand,
  addReplayCommand,
  addExtractPurgatoryCommand,
  addCpuCommand,
  addBootCommand,
  addResumeCommand,
  addHandoffCommand,
  addDiffCommand,
  addDoctorCommand,
  addSnapshotCommand,
] as const;

/** Tells yargs of all options and subcommands. */
export const addAll = (yargs: Argv, context: SubcommandContext): CommonArgv =>
  addCompletionCommand(
    COMMANDS.reduce((command, add) => add(command, context), addCommonOptions(yargs)),
    context,
    (other) => addAll(other, context),
  );

/** yargs loses a "-", which stands for standard input; behind "--" are words of another command. */
const withStdin = (args: readonly string[]): string[] => {
  const end = args.indexOf('--');
  return args.map((word, i) => (word === '-' && (end < 0 || i < end) ? '/dev/stdin' : word));
};

/** Options that are given twice, and machines without a name. @throws UsageError */
const checkOnce = (argv: Readonly<Record<string, unknown>>, { array }: { readonly array: readonly string[] }): true => {
  for (const [name, value] of Object.entries(argv)) {
    // yargs gives "--stop-at" as "stopAt", too.
    if (/[A-Z]/.test(name)) continue;
    if (Array.isArray(value) && !['_', '--', ...array].includes(name)) {
      throw new UsageError(`--${name} is given ${value.length} times`);
    }
  }
  for (const name of ['machine', 'state'])
    if (argv[name] === '') throw new UsageError(`--${name} is given without a value`);
  return true;
};

/**
 * Does what a command line of kexec-sim says.
 * @param args without the program's name
 * @throws UsageError, KexecError
 */
export const runKexecSim = async (
  args: readonly string[],
  version: string,
  context: SubcommandContext,
): Promise<void> => {
  // The directory is where yargs would look for settings; it may be one that is gone.
  const parser = addAll(
    yargs(withStdin(args), '/')
      .scriptName('kexec-sim')
      .usage(
        '$0 COMMAND\n\nLooks at recorded machines and at what is loaded into their simulated kernels, and runs code on them.',
      )
      .parserConfiguration({ 'dot-notation': false, 'boolean-negation': false, 'parse-positional-numbers': false })
      .locale('en'),
    context,
  );
  await parser
    .demandCommand(1, 1, 'a command is needed', 'too many arguments')
    .strict()
    // yargs tells a check of all options, which its types do not know.
    .check(checkOnce as unknown as Parameters<typeof parser.check>[0])
    .version(`kexec-sim ${version}`)
    .alias('help', 'h')
    .epilogue('Environment: KEXEC_MACHINE, KEXEC_STATE, KEXEC_PAGE_SIZE')
    .wrap(100)
    .exitProcess(false)
    .fail((message: string | null, error?: Error) => {
      // yargs throws mistakes in option syntax, and only tells of the others.
      if (error !== undefined && error.name !== 'YError') throw error;
      throw new UsageError(error?.message ?? message ?? 'bad arguments');
    })
    .parseAsync();
};
