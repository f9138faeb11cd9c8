/** The `kexec` command as a function. */
import {
  ARCHITECTURES,
  architectureOf,
  type ArchitectureEntry,
  type Architectures,
} from '../kexec/arch/architectures.js';
import { DEFAULT_COMPAT, type Compat } from '../kexec/base/compat.js';
import { KexecError } from '../kexec/base/error.js';
import { getoptLong, type ParsedArguments } from '../kexec/options/getopt.js';
import { SIM_OPTIONS, optionSyntax, optionsOf, type SimOption } from '../kexec/options/options.js';
import { expectCommand } from '../kexec/arguments/shape.js';
import type { OnProgress } from '../kexec/base/progress.js';
import { interpretOptions, type Settings } from '../kexec/options/settings.js';
import { versionText } from '../kexec/options/usage.js';
import type { Keyboard } from '../sim/machine/terminal.js';
import { fromByteString } from './byte-strings.js';
import { chosenCompat } from './chosen-compat.js';
import { prefetch } from './prefetch.js';

/** What the `kexec` command is connected to. Text is one byte a character: command lines and file names are bytes. */
export interface RunKexecOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Receives text for stdout. */
  readonly out: (text: string) => void;
  /** Receives text for stderr. */
  readonly err: (text: string) => void;
  /** Receives what an executed kernel prints, to be shown on stdout without delay; `out` where there is none. */
  readonly console?: (text: string) => void;
  /** What is typed into an executed kernel's console; nothing where there is none. */
  readonly keyboard?: (() => Promise<Keyboard | undefined>) | undefined;
  /** Is told how far the command is. */
  readonly progress?: OnProgress | undefined;
}

type Arguments = ParsedArguments<string>;
type Env = RunKexecOptions['env'];

/** The value of an option that is ours: the command line's, or else the environment's. */
const simValue = ({ exact }: Arguments, name: string, env: Env): string | undefined => {
  const { variable } = SIM_OPTIONS.find((candidate) => candidate.name === name) as SimOption;
  const value = exact.get(name) ?? env[variable];
  return value === '' ? undefined : value;
};

/** What the arguments say, and of which release and architecture of kexec-tools. */
interface Command {
  readonly parsed: Arguments;
  readonly compat: Compat;
  readonly entry: ArchitectureEntry;
}

/** The architecture of the machine that the arguments name; where there is one only, nobody looks at the machine. */
const entryFor = async (parsed: Arguments, env: Env, architectures: Architectures): Promise<ArchitectureEntry> => {
  if (architectures.length === 1) return architectures[0];
  const { recordedMachine } = await import('../sim/kernel/recorded-system.js');
  const { machine } = recordedMachine({ machine: simValue(parsed, 'sim-machine', env), env });
  return architectureOf(machine, architectures);
};

/** Which options there are depends on the release and on the machine, and these are options. */
const parseArguments = async (args: readonly string[], env: Env, architectures: Architectures): Promise<Command> => {
  const posixlyCorrect = env['POSIXLY_CORRECT'] !== undefined;
  const parseFor = (compat: Compat, { options }: ArchitectureEntry): Arguments =>
    getoptLong(args, optionSyntax(optionsOf(compat, options), posixlyCorrect));
  const first = parseFor(DEFAULT_COMPAT, architectures[0]);
  const wanted = simValue(first, 'sim-compat', env);
  const compat = wanted === undefined ? DEFAULT_COMPAT : chosenCompat('kexec', wanted);
  const entry = await entryFor(first, env, architectures);
  return { parsed: parseFor(compat, entry), compat, entry };
};

// What only some commands need is loaded only there, all of it at once: --version is to answer at once, too.
const usage = async ({ compat, entry }: Command): Promise<string> =>
  (await import('./run-command.js')).usage(compat, entry);

/** The kernel and the initrd, as paths on this host. */
const filesToLoad = ({ doLoad, options }: Settings, operands: readonly string[]): readonly string[] => {
  if (!doLoad) return [];
  const initrd = options.findLast(({ id }) => id === 'initrd')?.argument;
  return [operands[0], initrd].flatMap((path) => (path === undefined ? [] : [fromByteString(path)]));
};

const run = async (
  args: readonly string[],
  { env, out, err, console, keyboard, progress }: RunKexecOptions,
  architectures: Architectures,
): Promise<number> => {
  const command = await parseArguments(args, env, architectures);
  const { parsed, compat, entry } = command;
  const interpreted = interpretOptions(parsed.tokens, compat, entry.word);
  switch (interpreted.kind) {
    case 'version':
      out(versionText(compat));
      return 0;
    case 'help': {
      const { simHelp } = await import('./kexec-yargs.js');
      out((await usage(command)) + (await simHelp(SIM_OPTIONS)));
      return 0;
    }
    case 'usage':
      err(interpreted.error);
      out(await usage(command));
      return 1;
    case 'exit':
      err(interpreted.error);
      return interpreted.exitCode;
    case 'print-ckr-size':
    case 'run': {
      const prefetched = prefetch(
        interpreted.kind === 'run' ? filesToLoad(interpreted.settings, parsed.operands) : [],
        progress,
      );
      const { runCommand } = await import('./run-command.js');
      return runCommand(interpreted, parsed.operands, {
        prefetched,
        simValue: (name) => simValue(parsed, name, env),
        compat,
        architectures,
        env,
        terminal: { out, err, console: console ?? out },
        keyboard,
        progress,
      });
    }
  }
};

/** A complaint of a variable, where the user has given the option that is in its place. */
const asTyped = (text: string, args: readonly string[]): string =>
  text.replace(/^(?:kexec: )?(KEXEC_\w+): /, (whole, variable: string) => {
    const option = `--${SIM_OPTIONS.find((candidate) => candidate.variable === variable)?.name}`;
    return args.some((arg) => arg === option || arg.startsWith(`${option}=`)) ? `kexec: ${option}: ` : whole;
  });

/**
 * The `kexec` command as a function: everything that it does, but printing and exiting.
 * @param args the arguments behind the command's name, one byte a character
 * @returns the exit code, 0 to 255
 */
export const runKexec = async (args: readonly string[], options: RunKexecOptions): Promise<number> => {
  expectCommand('runKexec', args, options);
  return runKexecFor(ARCHITECTURES, args, options);
};

/** {@link runKexec} for machines of these architectures. */
export const runKexecFor = async (
  architectures: Architectures,
  args: readonly string[],
  options: RunKexecOptions,
): Promise<number> => {
  try {
    return (await run(args, options, architectures)) & 0xff;
  } catch (error) {
    if (error instanceof KexecError) {
      options.err(asTyped(error.text, args));
      return error.exitCode & 0xff;
    }
    options.err(`kexec: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
};
