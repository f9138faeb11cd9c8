/** The table of loads and stores, from its parts. */

import type { InstructionRow } from '../../language/row.js';
import { LOAD_STORE_ATOMIC } from './atomic.js';
import { LOAD_STORE_EXCLUSIVE } from './exclusive.js';
import { LOAD_STORE_PAIR } from './pair.js';
import { LOAD_STORE_REGISTER } from './register.js';
import { LOAD_STORE_SIMD } from './simd.js';
import { LOAD_STORE_STRUCTURES } from './structures.js';

/** Loads and stores of ARMv8.0-A, and the atomics of FEAT_LSE (Arm ARM C3.2, C4.1.66). */
export const LOADS_AND_STORES: readonly InstructionRow[] = [
  ...LOAD_STORE_REGISTER,
  ...LOAD_STORE_PAIR,
  ...LOAD_STORE_EXCLUSIVE,
  ...LOAD_STORE_ATOMIC,
  ...LOAD_STORE_SIMD,
  ...LOAD_STORE_STRUCTURES,
];
