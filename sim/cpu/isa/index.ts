/** The whole table of instructions, from its parts. */

import type { InstructionRow } from '../language/row.js';
import { BRANCHES } from './branches.js';
import { DATA_PROCESSING_IMMEDIATE } from './integer/data-processing-immediate.js';
import { DATA_PROCESSING_REGISTER } from './integer/data-processing-register.js';
import { LOADS_AND_STORES } from './memory/index.js';
import { SIMD_AND_FP } from './simd-and-fp.js';
import { SYSTEM } from './system.js';

/** Every instruction that the processor knows. At most one row answers to a word: checkTable of decode.ts. */
export const INSTRUCTIONS: readonly InstructionRow[] = [
  ...DATA_PROCESSING_IMMEDIATE,
  ...BRANCHES,
  ...DATA_PROCESSING_REGISTER,
  ...SYSTEM,
  ...LOADS_AND_STORES,
  ...SIMD_AND_FP,
];
