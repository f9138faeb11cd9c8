import { describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runKexecSim } from '../../../../host/run-kexec-sim.js';
import { runSimToEnd } from '../../../support/run-support.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../support/machine/sim-support.js';
import { arm64Image } from '../../../support/files/kernel-files.js';

const temp = useTempDir();

describe('kexec-sim dtb', () => {
  test('writes the running tree, in order of names, as source or as a blob', async () => {
    const machine = temp.make('machine');
    writeTree(machine, { ...SMALL_MACHINE, 'sys/firmware/devicetree/base/a@1/name': 'a\0' });
    const [dts, dtb] = [join(machine, 'dts'), join(machine, 'dtb')];
    expect(await runSimToEnd(['dtb', dts, '--dts', '--machine', machine])).toEqual({ code: 0, out: '', err: '' });
    expect(readFileSync(dts, 'utf8')).toBe('/dts-v1/;\n\n/ {\n\tmodel = "test";\n\n\ta@1 {\n\t};\n};\n');
    const told = await runSimToEnd(['dtb', dtb, '--machine', machine, '--json']);
    expect(JSON.parse(told.out)).toEqual({ file: dtb, bytes: readFileSync(dtb).length });
    expect(readFileSync(dtb).readUInt32BE(0)).toBe(0xd00dfeed);
  });

  test('gives bytes to stdout', async () => {
    const pieces: Uint8Array[] = [];
    const code = await runKexecSim(['dtb', '-', '--dts'], {
      ...{ version: '0', env: {}, out: () => {}, err: () => {} },
      outBytes: (bytes) => void pieces.push(bytes),
    });
    expect(code).toBe(0);
    expect(Buffer.concat(pieces).toString()).toContain('\tmodel = "linux,dummy-virt";\n');
  });

  test.each([
    [['--crash'], '--crash tells of the tree that is passed on: --new is missing'],
    [['--', 'Image'], '-- tells of the tree that is passed on: --new is missing'],
    [['--new', '--', 'nowhere'], 'the load fails: Cannot open `nowhere'],
    [['--new', '--', '--version'], "behind -- go options of kexec that load a kernel, and the kernel's file"],
    [['--new', '--', '--sim-el=1', 'Image'], '--sim-el=1: behind -- go options of the real kexec only'],
  ])('%j: %s', async (args, message) => {
    const { code, out, err } = await runSimToEnd(['dtb', join(temp.path, 'out'), ...args]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(message);
  });

  test('tells that nothing is loaded, or no tree is recorded', async () => {
    const [machine, state] = [temp.make('machine'), temp.make('state')];
    writeTree(machine, { 'proc/iomem': SMALL_MACHINE['proc/iomem']! });
    const { err: none } = await runSimToEnd(['dtb', join(machine, 'x'), '--machine', machine]);
    expect(none).toBe(`kexec-sim: ${machine}: no device tree is recorded\n`);
    const env = ['--state', state];
    expect((await runSimToEnd(['dtb', '--new', ...env])).err).toBe(`kexec-sim: nothing is loaded in ${state}\n`);
    const crash = await runSimToEnd(['dtb', '--new', '--crash', ...env]);
    expect(crash.err).toBe(`kexec-sim: no crash kernel is loaded in ${state}\n`);
  });

  test('--new writes what a load passes on', async () => {
    const image = join(temp.path, 'Image');
    const out = join(temp.path, 'new.dts');
    writeFileSync(image, arm64Image());
    const ended = await runSimToEnd(['dtb', out, '--new', '--dts', '--', image, '--command-line=console=x']);
    expect(ended).toEqual({ code: 0, out: '', err: '' });
    expect(readFileSync(out, 'utf8')).toContain('\t\tbootargs = "console=x\\0\\0";\n');
  });
});
