import { describe, expect, test } from '@jest/globals';
import { createDecoder } from '../../../../../sim/cpu/language/decode.js';
import { decodeBitMasks } from '../../../../../sim/cpu/isa/integer/bits.js';
import { INSTRUCTIONS } from '../../../../../sim/cpu/isa/index.js';
import {
  EMPTY_STATE,
  evaluateInstruction,
  type Known,
  type State,
} from '../../../../support/processor/evaluate-ops.js';
import { recordedJson } from '../../../../support/recorded.js';

/** What the GNU assembler made of each text, and what qemu-aarch64 -cpu cortex-a57 did with it in each state. */
interface Recording {
  readonly pc: string;
  readonly states: readonly string[];
  readonly instructions: readonly {
    readonly row: string;
    readonly text: string;
    readonly word: string;
    /** What changed, state by state. */
    readonly results: readonly string[];
  }[];
}

const recording = recordedJson('a64-integer') as Recording;
const GROUPS: readonly string[] = ['Data processing (immediate)', 'Data processing (register)'];
const decode = createDecoder(INSTRUCTIONS);

const apply = (state: State, text: string): State => {
  const x = [...state.x];
  let { sp, nzcv } = state;
  for (const [, name, digits] of text.matchAll(/(\w+)=(\w+)/g)) {
    const value = BigInt(`0x${digits!}`);
    if (name === 'sp') sp = value;
    else if (name === 'nzcv') nzcv = Number(value);
    else x[Number(name!.slice(1))] = value;
  }
  return { ...state, x, sp, nzcv };
};

/** A state as text, which is compared faster. */
const textOf = ({ pc, x, sp, v, nzcv, memory, exclusive }: State): string =>
  `pc=${pc} sp=${sp} nzcv=${nzcv} x=${x.join()} v=${v.join()} memory=${memory.start}:${memory.bytes.join()} exclusive=${exclusive ?? 'none'}`;

const empty: State = { ...EMPTY_STATE, pc: BigInt(`0x${recording.pc}`) };
const states = recording.states.map((text) => apply(empty, text));

test('the recording covers every row of integer data processing', () => {
  const rows = INSTRUCTIONS.filter(({ group }) => GROUPS.includes(group)).map(({ name }) => name);
  expect([...new Set(recording.instructions.map(({ row }) => row))].sort()).toEqual(rows.sort());
});

test.each(recording.instructions)('$word is $row: $text', ({ row, word, results }) => {
  const decoded = decode(Number.parseInt(word, 16));
  if (decoded.kind !== 'row') throw new Error(`${word} is ${decoded.kind}`);
  const { row: found, fields } = decoded;
  if (!('semantics' in found)) throw new Error(`${word} has no semantics`);
  expect(found.name).toBe(row);
  expect(results).toHaveLength(states.length);
  const expected = states.map((state, index) => textOf({ ...apply(state, results[index]!), pc: state.pc + 4n }));
  for (const known of ['nothing', 'immediates', 'everything'] satisfies Known[]) {
    const evaluated = states.map((state) => evaluateInstruction(found, fields, state, known));
    expect({ known, states: evaluated.map(({ state }) => textOf(state)) }).toEqual({ known, states: expected });
    expect(evaluated.flatMap(({ accesses }) => accesses)).toEqual([]);
  }
});

describe('immediates of logical instructions', () => {
  const all = (bits: 32 | 64): readonly (bigint | undefined)[] =>
    Array.from({ length: 1 << 13 }, (_, index) => decodeBitMasks(index >> 12, (index >> 6) & 63, index & 63, bits));

  // A run of 1 to size-1 ones, in size places, for each size of element.
  test.each([
    [64, 64 * 63 + 32 * 31 + 16 * 15 + 8 * 7 + 4 * 3 + 2],
    [32, 32 * 31 + 16 * 15 + 8 * 7 + 4 * 3 + 2],
  ] as const)('%i bits have %i of them', (bits, count) => {
    const values = all(bits).filter((value) => value !== undefined);
    expect(new Set(values).size).toBe(count);
    expect(values.filter((value) => value <= 0n || value >= (1n << BigInt(bits)) - 1n)).toEqual([]);
  });
});
