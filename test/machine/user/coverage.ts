/** Counts which instructions the sequences of a run have carried out. */

import type { InstructionRow } from '../../../sim/cpu/language/row.js';
import type { Generated } from './generate.js';
import { type Outcome, PC } from './sequence.js';

/** A row's name, and one of its variants. */
export type Covered = readonly [name: string, variant: string];

/** Which rows of the table were carried out, and in how many variants. */
export class Coverage {
  readonly #variants = new Map<string, Set<string>>();

  constructor(rows: readonly InstructionRow[]) {
    for (const { name } of rows) this.#variants.set(name, new Set());
  }

  /** Counts what was certainly carried out up to where the sequence ended. @returns what of it is new */
  add({ certain, state }: Generated, end: Outcome): readonly Covered[] {
    const reached = Number((end.state[PC]! - state[PC]!) / 4n);
    const done = certain.filter(({ index }) => index < reached);
    return this.merge(done.map(({ row, variant }) => [row.name, variant]));
  }

  /** Adds what others have carried out. @returns what of it is new */
  merge(covered: readonly Covered[]): readonly Covered[] {
    return covered.filter(([name, variant]) => {
      const known = this.#variants.get(name);
      if (known === undefined || known.has(variant)) return false;
      known.add(variant);
      return true;
    });
  }

  get rows(): number {
    return this.#variants.size;
  }

  get variants(): number {
    return [...this.#variants.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Names of rows that were never carried out. */
  get missing(): readonly string[] {
    return [...this.#variants].flatMap(([name, { size }]) => (size === 0 ? [name] : []));
  }
}
