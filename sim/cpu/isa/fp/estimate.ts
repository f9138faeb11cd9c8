/** Estimates of reciprocals and of reciprocal square roots. */

import { encodeCall } from '../../float/call.js';
import type { InstructionRow } from '../../language/row.js';
import { fpRow } from '../vector/rows.js';
import { isFloatVector } from './arithmetic.js';
import { scalarOf, sizeOf, vectorOf } from './elements.js';
import { unary, type Unary } from './operations.js';

const estimate = (name: string, u: 0 | 1, compute: Unary): readonly InstructionRow[] => [
  fpRow({
    name,
    pattern: `0 Q:1 ${u} 01110 1 sz:1 10000 11101 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Tf>, <Vn>.<Tf>`,
    allocated: isFloatVector,
    semantics: (t, { Q, sz, Rn, Rd }) => t.setV(Rd, compute(t, vectorOf(Q, sizeOf(sz)), t.v(Rn))),
  }),
  fpRow({
    name: `${name}, scalar`,
    pattern: `01 ${u} 11110 1 sz:1 10000 11101 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <sz?SDd>, <sz?SDn>`,
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, compute(t, scalarOf(sizeOf(sz)), t.v(Rn))),
  }),
];

/** Of words, which stand for what is below 1. */
const ofWords = (
  name: string,
  u: 0 | 1,
  operation: 'unsignedReciprocalEstimate' | 'unsignedReciprocalRootEstimate',
): InstructionRow =>
  fpRow({
    name,
    pattern: `0 Q:1 ${u} 01110 10 10000 11100 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <Vd>.<Q?2s|4s>, <Vn>.<Q?2s|4s>`,
    semantics: (t, { Q, Rn, Rd }) =>
      t.setV(Rd, t.float('v128', encodeCall({ operation, size: 2, lanes: Q === 1 ? 4 : 2 }), [t.v(Rn)])),
  });

const exponent = unary({ operation: 'reciprocalExponent' });

export const FP_ESTIMATE: readonly InstructionRow[] = [
  ...estimate('FRECPE', 0, unary({ operation: 'reciprocalEstimate' })),
  ...estimate('FRSQRTE', 1, unary({ operation: 'reciprocalRootEstimate' })),
  fpRow({
    name: 'FRECPX',
    pattern: '01 0 11110 1 sz:1 10000 11111 10 Rn:5 Rd:5',
    syntax: 'frecpx <sz?SDd>, <sz?SDn>',
    semantics: (t, { sz, Rn, Rd }) => t.setV(Rd, exponent(t, scalarOf(sizeOf(sz)), t.v(Rn))),
  }),
  ofWords('URECPE', 0, 'unsignedReciprocalEstimate'),
  ofWords('URSQRTE', 1, 'unsignedReciprocalRootEstimate'),
];
