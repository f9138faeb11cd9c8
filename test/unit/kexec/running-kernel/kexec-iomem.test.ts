import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../kexec/base/error.js';
import { parseIomem, readIomem } from '../../../../kexec/running-kernel/kexec-iomem.js';
import { U64_MAX } from '../../../../kexec/base/u64.js';
import { memorySystem } from '../../../support/files/memory-system.js';

/** Lines as [start, last, name]. */
const parse = (text: string): readonly (readonly [bigint, bigint, string])[] =>
  [...parseIomem(text)].map(({ range, name }) => [range.start, range.last, name] as const);

describe('lines of the memory map', () => {
  test.each([
    ['40000000-bfffffff : System RAM\n', 0x40000000n, 0xbfffffffn, 'System RAM\n'],
    ['  40210000-4157ffff : Kernel code\n', 0x40210000n, 0x4157ffffn, 'Kernel code\n'],
    ['0-0 : x\n', 0n, 0n, 'x\n'],
    ['0x10-0x1F : hex\n', 0x10n, 0x1fn, 'hex\n'],
    ['10-  20  :   spaces  \n', 0x10n, 0x20n, 'spaces  \n'],
    ['10-20:tight\n', 0x10n, 0x20n, 'tight\n'],
    ['10-20 : no newline', 0x10n, 0x20n, 'no newline'],
    ['ffffffffffffffff-ffffffffffffffff : top\n', U64_MAX, U64_MAX, 'top\n'],
    ['123456789abcdef01-20 : too large\n', U64_MAX, 0x20n, 'too large\n'],
    ['-1-5 : negative\n', U64_MAX, 5n, 'negative\n'],
    ['20-10 : reversed\n', 0x20n, 0x10n, 'reversed\n'],
    ['10-20 : a : b\n', 0x10n, 0x20n, 'a : b\n'],
    ['10-20 : \n', 0x10n, 0x20n, ''],
  ])('%j', (line, start, last, name) => {
    expect(parse(line)).toEqual([[start, last, name]]);
  });

  test.each([
    '',
    '\n',
    'System RAM\n',
    '10 : one number\n',
    '10 -20 : space\n',
    '10-\n',
    '10-xyz : x\n',
    'zz-10 : x\n',
    '- : \n',
  ])('%j is left out', (line) => {
    expect(parse(line)).toEqual([]);
  });

  test('a line without a colon has the name that stands where the last one was', () => {
    expect(parse('10-20 : first name\n30-40\n')).toEqual([
      [0x10n, 0x20n, 'first name\n'],
      [0x30n, 0x40n, 'first name\n'],
    ]);
    expect(parse('10-20 : first name\n30-40 xxxx\n')[1]).toEqual([0x30n, 0x40n, 'xx\n']);
    expect(parse('30-40\n')).toEqual([[0x30n, 0x40n, '30-40\n']]);
  });

  test('longer lines come in pieces of 159 bytes', () => {
    const long = `10-20 : ${'x'.repeat(151)}30-40 : rest\n`;
    expect(parse(long)).toEqual([
      [0x10n, 0x20n, 'x'.repeat(151)],
      [0x30n, 0x40n, 'rest\n'],
    ]);
  });

  test('a name ends at a NUL', () => {
    expect(parse('10-20 : a\0b\n')).toEqual([[0x10n, 0x20n, 'a']]);
  });
});

test('a machine without a memory map cannot be loaded on', () => {
  expect(() => readIomem(memorySystem({}))).toThrow(KexecError);
  expect(() => readIomem(memorySystem({}))).toThrow('Cannot open /proc/iomem');
});
