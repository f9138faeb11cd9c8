/** The table of Advanced SIMD and floating point, from its parts. */

import type { InstructionRow } from '../language/row.js';
import { FP_ARITHMETIC } from './fp/arithmetic.js';
import { FP_COMPARE } from './fp/compare.js';
import { FP_CONVERT } from './fp/convert.js';
import { FP_ESTIMATE } from './fp/estimate.js';
import { FP_FUSED } from './fp/fused.js';
import { FP_MOVES } from './fp/moves.js';
import { SIMD_AES } from './simd/aes.js';
import { SIMD_ARITHMETIC } from './simd/arithmetic.js';
import { SIMD_LOGICAL } from './simd/logical.js';
import { SIMD_MOVES } from './simd/moves.js';
import { SIMD_PERMUTE } from './simd/permute.js';
import { SIMD_POLYNOMIAL } from './simd/polynomial.js';
import { SIMD_REDUCE } from './simd/reduce.js';
import { SIMD_SATURATING } from './simd/saturating.js';
import { SIMD_SHA } from './simd/sha.js';
import { SIMD_SHIFT } from './simd/shift.js';
import { SIMD_WIDEN } from './simd/widen.js';

/** Advanced SIMD and floating point, loads and stores aside (Arm ARM C4.1). */
export const SIMD_AND_FP: readonly InstructionRow[] = [
  ...SIMD_MOVES,
  ...SIMD_LOGICAL,
  ...SIMD_PERMUTE,
  ...SIMD_ARITHMETIC,
  ...SIMD_SHIFT,
  ...SIMD_SATURATING,
  ...SIMD_WIDEN,
  ...SIMD_REDUCE,
  ...SIMD_POLYNOMIAL,
  ...SIMD_AES,
  ...SIMD_SHA,
  ...FP_MOVES,
  ...FP_ARITHMETIC,
  ...FP_COMPARE,
  ...FP_CONVERT,
  ...FP_FUSED,
  ...FP_ESTIMATE,
];
