/** A thread of `npm run fuzz:cpu`, which carries out batches by their numbers. */
import { parentPort, workerData } from 'node:worker_threads';
import { INSTRUCTIONS } from '../../sim/cpu/isa/index.js';
import { createRandom, seedOf } from '../fuzz/mutate.js';
import { generateBatch } from './user/batch.js';
import { Coverage } from './user/coverage.js';
import { type EncodingVerdict, EncodingJudge } from './user/encodings.js';
import { Generator } from './user/generate.js';
import { Judge, type Verdict } from './user/judge.js';

/** Pages of encodings that one process of qemu tries. */
const ENCODING_PAGES = 100;

/** What all batches of a run have in common. */
export interface Run {
  readonly seed: number;
  readonly harness: string;
  /** Only rows whose names contain it. */
  readonly rows: string;
}

export interface Order {
  readonly kind: 'sequences' | 'encodings';
  readonly number: number;
}

export type Answer = { readonly number: number } & (
  | { readonly kind: 'sequences'; readonly verdict: Verdict }
  | { readonly kind: 'encodings'; readonly verdict: EncodingVerdict }
);

const { seed, harness, rows } = workerData as Run;
const generator = new Generator(INSTRUCTIONS.filter(({ name }) => name.includes(rows)));
const coverage = new Coverage(generator.rows);
const judge = new Judge(harness);
const encodingJudge = new EncodingJudge(harness, INSTRUCTIONS);

const carryOut = async ({ kind, number }: Order): Promise<Answer> => {
  if (kind === 'sequences')
    return { kind, number, verdict: await judge.run(generateBatch(generator, seed, number), coverage) };
  const random = createRandom(seedOf(seed, kind, number));
  return { kind, number, verdict: await encodingJudge.run(random, ENCODING_PAGES) };
};

parentPort?.on('message', (order: Order) => void carryOut(order).then((answer) => parentPort?.postMessage(answer)));
