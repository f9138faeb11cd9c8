/** Which options and formats the runs have: every one that a release has is to be tried. */
import { arm64 } from '../../kexec/arch/arm64/kexec-arm64.js';
import { ARM64_OPTIONS } from '../../kexec/arch/arm64/options-arm64.js';
import { compatFor } from '../../kexec/base/compat.js';
import type { Release } from '../../kexec/base/compat.js';
import { getoptLong } from '../../kexec/options/getopt.js';
import type { OptionSyntax } from '../../kexec/options/getopt.js';
import { optionSyntax, optionsOf } from '../../kexec/options/options.js';
import type { OptionSpec } from '../../kexec/options/options.js';
import type { Task } from './excuse.js';

/** By a format's name in the help: the names of our files that are of this format. */
const FILES: Readonly<Record<string, RegExp>> = {
  vmlinux: /^t\/vmlinux(?!z)/,
  Image: /^t\/(efi-)?Image/,
  uImage: /^t\/uImage/,
  zImage: /^t\/Image.*\.gz$/,
  vmlinuz: /^t\/(zboot|vmlinuz)/,
  uki: /^t\/uki/,
};

const formatsOf = (release: Release): readonly string[] =>
  arm64.formatUsages(compatFor(release)).map(({ name }) => name);

/** An option as a user would look for it: `-l, --load`. */
const nameOf = ({ name, letter }: OptionSpec): string => (letter === undefined ? `--${name}` : `-${letter}, --${name}`);

/** The release's options, each with its name for a mark, as some share theirs. */
const syntaxOf = (release: Release): OptionSyntax<string> => {
  const specs = optionsOf(compatFor(release), ARM64_OPTIONS);
  const byLetter = new Map(specs.map((spec) => [spec.letter, nameOf(spec)]));
  const byName = new Map(specs.map((spec) => [spec.name, nameOf(spec)]));
  const { long, short, ...rest } = optionSyntax(specs, false);
  return {
    ...rest,
    long: long.map((option) => ({ ...option, id: byName.get(option.name) ?? option.id })),
    short: short.map((option) => ({ ...option, id: byLetter.get(option.letter) ?? option.id })),
  };
};

const partsOf = ({ test, release }: Task): ReadonlySet<string> => {
  const syntax = syntaxOf(release);
  const formats = formatsOf(release);
  return new Set(
    test.commands.flatMap((args) => {
      const { tokens, operands } = getoptLong(args, syntax);
      const options = tokens.flatMap((token) => (token.kind === 'option' ? [token.id] : []));
      const [kernel = ''] = operands;
      return [...options, ...formats.filter((name) => FILES[name]?.test(kernel) === true)];
    }),
  );
};

export interface Coverage {
  /** A line for each option and format. */
  readonly table: readonly string[];
  /** What a release has and no run of it tries. */
  readonly missing: readonly string[];
}

/** Counts the runs with each option and each format, by release. A release that has no such thing has a dash. */
export const coverageOf = (runs: readonly Task[], releases: readonly Release[]): Coverage => {
  const known = new Map<Release, ReadonlySet<string>>(
    releases.map((release) => [
      release,
      new Set([...optionsOf(compatFor(release), ARM64_OPTIONS).map(nameOf), ...formatsOf(release)]),
    ]),
  );
  const counts = new Map<string, number>();
  const key = (release: Release, part: string): string => `${release} ${part}`;
  for (const run of runs) {
    for (const part of partsOf(run)) counts.set(key(run.release, part), (counts.get(key(run.release, part)) ?? 0) + 1);
  }
  const parts = [...new Set([...known.values()].flatMap((names) => [...names]))];
  const has = (release: Release, part: string): boolean => known.get(release)?.has(part) === true;
  const cell = (release: Release, part: string): string =>
    has(release, part) ? String(counts.get(key(release, part)) ?? 0) : '-';
  const width = Math.max(...parts.map((part) => part.length));
  const line = (name: string, cells: readonly string[]): string =>
    `  ${name.padEnd(width)}${cells.map((text) => text.padStart(8)).join('')}`;
  return {
    table: [
      line('', releases),
      ...parts.map((part) =>
        line(
          part,
          releases.map((release) => cell(release, part)),
        ),
      ),
    ],
    missing: parts.flatMap((part) =>
      releases
        .filter((release) => has(release, part) && !counts.has(key(release, part)))
        .map((release) => `${part} (${release})`),
    ),
  };
};
