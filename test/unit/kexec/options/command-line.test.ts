import { describe, expect, test } from '@jest/globals';
import { concatCmdline, getCommandLine, removeParameter } from '../../../../kexec/options/command-line.js';
import { compatFor, type Release } from '../../../../kexec/base/compat.js';
import { KexecError } from '../../../../kexec/base/error.js';
import { memorySystem, type MemoryFile } from '../../../support/files/memory-system.js';

describe('removeParameter', () => {
  test.each([
    ['BOOT_IMAGE=/boot/Image root=/dev/vda', 'BOOT_IMAGE', 'root=/dev/vda'],
    ['root=/dev/vda BOOT_IMAGE=/boot/Image', 'BOOT_IMAGE', 'root=/dev/vda '],
    ['a BOOT_IMAGE=x b', 'BOOT_IMAGE', 'a b'],
    ['BOOT_IMAGE', 'BOOT_IMAGE', ''],
    ['BOOT_IMAGES=5 b', 'BOOT_IMAGE', 'b'],
    ['nothing here', 'BOOT_IMAGE', 'nothing here'],
    ['', 'BOOT_IMAGE', ''],
    // The value ends at the first space, quotes or not.
    ['a crashkernel="1 2" b', 'crashkernel', 'a 2" b'],
    // What is inside a word stays, and ends the search.
    ['xcrashkernel=1 crashkernel=2', 'crashkernel', 'xcrashkernel=1 crashkernel=2'],
    // Other white space stands before a parameter, but does not end one.
    ['a\tcrashkernel=1\tb c', 'crashkernel', 'a\tc'],
  ])('%j without %s', (line, name, result) => {
    expect(removeParameter(line, name, true)).toBe(result);
    expect(removeParameter(line, name, false)).toBe(result);
  });

  test('removes every one, or the first', () => {
    const line = 'crashkernel=1G,high a crashkernel=64M,low b';
    expect(removeParameter(line, 'crashkernel', true)).toBe('a b');
    expect(removeParameter(line, 'crashkernel', false)).toBe('a crashkernel=64M,low b');
  });

  test('the search goes on from the start', () => {
    expect(removeParameter('crashkernel=1 xcrashkernel=2 crashkernel=3', 'crashkernel', true)).toBe(
      'xcrashkernel=2 crashkernel=3',
    );
  });

  test('no name removes nothing', () => {
    expect(removeParameter('a b', '', true)).toBe('a b');
    expect(removeParameter('a b', '', false)).toBe('a b');
  });
});

test.each([
  [undefined, undefined, undefined],
  ['a', undefined, 'a'],
  [undefined, 'b', 'b'],
  ['a', 'b', 'a b'],
  ['', '', ' '],
  ['', undefined, ''],
])('concatCmdline(%j, %j)', (base, append, result) => {
  expect(concatCmdline(base, append)).toBe(result);
});

describe('the running kernel’s command line', () => {
  const read = (file: MemoryFile | undefined, release: Release = '2.0.32', onCrash = false): string =>
    getCommandLine(memorySystem(file === undefined ? {} : { '/proc/cmdline': file }), compatFor(release), onCrash);
  const failure = (file: MemoryFile | undefined, release: Release): KexecError => {
    try {
      read(file, release);
    } catch (error) {
      if (error instanceof KexecError) return error;
    }
    throw new Error('no KexecError');
  };

  test('comes without BOOT_IMAGE, and for a crash kernel without crashkernel', () => {
    const line = 'BOOT_IMAGE=/vmlinuz root=/dev/vda crashkernel=256M quiet\n';
    expect(read(line)).toBe('root=/dev/vda crashkernel=256M quiet');
    expect(read(line, '2.0.32', true)).toBe('root=/dev/vda quiet');
  });

  test.each([
    ['root=a\n', 'root=a'],
    // The last byte is cut off, whatever it is.
    ['root=a', 'root='],
    ['root=a\r\n', 'root=a'],
    ['one\ntwo\n', 'one'],
    ['a\0b\n', 'a'],
    ['\n', ''],
  ])('%j since 2.0.25', (text, line) => {
    expect(read(text)).toBe(line);
    expect(read(text, '2.0.25')).toBe(line);
  });

  test.each([
    ['root=a\n', 'root=a'],
    ['root=a', 'root='],
    ['root=a\r\n', 'root=a\r'],
    ['one\ntwo\n', 'one'],
    ['ab\0cd\n', 'a'],
    [`${'x'.repeat(3000)}\n`, 'x'.repeat(2046)],
  ])('%.20j in 2.0.20', (text, line) => {
    expect(read(text, '2.0.20')).toBe(line);
  });

  test('removes one crashkernel until 2.0.31, then all', () => {
    const line = 'crashkernel=1G,high crashkernel=64M,low a\n';
    expect(read(line, '2.0.29', true)).toBe('crashkernel=64M,low a');
    expect(read(line, '2.0.32', true)).toBe('a');
  });

  test('long ones are whole', () => {
    expect(read(`${'x'.repeat(100_000)}\n`)).toHaveLength(100_000);
  });

  test('its lack ends the command', () => {
    for (const file of [undefined, '', { call: 'read', errno: 5 }] as const) {
      expect(failure(file, '2.0.32')).toMatchObject({
        exitCode: 1,
        died: true,
        text: 'Failed to read /proc/cmdline\n',
      });
    }
    // These ended without a newline.
    expect(failure(undefined, '2.0.20').text).toBe('Could not open /proc/cmdline.');
    expect(failure('', '2.0.20').text).toBe("Can't read /proc/cmdline.");
  });
});
