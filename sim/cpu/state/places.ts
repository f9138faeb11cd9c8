/** How often code began at its places, as the interpreter counts it. */

import { PLACE_RUNS, PLACE_SHIFT, PLACES, PLACES_BYTES, PLACES_TABLES } from './layout.js';

const PAGE = 4096;

/** Where the table of a page is in the WebAssembly memory. */
export const placesOf = (physPage: number): number => PLACES + ((physPage / PAGE) % PLACES_TABLES) * PLACES_BYTES;

const runsAt = (physAddr: number): number => {
  const inPage = physAddr % PAGE;
  return placesOf(physAddr - inPage) + ((inPage >> 2) << PLACE_SHIFT) + PLACE_RUNS;
};

export const runsOf = (view: DataView, physAddr: number): number => view.getInt32(runsAt(physAddr), true);

/** Has code count as having begun there so often: negative for one that is to become hot later, or never. */
export const setRuns = (view: DataView, physAddr: number, runs: number): void =>
  view.setInt32(runsAt(physAddr), runs, true);
