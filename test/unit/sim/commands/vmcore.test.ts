import { beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Range } from '../../../../kexec/base/range.js';
import { replaceFile } from '../../../../sim/kernel/saving/replace-file.js';
import { writeSave } from '../../../../sim/kernel/saving/save-writer.js';
import { describeSession } from '../../../../sim/kernel/saving/saved-session.js';
import {
  type CrashedOptions,
  ELFCOREHDR,
  RAM,
  REGION,
  crashedMemory,
} from '../../../support/machine/crashed-memory.js';
import { type Ended, runSimToEnd } from '../../../support/run-support.js';
import { useTempDir } from '../../../support/machine/sim-support.js';

const temp = useTempDir();

let directory = '';
let saved = '';
let out = '';

beforeEach(() => {
  directory = temp.make('vmcore');
  saved = join(directory, 'machine');
  out = join(directory, 'out');
});

/** Saves a machine that is nothing but its memory. */
const save = (options: CrashedOptions = {}, ranges: readonly Range[] = [RAM]): void => {
  const description = describeSession({
    setup: { tree: new Uint8Array(), ram: ranges, el: 1, sinks: [], quirks: [], entropy: false },
    places: { kernel: REGION, initrd: undefined, tree: REGION },
    ...{ disks: [], typed: '', end: undefined, machine: {}, console: {} },
  });
  const ram = crashedMemory(options).filled();
  replaceFile(saved, (write) => writeSave({ description, tree: new Uint8Array(), ram, disks: [] }, write));
};

const vmcore = (...args: readonly string[]): Promise<Ended> => runSimToEnd(['vmcore', out, '--from', saved, ...args]);

describe('a dump of a saved machine', () => {
  test('is written for its owner alone, and told of', async () => {
    save();
    const { code, out: told } = await vmcore();
    expect(code).toBe(0);
    expect(told).toBe(
      `${out}: 48.1 MiB, of which 36.0 KiB are not zeros\n` +
        'of Linux 6.1.0-old, by the elfcorehdr at 0x42f00000 (linux,elfcorehdr)\n' +
        'as Linux 6.12.0-test makes it, with pages of 4.0 KiB\n' +
        'registers of 2 processors; 3 pieces of memory\n',
    );
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(readFileSync(out).toString('latin1', 0x2800, 0x2816)).toBe('text of the old kernel');
    expect(readdirSync(directory).sort()).toEqual(['machine', 'out']);
  });

  test('costs what is not zero', async () => {
    save();
    await vmcore();
    const { size, blocks } = statSync(out);
    expect(size).toBeGreaterThan(48 << 20);
    expect(blocks * 512).toBeLessThan(256 << 10);
  });

  test('is told of as JSON', async () => {
    save({ processors: [1n, 0n] });
    const values: unknown = JSON.parse((await vmcore('--json')).out);
    expect(values).toMatchObject({
      file: out,
      elfcorehdr: '0x42f00000',
      osRelease: '6.1.0-old',
      captureKernel: { release: '6.12.0-test', pageSize: 4096, found: true },
      processors: 1,
      programHeaders: [
        { type: 'PT_NOTE', offset: '0x1000' },
        { type: 'PT_LOAD', offset: '0x2000', paddr: '0x40200000', memsz: '0x12000' },
        { type: 'PT_LOAD', paddr: '0x40000000' },
        { type: 'PT_LOAD', paddr: '0x43000000' },
      ],
      warnings: ['Zero PT_NOTE entries found'],
    });
  });

  test('is smaller when it is compressed', async () => {
    save();
    const { code, out: told } = await vmcore('--compress');
    expect([code, told]).toEqual([0, expect.stringContaining('are not zeros, compressed\n')]);
    expect(readFileSync(out).toString('latin1', 0, 8)).toBe('KDUMP   ');
    const { code: failed, err } = await runSimToEnd(['vmcore', '/dev/null', '--from', saved, '--compress']);
    expect([failed, err]).toEqual([1, 'kexec-sim: Cannot write /dev/null: it is no regular file\n']);
  });

  test('goes to what is no file, zeros and all', async () => {
    save();
    expect(await runSimToEnd(['vmcore', '/dev/null', '--from', saved])).toMatchObject({ code: 0, err: '' });
  });

  test('is by the elfcorehdr that the user names', async () => {
    save();
    expect((await vmcore('--elfcorehdr', `0x${ELFCOREHDR.toString(16)}`)).code).toBe(0);
    const wrong = await vmcore('--elfcorehdr=0x42f01000');
    expect([wrong.code, wrong.err]).toEqual([
      1,
      `kexec-sim: Cannot make a vmcore of ${saved}: the elfcorehdr at 0x42f01000 is none: "Core image elf header not found", as Linux says\n`,
    ]);
    expect((await vmcore('--elfcorehdr=top')).err).toContain('--elfcorehdr: "top" is not an address');
  });
});

describe('what was there stays', () => {
  const before = 'what was there';

  test.each([
    ['of a machine that has not panicked', { processors: [0n], vmcoreinfo: 'A=B\n' }, 'has not panicked'],
    ['whose elfcorehdr is broken', { headers: [] }, '"Core image elf header is not sane", as Linux says'],
  ])('where there is no dump %s', async (_, options, message) => {
    save(options);
    writeFileSync(out, before);
    const { code, err } = await vmcore();
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect([readFileSync(out, 'latin1'), readdirSync(directory).sort()]).toEqual([before, ['machine', 'out']]);
  });

  test('where the machine is none, or damaged', async () => {
    writeFileSync(out, before);
    expect((await vmcore()).err).toBe(`kexec-sim: Cannot read ${saved}: No such file or directory\n`);
    writeFileSync(saved, 'no machine');
    expect((await vmcore()).err).toBe(`kexec-sim: ${saved} is no machine that kexec-sim has saved\n`);
    save();
    const bytes = readFileSync(saved);
    bytes[200]! ^= 1;
    writeFileSync(saved, bytes);
    expect((await vmcore()).err).toContain('is damaged, or only a part of what was saved');
    expect(readFileSync(out, 'latin1')).toBe(before);
  });

  test('where the machine tells of RAM that it has not', async () => {
    save({}, []);
    expect((await vmcore()).err).toContain(`Cannot make a vmcore of ${saved}: no RAM at 0x40100000`);
  });

  test('where the file has no place', async () => {
    save();
    const { err } = await runSimToEnd(['vmcore', join(directory, 'none', 'out'), '--from', saved]);
    expect(err).toMatch(/^kexec-sim: Cannot write .*none\/out: No such file or directory\n$/);
  });
});
