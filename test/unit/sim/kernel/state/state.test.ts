import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KexecError } from '../../../../../kexec/base/error.js';
import {
  INITIAL_STATE,
  type KernelSegment,
  type KernelState,
  type LoadedImage,
} from '../../../../../sim/kernel/rules/kexec-load.js';
import { readLog } from '../../../../../sim/kernel/state/kernel-log.js';
import { tryLock } from '../../../../../sim/kernel/state/lock.js';
import { recordedMachine } from '../../../../../sim/kernel/recorded-system.js';
import {
  lockState,
  readSegmentData,
  readSegmentSums,
  readState,
  writeState,
} from '../../../../../sim/kernel/state/state.js';
import { compiled, SMALL_MACHINE, useTempDir, writeTree } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

const segment = (mem: bigint, bytes: Uint8Array): KernelSegment => ({
  mem,
  memsz: 0x1000n,
  bufsz: BigInt(bytes.length),
  source: { kind: 'bytes', bytes },
});

const image = (...segments: readonly KernelSegment[]): LoadedImage => ({
  entry: 0x6000_0000n,
  flags: 0xb7_0000n,
  segments,
});

const errorOf = (action: () => unknown): KexecError => {
  try {
    action();
  } catch (error) {
    if (error instanceof KexecError) return error;
    throw error;
  }
  throw new Error('no error');
};

/** A pid that no process has: that of one that has ended. */
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

describe('state on disk', () => {
  test('reads back as it was written', async () => {
    const directory = temp.make('state');
    expect(readState(directory, INITIAL_STATE)).toBe(INITIAL_STATE);
    const state: KernelState = {
      normal: image(segment(0x6000_0000n, Uint8Array.of(1, 2, 3)), segment(0x7000_0000n, new Uint8Array())),
      crash: 'unknown',
      loadDisabled: true,
      limitReboot: 3,
      limitPanic: -1,
      interfaces: [{ name: 'eth0', up: false }],
    };
    const stored = await writeState(directory, INITIAL_STATE, state);
    const read = readState(directory, INITIAL_STATE);
    expect(read).toEqual(stored);
    expect(read).toMatchObject({ crash: 'unknown', loadDisabled: true, limitReboot: 3 });
    const segments = (read.normal as LoadedImage).segments;
    expect(segments.map((one) => [...readSegmentData(directory, one)])).toEqual([[1, 2, 3], []]);
  });

  test('keeps the files of what stays loaded, and only those', async () => {
    const directory = temp.make('state');
    writeTree(directory, { 'precious.txt': 'x', 'segment-old-n0.bin': 'x', 'state.json.12-0123456789ab': 'x' });
    const first = await writeState(directory, INITIAL_STATE, {
      ...INITIAL_STATE,
      crash: image(segment(0n, Uint8Array.of(9))),
    });
    const second = await writeState(directory, first, { ...first, normal: image(segment(0n, Uint8Array.of(8))) });
    expect(readSegmentData(directory, (second.crash as LoadedImage).segments[0]!)).toEqual(Uint8Array.of(9));
    expect(readdirSync(directory)).toHaveLength(6);
    await writeState(directory, second, INITIAL_STATE);
    expect(readdirSync(directory).sort()).toEqual(['precious.txt', 'state.json']);
  });

  test('removes the lock files of the dead, and leaves those that a living process is about to use', async () => {
    const directory = temp.make('state');
    const living = `lock.${process.pid}-0123456789ab`;
    writeTree(directory, { [living]: 'x', [`lock.${deadPid()}-0123456789ab`]: 'x' });
    await writeState(directory, INITIAL_STATE, INITIAL_STATE);
    expect(readdirSync(directory).sort()).toEqual([living, 'state.json']);
  });

  test.each([
    ['{', 'not JSON'],
    ['[]', 'must be an object'],
    ['{}', '"version" is missing'],
    ['{"version":2}', '"version": must be 1'],
    ['{"version":1,"normal":"gone"}', '"normal": must be one of "unknown"'],
    ['{"version":1,"normal":{"entry":"0x0","flags":"0x0","segments":[{}]}}', 'segment 0: "mem" is missing'],
    [
      '{"version":1,"normal":{"entry":"0x0","flags":"0x0","segments":[{"mem":"0x0","memsz":"0x1","bufsz":"0x1","file":"../x"}]}}',
      'is not the name of a data file',
    ],
    [
      '{"version":1,"normal":{"entry":"0x0","flags":"0x0","segments":[{"mem":"0x0","memsz":"0x1","bufsz":"0x2","file":null}]}}',
      '"bufsz" must not exceed "memsz"',
    ],
  ])('refuses %s', (text, reason) => {
    const directory = temp.make('state');
    writeFileSync(join(directory, 'state.json'), text);
    const error = errorOf(() => readState(directory, INITIAL_STATE));
    expect(error.message).toContain(`${directory}/state.json: `);
    expect(error.message).toContain(reason);
  });

  test('refuses data files that are missing or too short, and sizes beyond all memory', async () => {
    const directory = temp.make('state');
    const stored = await writeState(directory, INITIAL_STATE, {
      ...INITIAL_STATE,
      normal: image(segment(0n, Uint8Array.of(1, 2))),
    });
    const one = (stored.normal as LoadedImage).segments[0]!;
    const path = join(directory, (one.source as { readonly name: string }).name);
    writeFileSync(path, 'x');
    expect(errorOf(() => readSegmentData(directory, one)).message).toBe(`${path}: holds 1 bytes of 2`);
    rmSync(path);
    expect(errorOf(() => readSegmentData(directory, one)).message).toBe(
      `Cannot read ${path}: No such file or directory`,
    );
    for (const bufsz of [2n ** 40n, 2n ** 64n - 1n]) {
      const huge = { ...one, bufsz, memsz: bufsz, source: { kind: 'zeros' } as const };
      expect(errorOf(() => readSegmentData(directory, huge)).message).toContain('segment is too large');
    }
  });

  test('a directory that cannot be made is named', () => {
    const directory = temp.make('state');
    writeFileSync(join(directory, 'file'), '');
    expect(errorOf(() => lockState(join(directory, 'file', 'state'))).message).toBe(
      `Cannot write to ${directory}/file/state: Not a directory`,
    );
  });
});

