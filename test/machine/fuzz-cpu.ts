/**
 * Compares the model of the processor with qemu's user mode on random sequences of every instruction of the table that
 * a user process can carry out: `npm run fuzz:cpu -- [--count N] [--seed N] [--batch N] [--row NAME] [--findings N]`.
 * `--count` is in instructions, `--batch` runs one batch of a seed again, `--row` takes only rows whose names contain
 * it.
 */
import { parseArgs } from 'node:util';
import { createDecoder } from '../../sim/cpu/language/decode.js';
import { INSTRUCTIONS } from '../../sim/cpu/isa/index.js';
import type { InstructionRow } from '../../sim/cpu/language/row.js';
import { cacheDirectory } from '../support/cache.js';
import { createRandom, seedOf } from '../fuzz/mutate.js';
import { disassemble } from './disassemble.js';
import { compare, type Differences } from './user/compare.js';
import { Coverage } from './user/coverage.js';
import { EncodingJudge } from './user/encodings.js';
import { excludedFromUserMode } from './user/exclusions.js';
import { type Generated, Generator } from './user/generate.js';
import { buildHarness, runUnderQemu } from './user/harness.js';
import { type Tier, UserModel } from './user/model.js';
import { randomWindow } from './user/operands.js';
import { type Batch, GROUP_SIZE, groupsOf, PC, registerName, type Sequence } from './user/sequence.js';
import { remaining, shrink } from './user/shrink.js';
import { runMain, say } from '../support/run-main.js';

const DEFAULT_COUNT = 1_000_000;
/** Rounds through the pages of code that one process of qemu runs. */
const ROUNDS = 10;
const SHORTEST = 30;
const LONGEST = 60;
/** Every so many sequences, one has a few instructions alone: what flags a single one sets is seen in no long one. */
const BRIEF = 4;
const BRIEFEST = 3;
/** Every so many sequences, one is also carried out in single steps. */
const STEPPED = 8;
/** For so many instructions that are run, one encoding is tried. */
const ENCODING_SHARE = 10;
/** More names than these are only counted. */
const MOST_NAMES = 20;
/** Fewer instructions than this are not expected to meet every row. */
const ENOUGH_FOR_COVERAGE = 200_000;

interface GeneratedBatch extends Batch {
  readonly sequences: readonly Generated[];
}

type Outcomes = readonly (ReturnType<UserModel['run']> | undefined)[];

interface Finding {
  readonly batch: number;
  readonly tier: Tier;
  readonly sequence: Sequence;
  readonly window: Uint8Array;
}

const generate = (generator: Generator, seed: number, batch: number): GeneratedBatch => {
  const random = createRandom(seedOf(seed, 'cpu', batch));
  const window = randomWindow(random);
  const sequences = Array.from({ length: ROUNDS * GROUP_SIZE }, (_, i) =>
    generator.sequence(
      random,
      i % GROUP_SIZE,
      i % BRIEF === 0 ? 1 + random.below(BRIEFEST) : SHORTEST + random.below(LONGEST - SHORTEST),
    ),
  );
  return { window, sequences };
};

/** Runs both sides of everything, and collects where they differ. */
class Judge {
  readonly #models: Readonly<Record<Tier, UserModel>> = {
    interpreted: new UserModel('interpreted'),
    translated: new UserModel('translated'),
    stepped: new UserModel('stepped'),
  };

  constructor(private readonly harness: string) {}

  /** Instructions that the first of the tiers carried out. */
  get instructions(): number {
    return Number(this.#models.interpreted.instructions);
  }

  async run(batch: GeneratedBatch, number: number, coverage: Coverage): Promise<readonly Finding[]> {
    const running = runUnderQemu(this.harness, batch);
    const ours = new Map<Tier, Outcomes>();
    for (const tier of ['interpreted', 'translated', 'stepped'] as const) ours.set(tier, this.#runModel(tier, batch));
    const theirs = await running;
    theirs.forEach((outcome, i) => coverage.add(batch.sequences[i]!, outcome));
    return [...ours].flatMap(([tier, outcomes]) =>
      batch.sequences.flatMap((sequence, i) => {
        const outcome = outcomes[i];
        if (outcome === undefined || compare(sequence, theirs[i]!, outcome).length === 0) return [];
        return [{ batch: number, tier, sequence, window: batch.window }];
      }),
    );
  }

  #runModel(tier: Tier, batch: Batch): Outcomes {
    const model = this.#models[tier];
    model.reset(batch.window);
    return groupsOf(batch).flatMap((group) => {
      model.writeCode(group);
      return group.map((sequence, i) => (tier === 'stepped' && i % STEPPED !== 0 ? undefined : model.run(sequence)));
    });
  }

  /** Runs one sequence again. @returns what differs */
  async again({ tier, window }: Finding, sequence: Sequence): Promise<Differences> {
    const batch = { window, sequences: [sequence] };
    const [theirs] = await runUnderQemu(this.harness, batch);
    const [ours] = this.#runModel(tier, batch);
    return compare(sequence, theirs!, ours!);
  }
}

