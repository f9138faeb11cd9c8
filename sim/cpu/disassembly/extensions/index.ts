/**
 * Instructions that the processor does not have: what kernels write over their code where a processor has them, and
 * what else objdump knows. Not SVE and SME, of which there is what Debian's kernels contain.
 */

import { BRANCHES } from './branches.js';
import { CRYPTOGRAPHY } from './cryptography.js';
import { HALF_PRECISION } from './half-precision.js';
import { INTEGER } from './integer.js';
import { MEMORY } from './memory.js';
import type { SyntaxRow } from './row.js';
import { SCALABLE } from './scalable.js';
import { SYSTEM } from './system.js';
import { VECTOR } from './vector.js';

export const EXTENSIONS: readonly SyntaxRow[] = [
  ...BRANCHES,
  ...SYSTEM,
  ...INTEGER,
  ...MEMORY,
  ...VECTOR,
  ...HALF_PRECISION,
  ...CRYPTOGRAPHY,
  ...SCALABLE,
];
