/** Branches of later architectures: pointers with authentication codes, and conditions that are consistent. */

import { rowsOf } from './row.js';

export const BRANCHES = rowsOf({
  // FEAT_HBC
  '0101010 0 imm19:19 1 cond:4': 'bc.<cond> <label19>{  // <alsoConsistent>}',
  // FEAT_PAuth
  '1101011 0 0 00 11111 0000 1 M:1 Rn:5 11111': 'bra<M?a|b>z <Xn>',
  '1101011 0 0 01 11111 0000 1 M:1 Rn:5 11111': 'blra<M?a|b>z <Xn>',
  '1101011 1 0 00 11111 0000 1 M:1 Rn:5 Rm:5': 'bra<M?a|b> <Xn>, <Xm|SP>',
  '1101011 1 0 01 11111 0000 1 M:1 Rn:5 Rm:5': 'blra<M?a|b> <Xn>, <Xm|SP>',
  '1101011 0 0 10 11111 0000 1 M:1 11111 11111': 'reta<M?a|b>',
  '1101011 0 1 00 11111 0000 1 M:1 11111 11111': 'ereta<M?a|b>',
  // FEAT_TME
  '11010100 011 imm16:16 000 00': 'tcancel #<imm16>',
});
