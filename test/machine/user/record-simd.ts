/**
 * Records test/data/cpu/simd.json.gz: what qemu-aarch64 makes of instructions of Advanced SIMD and floating point:
 * `npm run record:simd`. Keeps the states and the words that there are, and chooses words for rows that have none.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { SIMD_AND_FP } from '../../../sim/cpu/isa/simd-and-fp.js';
import { createDecoder } from '../../../sim/cpu/language/decode.js';
import { wordOf } from '../../../sim/cpu/language/encode.js';
import { type Fields, parsePattern } from '../../../sim/cpu/language/pattern.js';
import type { InstructionRow } from '../../../sim/cpu/language/row.js';
import { createRandom, type Random } from '../../fuzz/mutate.js';
import { cacheDirectory } from '../../support/cache.js';
import { recordedSimd, type RecordedSimd } from '../../support/processor/recorded-simd.js';
import { runMain, say } from '../../support/run-main.js';
import { disassemble } from '../disassemble.js';
import { buildHarness, runUnderQemu } from './harness.js';
import {
  BRK,
  CODE,
  FPSR,
  GROUP_SIZE,
  newState,
  NZCV,
  type Outcome,
  PAGE_SIZE,
  PC,
  Signal,
  V,
  WINDOW_SIZE,
} from './sequence.js';

const FILE = path.join('test', 'data', 'cpu', 'simd.json.gz');
const ABOUT =
  'What each instruction changes in V, X, NZCV and FPSR, from each of the states (V0 on, X0 on; FPSR is 0): by ' +
  'qemu-aarch64 (npm run record:simd).';
/** Words that are chosen for a row. */
const WORDS = 4;
const ATTEMPTS = 200;
const SEED = 1;
/** Where instructions have their operands: what the states have most to say of. */
const OPERANDS: Fields = { Rd: 0, Rn: 1, Rm: 2, Ra: 3 };

type State = RecordedSimd['states'][number];

/** Different words of a row, as far as they are found. */
const wordsOf = (row: InstructionRow, random: Random): readonly number[] => {
  const pattern = parsePattern(row.pattern);
  const words = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS && words.size < WORDS; attempt++) {
    const fields = Object.fromEntries(
      pattern.fields.map(({ name, width }) => [name, OPERANDS[name] ?? random.below(2 ** width)]),
    );
    if (row.allocated?.(fields) !== false) words.add(wordOf(pattern, fields));
  }
  return [...words];
};

const stateOf = ({ v, x, nzcv }: State, page: number): BigUint64Array => {
  const state = newState();
  x.forEach((value, i) => (state[i] = BigInt(`0x${value}`)));
  v.map((value) => BigInt(`0x${value}`)).forEach((value, i) => {
    state[V + 2 * i] = value;
    state[V + 2 * i + 1] = value >> 64n;
  });
  state[NZCV] = BigInt(nzcv);
  state[PC] = BigInt(CODE + page * PAGE_SIZE);
  return state;
};

const vectorIn = (state: BigUint64Array, register: number): bigint =>
  state[V + 2 * register]! | (state[V + 2 * register + 1]! << 64n);

/** Registers that are no longer as they were, as the test writes them. */
const changes = (before: BigUint64Array, { signal, state: after }: Outcome): string => {
  if (signal !== Signal.TRAP) throw new Error(`an instruction ended with signal ${signal}`);
  const registers = (kind: string, count: number, read: (state: BigUint64Array, register: number) => bigint) =>
    Array.from({ length: count }, (_, i) =>
      read(after, i) === read(before, i) ? [] : [`${kind}${i}=${read(after, i).toString(16)}`],
    ).flat();
  return [
    ...registers('v', 32, vectorIn),
    ...registers('x', 31, (state, register) => state[register]!),
    ...(after[NZCV] === before[NZCV] ? [] : [`nzcv=${after[NZCV]!.toString()}`]),
    ...(after[FPSR] === 0n ? [] : [`fpsr=${after[FPSR]!.toString(16)}`]),
  ].join(' ');
};

/** A line for each state and each instruction: so that what changes is seen. */
const jsonOf = ({ states, instructions }: RecordedSimd): string => {
  const lines = (values: readonly unknown[]): string =>
    values.map((value) => `    ${JSON.stringify(value)}`).join(',\n');
  return `{\n  "about": ${JSON.stringify(ABOUT)},\n  "states": [\n${lines(states)}\n  ],\n  "instructions": [\n${lines(instructions)}\n  ]\n}\n`;
};

await runMain('record:simd', async () => {
  const { states, instructions } = recordedSimd();
  const decode = createDecoder(SIMD_AND_FP);
  const known = new Set(
    instructions.map(({ word }) => {
      const decoded = decode(Number.parseInt(word, 16));
      return decoded.kind === 'row' ? decoded.row : undefined;
    }),
  );
  const random = createRandom(SEED);
  const added = SIMD_AND_FP.filter((row) => 'semantics' in row && !known.has(row)).flatMap((row) =>
    wordsOf(row, random),
  );
  const texts = disassemble(Uint32Array.from(added), 0n);
  const all = [
    ...instructions.map(({ word, text }) => ({ word: Number.parseInt(word, 16), text })),
    ...added.map((word, i) => ({ word, text: texts[i]! })),
  ];
  const sequences = all
    .flatMap(({ word }) => states.map((state) => ({ word, state })))
    .map(({ word, state }, i) => ({ words: Uint32Array.of(word, BRK), state: stateOf(state, i % GROUP_SIZE) }));
  const harness = buildHarness(cacheDirectory('harness'));
  const outcomes = await runUnderQemu(harness, { window: new Uint8Array(WINDOW_SIZE), sequences });
  const recorded = all.map(({ word, text }, i) => ({
    word: word.toString(16).padStart(8, '0'),
    text,
    changes: states.map((_, s) => {
      const at = i * states.length + s;
      return changes(sequences[at]!.state, outcomes[at]!);
    }),
  }));
  fs.writeFileSync(FILE, gzipSync(jsonOf({ states, instructions: recorded }), { level: 9 }));
  say(`${FILE}: ${recorded.length} instructions, ${added.length} of them new, from ${states.length} states`);
});
