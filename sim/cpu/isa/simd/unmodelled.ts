/**
 * Instructions of Advanced SIMD and floating point that ARMv8.0-A allocates and that are not modelled, by the reason.
 */

import type { FieldsOf } from '../../language/pattern.js';
import { type UnmodelledRow, unmodelledRow } from '../../language/row.js';

const row =
  (what: string) =>
  <const Text extends string>(
    name: string,
    pattern: Text,
    allocated?: (fields: FieldsOf<Text>) => boolean,
  ): UnmodelledRow =>
    unmodelledRow({
      name,
      group: 'Advanced SIMD and floating point, not modelled',
      section: 'C7.2',
      pattern,
      fp: true,
      unmodelled: `${name}: ${what}`,
      ...(allocated && { allocated }),
    });

const crypto = row('the Cryptographic Extension');

export const SIMD_UNMODELLED: readonly UnmodelledRow[] = [
  crypto('AESE, AESD, AESMC, AESIMC', '01001110 00 10100 001 opcode:2 10 Rn:5 Rd:5'),
  crypto(
    'SHA1C, SHA1P, SHA1M, SHA1SU0, SHA256H, SHA256H2, SHA256SU1',
    '01011110 00 0 Rm:5 0 opcode:3 00 Rn:5 Rd:5',
    ({ opcode }) => opcode !== 7,
  ),
  crypto('SHA1H, SHA1SU1, SHA256SU0', '01011110 00 10100 000 opcode:2 10 Rn:5 Rd:5', ({ opcode }) => opcode !== 3),
  crypto('PMULL, PMULL2, of 64 bits', '0 Q:1 0 01110 11 1 Rm:5 1110 00 Rn:5 Rd:5'),
];
