/** What both sides are given and what they answer: see harness.c, whose structures these are. */

import { encode } from '../../support/processor/assemble.js';

/** Where the code of sequences lies: executable pages, one for each sequence of a group. */
export const CODE = 0x5000_0000;
export const CODE_SIZE = 0x4_0000;
/** The only other memory there is: within reach of literals, and with nothing mapped around it. */
export const WINDOW = 0x5008_0000;
export const WINDOW_SIZE = 0x1_0000;
export const PAGE_SIZE = 0x1000;
/** Sequences that can be in place at once. */
export const GROUP_SIZE = CODE_SIZE / PAGE_SIZE;

/** Ends a sequence. */
export const BRK = encode('BRK', { imm16: 0 });
export const NOP = encode('HINT (NOP and unallocated hints)', { CRm: 0, op2: 0 });

/** Places of a state's registers that are not X0 to X30; V0 to V31 take two each, low half first. */
export const SP = 31;
export const PC = 32;
export const NZCV = 33;
export const FPCR = 34;
export const FPSR = 35;
export const V = 36;
const STATE_LENGTH = V + 64;
export const STATE_BYTES = STATE_LENGTH * 8;

/** Every register of user mode, 64 bits each. */
export type State = BigUint64Array;

export const newState = (): State => new BigUint64Array(STATE_LENGTH);

export const registerName = (slot: number): string => {
  if (slot < SP) return `x${slot}`;
  if (slot >= V) return `v${(slot - V) >> 1}.d[${(slot - V) & 1}]`;
  return ['sp', 'pc', 'nzcv', 'fpcr', 'fpsr'][slot - SP]!;
};

/** The address of the page of code in which a state begins. */
export const pageOf = (state: State): number => {
  const pc = Number(state[PC]);
  return pc - (pc % PAGE_SIZE);
};

export interface Sequence {
  /** What the page of code begins with in which `state[PC]` is; ends with {@link BRK}. */
  readonly words: Uint32Array;
  readonly state: State;
}

export interface Batch {
  /** What memory holds before each sequence. */
  readonly window: Uint8Array;
  /**
   * Each group of {@link GROUP_SIZE} has pages of its own. Pages of code are zero before the first group; those whose
   * words are the same array as in the group before need not be written again.
   */
  readonly sequences: readonly Sequence[];
}

/** Sequences whose code is in place at the same time: both sides see the same bytes in all pages of code. */
export const groupsOf = <T extends Sequence>({
  sequences,
}: {
  readonly sequences: readonly T[];
}): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(sequences.length / GROUP_SIZE) }, (_, i) =>
    sequences.slice(i * GROUP_SIZE, (i + 1) * GROUP_SIZE),
  );

/** What lies in the pages of code while the groups of a batch come and go. */
export class CodePages {
  readonly #words = new Map<number, Uint32Array>();

  /** Those sequences of a group whose code is not there yet: now it is. */
  place<T extends Sequence>(group: readonly T[]): readonly T[] {
    return group.filter(({ words, state }) => {
      const page = pageOf(state);
      if (this.#words.get(page) === words) return false;
      this.#words.set(page, words);
      return true;
    });
  }
}

/** Signals by which a sequence ends (asm-generic/signal.h). */
export const Signal = { ILL: 4, TRAP: 5, BUS: 7, SEGV: 11 } as const;

/** What a sequence left. */
export interface Outcome {
  /**
   * {@link Signal}: TRAP at the end, another for an exception on the way; the program counter is where it was raised.
   */
  readonly signal: number;
  /** Of BUS and SEGV. */
  readonly faultAddress: bigint;
  readonly state: State;
  /** Eight-byte words of the window that are no longer as they were: offset, value, offset, value. */
  readonly changes: BigUint64Array;
}
