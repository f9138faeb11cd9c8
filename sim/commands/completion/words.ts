/** What may be typed behind the commands of this package, with no word about any shell. */
import type { Argv, Options, PositionalOptions } from 'yargs';
import type { Architecture } from '../../../kexec/architecture.js';
import { DEFAULT_COMPAT, RELEASES } from '../../../kexec/base/compat.js';
import { type OptionSpec, SIM_OPTIONS, optionsOf } from '../../../kexec/options/options.js';
import { bundledMachines } from '../../kernel/recording/machines.js';

/** What an argument may be. */
export interface Candidates {
  readonly words: readonly string[];
  readonly files: 'none' | 'directories' | 'any';
}

export interface TypedOption {
  /** With their dashes. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined when the option takes none. */
  readonly argument: Candidates | undefined;
}

export interface TypedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly TypedOption[];
  readonly operands: Candidates;
  readonly subcommands: readonly TypedCommand[];
  /** The command whose options and operands go behind a "--". */
  readonly behindDashes?: TypedCommand | undefined;
}

const ANYTHING: Candidates = { words: [], files: 'none' };
const FILES: Candidates = { words: [], files: 'any' };
const DIRECTORIES: Candidates = { words: [], files: 'directories' };
const words = (list: readonly string[]): Candidates => ({ words: list, files: 'none' });

/** What the option tables mean by the names that they give to arguments. */
const CANDIDATES_OF: Readonly<Record<string, (types: readonly string[]) => Candidates>> = {
  FILE: () => FILES,
  TAR: () => FILES,
  DIR: () => DIRECTORIES,
  NAME: () => words(bundledMachines()),
  TYPE: words,
  'VERSION[:LIB,...]': () => words(RELEASES),
};

const union = (all: readonly Candidates[]): Candidates => ({
  words: all.flatMap((one) => one.words),
  files: (['any', 'directories'] as const).find((kind) => all.some(({ files }) => files === kind)) ?? 'none',
});

/**
 * @param argument as in "NAME|DIR"; words in lower case between bars stand for themselves, unless the user
 *   has to complete them, as `console:TEXT`
 * @param types of kernels
 */
const candidatesOf = (argument: string, types: readonly string[] = []): Candidates => {
  const parts = argument.split('|');
  const isWord = (part: string): boolean => parts.length > 1 && /^[a-z]/.test(part);
  return union(
    parts
      .filter((part) => !/^[a-z]+:/.test(part))
      .map((part) => CANDIDATES_OF[part]?.(types) ?? (isWord(part) ? words([part]) : ANYTHING)),
  );
};

const typesOf = (architectures: readonly Architecture[]): readonly string[] =>
  architectures.flatMap((architecture) => architecture.formatUsages(DEFAULT_COMPAT).map(({ name }) => name));

/** Several architectures have options of one name. */
const optionsOfAll = (architectures: readonly Architecture[]): readonly OptionSpec[] => [
  ...new Map(architectures.flatMap(({ options }) => options.map((option) => [option.name, option]))).values(),
];

/** The real kexec, as our commands run it behind a "--". */
const realKexec = (architectures: readonly Architecture[]): TypedCommand => ({
  name: 'real-kexec',
  description: 'Load a kernel to start from the running one',
  options: optionsOf(DEFAULT_COMPAT, optionsOfAll(architectures)).map(({ name, letter, argument, description }) => ({
    names: [`--${name}`, ...(letter === undefined ? [] : [`-${letter}`])],
    description,
    argument: argument === undefined ? undefined : candidatesOf(argument, typesOf(architectures)),
  })),
  operands: FILES,
  subcommands: [],
});

/** `kexec`: the options of kexec-tools and ours. */
const kexec = (real: TypedCommand): TypedCommand => ({
  ...real,
  name: 'kexec',
  options: [
    ...real.options,
    ...SIM_OPTIONS.map(({ name, argument, description }) => ({
      names: [`--${name}`],
      description,
      argument: candidatesOf(argument),
    })),
  ],
});

const vmcoreDmesg: TypedCommand = {
  name: 'vmcore-dmesg',
  description: 'Print the kernel log out of a vmcore',
  options: [],
  operands: FILES,
  subcommands: [],
};

