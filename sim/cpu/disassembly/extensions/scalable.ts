/** What of SVE and SME is in Debian's kernels: they keep the state of both, and copy memory by predicates. */

import { rowsOf } from './row.js';

const ELEMENT = '<size?b|h|s|d>';

export const SCALABLE = rowsOf({
  // State: registers, predicates, and the first-fault register.
  '1000010110 imm9h:6 000 imm9l:3 Rn:5 0 Pt:4': 'ldr p<Pt>, [<Xn|SP>{, #<±imm9h,imm9l>, mul vl}]',
  '1000010110 imm9h:6 010 imm9l:3 Rn:5 Zt:5': 'ldr z<Zt>, [<Xn|SP>{, #<±imm9h,imm9l>, mul vl}]',
  '1110010110 imm9h:6 000 imm9l:3 Rn:5 0 Pt:4': 'str p<Pt>, [<Xn|SP>{, #<±imm9h,imm9l>, mul vl}]',
  '1110010110 imm9h:6 010 imm9l:3 Rn:5 Zt:5': 'str z<Zt>, [<Xn|SP>{, #<±imm9h,imm9l>, mul vl}]',
  '00100101000110001110010000 00 Pd:4': 'pfalse p<Pd>.b',
  '00100101000110011111000000 00 Pd:4': 'rdffr p<Pd>.b',
  '00100101001010001001000 Pn:4 00000': 'wrffr p<Pn>.b',
  '1110000100 0 000000 v:2 000 Rn:5 0 imm4:4': 'ldr za[w<v?12|13|14|15>, <imm4>], [<Xn|SP>{, #<imm4>, mul vl}]',
  '1110000100 1 000000 v:2 000 Rn:5 0 imm4:4': 'str za[w<v?12|13|14|15>, <imm4>], [<Xn|SP>{, #<imm4>, mul vl}]',
  // Lengths of vectors.
  '0000010010111111 01010 imm6:6 Rd:5': 'rdvl <Xd>, #<±imm6>',
  '0000010010111111 01011 imm6:6 Rd:5': 'rdsvl <Xd>, #<±imm6>',
  '00000100 size:2 10 0000 111000 11111 Rd:5': 'cnt<size?b|h|w|d> <Xd>',
  // Copies.
  '00100101 size:2 011000111000 11111 0 Pd:4': `ptrue p<Pd>.${ELEMENT}`,
  '00100101 size:2 1 Rm:5 000 sf:1 11 Rn:5 0 Pd:4': `whilelo p<Pd>.${ELEMENT}, <Rn>, <Rm>`,
  '10100100000 0 imm4:4 101 Pg:3 Rn:5 Zt:5': 'ld1b {z<Zt>.b}, p<Pg>/z, [<Xn|SP>{, #<±imm4>, mul vl}]',
  '11100100000 0 imm4:4 111 Pg:3 Rn:5 Zt:5': 'st1b {z<Zt>.b}, p<Pg>, [<Xn|SP>{, #<±imm4>, mul vl}]',
  '10100100000 Rm:5 010 Pg:3 Rn:5 Zt:5': 'ld1b {z<Zt>.b}, p<Pg>/z, [<Xn|SP>, <Xm>] if Rm<31',
  '11100100000 Rm:5 010 Pg:3 Rn:5 Zt:5': 'st1b {z<Zt>.b}, p<Pg>, [<Xn|SP>, <Xm>] if Rm<31',
});
