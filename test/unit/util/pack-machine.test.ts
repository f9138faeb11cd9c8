import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { bundledMachines, findMachine } from '../../../sim/kernel/recording/machines.js';
import { MachineFiles } from '../../../sim/kernel/recording/machine-files.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../support/machine/sim-support.js';

const temp = useTempDir();

const pack = (...args: readonly string[]) => {
  const { status, stderr } = spawnSync('/bin/sh', ['util/pack-machine.sh', ...args], { encoding: 'utf8' });
  return { status, stderr };
};
const DONE = { status: 0, stderr: '' };

const made = (): string => {
  const directory = temp.make('machine');
  writeTree(directory, SMALL_MACHINE);
  return directory;
};

describe('packing a machine', () => {
  test('makes a recording that is read like the directory', () => {
    const [directory, file] = [made(), join(temp.make('out'), 'board.tar')];
    expect(pack(directory, file)).toEqual(DONE);
    const files = MachineFiles.open(file);
    expect(files.name).toBe('board');
    for (const [path, text] of Object.entries(SMALL_MACHINE))
      expect([path, files.readText(`/${path}`)]).toEqual([path, text]);
  });

  test('makes the same bytes whenever and by whomever the files were made', () => {
    const [one, other, out] = [made(), made(), temp.make('out')];
    utimesSync(join(other, 'proc', 'iomem'), 1000, 2000);
    chmodSync(join(other, 'proc', 'version'), 0o600);
    expect(pack(one, join(out, 'one.tar'))).toEqual(DONE);
    expect(pack(other, join(out, 'other.tar'))).toEqual(DONE);
    expect(readFileSync(join(out, 'one.tar')).equals(readFileSync(join(out, 'other.tar')))).toBe(true);
  });

  test.each(bundledMachines().filter((name) => findMachine(name).endsWith('.tar')))('made that of %s', (name) => {
    const [directory, file] = [temp.make('machine'), join(temp.make('out'), 'again.tar')];
    expect(spawnSync('tar', ['-xf', findMachine(name), '-C', directory]).status).toBe(0);
    expect(pack(directory, file)).toEqual(DONE);
    expect(readFileSync(file).equals(readFileSync(findMachine(name)))).toBe(true);
  });

  test('made the device tree of virt-2g', () => {
    const [directory, file, part] = [
      temp.make('part'),
      join(temp.make('out'), 'again.tar'),
      `${findMachine('virt-2g')}/devicetree.tar`,
    ];
    expect(spawnSync('tar', ['-xf', part, '-C', directory]).status).toBe(0);
    expect(pack(directory, file, 'sys/firmware/devicetree')).toEqual(DONE);
    expect(readFileSync(file).equals(readFileSync(part))).toBe(true);
  });

  test('takes the parts alone that are named', () => {
    const [directory, file] = [made(), join(temp.make('out'), 'part.tar')];
    expect(pack(directory, file, 'sys/firmware/devicetree')).toEqual(DONE);
    expect(spawnSync('tar', ['-tf', file], { encoding: 'utf8' }).stdout.split('\n')).toEqual([
      'sys/firmware/devicetree/',
      'sys/firmware/devicetree/base/',
      'sys/firmware/devicetree/base/model',
      '',
    ]);
  });

  test('refuses what is no machine', () => {
    const file = join(temp.make('out'), 'none.tar');
    expect(pack('machines', file)).toEqual({ status: 1, stderr: 'pack-machine: machines has no directory proc\n' });
    expect(pack('machines')).toEqual({ status: 2, stderr: 'usage: pack-machine.sh DIRECTORY FILE [NAME...]\n' });
    expect(existsSync(file)).toBe(false);
  });
});
