import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import {
  createDisassembler,
  disassemble,
  disassembleInstruction,
  SYNTAX_ROWS,
} from '../../../../../sim/cpu/disassembly/disassembler.js';
import { compileSyntax } from '../../../../../sim/cpu/disassembly/syntax.js';
import { parsePattern } from '../../../../../sim/cpu/language/pattern.js';

/** What objdump makes of words, recorded by `npm run disassembler -- --record`. */
const RECORDED = readFileSync('test/data/disassembly.txt', 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => ({
    address: BigInt(`0x${line.slice(0, 16)}`),
    word: Number.parseInt(line.slice(17, 25), 16),
    text: line.slice(26),
  }));

test('words of every row have the text that objdump gives them', () => {
  const texts = RECORDED.map(({ address, word }) => disassemble(word, address));
  expect(texts).toEqual(RECORDED.map(({ text }) => text));
  expect(RECORDED.length).toBeGreaterThanOrEqual(SYNTAX_ROWS.length);
});

test('every row has a syntax that is made of its fields', () => {
  for (const { pattern, syntax } of SYNTAX_ROWS) {
    const widths = Object.fromEntries(parsePattern(pattern).fields.map(({ name, width }) => [name, width]));
    expect(() => compileSyntax(syntax, widths)).not.toThrow();
  }
});

describe('the address that an instruction names', () => {
  test.each([
    ['a branch', 0x14000002, 0x1000n, 'b\t0x1008', 0x1008n],
    ['a branch to below the first address', 0x17ffffff, 0n, 'b\t0xfffffffffffffffc', 0xffff_ffff_ffff_fffcn],
    ['a literal', 0x58000040, 0x1000n, 'ldr\tx0, 0x1008', 0x1008n],
    ['a page', 0xb0000000, 0x1ffcn, 'adrp\tx0, 0x2000', 0x2000n],
  ])('of %s is told beside its text', (_what, word, address, text, target) => {
    expect(disassembleInstruction(word, address)).toEqual({ text, target });
  });

  test('is not there for others', () => {
    expect(disassembleInstruction(0xd503201f, 0n)).toEqual({ text: 'nop' });
  });
});

test('a word that nobody allocates is shown as a number', () => {
  expect(disassemble(0xffffffff, 0n)).toBe('.inst\t0xffffffff ; undefined');
  expect(disassemble(-1, 0n)).toBe('.inst\t0xffffffff ; undefined');
  expect(disassemble(0x0031e556, 0n)).toBe('.inst\t0x0031e556 ; NYI');
});

test('the first row counts that has a text', () => {
  const pattern = '0000000000000000000000000000000 bit:1';
  const one = createDisassembler([
    { pattern, syntax: 'first #<bit> if bit=1' },
    { pattern, syntax: 'second' },
  ]);
  expect([one(0, 0n).text, one(1, 0n).text]).toEqual(['second', 'first\t#1']);
});
