import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARM64_OPTIONS } from '../../../kexec/arch/arm64/options-arm64.js';
import { DEFAULT_COMPAT } from '../../../kexec/base/compat.js';
import { SIM_OPTIONS, optionsOf } from '../../../kexec/options/options.js';
import { runKexecSim } from '../../../sim/commands/index.js';
import { bashCompletion } from '../../../sim/commands/completion/bash.js';
import { typedCommands } from '../../../sim/commands/completion/words.js';
import { zshCompletion } from '../../../sim/commands/completion/zsh.js';
import { useTempDir } from '../../support/machine/sim-support.js';

const temp = useTempDir();

const scriptFor = async (shell: 'bash' | 'zsh'): Promise<string> => {
  let script = '';
  await runKexecSim(['completion', shell], '0', { env: {}, out: (text) => (script += text) });
  return script;
};

/** Completes the last word in a real bash. @returns the candidates, and bash's options for them */
const inBash = async (...words: readonly string[]) => {
  const file = join(temp.make('bash'), 'completion');
  writeFileSync(file, await scriptFor('bash'));
  const { stdout, stderr, status } = spawnSync(
    'bash',
    [
      '--norc',
      '-c',
      `compopt() { echo "option $2"; }
       source "$1"; shift
       COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
       complete -p "\${1##*/}" > /dev/null && _kexec_ts "$1"
       for word in "\${COMPREPLY[@]}"; do echo "word $word"; done`,
      'bash',
      file,
      ...words,
    ],
    { encoding: 'utf8' },
  );
  expect([stderr, status]).toEqual(['', 0]);
  const lines = stdout.split('\n').map((line) => line.split(' '));
  const of = (kind: string): readonly string[] =>
    lines.filter(([first]) => first === kind).map(([, second]) => second!);
  return { words: of('word'), options: of('option') };
};

const FORMATS = ['vmlinux', 'Image', 'uImage', 'vmlinuz', 'uki'];
const MACHINES = ['virt-2g', 'virt-8g', 'virt-el2-4g'];

describe('bash', () => {
  test.each<[line: readonly string[], words: readonly string[], options: readonly string[]]>([
    [['kexec', '--ini'], ['--initrd='], ['nospace']],
    [['/sbin/kexec', '--reuse'], ['--reuseinitrd', '--reuse-cmdline'], []],
    [['kexec', '-l', '--initrd', '=', ''], [], ['default']],
    [['kexec', '--initrd', '='], [], ['default']],
    [['kexec', '--dtb', 'x'], [], ['default']],
    [['kexec', '-l', ''], [], ['default']],
    [['kexec', '-t', ''], FORMATS, []],
    [['kexec', '--type', '=', 'vml'], ['vmlinux', 'vmlinuz'], []],
    [['kexec', '--append', '=', ''], [], []],
    [['kexec', '--sim-until', '='], ['entry', 'halt', 'reboot'], []],
    [['kexec', '--sim-compat', '=', '2.0.2'], ['2.0.20', '2.0.25', '2.0.29'], []],
    [['kexec', '--sim-state', '='], [], ['plusdirs']],
    [['kexec-sim', 's'], expect.arrayContaining(['status', 'segments']) as unknown as string[], []],
    [['kexec-sim', 'segments', '--pa'], ['--pages'], []],
    [['kexec-sim', 'segments', ''], ['normal', 'crash'], []],
    [['kexec-sim', '--json', 'segments', 'c'], ['crash'], []],
    [['kexec-sim', 'handoff', ''], [], ['plusdirs']],
    [['kexec-sim', 'replay', ''], [], ['default']],
    [['kexec-sim', 'cpu', '--load', ''], [], ['default']],
    [['kexec-sim', 'cpu', '--pc', ''], [], []],
    [['kexec-sim', 'cpu', '--el', ''], ['1', '2'], []],
    [['kexec-sim', 'completion', ''], ['bash', 'zsh'], []],
    [['kexec-sim', 'diff', 'x.log', '--', '--ini'], ['--initrd='], ['nospace']],
    [['kexec-sim', 'diff', 'x.log', '--', '--sim'], [], []],
    [['kexec-sim', 'diff', 'x.log', '--ini'], [], []],
    [['kexec-sim', 'diff', 'x.log', '--', '--initrd', '='], [], ['default']],
    [['kexec-sim', 'diff', 'x.log', '--', '-t', 'vml'], ['vmlinux', 'vmlinuz'], []],
    [['kexec-sim', 'diff', 'x.log', '--', '-l', ''], [], ['default']],
    [['kexec-sim', '--machine', 'virt-2g', 'doctor', '--', '--reuse'], ['--reuseinitrd', '--reuse-cmdline'], []],
    [['vmcore-dmesg', ''], [], ['default']],
  ])('%j', async (line, words, options) => {
    expect(await inBash(...line)).toEqual({ words, options });
  });

  test.each([
    ['kexec', '--sim-machine', '=', 'virt'],
    ['kexec-sim', 'status', '--machine', 'virt'],
  ])('%s %s: a bundled machine, or a file', async (...line) => {
    const { words, options } = await inBash(...line);
    expect(words).toEqual(expect.arrayContaining(MACHINES));
    expect(options).toHaveLength(1);
  });
});

