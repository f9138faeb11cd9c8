/** Counts which instructions the sequences of a run have carried out. */

import type { InstructionRow } from '../../../sim/cpu/language/row.js';
import type { Generated } from './generate.js';
import { type Outcome, PC } from './sequence.js';

/** Which rows of the table were carried out, and in how many variants. */
export class Coverage {
  readonly #variants = new Map<InstructionRow, Set<string>>();

  constructor(rows: readonly InstructionRow[]) {
    for (const row of rows) this.#variants.set(row, new Set());
  }

  /** Counts what was certainly carried out up to where the sequence ended. */
  add({ certain, state }: Generated, end: Outcome): void {
    const reached = Number((end.state[PC]! - state[PC]!) / 4n);
    for (const { index, row, variant } of certain) if (index < reached) this.#variants.get(row)?.add(variant);
  }

  get rows(): number {
    return this.#variants.size;
  }

  get variants(): number {
    return [...this.#variants.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Rows that were never carried out. */
  get missing(): readonly InstructionRow[] {
    return [...this.#variants].flatMap(([row, { size }]) => (size === 0 ? [row] : []));
  }
}
