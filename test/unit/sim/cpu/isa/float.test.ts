import { describe, expect, test } from '@jest/globals';
import { SIMD_AND_FP } from '../../../../../sim/cpu/isa/simd-and-fp.js';
import { createDecoder } from '../../../../../sim/cpu/language/decode.js';
import { InstructionRunner, type Registers } from '../../../../support/processor/isa-run.js';
import { recordedJson } from '../../../../support/recorded.js';

/** What record-float.ts writes. */
interface Recorded {
  readonly states: readonly {
    readonly x: readonly string[];
    readonly v: readonly string[];
    readonly nzcv: number;
    readonly fpcr: number;
    readonly fpsr: number;
  }[];
  readonly instructions: readonly {
    readonly word: string;
    readonly text: string;
    readonly changes: readonly string[];
  }[];
}

const { states, instructions } = recordedJson('cpu/float') as Recorded;

const hex = (text: string): bigint => BigInt(`0x${text}`);
const STATES: readonly Registers[] = states.map(({ x, v, ...rest }) => ({ ...rest, x: x.map(hex), v: v.map(hex) }));

const decode = createDecoder(SIMD_AND_FP);

/** As the recording has it. */
const changes = (before: Registers, after: Registers): string => {
  const halves = (value: bigint): readonly bigint[] => [BigInt.asUintN(64, value), value >> 64n];
  const values = ({ x, v, nzcv, fpsr }: Registers): readonly (readonly [string, bigint])[] => [
    ...x.map((value, i) => [`x${i}`, value] as const),
    ['nzcv', BigInt(nzcv)],
    ['fpsr', BigInt(fpsr)],
    ...v.flatMap((value, i) => halves(value).map((half, j) => [`v${i}.d[${j}]`, half] as const)),
  ];
  const former = new Map(values(before));
  return values(after)
    .filter(([name, value]) => value !== former.get(name))
    .map(([name, value]) => `${name}=${value.toString(16)}`)
    .join(' ');
};

describe.each(['interpreted', 'translated'] as const)('floating point, %s, as qemu has it', (tier) => {
  const runner = new InstructionRunner(tier);
  test.each(instructions)('$text', ({ word, changes: recorded }) => {
    const run = runner.instruction(Number(hex(word)))!;
    expect(STATES.map((before) => changes(before, run(before)))).toEqual(recorded);
  });
});

test('every row of floating point was compared', () => {
  const seen = new Set(
    instructions.map(({ word }) => {
      const decoded = decode(Number(hex(word)));
      return decoded.kind === 'row' ? decoded.row : undefined;
    }),
  );
  const missing = SIMD_AND_FP.filter((row) => row.group === 'Floating point' && !seen.has(row));
  expect(missing.map(({ name }) => name)).toEqual([]);
});
