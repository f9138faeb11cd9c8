import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KexecError } from '../../../../../kexec/base/error.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { openDisk } from '../../../../../sim/commands/disks/file-disk.js';

let directory = '';
let image = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'disk-'));
  image = join(directory, 'image');
  writeFileSync(image, Buffer.alloc(10_000, 1));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const TWOS = new Uint8Array(5000).fill(2);

test.each([true, false])('what is written is read again; the file has it if it may be written: %s', (writable) => {
  const { disk, close } = openDisk(image, writable);
  expect(disk.sizeBytes).toBe(10_000);
  expect([disk.write(3000, TWOS), disk.flush()]).toEqual([true, true]);
  expect([...disk.read(2999, 3)!]).toEqual([1, 2, 2]);
  expect([...disk.read(7999, 3)!]).toEqual([2, 1, 1]);
  expect([...disk.written()]).toHaveLength(writable ? 0 : 2);
  if (writable) expect(() => disk.putBack({ index: 0, bytes: new Uint8Array(4096) })).toThrow(MachineError);
  close();
  expect(readFileSync(image)[3000]).toBe(writable ? 2 : 1);
});

test('a file that was cut off reads as zeros, one that was closed cannot be read', () => {
  const { disk, close } = openDisk(image, true);
  truncateSync(image, 100);
  expect([...disk.read(99, 2)!]).toEqual([1, 0]);
  close();
  expect([disk.read(0, 1), disk.write(0, TWOS), disk.flush()]).toEqual([undefined, false, false]);
});

test('what is no image is refused', () => {
  expect(() => openDisk(join(directory, 'none'), false)).toThrow(KexecError);
  expect(() => openDisk(directory, false)).toThrow(`Cannot open ${directory}: Is a directory`);
});
