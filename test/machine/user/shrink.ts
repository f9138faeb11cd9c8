/** Makes a sequence on which qemu and the model differ as simple as it can be. */

import { BRK, NOP, PC, type Sequence } from './sequence.js';

/**
 * Makes a failing sequence as simple as it can be and still fail: instructions become NOP, and registers zero, as long
 * as it does.
 * @param fails tells whether a sequence still fails
 */
export const shrink = async (failing: Sequence, fails: (sequence: Sequence) => Promise<boolean>): Promise<Sequence> => {
  let best = failing;
  const keepIfFailing = async (change: (words: Uint32Array, state: BigUint64Array) => void): Promise<void> => {
    const candidate = { words: best.words.slice(), state: best.state.slice() };
    change(candidate.words, candidate.state);
    if (await fails(candidate)) best = candidate;
  };
  for (let size = 16; size >= 1; size /= 2) {
    // From the end: what a branch needs goes after the branch.
    for (let at = best.words.length - 1 - ((best.words.length - 1) % size); at >= 0; at -= size) {
      const end = Math.min(at + size, best.words.length - 1);
      if (best.words.subarray(at, end).some((word) => word !== NOP))
        await keepIfFailing((words) => words.fill(NOP, at, end));
    }
  }
  for (let size = 16; size >= 1; size /= 4) {
    for (let at = 0; at < best.state.length; at += size) {
      const clear = (state: BigUint64Array): void =>
        state.forEach((_, slot) => {
          if (slot >= at && slot < at + size && slot !== PC) state[slot] = 0n;
        });
      if (best.state.some((value, slot) => slot >= at && slot < at + size && slot !== PC && value !== 0n)) {
        await keepIfFailing((_, state) => clear(state));
      }
    }
  }
  return best;
};

/** Numbers of the instructions that are left, the end not counted. */
export const remaining = ({ words }: Sequence): readonly number[] =>
  [...words.keys()].filter((index) => words[index] !== NOP && !(words[index] === BRK && index === words.length - 1));
