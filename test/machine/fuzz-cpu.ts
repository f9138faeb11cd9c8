/**
 * Compares the model of the processor with qemu's user mode on random sequences of every instruction of the table that
 * a user process can carry out: `npm run fuzz:cpu -- [--count N] [--seed N] [--jobs N] [--batch N] [--row NAME]
 * [--findings N]`. `--count` is in instructions; `--jobs` threads share them, and change nothing of which they are;
 * `--batch` runs one batch of a seed again, `--row` takes only rows whose names contain it.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createDecoder } from '../../sim/cpu/language/decode.js';
import { INSTRUCTIONS } from '../../sim/cpu/isa/index.js';
import type { InstructionRow } from '../../sim/cpu/language/row.js';
import { cacheDirectory } from '../support/cache.js';
import { disassemble } from './disassemble.js';
import { generateBatch } from './user/batch.js';
import type { Differences } from './user/compare.js';
import { Coverage } from './user/coverage.js';
import { Crew } from './user/crew.js';
import { excludedFromUserMode } from './user/exclusions.js';
import { Generator } from './user/generate.js';
import { buildHarness } from './user/harness.js';
import { type Finding, Judge } from './user/judge.js';
import { PC, registerName, type Sequence } from './user/sequence.js';
import { remaining, shrink } from './user/shrink.js';
import { runMain, say } from '../support/run-main.js';

const DEFAULT_COUNT = 1_000_000;
/** For so many instructions that are run, one encoding is tried. */
const ENCODING_SHARE = 10;
/** More names than these are only counted. */
const MOST_NAMES = 20;
/** More findings of one batch tell nothing new. */
const MOST_OF_BATCH = 20;
/** Fewer instructions than this are not expected to meet every row. */
const ENOUGH_FOR_COVERAGE = 200_000;
/** Of so many instructions that are run, one at least must have been translated. */
const TRANSLATED_SHARE = 20;
/** Threads, by default, where the host has as many processors. */
const MOST_JOBS = 4;

/** Names of the rows that are left out, by why they are. */
const excludedByReason = (rows: readonly InstructionRow[]): ReadonlyMap<string, readonly string[]> => {
  const reasons = new Map<string, string[]>();
  for (const row of rows) {
    const why = excludedFromUserMode(row);
    if (why !== undefined) reasons.set(why, [...(reasons.get(why) ?? []), row.name]);
  }
  return reasons;
};

const describe = (batch: number, { tier }: Finding, small: Sequence, differences: Differences): string => {
  const texts = disassemble(small.words, small.state[PC]!);
  const registers = [...small.state.keys()].filter((slot) => small.state[slot] !== 0n && slot !== PC);
  return [
    `batch ${batch}, ${tier}:`,
    ...remaining(small).map(
      (i) => `  ${String(i).padStart(3)}  ${small.words[i]!.toString(16).padStart(8, '0')}  ${texts[i]!}`,
    ),
    ...(registers.length > 40
      ? ['  (with many registers set)']
      : [`  with ${registers.map((slot) => `${registerName(slot)}=0x${small.state[slot]!.toString(16)}`).join(' ')}`]),
    ...differences.slice(0, 12).map((difference) => `  ${difference}`),
  ].join('\n');
};

/** Makes what was found as small as it can be, and tells each kind once. */
class Reporter {
  readonly #judge: Judge;
  readonly #decode = createDecoder(INSTRUCTIONS);
  readonly #seen = new Set<string>();

  constructor(
    harness: string,
    private readonly generator: Generator,
    private readonly seed: number,
    private readonly most: number,
  ) {
    this.#judge = new Judge(harness);
  }

  /** How many kinds there are. */
  get count(): number {
    return this.#seen.size;
  }

  get hasEnough(): boolean {
    return this.count >= this.most;
  }

  async tell(number: number, findings: readonly Finding[]): Promise<void> {
    if (findings.length === 0) return;
    const { window, sequences } = generateBatch(this.generator, this.seed, number);
    for (const finding of findings.slice(0, MOST_OF_BATCH)) {
      if (this.hasEnough) return;
      const differences = (sequence: Sequence): Promise<Differences> =>
        this.#judge.tryAlone(finding.tier, window, sequence);
      const small = await shrink(
        sequences[finding.index]!,
        async (sequence) => (await differences(sequence)).length > 0,
      );
      const key = remaining(small)
        .map((i) => this.#nameOf(small.words[i]!))
        .join('; ');
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      say(`FINDING ${key}\n${describe(number, finding, small, await differences(small))}`);
    }
  }

  #nameOf(word: number): string {
    const decoded = this.#decode(word);
    return decoded.kind === 'row' ? decoded.row.name : 'unallocated';
  }
}

