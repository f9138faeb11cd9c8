import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkTable, createDecoder } from '../../../../../sim/cpu/language/decode.js';
import { wordOf } from '../../../../../sim/cpu/language/encode.js';
import { INSTRUCTIONS } from '../../../../../sim/cpu/isa/index.js';
import type { InstructionRow } from '../../../../../sim/cpu/language/row.js';
import { fieldsOf, matches, parsePattern } from '../../../../../sim/cpu/language/pattern.js';

const word32 = fc.integer({ min: 0, max: 0xffff_ffff });
const decode = createDecoder(INSTRUCTIONS);

/** The rows that answer to a word, found without the decoder. */
const parsed = INSTRUCTIONS.map((row) => ({ row, pattern: parsePattern(row.pattern) }));
const answersTo = (word: number): readonly InstructionRow[] =>
  parsed
    .filter(({ row, pattern }) => matches(pattern, word) && (row.allocated?.(fieldsOf(pattern, word)) ?? true))
    .map(({ row }) => row);

const nameOf = (word: number): string => {
  const decoded = decode(word);
  return decoded.kind === 'row' ? decoded.row.name : decoded.kind;
};

/** Numbers from 0 to 2^32 - 1, the same in each run (xorshift). */
const numbers = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
};

describe('the table of instructions', () => {
  test('has no two rows that claim the same word', () => {
    const overlaps = checkTable(INSTRUCTIONS, numbers(1));
    expect(overlaps.map(({ word, rows }) => `${word.toString(16)}: ${rows[0].name}, ${rows[1].name}`)).toEqual([]);
  });

  test('would be caught having them', () => {
    const row = INSTRUCTIONS[0]!;
    const other: InstructionRow = { ...row, allocated: ({ Rd }) => Rd === 17 };
    expect(checkTable([row, other], numbers(1)).map(({ rows }) => rows)).toEqual([[row, other]]);
    expect(checkTable([{ ...row, allocated: ({ Rd }) => Rd !== 17 }, other], numbers(1))).toEqual([]);
  });

  test('has rows that a name, a group and a section tell apart', () => {
    const keys = INSTRUCTIONS.map(({ name, group, section }) => `${group}: ${name} (${section})`);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  test.each(INSTRUCTIONS)('$name: free and fixed fields are fields', (row) => {
    if (!('semantics' in row)) return;
    const names = parsePattern(row.pattern).fields.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...(row.free ?? []), ...(row.fixed ?? [])]));
  });
});

describe('decoding', () => {
  test('finds the one row that answers to a word, or none', () => {
    fc.assert(
      fc.property(word32, (word) => {
        const rows = answersTo(word);
        const decoded = decode(word);
        return rows.length <= 1 && (decoded.kind === 'row' ? decoded.row : undefined) === rows[0];
      }),
      { numRuns: 3000 },
    );
  });

  test.each(INSTRUCTIONS)('$name: finds the row for the words made of its pattern, with the same fields', (row) => {
    const pattern = parsePattern(row.pattern);
    const { fields } = pattern;
    let answered = 0;
    // Corner values more often than chance would have them: some rows want two fields to be equal.
    const contents = fc.array(fc.oneof(word32, fc.constantFrom(0, 0xffff_ffff)), {
      minLength: fields.length,
      maxLength: fields.length,
    });
    fc.assert(
      fc.property(contents, (numbers) => {
        const wanted = Object.fromEntries(fields.map(({ name, width }, index) => [name, numbers[index]! % 2 ** width]));
        const decoded = decode(wordOf(pattern, wanted));
        const isFound = decoded.kind === 'row' && decoded.row === row;
        if (row.allocated !== undefined && !row.allocated(wanted)) return !isFound;
        if (answered++ === 0) expect(decoded).toEqual({ kind: 'row', row, pattern, fields: wanted });
        return isFound && fields.every(({ name }) => decoded.fields[name] === wanted[name]);
      }),
      { numRuns: 300 },
    );
    expect(answered).toBeGreaterThan(0);
  });

  test('is the same whatever was decoded before', () => {
    const words = Array.from({ length: 2000 }, numbers(7));
    const there = words.map(nameOf);
    const fresh = createDecoder(INSTRUCTIONS);
    const back = [...words].reverse().map((word) => fresh(word));
    expect(back.reverse().map((decoded) => (decoded.kind === 'row' ? decoded.row.name : decoded.kind))).toEqual(there);
  });

  // Each was tried on qemu-aarch64 -cpu cortex-a57, which raises SIGILL.
  test.each([
    ['all ones', 0xffff_ffff],
    ['AND of a W register with N set', 0x1240_0000],
    ['AND with an immediate of all ones', 0x9240_fc00],
    ['MOVZ of a W register beyond bit 31', 0x52c0_0000],
    ['move wide with opc 01', 0x3280_0000],
    ['SBFM of a W register with N set', 0x1340_0000],
    ['UBFM of a W register with immr 32', 0x5320_0000],
    ['UBFM of a W register with imms 32', 0x5300_8000],
    ['UBFM of an X register with N clear', 0xd300_0000],
    ['EXTR of a W register by 32', 0x1380_8000],
    ['EXTR with bit 21 set', 0x93e0_0000],
    ['ADD (shifted register) with ROR', 0x8bc0_0000],
    ['ADD (shifted register) of a W register by 32', 0x0b00_8000],
    ['ORR (shifted register) of a W register by 32', 0x2a00_8000],
    ['ADD (extended register) by 5', 0x8b20_1400],
    ['ADD (extended register) with opt 01', 0x8b60_0000],
    ['REV with opcode 3 of a W register', 0x5ac0_0c00],
    ['CRC32X of a W register', 0x1ac0_4c00],
    ['CRC32B with sf set', 0x9ac0_4000],
    ['SMADDL with sf clear', 0x1b20_0000],
    ['CSEL with S set', 0xba80_0000],
    ['CCMP with S clear', 0x9a40_0000],
    ['ADDG, of a later architecture', 0x9180_0000],
    ['PACIA, of a later architecture', 0xdac1_0000],
  ])('%s is unallocated', (_what, word) => {
    expect(nameOf(word)).toBe('unallocated');
  });
});