/** Names of the rows that are left out, by why they are. */
const excludedByReason = (rows: readonly InstructionRow[]): ReadonlyMap<string, readonly string[]> => {
  const reasons = new Map<string, string[]>();
  for (const row of rows) {
    const why = excludedFromUserMode(row);
    if (why !== undefined) reasons.set(why, [...(reasons.get(why) ?? []), row.name]);
  }
  return reasons;
};

const describe = (finding: Finding, small: Sequence, differences: Differences): string => {
  const texts = disassemble(small.words, small.state[PC]!);
  const registers = [...small.state.keys()].filter((slot) => small.state[slot] !== 0n && slot !== PC);
  return [
    `batch ${finding.batch}, ${finding.tier}:`,
    ...remaining(small).map(
      (i) => `  ${String(i).padStart(3)}  ${small.words[i]!.toString(16).padStart(8, '0')}  ${texts[i]!}`,
    ),
    ...(registers.length > 40
      ? ['  (with many registers set)']
      : [`  with ${registers.map((slot) => `${registerName(slot)}=0x${small.state[slot]!.toString(16)}`).join(' ')}`]),
    ...differences.slice(0, 12).map((difference) => `  ${difference}`),
  ].join('\n');
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: String(DEFAULT_COUNT) },
      seed: { type: 'string' },
      batch: { type: 'string' },
      row: { type: 'string', default: '' },
      findings: { type: 'string', default: '5' },
    },
  });
  const number = (name: 'count' | 'seed' | 'batch' | 'findings', text: string): number => {
    if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number`);
    return Number(text);
  };
  const count = number('count', values.count);
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : number('seed', values.seed);
  const most = number('findings', values.findings);
  const only = values.batch === undefined ? undefined : number('batch', values.batch);

  const rows = INSTRUCTIONS.filter(({ name }) => name.includes(values.row));
  const generator = new Generator(rows);
  if (generator.rows.length === 0) throw new Error(`--row: user mode can run no row like "${values.row}"`);
  const coverage = new Coverage(generator.rows);
  const harness = buildHarness(cacheDirectory('harness'));
  const judge = new Judge(harness);
  const decode = createDecoder(INSTRUCTIONS);
  const nameOf = (word: number): string => {
    const decoded = decode(word);
    return decoded.kind === 'row' ? decoded.row.name : 'unallocated';
  };

  say(`seed ${seed}`);
  for (const [why, names] of excludedByReason(rows)) {
    say(`not run in user mode (${why}): ${names.length > MOST_NAMES ? `${names.length} rows` : names.join('; ')}`);
  }
  const started = Date.now();
  const seen = new Map<string, number>();
  let sequences = 0;
  for (
    let number = only ?? 0;
    judge.instructions < count && seen.size < most && (only === undefined || number === only);
    number++
  ) {
    const batch = generate(generator, seed, number);
    sequences += batch.sequences.length;
    for (const finding of (await judge.run(batch, number, coverage)).slice(0, 20)) {
      if (seen.size >= most) break;
      const small = await shrink(
        finding.sequence,
        async (sequence) => (await judge.again(finding, sequence)).length > 0,
      );
      const key = remaining(small)
        .map((i) => nameOf(small.words[i]!))
        .join('; ');
      seen.set(key, (seen.get(key) ?? 0) + 1);
      if (seen.get(key) === 1) say(`FINDING ${key}\n${describe(finding, small, await judge.again(finding, small))}`);
    }
  }
  const seconds = (Date.now() - started) / 1000;
  const missing = judge.instructions >= ENOUGH_FOR_COVERAGE && seen.size === 0 ? coverage.missing : [];
  for (const { name } of missing) say(`NEVER RUN ${name}`);
  say(
    `${judge.instructions} instructions in ${sequences} sequences, ${coverage.rows - coverage.missing.length} of ${coverage.rows} rows, ` +
      `${coverage.variants} variants: ${seen.size === 0 ? 'all the same' : `${seen.size} findings`} (${seconds.toFixed(1)} s)`,
  );
  if (seen.size > 0 || missing.length > 0) process.exitCode = 1;
  if (only === undefined) await judgeEncodings(harness, seed, Math.ceil(count / ENCODING_SHARE));
};

/** Compares which words are instructions at all. */
const judgeEncodings = async (harness: string, seed: number, count: number): Promise<void> => {
  const judge = new EncodingJudge(harness, INSTRUCTIONS);
  const random = createRandom(seedOf(seed, 'encodings', 0));
  const found = new Map<string, number>();
  let tried = 0;
  while (tried < count) {
    const result = await judge.run(random, ROUNDS * GROUP_SIZE);
    tried += result.tried;
    for (const { word, row } of result.disagreements) {
      const what =
        row === undefined
          ? `no row has it, qemu does (${disassemble(Uint32Array.of(word), 0n)[0] ?? ''})`
          : `${row.name}, not for qemu`;
      if (!found.has(what)) found.set(what, word);
    }
  }
  for (const [what, word] of [...found].slice(0, MOST_NAMES))
    say(`FINDING ${word.toString(16).padStart(8, '0')}: ${what}`);
  say(
    `${tried} encodings: ${found.size === 0 ? 'the table and qemu agree on which are allocated' : `${found.size} findings`}`,
  );
  if (found.size > 0) process.exitCode = 1;
};

await runMain('fuzz:cpu', main);
