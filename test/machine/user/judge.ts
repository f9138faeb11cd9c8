/** Runs batches on qemu and on the model, and collects where they differ. */

import { compare, type Differences } from './compare.js';
import { type GeneratedBatch, isRunIn, type Tier, TIERS } from './batch.js';
import type { Coverage, Covered } from './coverage.js';
import { runUnderQemu } from './harness.js';
import { UserModel } from './model.js';
import { type Batch, groupsOf, type Sequence } from './sequence.js';

type Outcomes = readonly (ReturnType<UserModel['run']> | undefined)[];

/** A sequence of a batch, by its number there, on which a tier and qemu differ. */
export interface Finding {
  readonly tier: Tier;
  readonly index: number;
}

/** What a batch showed. */
export interface Verdict {
  /** Instructions that the interpreter carried out. */
  readonly instructions: number;
  /** Instructions that were translated, each as often as it was. */
  readonly translated: number;
  readonly sequences: number;
  /** What no batch before it carried out. */
  readonly covered: readonly Covered[];
  readonly findings: readonly Finding[];
}

export class Judge {
  readonly #interpreting = new UserModel('interpreted');
  readonly #translating = new UserModel('translated');

  constructor(private readonly harness: string) {}

  /** What is stepped is interpreted, too. */
  #modelFor(tier: Tier): UserModel {
    return tier === 'translated' ? this.#translating : this.#interpreting;
  }

  async run(batch: GeneratedBatch, coverage: Coverage): Promise<Verdict> {
    const { sequences } = batch;
    const before = this.#translating.translated;
    const running = runUnderQemu(this.harness, batch);
    const ours = TIERS.map((tier) => {
      const first = this.#interpreting.instructions;
      const outcomes = this.#runModel(tier, batch);
      return { tier, outcomes, instructions: Number(this.#interpreting.instructions - first) };
    });
    const theirs = await running;
    const findings = ours.flatMap(({ tier, outcomes }) =>
      sequences.flatMap((sequence, index) => {
        const outcome = outcomes[index];
        const isRight = outcome === undefined || compare(sequence, theirs[index]!, outcome).length === 0;
        return isRight ? [] : [{ tier, index }];
      }),
    );
    return {
      instructions: ours.find(({ tier }) => tier === 'interpreted')!.instructions,
      translated: this.#translating.translated - before,
      sequences: sequences.length,
      covered: theirs.flatMap((outcome, i) => coverage.add(sequences[i]!, outcome)),
      findings,
    };
  }

  #runModel(tier: Tier, batch: Batch): Outcomes {
    const model = this.#modelFor(tier);
    model.reset(batch.window);
    return groupsOf(batch).flatMap((group) => {
      model.writeCode(group);
      return group.map((sequence, page) => (isRunIn(tier, page) ? model.run(sequence, tier) : undefined));
    });
  }

  /** Runs one sequence on qemu and a tier. @returns what differs */
  async tryAlone(tier: Tier, window: Uint8Array, sequence: Sequence): Promise<Differences> {
    const [theirs] = await runUnderQemu(this.harness, { window, sequences: [sequence] });
    const model = this.#modelFor(tier);
    model.reset(window);
    model.writeCode([sequence]);
    return compare(sequence, theirs!, model.run(sequence, tier));
  }
}
