import { beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../../../../../kexec/base/attempt.js';
import { KexecError } from '../../../../../kexec/base/error.js';
import {
  type FileSink,
  checkReplaceable,
  replaceFile,
  replaceFileSlowly,
} from '../../../../../sim/kernel/saving/replace-file.js';
import { useTempDir } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

let directory = '';
let file = '';

beforeEach(() => {
  directory = temp.make('replaced');
  file = join(directory, 'file');
});

const pieces = (write: (bytes: Uint8Array) => void): void => {
  for (const text of ['one ', 'two']) write(Buffer.from(text));
};

test('a file is made, for its owner alone, and made anew', () => {
  for (let round = 0; round < 2; round++) {
    checkReplaceable(file);
    replaceFile(file, pieces);
    expect([readFileSync(file, 'latin1'), statSync(file).mode & 0o777]).toEqual(['one two', 0o600]);
    expect(readdirSync(directory)).toEqual(['file']);
  }
});

test('a link stays, and leads to the file', () => {
  const link = join(directory, 'link');
  symlinkSync('file', link);
  writeFileSync(file, 'before');
  replaceFile(link, pieces);
  expect(readFileSync(file, 'latin1')).toBe('one two');
  expect(readdirSync(directory).sort()).toEqual(['file', 'link']);
});

test('what goes wrong in between leaves what was there, and nothing beside it', () => {
  writeFileSync(file, 'before');
  const fail = (write: (bytes: Uint8Array) => void): void => {
    write(Buffer.from('half'));
    throw KexecError.die('half of it');
  };
  expect(() => replaceFile(file, fail)).toThrow('half of it');
  expect([readFileSync(file, 'latin1'), readdirSync(directory)]).toEqual(['before', ['file']]);
});

test('what is no place for a file is told of', () => {
  mkdirSync(file);
  const plain = join(directory, 'plain');
  writeFileSync(plain, '');
  expect(() => replaceFile(join(plain, 'x'), pieces)).toThrow(`Cannot write ${plain}/x: Not a directory`);
  for (const path of [file, join(file, 'none', 'x'), '/proc/none', '/dev/full']) {
    expect(() => replaceFile(path, pieces)).toThrow(KexecError);
  }
  expect(() => checkReplaceable(join(file, 'none', 'x'))).toThrow(
    `Cannot write ${file}/none/x: No such file or directory`,
  );
  expect(() => replaceFile('/dev/null', pieces)).not.toThrow();
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
});

test('a pipe is written to, and not waited for without a reader', async () => {
  expect(spawnSync('mkfifo', [file]).status).toBe(0);
  expect(() => replaceFile(file, pieces)).toThrow(`Cannot write ${file}: No such device or address`);
  const reader = spawn('cat', [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let read = '';
  reader.stdout.setEncoding('utf8').on('data', (text: string) => (read += text));
  const ended = new Promise((resolve) => reader.on('close', resolve));
  for (let isOpen = false; !isOpen; await new Promise((resolve) => setTimeout(resolve, 5))) {
    isOpen = !(attempt(KexecError, () => replaceFile(file, pieces)) instanceof KexecError);
  }
  await ended;
  expect(read).toBe('one two');
});

describe('a file that takes its time', () => {
  test('has holes where it has zeros, also at its end', async () => {
    const write = async (sink: FileSink): Promise<void> => {
      sink.skip(1 << 20);
      await Promise.resolve();
      sink.write(Buffer.from('middle'));
      sink.skip(0);
      sink.skip(1 << 20);
    };
    await replaceFileSlowly(file, write);
    const { size, blocks } = statSync(file);
    expect([size, blocks * 512 < 1 << 17]).toEqual([(2 << 20) + 6, true]);
    expect(readFileSync(file, 'latin1')).toBe(`${'\0'.repeat(1 << 20)}middle${'\0'.repeat(1 << 20)}`);
    await replaceFileSlowly('/dev/null', write);
  });

  test('is not there when it is not finished, and what was there stays', async () => {
    writeFileSync(file, 'before');
    const fail = async (sink: FileSink): Promise<void> => {
      sink.write(Buffer.from('half'));
      await Promise.resolve();
      throw KexecError.die('half of it');
    };
    await expect(replaceFileSlowly(file, fail)).rejects.toThrow('half of it');
    expect([readFileSync(file, 'latin1'), readdirSync(directory)]).toEqual(['before', ['file']]);
  });
});
