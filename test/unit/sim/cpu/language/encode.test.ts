import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { INSTRUCTIONS } from '../../../../../sim/cpu/isa/index.js';
import { createDecoder } from '../../../../../sim/cpu/language/decode.js';
import { createEncoder } from '../../../../../sim/cpu/language/encode.js';
import { fieldsOf, parsePattern } from '../../../../../sim/cpu/language/pattern.js';

const decode = createDecoder(INSTRUCTIONS);
const encode = createEncoder(INSTRUCTIONS);

// By the GNU assembler.
test.each([
  ['add x0, x0, #1', 'ADD (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 }, 0x9100_0400],
  ['msr spsel, #0', 'MSR (immediate)', { op1: 0, CRm: 0, op2: 5 }, 0xd500_40bf],
  ['svc #7', 'SVC', { imm16: 7 }, 0xd400_00e1],
  ['eret', 'ERET', {}, 0xd69f_03e0],
  ['ldp x1, x2, [x3], #16', 'LDP (post-index)', { wide: 1, imm7: 2, Rt: 1, Rt2: 2, Rn: 3 }, 0xa8c1_0861],
  ['fadd d0, d1, d2', 'FADD (scalar)', { sz: 1, Rm: 2, Rn: 1, Rd: 0 }, 0x1e62_2820],
])('%s', (_, name, fields, word) => {
  expect(encode(name, fields).toString(16)).toBe(word.toString(16));
});

test.each(INSTRUCTIONS)('$name: what is encoded is decoded to the same row and fields', (row) => {
  const pattern = parsePattern(row.pattern);
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  // Where fields are free to be anything, most rows are allocated; a few want two of them to be equal.
  const fields = fc
    .oneof(word, fc.constantFrom(0, 0xffff_ffff))
    .map((bits) => fieldsOf(pattern, bits))
    .filter((values) => row.allocated?.(values) !== false);
  fc.assert(
    fc.property(fields, (values) => {
      const decoded = decode(encode(row.name, values));
      return (
        decoded.kind === 'row' &&
        decoded.row === row &&
        Object.entries(values).every(([name, value]) => decoded.fields[name] === value)
      );
    }),
    { numRuns: 20 },
  );
});

describe('refused is', () => {
  const fields = { op1: 0, CRm: 0, op2: 5 };

  test.each([
    ['a row that there is not', 'MSR', fields, 'MSR: no row has this name'],
    ['a field that is missing', 'MSR (immediate)', { op1: 0, op2: 5 }, 'MSR (immediate): the field CRm is missing'],
    ['a field that there is not', 'MSR (immediate)', { ...fields, Rt: 1 }, 'MSR (immediate): there is no field Rt'],
    [
      'too large a value',
      'MSR (immediate)',
      { ...fields, CRm: 16 },
      'MSR (immediate): CRm has 4 bits: 16 is out of range',
    ],
    [
      'a negative value',
      'MSR (immediate)',
      { ...fields, CRm: -1 },
      'MSR (immediate): CRm has 4 bits: -1 is out of range',
    ],
    ['a fraction', 'MSR (immediate)', { ...fields, CRm: 0.5 }, 'MSR (immediate): CRm has 4 bits: 0.5 is out of range'],
    [
      'what is not allocated',
      'MSR (immediate)',
      { ...fields, op2: 0 },
      'MSR (immediate): these fields are not allocated to it',
    ],
  ])('%s', (_, name, values, message) => {
    expect(() => encode(name, values)).toThrow(message);
  });
});
