/** What `npm run record:simd` recorded. */

import { recordedJson } from '../recorded.js';

interface RecordedState {
  /** V0 on and X0 on, as hexadecimal numbers; the others are 0. */
  readonly v: readonly string[];
  readonly x: readonly string[];
  readonly nzcv: number;
}

interface RecordedInstruction {
  readonly word: string;
  readonly text: string;
  /** What it changes in each state, such as `v0=1f fpsr=8000000`. */
  readonly changes: readonly string[];
}

export interface RecordedSimd {
  readonly states: readonly RecordedState[];
  readonly instructions: readonly RecordedInstruction[];
}

export const recordedSimd = (): RecordedSimd => recordedJson('cpu/simd') as RecordedSimd;
