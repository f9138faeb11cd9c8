/** Advanced SIMD of later architectures, half precision aside. */

import { alternatives } from '../../language/row.js';
import { rowsOf, shown, type SyntaxRow } from './row.js';

/** FEAT_RDM */
const roundedProduct = (name: string, bit: 0 | 1): readonly SyntaxRow[] => [
  shown(
    `0 Q:1 1 01110 size:2 0 Rm:5 1000${bit} 1 Rn:5 Rd:5`,
    `${name} <Vd>.<T>, <Vn>.<T>, <Vm>.<T> if size>0 and size<3`,
  ),
  shown(
    `01 1 11110 size:2 0 Rm:5 1000${bit} 1 Rn:5 Rd:5`,
    `${name} <size?BHSd>, <size?BHSn>, <size?BHSm> if size>0 and size<3`,
  ),
  shown(
    `0 Q:1 1 01111 01 L:1 M:1 Rm:4 11${bit}1 H:1 0 Rn:5 Rd:5`,
    `${name} <Vd>.<Q?4h|8h>, <Vn>.<Q?4h|8h>, <Vm>.h[<H,L,M>]`,
  ),
  shown(`0 Q:1 1 01111 10 L:1 Rm:5 11${bit}1 H:1 0 Rn:5 Rd:5`, `${name} <Vd>.<Q?2s|4s>, <Vn>.<Q?2s|4s>, <Vm>.s[<H,L>]`),
  shown(`01 1 11111 01 L:1 M:1 Rm:4 11${bit}1 H:1 0 Rn:5 Rd:5`, `${name} <Hd>, <Hn>, <Vm>.h[<H,L,M>]`),
  shown(`01 1 11111 10 L:1 Rm:5 11${bit}1 H:1 0 Rn:5 Rd:5`, `${name} <Sd>, <Sn>, <Vm>.s[<H,L>]`),
];

/** FEAT_FRINTTS: to integers of 32 and 64 bits. */
const roundToSize = (name: string, u: 0 | 1, opcode: string, scalar: string): readonly SyntaxRow[] => [
  shown(`000 11110 0 sz:1 1 ${scalar} 10000 Rn:5 Rd:5`, `${name} <sz?SDd>, <sz?SDn>`),
  shown(`0 Q:1 ${u} 01110 0 sz:1 10000 ${opcode} 10 Rn:5 Rd:5`, `${name} <Vd>.<Tf>, <Vn>.<Tf>`),
];

const DOT = '<Vd>.<Q?2s|4s>, <Vn>.<Tb>, <Vm>';
const DOT_OF_HALVES = '<Vd>.<Q?2s|4s>, <Vn>.<Q?4h|8h>, <Vm>';
const MATRIX = '<Vd>.4s, <Vn>.16b, <Vm>.16b';
const SAME = '<Vd>.<T>, <Vn>.<T>, <Vm>.<T>';
/** Two elements, which are no bytes, at least. */
const COMPLEX = 'if size>0 and size,Q!=6';
const ROTATION = '#<rot?0|90|180|270>';

