/** All commands of an inspection, and what becomes of a line that somebody typed. */
import { type InspectCommand, wordsFor } from './command.js';
import { type Inspector, refuse } from './inspector.js';
import { MACHINE_COMMANDS } from './machine-commands.js';
import { MEMORY_COMMANDS } from './memory-commands.js';
import { TABLE_COMMANDS } from './table-commands.js';

const help: InspectCommand = {
  name: 'help',
  usage: '[COMMAND]',
  what: 'These lines',
  words: [0, 1],
  run: function* (_inspector, { words: [name] }) {
    const chosen = name === undefined ? INSPECT_COMMANDS : [commandOf(name)];
    for (const { name: own, usage, what } of chosen) yield `${`${own} ${usage}`.padEnd(48)} ${what}`;
  },
};

export const INSPECT_COMMANDS: readonly InspectCommand[] = [
  ...MEMORY_COMMANDS,
  ...TABLE_COMMANDS,
  ...MACHINE_COMMANDS,
  help,
];

const commandOf = (name: string): InspectCommand => {
  const found = INSPECT_COMMANDS.find((command) => command.name === name);
  if (found === undefined) throw refuse(`there is no command "${name}": help lists them`);
  return found;
};

/** Words that end an inspection. */
const ENDS: readonly string[] = ['quit', 'q', 'exit'];

export const isEnd = (line: string): boolean => ENDS.includes(line.trim());

/** The lines that a command answers with; none for an empty one or a comment. @throws KexecError in one line */
export const runInspection = (inspector: Inspector, line: string): Iterable<string> => {
  const [name, ...words] = line.trim().split(/\s+/);
  if (name === undefined || name === '' || name.startsWith('#')) return [];
  const command = commandOf(name);
  return command.run(inspector, wordsFor(command, words));
};

/** Words that can go on from what is typed: commands first, then symbols. */
export const completionsOf = (inspector: Inspector, line: string, most: number): readonly string[] => {
  const words = line.trimStart().split(/\s+/);
  const last = words.at(-1) ?? '';
  const candidates =
    words.length <= 1
      ? INSPECT_COMMANDS.map(({ name }) => name)
      : (inspector.kernel?.symbols?.symbols ?? []).map(({ name }) => name);
  const found: string[] = [];
  for (const name of candidates) {
    if (name.startsWith(last) && found.push(name) === most) break;
  }
  return found;
};
