/** What a case of the conformance run is, and short ways to write one. */
import type { Release } from '../../kexec/base/compat.js';

/** One or more commands on one machine. */
export interface Case {
  /** Says what the case is about; the machine and the release complete it. */
  readonly name: string;
  readonly machine: string;
  /** The commands' arguments; each command finds what those before it have loaded. */
  readonly commands: readonly (readonly string[])[];
  /** Without it, all. */
  readonly releases?: readonly Release[];
  /** The releases that it runs on unless all are asked for; without it, the newest and, by turns, another one. */
  readonly byTurns?: readonly Release[];
  /** Variables for both sides. */
  readonly env?: Readonly<Record<string, string>>;
  /** The machine's page size in bytes. */
  readonly pageSize?: number;
  /**
   * Why the real tool is killed by a signal here: a memory fault of its own. Ours is to end with an exit status other
   * than 0 and to say what is wrong.
   */
  readonly realCrashes?: string;
  /** The releases that crash; without it, all. */
  readonly crashingReleases?: readonly Release[];
  /**
   * Output that depends on memory behind the real one's buffers, and why. Where all that it does depends on that, ours
   * is only to end by itself, and to say so when it ends with another status than 0. Both may agree by chance in a
   * stream, but not in all runs with the same reason.
   */
  readonly unforeseeable?: {
    readonly stream: 'stdout' | 'stderr' | 'everything';
    readonly releases: readonly Release[];
    readonly why: string;
  };
}

type Options = Omit<Case, 'name' | 'machine' | 'commands'>;

/** A case with one command, given as one would type it; arguments with spaces are given in an array. */
export const command = (machine: string, args: string | readonly string[], options: Options = {}): Case => {
  const list = typeof args === 'string' ? args.split(' ').filter((arg) => arg !== '') : args;
  return { name: list.join(' '), machine, commands: [list], ...options };
};

/** A case of several commands, one after the other. */
export const session = (machine: string, commands: readonly string[], options: Options = {}): Case => ({
  name: commands.join('; '),
  machine,
  commands: commands.map((args) => args.split(' ').filter((arg) => arg !== '')),
  ...options,
});

/** Every command on every machine. */
export const combine = (machines: readonly string[], commands: readonly string[], options: Options = {}): Case[] =>
  machines.flatMap((machine) => commands.map((args) => command(machine, args, options)));
