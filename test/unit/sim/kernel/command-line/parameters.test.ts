import { describe, expect, test } from '@jest/globals';
import { memparse, parametersOf } from '../../../../../sim/kernel/command-line/parameters.js';

const parse = (line: string) => [...parametersOf(line)].map(({ name, value }) => [name, value]);

describe('parameters', () => {
  test.each([
    ['', []],
    [
      '  a\tb=1  c==2',
      [
        ['a', undefined],
        ['b', '1'],
        ['c', '=2'],
      ],
    ],
    ['=x', [['=x', undefined]]],
    ['a=', [['a', '']]],
    [
      'dyndbg="file a.c +p" quiet',
      [
        ['dyndbg', 'file a.c +p'],
        ['quiet', undefined],
      ],
    ],
    [
      '"dyndbg=file a.c +p" quiet',
      [
        ['dyndbg', 'file a.c +p'],
        ['quiet', undefined],
      ],
    ],
    ['a="b c', [['a', 'b c']]],
    ['a=b"c d"e', [['a', 'b"c d"e']]],
    ['a -- b', [['a', undefined]]],
    ['a "--" b', [['a', undefined]]],
    ['--x', [['--x', undefined]]],
  ])('of %j', (line, expected) => expect(parse(line)).toEqual(expected));

  test('behind the 2047th character are not there', () => {
    expect(parse(`${'x'.repeat(2045)} yz`)).toEqual([
      ['x'.repeat(2045), undefined],
      ['y', undefined],
    ]);
  });
});

describe('sizes', () => {
  test.each([
    ['0', 0n, ''],
    ['12', 12n, ''],
    ['0x1fK', 0x1fn << 10n, ''],
    ['010', 8n, ''],
    ['09', 0n, '9'],
    ['0xg', 0n, 'xg'],
    ['3M@4', 3n << 20n, '@4'],
    ['1g,high', 1n << 30n, ',high'],
    ['2t', 2n << 40n, ''],
    ['1P', 1n << 50n, ''],
    ['15e', 15n << 60n, ''],
    ['16E', 0n, ''],
    ['0x10000000000000001', 1n, ''],
    ['18446744073709551617', 1n, ''],
  ])('%s', (text, value, rest) => expect(memparse(text)).toEqual({ value, rest }));

  test.each(['', 'x', '-1', '@1', 'K'])('%j is none', (text) => expect(memparse(text)).toBeUndefined());
});
