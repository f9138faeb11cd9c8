import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { preamble } from '../../../../sim/kernel/saving/records.js';
import { FakeTerminal } from '../../../support/machine/fake-terminal.js';
import { guestImage } from '../../../support/machine/guests.js';
import { runSimToEnd } from '../../../support/run-support.js';
import { useTempDir } from '../../../support/machine/sim-support.js';

const temp = useTempDir();

let directory = '';
let saved = '';
let disk = '';

beforeEach(() => {
  directory = temp.make('saved');
  saved = join(directory, 'machine');
  disk = join(directory, 'disk');
  writeFileSync(disk, new Uint8Array(16384));
});

interface Ended {
  readonly code: number;
  /** The console. */
  readonly shown: string;
  /** What is told beside it, errors included. */
  readonly told: string;
  readonly out: string;
}

const run = async (args: readonly string[], typed: readonly string[] = []): Promise<Ended> => {
  const terminal = new FakeTerminal(typed);
  const { code, out, err } = await runSimToEnd(args, { HOME: temp.path }, terminal);
  return { code, shown: terminal.shown, told: terminal.aside + err, out };
};

const image = (name: string): string => {
  const file = join(directory, name);
  writeFileSync(file, guestImage(name));
  return file;
};

/** The guest whose console tells of all that the machine has done. */
const busy = (...more: readonly string[]): readonly string[] => ['boot', image('boot_saved'), '--cpus=2', ...more];
const withDisk = (...more: readonly string[]): readonly string[] => busy('--disk', disk, ...more);

/** Saved in the middle of its work. */
const save = async (...more: readonly string[]): Promise<Ended> =>
  run([...withDisk('--max-instructions=400000', '--save', saved, ...more)]);

const OFF = /^kexec-sim: the machine switched itself off after (\d+) instructions\n$/;

describe('a machine goes on from where it was saved', () => {
  test('as if it had never been', async () => {
    const unbroken = await run(withDisk());
    expect(unbroken.told).toMatch(OFF);
    const first = await save();
    expect(first.code).toBe(1);
    expect(first.told).toContain(`kexec-sim: the machine is saved in ${saved}\n`);
    const second = await run(['resume', saved]);
    expect(second.code).toBe(0);
    expect(second.told).toBe(unbroken.told);
    expect(first.shown + second.shown).toBe(unbroken.shown);
    // It can go on more than once, and be saved again, also in the same place.
    const middle = await run(['resume', saved, '--max-instructions=200000', '--save', saved]);
    expect(middle.told).toMatch(/the limit of 600000 instructions is reached/);
    const last = await run(['resume', saved]);
    expect(first.shown + middle.shown + last.shown).toBe(unbroken.shown);
    expect(last.told).toBe(unbroken.told);
    expect(readdirSync(directory).sort()).toEqual(['boot_saved', 'disk', 'machine']);
  });

  test('when its console showed a text, with all that came behind it', async () => {
    const unbroken = await run([...busy(), '--disk', disk]);
    const text = unbroken.shown.slice(20, 28);
    const first = await run(withDisk(`--until=console:${text}`, '--save', saved));
    expect(first).toMatchObject({ code: 0, shown: unbroken.shown.slice(0, 28) });
    const second = await run(['resume', saved, `--until=console:${unbroken.shown.slice(60, 68)}`, '--save', saved]);
    expect(second).toMatchObject({ code: 0, shown: unbroken.shown.slice(28, 68) });
    const third = await run(['resume', saved]);
    expect(third).toMatchObject({ code: 0, shown: unbroken.shown.slice(68), told: unbroken.told });
  });

  test('before its first instruction', async () => {
    expect((await run(['boot', image('boot_hello'), '--el=2', '--until=entry', '--save', saved])).code).toBe(0);
    expect(await run(['resume', saved])).toMatchObject({ code: 0, shown: 'hello from EL2\n' });
  });

  test('with what was typed, and nobody had read', async () => {
    const first = await run(['boot', image('boot_echo'), '--until=console:ab', '--save', saved], ['abcdefghijkq']);
    expect(first.shown).toBe('ab');
    expect(await run(['resume', saved])).toMatchObject({ code: 0, shown: 'cdefghijkq' });
  });

  test('on a recorded machine', async () => {
    const first = await run([
      'boot',
      image('boot_hello'),
      '--machine=virt-el2-4g',
      '--until=console:hello',
      '--save',
      saved,
    ]);
    expect(first.shown).toBe('hello');
    expect((await run(['resume', saved])).shown).toBe(' from EL2\n');
  });

  test('when time was up', async () => {
    const first = await run(['boot', image('twobranch'), '--timeout=0.2', '--save', saved]);
    expect(first.told).toMatch(/the time limit is reached/);
    const again = join(directory, 'again');
    const second = await run(['resume', saved, '--max-instructions=5000', '--json', '--save', again]);
    const instructions = Number(/after (\d+) instructions/.exec(first.told)?.[1]);
    expect(second.code).toBe(1);
    expect(JSON.parse(second.out)).toMatchObject({
      reason: 'max-instructions',
      instructions: instructions + 5000,
      places: { kernel: { start: '0x40200000' } },
      saved: again,
    });
  });

  test.each([
    ['boot_hello', 0, 'switched itself off'],
    ['boot_reset', 1, 'reset itself'],
  ])('and is at its end if it was: %s', async (name, code, what) => {
    const first = await run(['boot', image(name), '--save', saved]);
    expect(first.code).toBe(code);
    const second = await run(['resume', saved]);
    expect(second).toMatchObject({ code, shown: '' });
    const told = new RegExp(`kexec-sim: the machine ${what} after \\d+ instructions.*\n$`);
    expect(second.told.match(told)?.[0]).toBe(first.told.match(told)![0]);
  });
});

