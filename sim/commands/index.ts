/** The command kexec-sim: its subcommands, and what becomes of a command line. */
import yargs, { type Argv } from 'yargs';
import { addBootCommand } from './boot/boot.js';
import { addResumeCommand } from './boot/resume.js';
import { addCompletionCommand } from './completion.js';
import { type SubcommandContext, type CommonArgv, addCommonOptions } from './common/context.js';
import { addCpuCommand } from './cpu.js';
import { addDiffCommand } from './diff.js';
import { addDmesgCommand } from './dmesg.js';
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
  addSnapshotCommand,
] as const;

/** Tells yargs of all options and subcommands. */
export const addAll = (yargs: Argv, context: SubcommandContext): CommonArgv =>
  addCompletionCommand(
    COMMANDS.reduce((command, add) => add(command, context), addCommonOptions(yargs)),
    context,
    (other) => addAll(other, context),
  );

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
  const parser = addAll(
    yargs([...args])
      .scriptName('kexec-sim')
      .usage(
        '$0 COMMAND\n\nLooks at recorded machines and at what is loaded into their simulated kernels, and runs code on them.',
      )
      .locale('en'),
    context,
  );
  await parser
    .demandCommand(1, 1, 'a command is needed', 'too many arguments')
    .strict()
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
