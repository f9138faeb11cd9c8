/** Reports on a purgatory that ended where it should not. */
import type { RunEnd } from '../machine/processors.js';
import type { LoadedKernel } from './loaded-kernel.js';
import type { Launched } from './launch.js';
import { describeDifference, differences } from './segment-difference.js';

/** What a purgatory that goes on no more has found; undefined when the run ended otherwise. */
export const describeStuckPurgatory = (end: RunEnd, { board }: Launched, kernel: LoadedKernel): string | undefined => {
  const { purgatory, segments } = kernel;
  if (end.kind !== 'stuck' || purgatory?.memory.contains(end.pc) !== true) return undefined;
  const found = differences(segments, purgatory, board.memory);
  return found.length === 0
    ? 'the purgatory refuses to go on: the digest in it is not that of the segments, though memory holds what is loaded'
    : `the purgatory refuses to go on: memory is not what was loaded: ${found.map(describeDifference).join('; ')}`;
};