describe('the disks of a saved machine', () => {
  test('are looked at', async () => {
    await save();
    writeFileSync(disk, new Uint8Array(16384).fill(1));
    expect(await run(['resume', saved])).toMatchObject({
      code: 1,
      told: `kexec-sim: Cannot use ${disk} as a disk: it has changed since ${saved} was saved: its bytes are others\n`,
    });
    appendFileSync(disk, 'x');
    expect((await run(['resume', saved])).told).toContain('it has 16385 bytes, and had 16384\n');
  });

  test('may be elsewhere, and touched', async () => {
    const unbroken = await run(withDisk());
    const { shown } = await save();
    const moved = join(directory, 'moved');
    copyFileSync(disk, moved);
    truncateSync(disk, 0);
    utimesSync(moved, 1, 1);
    expect(shown + (await run(['resume', saved, '--disk', moved])).shown).toBe(unbroken.shown);
    expect((await run(['resume', saved, '--disk', moved, '--disk', moved])).told).toBe(
      `kexec-sim: --disk: ${saved} has 1 disks, and 2 are named\n`,
    );
    expect((await run(['resume', saved, '--disk', `${moved},rw`])).told).toMatch(
      /is in memory, and cannot go to a file\n$/,
    );
  });

  test('have what the guest wrote, or may be kept from it', async () => {
    const unbroken = await run(withDisk());
    const first = await run(busy('--disk', `${disk},rw`, '--max-instructions=400000', '--save', saved));
    const before = readFileSync(disk);
    expect(before.some((byte) => byte !== 0)).toBe(true);
    const kept = await run(['resume', saved, '--disk', disk]);
    expect(first.shown + kept.shown).toBe(unbroken.shown);
    expect(readFileSync(disk)).toEqual(before);
    const unasked = await run(['resume', saved]);
    expect(unasked.shown).toBe(kept.shown);
    expect(unasked.told).toContain(`kexec-sim: ${disk} stays as it is: --disk ${disk},rw has it written to\n`);
    expect(readFileSync(disk)).toEqual(before);
    expect((await run(['resume', saved, '--disk', `${disk},rw`])).shown).toBe(kept.shown);
    expect(readFileSync(disk)).not.toEqual(before);
    expect((await run(['resume', saved])).told).toContain('it has changed since');
  });
});

describe('where a machine cannot be saved', () => {
  test.each([
    ['/dev/full', 'Cannot write /dev/full: No space left on device'],
    ['/proc/nothing', 'Cannot write /proc/nothing: .*'],
  ])('%s', async (file, message) => {
    const { code, told } = await run(['boot', image('boot_hello'), '--save', file]);
    expect(told).toMatch(new RegExp(`kexec-sim: ${message}\n$`));
    expect(code).not.toBe(0);
  });

  test.each([
    ['', 'it is no regular file'],
    ['none/machine', 'No such file or directory'],
    ['boot_hello/machine', 'Not a directory'],
  ])('it is told before the machine runs: "%s"', async (name, why) => {
    const file = join(directory, name);
    const { code, shown, told } = await run(['boot', image('boot_hello'), '--save', file]);
    expect({ shown, told }).toEqual({ shown: '', told: `kexec-sim: Cannot write ${file}: ${why}\n` });
    expect(code).not.toBe(0);
  });

  test('a link leads to the file', async () => {
    const link = join(directory, 'link');
    symlinkSync('machine', link);
    writeFileSync(saved, 'before');
    await run(['boot', image('boot_hello'), '--until=entry', '--save', link]);
    expect((await run(['resume', saved])).shown).toBe('hello from EL1\n');
  });
});

describe('what is no saved machine is refused:', () => {
  const refused = async (file = saved): Promise<string> => {
    const { code, shown, told } = await run(['resume', file]);
    expect({ isFailed: code !== 0, shown }).toEqual({ isFailed: true, shown: '' });
    return told;
  };

  test('a file of something else', async () => {
    for (const bytes of ['', 'KEXEC', 'no machine at all, and longer than a digest would be']) {
      writeFileSync(saved, bytes);
      expect(await refused()).toBe(`kexec-sim: ${saved} is no machine that kexec-sim has saved\n`);
    }
    expect(await refused(directory)).toBe(`kexec-sim: Cannot read ${directory}: Is a directory\n`);
    expect(await refused(join(directory, 'none'))).toMatch(/^kexec-sim: Cannot read .*: No such file or directory\n$/);
  });

  test('one of another version', async () => {
    writeFileSync(saved, Buffer.concat([preamble(2), Buffer.alloc(100)]));
    expect(await refused()).toBe(
      `kexec-sim: ${saved} was saved by another kexec-sim: its format is 2, and this one reads 1\n`,
    );
  });

  test('one that is damaged anywhere, or cut off', async () => {
    await save();
    const bytes = readFileSync(saved);
    const message = `kexec-sim: ${saved} is damaged, or only a part of what was saved\n`;
    for (const at of [12, 20, 36, 5000, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      writeFileSync(saved, damaged);
      expect(await refused()).toBe(message);
    }
    for (const length of [12, 43, 44, 45, 5000, bytes.length - 1]) {
      writeFileSync(saved, bytes.subarray(0, length));
      expect(await refused()).toBe(message);
    }
  });

  test('to go on before the entry', async () => {
    const { told } = await run(['resume', saved, '--until=entry']);
    expect(told).toBe('kexec-sim: --until: a machine that was saved is behind its entry\n');
    expect(existsSync(saved)).toBe(false);
  });
});
