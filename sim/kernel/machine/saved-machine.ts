/** A whole machine as JSON, but for its RAM and what was written to its disks. */
import type { Json } from '../../machine/savable.js';
import { SavedState } from '../../machine/saved-state.js';
import type { WholeMachine } from './whole-machine.js';

type SavedParts = Pick<WholeMachine, 'board' | 'processors'>;

export const saveMachine = ({ board, processors }: SavedParts): Json => ({
  board: board.save(),
  turns: processors.save(),
});

/**
 * Goes on from what a machine of the same description was.
 * Precondition: RAM and disks are as they were, and nothing has run.
 * @throws MachineError when what was saved is broken, or of another machine
 */
export const restoreMachine = ({ board, processors }: SavedParts, saved: unknown): void => {
  const state = new SavedState('the machine', saved);
  board.restore(state.part('board'));
  processors.restore(state.part('turns'));
};
