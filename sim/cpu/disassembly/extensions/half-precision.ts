/** FEAT_FP16: what floating point does with singles and doubles, done with halves. */

import { rowsOf, shown, type SyntaxRow } from './row.js';

/** Names by the opcode of scalar instructions with two operands, and with one. */
const TWO_SOURCES = ['fmul', 'fdiv', 'fadd', 'fsub', 'fmax', 'fmin', 'fmaxnm', 'fminnm', 'fnmul'] as const;
const ONE_SOURCE: Readonly<Record<string, string>> = {
  ...{
    '000000': 'fmov',
    '000001': 'fabs',
    '000010': 'fneg',
    '000011': 'fsqrt',
    '001000': 'frintn',
    '001001': 'frintp',
  },
  ...{ '001010': 'frintm', '001011': 'frintz', '001100': 'frinta', '001110': 'frintx', '001111': 'frinti' },
};

/** U, bit 23 and the opcode of instructions on vectors; whether there is one on scalars in vector registers as well. */
type Vector = readonly [name: string, u: 0 | 1, a: 0 | 1, opcode: string, scalar?: 'scalar' | 'zero'];

const THREE_SAME: readonly Vector[] = [
  ['fmaxnm', 0, 0, '000'],
  ['fmla', 0, 0, '001'],
  ['fadd', 0, 0, '010'],
  ['fmulx', 0, 0, '011', 'scalar'],
  ['fcmeq', 0, 0, '100', 'scalar'],
  ['fmax', 0, 0, '110'],
  ['frecps', 0, 0, '111', 'scalar'],
  ['fminnm', 0, 1, '000'],
  ['fmls', 0, 1, '001'],
  ['fsub', 0, 1, '010'],
  ['fmin', 0, 1, '110'],
  ['frsqrts', 0, 1, '111', 'scalar'],
  ['fmaxnmp', 1, 0, '000'],
  ['faddp', 1, 0, '010'],
  ['fmul', 1, 0, '011'],
  ['fcmge', 1, 0, '100', 'scalar'],
  ['facge', 1, 0, '101', 'scalar'],
  ['fmaxp', 1, 0, '110'],
  ['fdiv', 1, 0, '111'],
  ['fminnmp', 1, 1, '000'],
  ['fabd', 1, 1, '010', 'scalar'],
  ['fcmgt', 1, 1, '100', 'scalar'],
  ['facgt', 1, 1, '101', 'scalar'],
  ['fminp', 1, 1, '110'],
];

const TWO_REGISTERS: readonly Vector[] = [
  ['frintn', 0, 0, '11000'],
  ['frintm', 0, 0, '11001'],
  ['fcvtns', 0, 0, '11010', 'scalar'],
  ['fcvtms', 0, 0, '11011', 'scalar'],
  ['fcvtas', 0, 0, '11100', 'scalar'],
  ['scvtf', 0, 0, '11101', 'scalar'],
  ['fcmgt', 0, 1, '01100', 'zero'],
  ['fcmeq', 0, 1, '01101', 'zero'],
  ['fcmlt', 0, 1, '01110', 'zero'],
  ['fabs', 0, 1, '01111'],
  ['frintp', 0, 1, '11000'],
  ['frintz', 0, 1, '11001'],
  ['fcvtps', 0, 1, '11010', 'scalar'],
  ['fcvtzs', 0, 1, '11011', 'scalar'],
  ['frecpe', 0, 1, '11101', 'scalar'],
  ['frinta', 1, 0, '11000'],
  ['frintx', 1, 0, '11001'],
  ['fcvtnu', 1, 0, '11010', 'scalar'],
  ['fcvtmu', 1, 0, '11011', 'scalar'],
  ['fcvtau', 1, 0, '11100', 'scalar'],
  ['ucvtf', 1, 0, '11101', 'scalar'],
  ['fcmge', 1, 1, '01100', 'zero'],
  ['fcmle', 1, 1, '01101', 'zero'],
  ['fneg', 1, 1, '01111'],
  ['frinti', 1, 1, '11001'],
  ['fcvtpu', 1, 1, '11010', 'scalar'],
  ['fcvtzu', 1, 1, '11011', 'scalar'],
  ['frsqrte', 1, 1, '11101', 'scalar'],
  ['fsqrt', 1, 1, '11111'],
];