/** What a command told yargs about itself. */
interface Told {
  readonly options: readonly (readonly [name: string, option: Options])[];
  readonly positionals: readonly (readonly [name: string, positional: PositionalOptions])[];
  readonly commands: readonly (readonly [usage: string, description: string, build: Builder])[];
  /** Whether it asks for the words behind a "--". */
  readonly takesDashes: boolean;
}

export type Builder = (yargs: Argv) => unknown;

/** Stands in for yargs, and writes down what it is told. */
const listen = (build: Builder): Told => {
  const calls: { readonly method: string | symbol; readonly args: readonly unknown[] }[] = [];
  const yargs: Argv = new Proxy({} as Argv, {
    get:
      (_, method) =>
      (...args: readonly unknown[]) => {
        calls.push({ method, args });
        return yargs;
      },
  });
  build(yargs);
  const argumentsOf = (name: string) => calls.filter(({ method }) => method === name).map(({ args }) => args);
  return {
    options: argumentsOf('option') as Told['options'][number][],
    positionals: argumentsOf('positional') as Told['positionals'][number][],
    commands: argumentsOf('command') as unknown as Told['commands'],
    takesDashes: (argumentsOf('parserConfiguration') as [object][]).some(([how]) => 'populate--' in how),
  };
};

/** Options that mean the same as one of `kexec` take the same; of the others, the description tells. */
const candidatesOfOption = (
  name: string,
  { choices, describe }: Options | PositionalOptions,
): Candidates | undefined => {
  const simOption = SIM_OPTIONS.find((option) => option.name === `sim-${name}`);
  if (choices !== undefined) return words(choices.map(String));
  if (simOption !== undefined) return candidatesOf(simOption.argument);
  if (typeof describe !== 'string') return undefined;
  if (/^directory\b/i.test(describe)) return DIRECTORIES;
  return /\bfile\b/i.test(describe) ? FILES : undefined;
};

const YARGS_OPTIONS: readonly TypedOption[] = [
  { names: ['--help', '-h'], description: 'Show help', argument: undefined },
  { names: ['--version'], description: 'Show version number', argument: undefined },
];

const toOption = ([name, option]: Told['options'][number]): TypedOption => ({
  names: [name, ...[option.alias ?? []].flat()].map((word) => (word.length === 1 ? `-${word}` : `--${word}`)),
  description: option.describe ?? '',
  argument: option.type === 'boolean' ? undefined : (candidatesOfOption(name, option) ?? ANYTHING),
});

/** What all subcommands have in common. */
interface Common {
  readonly options: readonly TypedOption[];
  readonly behindDashes: TypedCommand;
}

const toCommand = (name: string, description: string, build: Builder, common: Common): TypedCommand => {
  const { options, positionals, commands, takesDashes } = listen(build);
  const all = [...options.map(toOption), ...common.options];
  return {
    name,
    description,
    options: all,
    operands: union(positionals.map(([positional, option]) => candidatesOfOption(positional, option) ?? FILES)),
    subcommands: commands.map(([usage, about, inner]) =>
      toCommand(usage.split(' ', 1)[0]!, about, inner, { ...common, options: all }),
    ),
    behindDashes: takesDashes ? common.behindDashes : undefined,
  };
};

/**
 * @param kexecSim adds the options and subcommands of `kexec-sim` to yargs
 * @param architectures whose kernels `kexec` loads
 * @throws KexecError when the bundled machines cannot be listed
 */
export const typedCommands = (kexecSim: Builder, architectures: readonly Architecture[]): readonly TypedCommand[] => {
  const real = realKexec(architectures);
  const common = { options: YARGS_OPTIONS, behindDashes: real };
  return [
    kexec(real),
    toCommand('kexec-sim', 'Look at recorded machines and at what is loaded', kexecSim, common),
    vmcoreDmesg,
  ];
};

/** The shell function that completes a command, or a subcommand of it. */
export const functionName = (path: readonly string[]): string => ['_kexec_ts', ...path].join('_').replaceAll('-', '_');

/** Commands, and first those that go behind a "--" in them. */
export const withThoseBehindDashes = (commands: readonly TypedCommand[]): readonly TypedCommand[] => [
  ...commandsBehindDashes(commands),
  ...commands,
];

/** Those that go behind a "--" somewhere, each once. */
const commandsBehindDashes = (commands: readonly TypedCommand[]): readonly TypedCommand[] => [
  ...new Set(
    commands.flatMap(({ behindDashes, subcommands }) => [behindDashes ?? [], commandsBehindDashes(subcommands)].flat()),
  ),
];
