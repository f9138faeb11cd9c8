import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { arm64 } from '../../../kexec/arch/arm64/kexec-arm64.js';
import { RELEASES, compatFor } from '../../../kexec/base/compat.js';
import { SIM_OPTIONS, optionsOf } from '../../../kexec/options/options.js';
import { addAll } from '../../../sim/commands/index.js';
import { type TypedCommand, typedCommands } from '../../../sim/commands/completion/words.js';
import { QUIRKS } from '../../../sim/machine/quirks.js';

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

/** Options of all releases: completion has those of one. */
const ofReleases = RELEASES.flatMap((release) => optionsOf(compatFor(release), arm64.options)).map(
  ({ name }) => `--${name}`,
);
const namesFor = (name: string): readonly string[] => [
  ...new Set([...optionNames(named(name)), ...(name === 'kexec' ? ofReleases : [])]),
];

describe.each(['kexec', 'kexec-sim'])('%s.8', (name) => {
  const entries = entriesOf(pageOf(name)).filter((entry) => entry.startsWith('-'));

  test.each(namesFor(name))('has %s', (option) => {
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

/** A page without fonts, or a document without the marks of code. */
const plain = (file: string): string =>
  file.endsWith('.8') ? pageOf(file.slice(0, -2)) : readFileSync(file, 'utf8').replaceAll('`', '');
const SETTINGS = 'docs/settings.md';

test.each(['kexec.8', 'vmcore-dmesg.8', SETTINGS])('%s has the releases', (file) => {
  const words = plain(file).split(/[\s,:;()]+/);
  expect(RELEASES.filter((release) => !words.includes(release))).toEqual([]);
});

test.each(['kexec.8', SETTINGS])('%s has the quirks', (file) => {
  const words = plain(file).split(/\s+/);
  expect(Object.keys(QUIRKS).filter((quirk) => !words.includes(quirk))).toEqual([]);
});

test(`${SETTINGS} has our options, and their variables`, () => {
  const text = plain(SETTINGS);
  const missing = SIM_OPTIONS.filter(({ name, variable }) => !text.includes(`| ${variable} | --${name}= | `));
  expect(missing.map(({ name }) => name)).toEqual([]);
});