const H = '<Q?4h|8h>';

const threeSame = ([name, u, a, opcode, scalar]: Vector): readonly SyntaxRow[] => [
  shown(`0 Q:1 ${u} 01110 ${a} 10 Rm:5 00 ${opcode} 1 Rn:5 Rd:5`, `${name} <Vd>.${H}, <Vn>.${H}, <Vm>.${H}`),
  ...(scalar ? [shown(`01 ${u} 11110 ${a} 10 Rm:5 00 ${opcode} 1 Rn:5 Rd:5`, `${name} <Hd>, <Hn>, <Hm>`)] : []),
];

const twoRegisters = ([name, u, a, opcode, scalar]: Vector): readonly SyntaxRow[] => {
  const zero = scalar === 'zero' ? ', #0.0' : '';
  return [
    shown(`0 Q:1 ${u} 01110 ${a} 111100 ${opcode} 10 Rn:5 Rd:5`, `${name} <Vd>.${H}, <Vn>.${H}${zero}`),
    ...(scalar ? [shown(`01 ${u} 11110 ${a} 111100 ${opcode} 10 Rn:5 Rd:5`, `${name} <Hd>, <Hn>${zero}`)] : []),
  ];
};

const across = (name: string, a: 0 | 1, opcode: string): readonly SyntaxRow[] => [
  shown(`0 Q:1 0 01110 ${a} 0 11000 ${opcode} 10 Rn:5 Rd:5`, `${name}v <Hd>, <Vn>.${H}`),
  shown(`01 0 11110 ${a} 0 11000 ${opcode} 10 Rn:5 Rd:5`, `${name}p <Hd>, <Vn>.2h`),
];

const byElement = (name: string, u: 0 | 1, opcode: string): readonly SyntaxRow[] => [
  shown(`0 Q:1 ${u} 01111 00 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5`, `${name} <Vd>.${H}, <Vn>.${H}, <Vm>.h[<H,L,M>]`),
  shown(`01 ${u} 11111 00 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5`, `${name} <Hd>, <Hn>, <Vm>.h[<H,L,M>]`),
];

/** To integers: with rmode and opcode in one. */
const TO_INTEGERS: Readonly<Record<string, string>> = {
  ...{ '00 000': 'fcvtns', '00 001': 'fcvtnu', '01 000': 'fcvtps', '01 001': 'fcvtpu', '10 000': 'fcvtms' },
  ...{ '10 001': 'fcvtmu', '11 000': 'fcvtzs', '11 001': 'fcvtzu', '00 100': 'fcvtas', '00 101': 'fcvtau' },
  '00 110': 'fmov',
};
const FROM_INTEGERS: Readonly<Record<string, string>> = { '00 010': 'scvtf', '00 011': 'ucvtf', '00 111': 'fmov' };

/** As many fraction bits as the integer has at most. */
const FIXED = 'if sf=1; ';

const fixedPoint = (bits: string, syntax: string): SyntaxRow =>
  shown(`sf:1 00 11110 11 0 ${bits} scale:6 Rn:5 Rd:5`, `${syntax} ${FIXED}${syntax} if scale>31`);

const inVector = (name: string, u: 0 | 1, opcode: string): readonly SyntaxRow[] => [
  shown(
    `0 Q:1 ${u} 011110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`,
    `${name} <Vd>.<Th>, <Vn>.<Th>, #<right> if immh>1 and immh<4`,
  ),
  shown(`01 ${u} 111110 immh:4 immb:3 ${opcode} 1 Rn:5 Rd:5`, `${name} <Hd>, <Hn>, #<right> if immh>1 and immh<4`),
];