interface Settings {
  readonly count: number;
  readonly seed: number;
  readonly jobs: number;
  /** The only batch that is to be run. */
  readonly only: number | undefined;
  readonly row: string;
  readonly findings: number;
}

const readSettings = (): Settings => {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: String(DEFAULT_COUNT) },
      seed: { type: 'string' },
      jobs: { type: 'string' },
      batch: { type: 'string' },
      row: { type: 'string', default: '' },
      findings: { type: 'string', default: '5' },
    },
  });
  const number = (name: keyof typeof values, text: string): number => {
    if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number`);
    return Number(text);
  };
  const only = values.batch === undefined ? undefined : number('batch', values.batch);
  const wanted = values.jobs === undefined ? Math.min(MOST_JOBS, availableParallelism()) : number('jobs', values.jobs);
  return {
    count: number('count', values.count),
    seed: values.seed === undefined ? Date.now() % 1_000_000_000 : number('seed', values.seed),
    jobs: only === undefined ? Math.max(wanted, 1) : 1,
    only,
    row: values.row,
    findings: number('findings', values.findings),
  };
};

const main = async (): Promise<void> => {
  const { count, seed, jobs, only, row, findings } = readSettings();
  const rows = INSTRUCTIONS.filter(({ name }) => name.includes(row));
  const generator = new Generator(rows);
  if (generator.rows.length === 0) throw new Error(`--row: user mode can run no row like "${row}"`);
  const harness = buildHarness(cacheDirectory('harness'));
  const reporter = new Reporter(harness, generator, seed, findings);
  const coverage = new Coverage(generator.rows);

  say(`seed ${seed}`);
  for (const [why, names] of excludedByReason(rows)) {
    say(`not run in user mode (${why}): ${names.length > MOST_NAMES ? `${names.length} rows` : names.join('; ')}`);
  }
  const crew = new Crew(jobs, { seed, harness, rows: row });
  try {
    const started = Date.now();
    const sum = { instructions: 0, translated: 0, sequences: 0 };
    for await (const { number, verdict } of crew.verdicts('sequences', only)) {
      sum.instructions += verdict.instructions;
      sum.translated += verdict.translated;
      sum.sequences += verdict.sequences;
      coverage.merge(verdict.covered);
      await reporter.tell(number, verdict.findings);
      if (sum.instructions >= count || reporter.hasEnough || only !== undefined) break;
    }
    const seconds = (Date.now() - started) / 1000;
    const { instructions, translated, sequences } = sum;
    const isEnough = instructions >= ENOUGH_FOR_COVERAGE && reporter.count === 0;
    const missing = isEnough ? coverage.missing : [];
    for (const name of missing) say(`NEVER RUN ${name}`);
    const isTooFew = isEnough && row === '' && translated < instructions / TRANSLATED_SHARE;
    if (isTooFew) say('NOT TRANSLATED as often as it should be');
    say(
      `${instructions} instructions in ${sequences} sequences, ${coverage.rows - coverage.missing.length} of ${coverage.rows} rows, ` +
        `${coverage.variants} variants, ${translated} translated: ` +
        `${reporter.count === 0 ? 'all the same' : `${reporter.count} findings`} (${seconds.toFixed(1)} s)`,
    );
    if (reporter.count > 0 || missing.length > 0 || isTooFew) process.exitCode = 1;
    if (only === undefined) await judgeEncodings(crew, Math.ceil(count / ENCODING_SHARE));
  } finally {
    await crew.dismiss();
  }
};

/** Compares which words are instructions at all. */
const judgeEncodings = async (crew: Crew, count: number): Promise<void> => {
  const found = new Map<string, number>();
  let tried = 0;
  for await (const { verdict } of crew.verdicts('encodings')) {
    tried += verdict.tried;
    for (const { word, row } of verdict.disagreements) {
      const what =
        row === undefined
          ? `no row has it, qemu does (${disassemble(Uint32Array.of(word), 0n)[0] ?? ''})`
          : `${row}, not for qemu`;
      if (!found.has(what)) found.set(what, word);
    }
    if (tried >= count) break;
  }
  for (const [what, word] of [...found].slice(0, MOST_NAMES))
    say(`FINDING ${word.toString(16).padStart(8, '0')}: ${what}`);
  say(
    `${tried} encodings: ${found.size === 0 ? 'the table and qemu agree on which are allocated' : `${found.size} findings`}`,
  );
  if (found.size > 0) process.exitCode = 1;
};

await runMain('fuzz:cpu', main);
