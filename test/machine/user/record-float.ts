/**
 * Records what qemu's user mode makes of single floating-point instructions, under modes and with flags of all kinds:
 * `npm run record:float` writes `test/data/cpu/float.json.gz`.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { SIMD_AND_FP } from '../../../sim/cpu/isa/simd-and-fp.js';
import { wordOf } from '../../../sim/cpu/language/encode.js';
import { parsePattern } from '../../../sim/cpu/language/pattern.js';
import type { InstructionRow } from '../../../sim/cpu/language/row.js';
import { createRandom, seedOf, type Random } from '../../fuzz/mutate.js';
import { cacheDirectory } from '../../support/cache.js';
import { runMain, say } from '../../support/run-main.js';
import { disassemble } from '../disassemble.js';
import { buildHarness, runUnderQemu } from './harness.js';
import { randomState, randomWindow } from './operands.js';
import {
  BRK,
  CODE,
  FPCR,
  FPSR,
  GROUP_SIZE,
  NZCV,
  PAGE_SIZE,
  PC,
  registerName,
  type Sequence,
  type State,
  V,
} from './sequence.js';

const SEED = 1;
const STATES = 10;
const WORDS_PER_ROW = 2;
/** The registers that instructions name: the destination, and three that are read. */
const NUMBERS: Readonly<Record<string, number>> = { Rd: 0, Rn: 1, Rm: 2, Ra: 3 };
const REGISTERS = 4;

const randomWord = (random: Random, { pattern: text, allocated }: InstructionRow): number => {
  const pattern = parsePattern(text);
  for (;;) {
    const fields = Object.fromEntries(
      pattern.fields.map(({ name, width }) => [name, NUMBERS[name] ?? random.below(2 ** width)]),
    );
    if (allocated === undefined || allocated(fields)) return wordOf(pattern, fields);
  }
};

const hex = (value: bigint): string => value.toString(16);

/** What an instruction changed, as the test says it. */
const changesOf = (before: State, after: State): string =>
  [...after.keys()]
    .filter((slot) => slot !== PC && after[slot] !== before[slot])
    .map((slot) => `${registerName(slot)}=${hex(after[slot]!)}`)
    .join(' ');

await runMain('record:float', async () => {
  const random = createRandom(seedOf(SEED, 'float', 0));
  const states = Array.from({ length: STATES }, () => randomState(random));
  const rows = SIMD_AND_FP.filter(({ group }) => group === 'Floating point');
  const words = rows.flatMap((row) => [
    ...new Set(Array.from({ length: WORDS_PER_ROW }, () => randomWord(random, row))),
  ]);
  const sequences = words.flatMap((word, i) =>
    states.map((state, j): Sequence => {
      const own = state.slice();
      own[PC] = BigInt(CODE + ((i * STATES + j) % GROUP_SIZE) * PAGE_SIZE);
      return { words: Uint32Array.of(word, BRK), state: own };
    }),
  );
  const harness = buildHarness(cacheDirectory('harness'));
  const outcomes = await runUnderQemu(harness, { window: randomWindow(random), sequences });
  const texts = disassemble(Uint32Array.from(words), 0n);
  const recorded = {
    states: states.map((state) => ({
      x: Array.from({ length: REGISTERS }, (_, i) => hex(state[i]!)),
      v: Array.from({ length: REGISTERS }, (_, i) => hex(state[V + 2 * i]! | (state[V + 2 * i + 1]! << 64n))),
      nzcv: Number(state[NZCV]),
      fpcr: Number(state[FPCR]),
      fpsr: Number(state[FPSR]),
    })),
    instructions: words.map((word, i) => ({
      word: word.toString(16),
      text: texts[i]!,
      changes: states.map((state, j) => changesOf(state, outcomes[i * STATES + j]!.state)),
    })),
  };
  const file = path.join('test', 'data', 'cpu', 'float.json.gz');
  fs.writeFileSync(file, gzipSync(JSON.stringify(recorded)));
  say(`${file}: ${words.length} instructions of ${rows.length} rows`);
});