export const HALF_PRECISION: readonly SyntaxRow[] = [
  ...TWO_SOURCES.map((name, opcode) =>
    shown(`000 11110 11 1 Rm:5 ${opcode.toString(2).padStart(4, '0')} 10 Rn:5 Rd:5`, `${name} <Hd>, <Hn>, <Hm>`),
  ),
  ...Object.entries(ONE_SOURCE).map(([opcode, name]) =>
    shown(`000 11110 11 1 ${opcode} 10000 Rn:5 Rd:5`, `${name} <Hd>, <Hn>`),
  ),
  ...Object.entries(TO_INTEGERS).map(([bits, name]) =>
    shown(`sf:1 00 11110 11 1 ${bits} 000000 Rn:5 Rd:5`, `${name} <Rd>, <Hn>`),
  ),
  ...Object.entries(FROM_INTEGERS).map(([bits, name]) =>
    shown(`sf:1 00 11110 11 1 ${bits} 000000 Rn:5 Rd:5`, `${name} <Hd>, <Rn>`),
  ),
  fixedPoint('11 000', 'fcvtzs <Rd>, <Hn>, #<fbits>'),
  fixedPoint('11 001', 'fcvtzu <Rd>, <Hn>, #<fbits>'),
  fixedPoint('00 010', 'scvtf <Hd>, <Rn>, #<fbits>'),
  fixedPoint('00 011', 'ucvtf <Hd>, <Rn>, #<fbits>'),
  ...THREE_SAME.flatMap(threeSame),
  ...TWO_REGISTERS.flatMap(twoRegisters),
  ...across('fmaxnm', 0, '01100'),
  ...across('fminnm', 1, '01100'),
  ...across('fmax', 0, '01111'),
  ...across('fmin', 1, '01111'),
  ...byElement('fmla', 0, '0001'),
  ...byElement('fmls', 0, '0101'),
  ...byElement('fmul', 0, '1001'),
  ...byElement('fmulx', 1, '1001'),
  ...inVector('scvtf', 0, '11100'),
  ...inVector('ucvtf', 1, '11100'),
  ...inVector('fcvtzs', 0, '11111'),
  ...inVector('fcvtzu', 1, '11111'),
  ...rowsOf({
    '01 0 11110 0 0 11000 01101 10 Rn:5 Rd:5': 'faddp <Hd>, <Vn>.2h',
    '01 0 11110 1 111100 11111 10 Rn:5 Rd:5': 'frecpx <Hd>, <Hn>',
    '000 11110 11 1 imm8:8 100 00000 Rd:5': 'fmov <Hd>, #<fpimm>',
    '0 Q:1 0 0111100000 abc:3 1111 11 defgh:5 Rd:5': `fmov <Vd>.${H}, #<fpvector>`,
    '000 11110 11 1 Rm:5 00 1000 Rn:5 signalling:1 0 000': 'fcmp<signalling?|e> <Hn>, <Hm>',
    '000 11110 11 1 ignored:5 00 1000 Rn:5 signalling:1 1 000': 'fcmp<signalling?|e> <Hn>, #0.0',
    '000 11110 11 1 Rm:5 cond:4 01 Rn:5 signalling:1 nzcv:4':
      'fccmp<signalling?|e> <Hn>, <Hm>, #<nzcv:x>, <cond>{\t// <alsoCond>}',
    '000 11110 11 1 Rm:5 cond:4 11 Rn:5 Rd:5': 'fcsel <Hd>, <Hn>, <Hm>, <cond>{\t// <alsoCond>}',
    '000 11111 11 o1:1 Rm:5 o0:1 Ra:5 Rn:5 Rd:5': 'f<o1?|n>m<o0?add|sub> <Hd>, <Hn>, <Hm>, <Ha>',
  }),
];