export const VECTOR: readonly SyntaxRow[] = [
  ...roundedProduct('sqrdmlah', 0),
  ...roundedProduct('sqrdmlsh', 1),
  ...roundToSize('frint32z', 0, '11110', '010000'),
  ...roundToSize('frint32x', 1, '11110', '010001'),
  ...roundToSize('frint64z', 0, '11111', '010010'),
  ...roundToSize('frint64x', 1, '11111', '010011'),
  ...rowsOf({
    // FEAT_DotProd, FEAT_I8MM
    '0 Q:1 U:1 01110 10 0 Rm:5 10010 1 Rn:5 Rd:5': `<U?s|u>dot ${DOT}.<Tb>`,
    '0 Q:1 U:1 01111 10 L:1 Rm:5 1110 H:1 0 Rn:5 Rd:5': `<U?s|u>dot ${DOT}.4b[<H,L>]`,
    '0 Q:1 0 01110 10 0 Rm:5 10011 1 Rn:5 Rd:5': `usdot ${DOT}.<Tb>`,
    '0 Q:1 0 01111 10 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5': `usdot ${DOT}.4b[<H,L>]`,
    '0 Q:1 0 01111 00 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5': `sudot ${DOT}.4b[<H,L>]`,
    '0 1 U:1 01110 10 0 Rm:5 10100 1 Rn:5 Rd:5': `<U?s|u>mmla ${MATRIX}`,
    '0 1 0 01110 10 0 Rm:5 10101 1 Rn:5 Rd:5': `usmmla ${MATRIX}`,
    // FEAT_BF16
    '0 Q:1 1 01110 01 0 Rm:5 11111 1 Rn:5 Rd:5': `bfdot ${DOT_OF_HALVES}.<Q?4h|8h>`,
    '0 Q:1 0 01111 01 L:1 Rm:5 1111 H:1 0 Rn:5 Rd:5': `bfdot ${DOT_OF_HALVES}.2h[<H,L>]`,
    '0 1 1 01110 01 0 Rm:5 11101 1 Rn:5 Rd:5': 'bfmmla <Vd>.4s, <Vn>.8h, <Vm>.8h',
    '0 Q:1 1 01110 11 0 Rm:5 11111 1 Rn:5 Rd:5': 'bfmlal<Q?b|t> <Vd>.4s, <Vn>.8h, <Vm>.8h',
    '0 Q:1 0 01111 11 L:1 M:1 Rm:4 1111 H:1 0 Rn:5 Rd:5': 'bfmlal<Q?b|t> <Vd>.4s, <Vn>.8h, <Vm>.h[<H,L,M>]',
    '0 Q:1 0 01110 10 10000 10110 10 Rn:5 Rd:5': 'bfcvtn<Q?|2> <Vd>.<Q?4h|8h>, <Vn>.4s',
    '000 11110 01 1 000110 10000 Rn:5 Rd:5': 'bfcvt <Hd>, <Sn>',
    // FEAT_FCMA
    '0 Q:1 1 01110 size:2 0 Rm:5 110 rot:2 1 Rn:5 Rd:5': `fcmla ${SAME}, ${ROTATION} ${COMPLEX}`,
    '0 Q:1 1 01110 size:2 0 Rm:5 111 rot:1 0 1 Rn:5 Rd:5': `fcadd ${SAME}, #<rot?90|270> ${COMPLEX}`,
    '0 Q:1 1 01111 01 L:1 Rm:5 0 rot:2 1 H:1 0 Rn:5 Rd:5': alternatives(
      `fcmla <Vd>.8h, <Vn>.8h, <Vm>.h[<H,L>], ${ROTATION} if Q=1`,
      `fcmla <Vd>.4h, <Vn>.4h, <Vm>.h[<L>], ${ROTATION} if H=0`,
    ),
    '0 1 1 01111 10 0 Rm:5 0 rot:2 1 H:1 0 Rn:5 Rd:5': `fcmla <Vd>.4s, <Vn>.4s, <Vm>.s[<H>], ${ROTATION}`,
    // FEAT_FHM; objdump does not look at what should be 0 in two of them.
    '0 Q:1 0 01110 sub:1 ignored:1 1 Rm:5 11101 1 Rn:5 Rd:5':
      'fml<sub?a|s>l <Vd>.<Q?2s|4s>, <Vn>.<Q?2h|4h>, <Vm>.<Q?2h|4h>',
    '0 Q:1 1 01110 sub:1 ignored:1 1 Rm:5 11001 1 Rn:5 Rd:5':
      'fml<sub?a|s>l2 <Vd>.<Q?2s|4s>, <Vn>.<Q?2h|4h>, <Vm>.<Q?2h|4h>',
    '0 Q:1 0 01111 10 L:1 M:1 Rm:4 0 sub:1 00 H:1 0 Rn:5 Rd:5':
      'fml<sub?a|s>l <Vd>.<Q?2s|4s>, <Vn>.<Q?2h|4h>, <Vm>.h[<H,L,M>]',
    '0 Q:1 1 01111 10 L:1 M:1 Rm:4 1 sub:1 00 H:1 0 Rn:5 Rd:5':
      'fml<sub?a|s>l2 <Vd>.<Q?2s|4s>, <Vn>.<Q?2h|4h>, <Vm>.h[<H,L,M>]',
    // FEAT_JSCVT
    '0 00 11110 01 1 11 110 000000 Rn:5 Rd:5': 'fjcvtzs <Wd>, <Dn>',
  }),
];
