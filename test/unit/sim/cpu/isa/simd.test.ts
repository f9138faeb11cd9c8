import { describe, expect, test } from '@jest/globals';
import { checkTable, createDecoder } from '../../../../../sim/cpu/language/decode.js';
import { SIMD_AND_FP } from '../../../../../sim/cpu/isa/simd-and-fp.js';
import { InstructionRunner, type Registers } from '../../../../support/processor/isa-run.js';
import { recordedSimd } from '../../../../support/processor/recorded-simd.js';

const { states, instructions } = recordedSimd();

const hex = (text: string): bigint => BigInt(`0x${text}`);
const filled = (values: readonly string[]): readonly bigint[] =>
  Array.from({ length: 32 }, (_, i) => hex(values[i] ?? '0'));

const STATES: readonly Registers[] = states.map(({ v, x, nzcv }) => ({ v: filled(v), x: filled(x), nzcv, fpsr: 0 }));

const decode = createDecoder(SIMD_AND_FP);
const runner = new InstructionRunner();
const wordOf = (text: string): number => Number(hex(text));

/** As the recording has it. */
const changes = (before: Registers, after: Registers): string =>
  [
    ...after.v.map((value, i) => (value === before.v[i] ? '' : `v${i}=${value.toString(16)}`)),
    ...after.x.map((value, i) => (value === before.x[i] ? '' : `x${i}=${value.toString(16)}`)),
    after.nzcv === before.nzcv ? '' : `nzcv=${after.nzcv}`,
    after.fpsr === before.fpsr ? '' : `fpsr=${after.fpsr.toString(16)}`,
  ]
    .filter((change) => change !== '')
    .join(' ');

describe('Advanced SIMD and floating point', () => {
  test.each(instructions)('$text', ({ word, changes: recorded }) => {
    const run = runner.instruction(wordOf(word))!;
    expect(STATES.map((before) => changes(before, run(before)))).toEqual(recorded);
  });

  test('every row that is modelled was compared', () => {
    const seen = new Set(
      instructions.map(({ word }) => {
        const decoded = decode(wordOf(word));
        return decoded.kind === 'row' ? decoded.row : undefined;
      }),
    );
    expect(SIMD_AND_FP.filter((row) => 'semantics' in row && !seen.has(row)).map(({ name }) => name)).toEqual([]);
  });

  test('no word belongs to two rows', () => {
    let seed = 1;
    const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0);
    const overlaps = checkTable(SIMD_AND_FP, random);
    expect(overlaps.map(({ word, rows }) => [word.toString(16), ...rows.map(({ name }) => name)])).toEqual([]);
  });
});

describe('what an ARMv8.0-A has not', () => {
  test.each([
    ['fadd v0.8h, v1.8h, v2.8h (ARMv8.2)', 0x4e421420],
    ['sqrdmlah v0.4s, v1.4s, v2.4s (ARMv8.1)', 0x6e828420],
    ['udot v0.4s, v1.16b, v2.16b (ARMv8.2)', 0x6e829420],
    ['mul of 64-bit elements', 0x4ee29c20],
    ['add of one 64-bit element as a vector', 0x0ee28420],
    ['fadd of one double as a vector', 0x0e62d420],
    ['ext past 8 bytes', 0x2e024020],
    ['sqadd of one 64-bit element as a vector', 0x0ee20c20],
    ['sqdmulh of bytes', 0x0e22b420],
    ['sqdmull of bytes, scalar', 0x5e22d020],
    ['sqshrn of 128-bit elements', 0x0f449420],
    ['movi with cmode 15, op 1 and Q 0', 0x2f00f400],
    ['addv of two words', 0x0eb1b820],
    ['fmov of a half', 0x1ee04020],
  ])('unallocated: %s', (_, word) => {
    expect(decode(word)).toEqual({ kind: 'unallocated' });
  });
});