describe('the lock', () => {
  test('is one process’ at a time, and free when that is dead', () => {
    const path = join(temp.make('lock'), 'lock');
    const held = tryLock(path);
    expect(held).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
    held!.release();
    expect(existsSync(path)).toBe(false);

    writeFileSync(path, `${deadPid()} 123 x\n`);
    const taken = tryLock(path);
    expect(taken).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
    taken!.release();
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  test('is free when another process now has its pid', () => {
    const path = join(temp.make('lock'), 'lock');
    writeFileSync(path, `${process.pid} 1 x\n`);
    expect(tryLock(path)).toBeDefined();
  });

  test('an empty one is its maker’s for a while', () => {
    const path = join(temp.make('lock'), 'lock');
    writeFileSync(path, '');
    expect(tryLock(path)).toBeUndefined();
    utimesSync(path, 1, 1);
    expect(tryLock(path)).toBeDefined();
  });

  test('is not released by one that lost it', () => {
    const path = join(temp.make('lock'), 'lock');
    const held = tryLock(path)!;
    writeFileSync(path, 'other');
    held.release();
    expect(readFileSync(path, 'utf8')).toBe('other');
  });
});

test('a load that is killed at any step leaves the old image or the new one, and no rubbish after the next', () => {
  const machine = temp.make('machine');
  writeTree(machine, SMALL_MACHINE);
  const directory = join(temp.make('killed'), 'state');
  const script = compiled('test/support/machine/killed-writer.js');
  const writer = (fill: number, last: number) =>
    spawnSync(process.execPath, [script, machine, directory, `${fill}`, `${last}`], { encoding: 'utf8' });

  const loaded = (): number | undefined => {
    const { normal } = recordedMachine({ machine, state: directory, env: {} }).kernel.state;
    if (typeof normal !== 'object') return undefined;
    const bytes = normal.segments.map((one) => readSegmentData(directory, one));
    expect(new Set(bytes.map((part) => part.length))).toEqual(new Set([100_000]));
    const values = new Set(bytes.flatMap((part) => [...new Set(part)]));
    expect(values.size).toBe(1);
    return [...values][0];
  };

  const seen = new Set<number | undefined>();
  for (let last = 0; ; last++) {
    const before = loaded();
    const { status, signal, stderr } = writer(last + 1, last);
    expect(stderr).toBe('');
    seen.add(loaded() === last + 1 ? 1 : loaded() === before ? 0 : NaN);
    if (signal === null) {
      expect(status).toBe(0);
      expect(last).toBeGreaterThan(8);
      expect(readdirSync(directory)).toHaveLength(5);
      break;
    }
    expect(signal).toBe('SIGKILL');
  }
  expect(seen).toEqual(new Set([0, 1]));
});

describe('what is no file of ours in the directory', () => {
  const kept = async (): Promise<{
    readonly directory: string;
    readonly one: KernelSegment;
    readonly path: string;
  }> => {
    const directory = temp.make('state');
    const stored = await writeState(directory, INITIAL_STATE, {
      ...INITIAL_STATE,
      normal: image(segment(0n, Uint8Array.of(1))),
    });
    const one = (stored.normal as LoadedImage).segments[0]!;
    return { directory, one, path: join(directory, (one.source as { readonly name: string }).name) };
  };
  const pipe = (path: string): void => {
    rmSync(path, { force: true });
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
  };

  test('such as a pipe, is told of, and not waited for', async () => {
    const { directory, one, path } = await kept();
    pipe(path);
    expect(() => readSegmentData(directory, one)).toThrow(`${path}: not a regular file`);
    const sums = path.replace(/bin$/, 'sums');
    pipe(sums);
    expect(() => readSegmentSums(directory, one)).toThrow(`${sums}: not a regular file`);
    for (const name of ['state.json', 'lock', 'dmesg']) pipe(join(directory, name));
    expect(() => readState(directory, INITIAL_STATE)).toThrow(`${directory}/state.json: not a regular file`);
    expect(() => lockState(directory)).toThrow(`${directory}/lock: not a regular file`);
    expect(() => readLog(directory)).toThrow(`${directory}/dmesg: not a regular file`);
  });

  test('a lock that leads nowhere is told of: it would never be free', () => {
    const directory = temp.make('state');
    symlinkSync('nowhere', join(directory, 'lock'));
    expect(() => lockState(directory)).toThrow(`Cannot lock ${directory}/lock: Too many levels of symbolic links`);
  });

  test('a lock of no process, and an empty one from the future, are nobody’s', () => {
    for (const content of ['0 1 x\n', '']) {
      const directory = temp.make('state');
      const path = join(directory, 'lock');
      writeFileSync(path, content);
      const later = Date.now() / 1000 + 3600;
      utimesSync(path, later, later);
      expect(lockState(directory)).toBeDefined();
    }
  });
});
