/** Loads and stores of later architectures. */

import { rowsOf, shown, type SyntaxRow } from './row.js';

/** FEAT_MTE: allocation tags, in granules of 16 bytes. */
const storeTag = (name: string, opc: string): readonly SyntaxRow[] => [
  shown(`11011001 ${opc} 1 imm9:9 01 Rn:5 Rt:5`, `${name} <Xt|SP>, [<Xn|SP>], #<±imm9 << 4>`),
  shown(`11011001 ${opc} 1 imm9:9 10 Rn:5 Rt:5`, `${name} <Xt|SP>, [<Xn|SP>{, #<±imm9 << 4>}]`),
  shown(`11011001 ${opc} 1 imm9:9 11 Rn:5 Rt:5`, `${name} <Xt|SP>, [<Xn|SP>, #<±imm9 << 4>]!`),
];

/** FEAT_MOPS: who reads and writes as at EL0, and what passes the cache, by the options of a copy. */
const COPY_OPTIONS = '|wt|rt|t|wn|wtwn|rtwn|twn|rn|wtrn|rtrn|trn|n|wtn|rtn|tn';

/** Copying and setting of memory has a prologue, a main part and an epilogue. */
const COPYING = '[<Xd>]!, [<Xs>]!, <Xn>! if ofCopy';
const SETTING = '[<Xd>]!, <Xn>!, <Xs> if ofSet';

export const MEMORY: readonly SyntaxRow[] = [
  ...storeTag('stg', '00'),
  ...storeTag('stzg', '01'),
  ...storeTag('st2g', '10'),
  ...storeTag('stz2g', '11'),
  ...rowsOf({
    '11011001 01 1 imm9:9 00 Rn:5 Rt:5': 'ldg <Xt>, [<Xn|SP>{, #<±imm9 << 4>}]',
    '11011001 00 1 000000000 00 Rn:5 Rt:5': 'stzgm <Xt>, [<Xn|SP>]',
    '11011001 10 1 000000000 00 Rn:5 Rt:5': 'stgm <Xt>, [<Xn|SP>]',
    '11011001 11 1 000000000 00 Rn:5 Rt:5': 'ldgm <Xt>, [<Xn|SP>]',
    '01 101 0 0 01 0 imm7:7 Rt2:5 Rn:5 Rt:5': 'stgp <Xt>, <Xt2>, [<Xn|SP>], #<±imm7 << 4>',
    '01 101 0 0 10 0 imm7:7 Rt2:5 Rn:5 Rt:5': 'stgp <Xt>, <Xt2>, [<Xn|SP>{, #<±imm7 << 4>}]',
    '01 101 0 0 11 0 imm7:7 Rt2:5 Rn:5 Rt:5': 'stgp <Xt>, <Xt2>, [<Xn|SP>, #<±imm7 << 4>]!',
    // FEAT_PAuth
    '11 111 0 00 M:1 S:1 1 imm9:9 0 1 Rn:5 Rt:5': 'ldra<M?a|b> <Xt>, [<Xn|SP>{, #<±S,imm9 << 3>}]',
    '11 111 0 00 M:1 S:1 1 imm9:9 1 1 Rn:5 Rt:5': 'ldra<M?a|b> <Xt>, [<Xn|SP>{, #<±S,imm9 << 3>}]!',
    // FEAT_LRCPC, FEAT_LRCPC2
    'size:2 111 0 00 1 0 1 11111 1 100 00 Rn:5 Rt:5': 'ldapr<size?b|h||> <size?WWWXt>, [<Xn|SP>]',
    'size:2 011001 00 0 imm9:9 00 Rn:5 Rt:5': 'stlur<size?b|h||> <size?WWWXt>, [<Xn|SP>{, #<±imm9>}]',
    'size:2 011001 01 0 imm9:9 00 Rn:5 Rt:5': 'ldapur<size?b|h||> <size?WWWXt>, [<Xn|SP>{, #<±imm9>}]',
    'size:2 011001 10 0 imm9:9 00 Rn:5 Rt:5': 'ldapurs<size?b|h|w> <Xt>, [<Xn|SP>{, #<±imm9>}]',
    'size:2 011001 11 0 imm9:9 00 Rn:5 Rt:5': 'ldapurs<size?b|h> <Wt>, [<Xn|SP>{, #<±imm9>}]',
    // FEAT_LS64
    '11 111 0 00 0 0 1 11111 1 001 00 Rn:5 Rt:5': 'st64b <Xt>, [<Xn|SP>]',
    '11 111 0 00 0 0 1 11111 1 101 00 Rn:5 Rt:5': 'ld64b <Xt>, [<Xn|SP>]',
    '11 111 0 00 0 0 1 Rs:5 1 011 00 Rn:5 Rt:5': 'st64bv <Xs>, <Xt>, [<Xn|SP>]',
    '11 111 0 00 0 0 1 Rs:5 1 010 00 Rn:5 Rt:5': 'st64bv0 <Xs>, <Xt>, [<Xn|SP>]',
    // FEAT_MOPS
    '00 011 0 01 stage:2 0 Rs:5 op2:4 01 Rn:5 Rd:5': `cpyf<stage?p|m|e><op2?${COPY_OPTIONS}> ${COPYING}`,
    '00 011 1 01 stage:2 0 Rs:5 op2:4 01 Rn:5 Rd:5': `cpy<stage?p|m|e><op2?${COPY_OPTIONS}> ${COPYING}`,
    '00 011 0 01 11 0 Rs:5 stage:2 op2:2 01 Rn:5 Rd:5': `set<stage?p|m|e><op2?|t|n|tn> ${SETTING}`,
    '00 011 1 01 11 0 Rs:5 stage:2 op2:2 01 Rn:5 Rd:5': `setg<stage?p|m|e><op2?|t|n|tn> ${SETTING}`,
  }),
];
