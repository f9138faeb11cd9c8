/** System instructions of later architectures, and words in the space of system instructions that are none. */

import { rowsOf } from './row.js';

export const SYSTEM = rowsOf({
  // FEAT_FlagM, FEAT_FlagM2
  '1101010100 0 00 000 0100 0000 000 11111': 'cfinv',
  '1101010100 0 00 000 0100 0000 001 11111': 'xaflag',
  '1101010100 0 00 000 0100 0000 010 11111': 'axflag',
  // FEAT_UAO, FEAT_PAN, FEAT_NMI, FEAT_SSBS, FEAT_DIT, FEAT_MTE
  '1101010100 0 00 000 0100 000 b:1 011 11111': 'msr uao, #<b:x>',
  '1101010100 0 00 000 0100 000 b:1 100 11111': 'msr pan, #<b:x>',
  '1101010100 0 00 001 0100 000 b:1 000 11111': 'msr allint, #<b:x>',
  '1101010100 0 00 011 0100 000 b:1 001 11111': 'msr ssbs, #<b:x>',
  '1101010100 0 00 011 0100 000 b:1 010 11111': 'msr dit, #<b:x>',
  '1101010100 0 00 011 0100 000 b:1 100 11111': 'msr tco, #<b:x>',
  // FEAT_SME
  '1101010100 0 00 011 0100 001 b:1 011 11111': 'sm<b?stop|start> sm',
  '1101010100 0 00 011 0100 010 b:1 011 11111': 'sm<b?stop|start> za',
  '1101010100 0 00 011 0100 011 b:1 011 11111': 'sm<b?stop|start>',
  // FEAT_WFxT
  '1101010100 0 00 011 0001 0000 00 i:1 Rt:5': 'wf<i?e|i>t <Xt>',
  // FEAT_TME
  '1101010100 1 00 011 0011 0000 011 Rt:5': 'tstart <Xt>',
  '1101010100 1 00 011 0011 0001 011 Rt:5': 'ttest <Xt>',
  '1101010100 0 00 011 0011 0000 011 11111': 'tcommit',
  // FEAT_SB, FEAT_XS
  '1101010100 0 00 011 0011 0000 111 11111': 'sb',
  '1101010100 0 00 011 0011 domain:2 10 001 11111': 'dsb <domain?osh|nsh|ish|sy>nxs',
  // Whatever else there is in this space, objdump takes for accesses to registers.
  '1101010100 0 00 op1:3 CRn:4 CRm:4 op2:3 Rt:5': 'msr s0_<op1>_c<CRn>_c<CRm>_<op2>, <Xt>',
  '1101010100 1 00 op1:3 CRn:4 CRm:4 op2:3 Rt:5': 'mrs <Xt>, s0_<op1>_c<CRn>_c<CRm>_<op2>',
});
