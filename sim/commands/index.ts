/** The command kexec-sim: its subcommands, and what becomes of a command line. */
import yargs, { type Argv } from 'yargs';
import { addBootCommand } from './boot/boot.js';
import { addResumeCommand } from './boot/resume.js';
import { addCompletionCommand } from './completion.js';
import { TROUBLE } from './common/behind-dashes.js';
import { type SubcommandContext, type CommonArgv, addCommonOptions } from './common/context.js';
import { addCpuCommand } from './cpu.js';
import { addDiffCommand } from './diff.js';
import { addDmesgCommand } from './dmesg.js';
import { addDoctorCommand } from './doctor/doctor.js';
import { addDtbCommand } from './dtb/dtb.js';
import { addExtractPurgatoryCommand } from './extract-purgatory.js';
import { addHandoffCommand } from './handoff.js';
import { addInspectCommand } from './inspect/inspect.js';
import { addMachinesCommand } from './machines.js';
import { addPanicCommand } from './panic/panic.js';
import { addReplayCommand } from './replay.js';
import { addSegmentsCommand } from './segments.js';
import { addSnapshotCommand } from './snapshot.js';
import { addStatusCommand } from './status.js';
import { addTraceCommand } from './trace.js';
import { addSymbolsCommand } from './symbols/symbols.js';
import { addVmcoreCommand } from './vmcore/vmcore.js';

/** The user typed something that the command does not know. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  /** @param command in which he did; undefined when it is not even known which one is meant */
  constructor(
    message: string,
    readonly command: string | undefined,
  ) {
    super(message);
  }

  get exitCode(): number {
    return this.command === 'diff' || this.command === 'doctor' ? TROUBLE : 1;
  }
}

const COMMANDS = {
  machines: addMachinesCommand,
  status: addStatusCommand,
  segments: addSegmentsCommand,
  dmesg: addDmesgCommand,
  dtb: addDtbCommand,
  replay: addReplayCommand,
  'extract-purgatory': addExtractPurgatoryCommand,
  cpu: addCpuCommand,
  boot: addBootCommand,
  resume: addResumeCommand,
  vmcore: addVmcoreCommand,
  trace: addTraceCommand,
  handoff: addHandoffCommand,
  inspect: addInspectCommand,
  symbols: addSymbolsCommand,
  panic: addPanicCommand,
  diff: addDiffCommand,
  doctor: addDoctorCommand,
  snapshot: addSnapshotCommand,
} as const;

/** What the commands are called. */
export const NAMES = [...Object.keys(COMMANDS), 'completion'];

/** What yargs says of a mistake, with what the user meant by it. */
const usageError = (args: readonly string[], message: string): UsageError => {
  const command = args.find((arg) => NAMES.includes(arg));
  if (command !== undefined) {
    // yargs takes a command behind an option that it does not know for the option's value.
    const stray = args[0]!.startsWith('-') ? args[0]! : undefined;
    if (stray !== undefined && message === NO_COMMAND) return new UsageError(`there is no option ${stray}`, command);
    const [, got, wanted] = TOO_FEW.exec(message) ?? [];
    const missing = `${command} needs ${wanted} argument${wanted === '1' ? '' : 's'}, and has ${got === '0' ? 'none' : got}`;
    return new UsageError(wanted === undefined ? message : missing, command);
  }
  const word = args.find((arg) => !arg.startsWith('-'));
  const unknown = word !== undefined && [`Unknown argument: ${word}`, TOO_MANY].includes(message);
  return new UsageError(unknown ? `there is no command "${word}"` : message, undefined);
};

const NO_COMMAND = 'a command is needed';
const TOO_MANY = 'too many arguments';
const TOO_FEW = /^Not enough non-option arguments: got (\d+), need at least (\d+)$/;

/** Tells yargs of all options and subcommands. */
export const addAll = (yargs: Argv, context: SubcommandContext): CommonArgv =>
  addCompletionCommand(
    Object.values(COMMANDS).reduce((command, add) => add(command, context), addCommonOptions(yargs)),
    context,
    (other) => addAll(other, context),
  );

/** yargs loses a "-", which stands for standard input; behind "--" are words of another command. */
const withStdin = (args: readonly string[]): string[] => {
  const end = args.indexOf('--');
  return args.map((word, i) => (word === '-' && (end < 0 || i < end) ? '/dev/stdin' : word));
};

/** Options that are given twice, machines without a name, and one where all are meant. @throws UsageError */
const checkOnce = (argv: Readonly<Record<string, unknown>>, { array }: { readonly array: readonly string[] }): true => {
  const [command] = argv['_'] as readonly string[];
  for (const [name, value] of Object.entries(argv)) {
    // yargs gives "--stop-at" as "stopAt", too.
    if (/[A-Z]/.test(name)) continue;
    if (Array.isArray(value) && !['_', '--', ...array].includes(name)) {
      throw new UsageError(`--${name} is given ${value.length} times`, command);
    }
  }
  for (const name of ['machine', 'state']) {
    if (argv[name] === '') throw new UsageError(`--${name} is given without a value`, command);
    if (argv[name] !== undefined && command === 'machines')
      throw new UsageError(`machines lists those that are bundled: --${name} says nothing to it`, command);
  }
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
    .demandCommand(1, 1, NO_COMMAND, TOO_MANY)
    .strict()
    // yargs tells a check of all options, which its types do not know.
    .check(checkOnce as unknown as Parameters<typeof parser.check>[0])
    .version(`kexec-sim ${version}`)
    .alias('help', 'h')
    .epilogue('Environment: KEXEC_MACHINE, KEXEC_STATE, KEXEC_PAGE_SIZE')
    .wrap(80)
    .exitProcess(false)
    .fail((message: string | null, error?: Error) => {
      // yargs throws mistakes in option syntax, and only tells of the others.
      if (error !== undefined && error.name !== 'YError') throw error;
      throw usageError(args, error?.message ?? message ?? 'bad arguments');
    })
    .parseAsync();
};
