/** Instructions of later architectures on general-purpose registers. */

import { rowsOf, shown, type SyntaxRow } from './row.js';

const KEYS = ['ia', 'ib', 'da', 'db'] as const;

/** FEAT_PAuth: codes are added and checked with each key, with a modifier or with zero. */
const authentication = (name: 'pac' | 'aut', opcode: string): readonly SyntaxRow[] =>
  KEYS.flatMap((key, index) => {
    const bits = index.toString(2).padStart(2, '0');
    return [
      shown(`1 1 0 11010110 00001 000${opcode}${bits} Rn:5 Rd:5`, `${name}${key} <Xd>, <Xn|SP>`),
      shown(`1 1 0 11010110 00001 001${opcode}${bits} 11111 Rd:5`, `${name}${key[0]}z${key[1]} <Xd>`),
    ];
  });

export const INTEGER: readonly SyntaxRow[] = [
  ...authentication('pac', '0'),
  ...authentication('aut', '1'),
  ...rowsOf({
    '1 1 0 11010110 00001 01000 D:1 11111 Rd:5': 'xpac<D?i|d> <Xd>',
    '1 0 0 11010110 Rm:5 001100 Rn:5 Rd:5': 'pacga <Xd>, <Xn>, <Xm|SP>',
    // FEAT_MTE
    '1 0 0 100011 0 uimm6:6 00 uimm4:4 Rn:5 Rd:5': 'addg <Xd|SP>, <Xn|SP>, #<uimm6 << 4:x>, #<uimm4:x>',
    '1 1 0 100011 0 uimm6:6 00 uimm4:4 Rn:5 Rd:5': 'subg <Xd|SP>, <Xn|SP>, #<uimm6 << 4:x>, #<uimm4:x>',
    '1 0 0 11010110 Rm:5 000000 Rn:5 Rd:5': 'subp <Xd>, <Xn|SP>, <Xm|SP>',
    '1 0 1 11010110 Rm:5 000000 Rn:5 Rd:5': 'cmpp <Xn|SP>, <Xm|SP> if Rd=31; subps <Xd>, <Xn|SP>, <Xm|SP>',
    '1 0 0 11010110 Rm:5 000100 Rn:5 Rd:5': 'irg <Xd|SP>, <Xn|SP> if Rm=31; irg <Xd|SP>, <Xn|SP>, <Xm>',
    '1 0 0 11010110 Rm:5 000101 Rn:5 Rd:5': 'gmi <Xd>, <Xn|SP>, <Xm>',
    // FEAT_CSSC
    'sf:1 0 0 100011 1 00 min:1 0 imm8:8 Rn:5 Rd:5': 's<min?max|min> <Rd>, <Rn>, #<±imm8>',
    'sf:1 0 0 100011 1 00 min:1 1 imm8:8 Rn:5 Rd:5': 'u<min?max|min> <Rd>, <Rn>, #<imm8>',
    'sf:1 0 0 11010110 Rm:5 0110 min:1 U:1 Rn:5 Rd:5': '<U?s|u><min?max|min> <Rd>, <Rn>, <Rm>',
    'sf:1 1 0 11010110 00000 001000 Rn:5 Rd:5': 'abs <Rd>, <Rn>',
    'sf:1 1 0 11010110 00000 000111 Rn:5 Rd:5': 'cnt <Rd>, <Rn>',
    'sf:1 1 0 11010110 00000 000110 Rn:5 Rd:5': 'ctz <Rd>, <Rn>',
    // FEAT_FlagM
    '1 0 1 11010000 imm6:6 00001 Rn:5 0 mask:4': 'rmif <Xn>, #<imm6>, #<mask>',
    '0 0 1 11010000 00000 0 sz:1 0010 Rn:5 0 1101': 'setf<sz?8|16> <Wn>',
  }),
];