const ALL_OPTIONS = [...optionsOf(DEFAULT_COMPAT, ARM64_OPTIONS), ...SIM_OPTIONS];

describe('the option table', () => {
  test.each(ALL_OPTIONS.map(({ name }) => name))('--%s is completed', async (name) => {
    const { words } = await inBash('kexec', `--${name}`);
    expect(words.map((word) => word.replace(/=$/, ''))).toContain(`--${name}`);
  });

  test('zsh has all of it, with descriptions', async () => {
    const script = await scriptFor('zsh');
    for (const { name, description } of ALL_OPTIONS) {
      expect(script).toMatch(new RegExp(`^ +'--${name}=?\\[`, 'm'));
      expect(script).toContain(`[${description.replaceAll("'", "'\\''")}]`);
    }
    expect(script).toContain("'-t+[The kernel is of this type]:argument:(vmlinux Image uImage vmlinuz uki)'");
    expect(script).toContain("'--initrd=[Initial ramdisk]:argument:_files'");
    expect(script).toContain("'--sim-state=[Where the simulated kernel keeps what is loaded]:argument:_files -/'");
  });
});

test('what goes behind "--" is told once', async () => {
  for (const shell of ['bash', 'zsh'] as const) {
    const script = await scriptFor(shell);
    expect(script.match(/^_kexec_ts_real_kexec\(\)/gm)).toHaveLength(1);
    expect(script.match(/^.*_kexec_ts_real_kexec\b(?!\()/gm)).toHaveLength(5);
  }
});

test('what kexec-sim tells yargs is completed, and nothing else', () => {
  const commands = typedCommands(
    (yargs) =>
      yargs
        .option('colour', { alias: 'c', choices: ['red', 'green'], describe: "Which: [none]'s the default" })
        .command('paint <file> [more]', 'Paint: a file', (command) =>
          command.positional('file', { type: 'string' }).check(() => true),
        ),
    [],
  );
  const [, kexecSim] = commands;
  expect(kexecSim?.options.map(({ names }) => names)).toEqual([['--colour', '-c'], ['--help', '-h'], ['--version']]);
  expect(kexecSim?.subcommands).toMatchObject([{ name: 'paint', operands: { words: [], files: 'any' } }]);
  expect(bashCompletion(commands)).toContain("    --colour | -c) _kexec_ts_offer 'red green'; return ;;\n");
  expect(zshCompletion(commands)).toContain(`    '-c+[Which\\: \\[none\\]'\\''s the default]:argument:(red green)'`);
  expect(zshCompletion(commands)).toContain("        'paint:Paint: a file'\n");
});

const hasZsh = spawnSync('zsh', ['--version']).status === 0;

/** CI has a zsh; where there is none, the text is compared only. */
(hasZsh ? describe : describe.skip)('zsh', () => {
  test.each<[service: string, words: string, expected: readonly string[]]>([
    [
      'kexec',
      'kexec',
      [
        '--initrd=[Initial ramdisk]:argument:_files',
        "--reuse-cmdline[Use the running kernel's command line]",
        '*:argument:_files',
      ],
    ],
    ['kexec-sim', 'segments', ['--pages[List the pages that they wait in]', '*:argument:(normal crash)']],
    ['kexec-sim', 'diff x.log', ['*:argument:_files']],
    ['kexec-sim', 'diff x.log -- -l ', ['--initrd=[Initial ramdisk]:argument:_files', 'words kexec -l ', 'current 3']],
    ['vmcore-dmesg', 'vmcore-dmesg', ['*:argument:_files']],
  ])('%s gets as far as %s', async (service, typed, expected) => {
    const line = typed.split(' ');
    const file = join(temp.make('zsh'), 'completion');
    writeFileSync(file, await scriptFor('zsh'));
    const { stdout, stderr } = spawnSync(
      'zsh',
      [
        '-f',
        '-c',
        'compdef() {}; _arguments() { state=argument; print -rl -- "$@" "words $words" "current $CURRENT"; }; source "$1"; service=$2; shift 2; words=("$@"); CURRENT=$#; _kexec_ts',
        'zsh',
        file,
        service,
        ...line,
      ],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual(expect.arrayContaining([...expected]));
  });
});
