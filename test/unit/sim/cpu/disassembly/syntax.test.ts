import { describe, expect, test } from '@jest/globals';
import { compileSyntax } from '../../../../../sim/cpu/disassembly/syntax.js';

const WIDTHS = { sf: 1, Rd: 5, Rn: 5, imm12: 12, size: 2, H: 1, L: 1, imm7: 7, cond: 4 };
const FIELDS = { sf: 1, Rd: 31, Rn: 2, imm12: 10, size: 2, H: 1, L: 0, imm7: 0x7f, cond: 1 };

const textOf = (syntax: string, fields: Partial<typeof FIELDS> = {}): string | undefined =>
  compileSyntax(syntax, WIDTHS)({ ...FIELDS, ...fields }, 0n)?.text;

describe('an operand', () => {
  test.each([
    ['is a register whose letter the width chooses', 'x <Rd>, <Rn>', 'x\txzr, x2'],
    ['is a stack pointer where that may be', 'x <Rd|SP>, <Wd|SP>', 'x\tsp, wsp'],
    ['is a register of 31 where no zero is', 'x <Dd>, <Vn>.4s', 'x\td31, v2.4s'],
    ['is a register whose letter a field chooses', 'x <size?BHSDn>', 'x\ts2'],
    ['is a text that a field chooses', 'x<size?b|h|w|>', 'xw'],
    ['is a number', 'x #<imm12>, #<imm12:x>, <H,L>', 'x\t#10, #0xa, 2'],
    ['is a signed number, scaled', 'x #<±imm7 << size+1>, #<imm12 << 4>', 'x\t#-8, #160'],
    ['has a name', 'x <cond>', 'x\tne'],
  ])('%s', (_what, syntax, text) => expect(textOf(syntax)).toBe(text));
});

test('what is in braces is left out where its operand is 0', () => {
  expect(textOf('x [<Xn|SP>{, #<imm12>}]')).toBe('x\t[x2, #10]');
  expect(textOf('x [<Xn|SP>{, #<imm12>}]', { imm12: 0 })).toBe('x\t[x2]');
  expect(textOf('x {<Vn>.16b}')).toBe('x\t{v2.16b}');
});

test('the first alternative counts whose conditions hold, and whose operands have a text', () => {
  const syntax = 'a if Rd=31 and Rn<2; b if Rn!=Rd and imm12>10; c<size?0|1>; d';
  expect(textOf(syntax, { Rn: 1 })).toBe('a');
  expect(textOf(syntax, { imm12: 11 })).toBe('b');
  expect(textOf(syntax, { size: 1 })).toBe('c1');
  expect(textOf(syntax)).toBe('d');
  expect(textOf('a if Rd=0')).toBeUndefined();
});

test.each([
  ['a field that the row does not have', 'x <Rm>', 'there is no field Rm'],
  ['an operand that nobody knows', 'x <nothing at all>', 'there is no operand "nothing at all"'],
  ['an operand whose fields the row does not have', 'x <bitmask>', 'bitmask needs the field N'],
  ['a condition that nobody knows', 'x if sunny', 'there is no condition "sunny"'],
])('%s is a mistake in a table', (_what, syntax, message) => expect(() => textOf(syntax)).toThrow(message));
