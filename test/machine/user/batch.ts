/** Batches of random sequences: a seed and a number make the same one, always. */

import { createRandom, seedOf } from '../../fuzz/mutate.js';
import type { Generated, Generator } from './generate.js';
import { randomWindow } from './operands.js';
import { type Batch, GROUP_SIZE } from './sequence.js';

/** Rounds through the pages of code that one process of qemu runs. */
export const ROUNDS = 10;
/** Each sequence is run from so many states: so its code is made, and translated, for more than one run. */
export const STATES = 4;
const SHORTEST = 30;
const LONGEST = 60;
/** Every so many sequences, one has a few instructions alone: what flags a single one sets is seen in no long one. */
const BRIEF = 4;
const BRIEFEST = 3;
/** One in so many sequences is also translated. */
const TRANSLATED = 4;
/** One in so many is also carried out in single steps. */
const STEPPED = 8;

/** How the model carries out code: interpreted, translated at once, or an instruction at a time. */
export type Tier = 'interpreted' | 'translated' | 'stepped';
export const TIERS: readonly Tier[] = ['interpreted', 'translated', 'stepped'];

export interface GeneratedBatch extends Batch {
  readonly sequences: readonly Generated[];
}

export const generateBatch = (generator: Generator, seed: number, number: number): GeneratedBatch => {
  const random = createRandom(seedOf(seed, 'cpu', number));
  const window = randomWindow(random);
  const unitsOf = (page: number): number =>
    page % BRIEF === 0 ? 1 + random.below(BRIEFEST) : SHORTEST + random.below(LONGEST - SHORTEST);
  const sequences = Array.from({ length: ROUNDS }, () => {
    const group = Array.from({ length: GROUP_SIZE }, (_, page) => generator.sequence(random, page, unitsOf(page)));
    const others = Array.from({ length: STATES - 1 }, () =>
      group.map((sequence) => generator.fromOtherState(random, sequence)),
    );
    return [group, ...others].flat();
  }).flat();
  return { window, sequences };
};

/** Whether a tier has its turn with the sequence in a page: with some of each length. */
export const isRunIn = (tier: Tier, page: number): boolean => {
  const number = Math.floor(page / BRIEF);
  switch (tier) {
    case 'interpreted':
      return true;
    case 'translated':
      return number % TRANSLATED === 0;
    case 'stepped':
      return number % STEPPED === 1;
  }
};
