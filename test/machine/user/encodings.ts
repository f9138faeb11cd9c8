/** Compares which words qemu and the table take for instructions. */

import { createDecoder } from '../../../sim/cpu/language/decode.js';
import type { InstructionRow } from '../../../sim/cpu/language/row.js';
import { parsePattern } from '../../../sim/cpu/language/pattern.js';
import type { Random } from '../../fuzz/mutate.js';
import { excludedFromUserMode } from './exclusions.js';
import { runUnderQemu } from './harness.js';
import { pick, rarely } from './operands.js';
import {
  BRK,
  CODE,
  CODE_SIZE,
  GROUP_SIZE,
  newState,
  PAGE_SIZE,
  PC,
  type Sequence,
  Signal,
  WINDOW,
  WINDOW_SIZE,
} from './sequence.js';

const PAGES = CODE_SIZE / PAGE_SIZE;

/** The processor whose instructions the table has; LSE apart, which is left out here. */
const QEMU = ['qemu-aarch64-static', '-cpu', 'cortex-a57'] as const;
/**
 * An atomic of LSE is not in that processor; a branch may lead anywhere; of names of registers user mode says nothing.
 */
const LEFT_OUT = /^(?:LDADD|LDCLR|LDEOR|LDSET|LDSMAX|LDSMIN|LDUMAX|LDUMIN|SWP|CAS|LDLAR|LDAR|STLR|MRS|MSR|DC|IC)/;

/** A word that one side takes for an instruction and the other does not. */
export interface Disagreement {
  readonly word: number;
  /** The name of the row that answers to it; undefined where none does. */
  readonly row: string | undefined;
}

export interface EncodingVerdict {
  readonly tried: number;
  readonly disagreements: readonly Disagreement[];
}

/** Finds out whether the table and qemu agree on which encodings are allocated. */
export class EncodingJudge {
  readonly #decode;
  readonly #patterns;

  constructor(
    private readonly harness: string,
    rows: readonly InstructionRow[],
  ) {
    this.#decode = createDecoder(rows);
    this.#patterns = rows.map(({ pattern }) => parsePattern(pattern));
  }

  /** Tries random words, most of them near a row of the table: as many pages of them. */
  async run(random: Random, pages: number): Promise<EncodingVerdict> {
    const sequences = Array.from({ length: pages }, (_, page) => this.#page(random, page % PAGES)).flat();
    const outcomes = await runUnderQemu(this.harness, { window: new Uint8Array(WINDOW_SIZE), sequences }, QEMU);
    const disagreements = sequences.flatMap(({ word, state }, i) => {
      const { signal, state: end } = outcomes[i]!;
      const isUnallocated = signal === Signal.ILL && end[PC] === state[PC];
      const row = this.#rowOf(word);
      return isUnallocated === (row === undefined) ? [] : [{ word, row: row?.name }];
    });
    return { tried: sequences.length, disagreements };
  }

  /** A page of words, as a sequence for each of them. */
  #page(random: Random, page: number): readonly (Sequence & { readonly word: number })[] {
    const tried = Array.from({ length: GROUP_SIZE }, () => this.#fitWord(random));
    const words = Uint32Array.from(tried.flatMap((word) => [word, BRK]));
    return tried.map((word, i) => {
      const state = newState().fill(BigInt(WINDOW + WINDOW_SIZE / 2), 0, 32);
      state[PC] = BigInt(CODE + page * PAGE_SIZE + 8 * i);
      return { word, words, state };
    });
  }

  #fitWord(random: Random): number {
    for (;;) {
      const word = this.#word(random);
      if (this.#isFit(this.#rowOf(word))) return word;
    }
  }

  #rowOf(word: number): InstructionRow | undefined {
    const decoded = this.#decode(word);
    return decoded.kind === 'row' ? decoded.row : undefined;
  }

  #isFit(row: InstructionRow | undefined): boolean {
    if (row === undefined) return true;
    return !LEFT_OUT.test(row.name) && row.group !== 'Branches' && excludedFromUserMode(row) === undefined;
  }

  #word(random: Random): number {
    const any = random.below(2 ** 32);
    if (rarely(random, 8)) return any;
    const { mask, value } = pick(random, this.#patterns);
    const near = ((any & ~mask) | value) >>> 0;
    return rarely(random, 2) ? near : (near ^ (2 ** random.below(32))) >>> 0;
  }
}
