import { describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arm64Image } from '../../../support/files/kernel-files.js';
import { useTempDir } from '../../../support/machine/sim-support.js';
import { runSimToEnd } from '../../../support/run-support.js';

const temp = useTempDir();
const image = (): string => {
  const file = join(temp.path, 'Image');
  writeFileSync(file, arm64Image());
  return file;
};

describe('kexec-sim inspect', () => {
  test('shows the machine at the entry of what is loaded', async () => {
    const commands = ['-c', 'rd -32 -p 40200000 1', '-c', 'vtop 40200000', '-c', 'dtb /chosen'];
    const { code, out } = await runSimToEnd(['inspect', ...commands, '--', image(), '--command-line=console=ttyAMA0']);
    expect(code).toBe(0);
    expect(out).toContain('The MMU is off (SCTLR_EL1.M): addresses are physical.\n');
    expect(out).toContain('\tbootargs = "console=ttyAMA0');
  });

  test.each([
    [['--vmcore', 'package.json', '-c', 'log'], 'package.json: no core file: neither a vmcore'],
    [['--from', 'package.json', '-c', 'log'], 'package.json is no machine that kexec-sim has saved'],
    [['--state', 'package.json', '-c', 'log'], 'package.json is no machine that kexec-sim has saved'],
    [['--from', 'x', '--vmcore', 'y'], 'one machine only: --from, --vmcore'],
    [['--vmcore', 'nowhere'], 'Cannot read nowhere: No such file or directory'],
    [['--vmcore', 'test/data/vmcore/6.12-texts.core.gz'], 'no core file'],
  ])('%j: %s', async (args, message) => {
    const { code, out, err } = await runSimToEnd(['inspect', ...args]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(message);
    expect(err.split('\n').length).toBe(2);
  });

  test('a command that fails ends it with a line', async () => {
    const ended = await runSimToEnd(['inspect', '-c', 'bogus', '--', image()]);
    expect(ended).toEqual({ code: 1, out: '', err: 'kexec-sim: there is no command "bogus": help lists them\n' });
  });
});

describe('kexec-sim symbols', () => {
  test('writes the purgatory’s', async () => {
    const out = join(temp.path, 'symbols');
    const { code, out: told } = await runSimToEnd(['symbols', '--json', '-o', out, '--', image()]);
    expect(code).toBe(0);
    const { sections } = JSON.parse(told) as {
      readonly sections: readonly { readonly name: string; readonly symbols: number }[];
    };
    expect(sections.find(({ name }) => name === '.text.purgatory')?.symbols).toBeGreaterThan(5);
    expect(sections.map(({ name }) => name)).toContain('.text.hyp_stub');
  });

  test.each([
    [['--at', '0'], '--at is of an Image: --kernel is missing'],
    [
      ['--kernel', 'package.json', '-o', 'x'],
      "there are no symbols: the kernel's Image has no tables of them (CONFIG_KALLSYMS)",
    ],
    [['--kernel', 'x', '--from', 'y'], 'one kernel only: --from, --kernel'],
  ])('%j: %s', async (args, message) => {
    const { code, err } = await runSimToEnd(['symbols', ...args]);
    expect([code, err]).toEqual([1, `kexec-sim: ${message}\n`]);
  });
});
