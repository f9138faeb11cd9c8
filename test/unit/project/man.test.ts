import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { arm64 } from '../../../kexec/arch/arm64/kexec-arm64.js';
import { addAll } from '../../../sim/commands/index.js';
import { type TypedCommand, typedCommands } from '../../../sim/commands/completion/words.js';

/** A page's text, where macros and fonts are left out. */
const pageOf = (name: string): string =>
  readFileSync(`${name}.8`, 'latin1')
    .replaceAll(/\\f(?:\w|\(..)/g, '')
    .replaceAll('\\-', '-')
    .replaceAll(/[" ]+/g, ' ');

/** Lines that begin an entry. */
const entriesOf = (page: string): readonly string[] =>
  [...page.matchAll(/^\.TP\n\.\w+ (.*)$/gm)].map(([, tag]) => tag!);

const commands = typedCommands((yargs) => addAll(yargs, { env: {}, out: () => {} }), [arm64]);
const named = (name: string): TypedCommand => commands.find((command) => command.name === name)!;
const optionNames = ({ options, subcommands }: TypedCommand): readonly string[] => [
  ...new Set([...options.flatMap(({ names }) => names), ...subcommands.flatMap(optionNames)]),
];

describe.each(['kexec', 'kexec-sim'])('%s.8', (name) => {
  const entries = entriesOf(pageOf(name)).filter((entry) => entry.startsWith('-'));

  test.each(optionNames(named(name)))('has %s', (option) => {
    const own = new RegExp(`(?:^|[ ,])${option}(?:$|[ ,=])`);
    expect(entries.filter((entry) => own.test(entry))).toHaveLength(1);
  });
});

test.each(named('kexec-sim').subcommands.map((command) => command.name))('kexec-sim.8 has the command %s', (name) => {
  expect(entriesOf(pageOf('kexec-sim')).filter((entry) => entry === name || entry.startsWith(`${name} `))).toHaveLength(
    1,
  );
});

test.each(['kexec', 'kexec-sim'])('%s.8 is shipped', (name) => {
  const { man, files } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly man: readonly string[];
    readonly files: readonly string[];
  };
  expect(man).toContain(`${name}.8`);
  expect(files).toContain(`${name}.8`);
});
