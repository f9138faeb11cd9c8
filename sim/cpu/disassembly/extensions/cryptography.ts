/** SHA-512, SHA-3, SM3 and SM4 in vector registers. */

import { rowsOf } from './row.js';

export const CRYPTOGRAPHY = rowsOf({
  // FEAT_SHA512
  '11001110 011 Rm:5 100000 Rn:5 Rd:5': 'sha512h <Qd>, <Qn>, <Vm>.2d',
  '11001110 011 Rm:5 100001 Rn:5 Rd:5': 'sha512h2 <Qd>, <Qn>, <Vm>.2d',
  '11001110 011 Rm:5 100010 Rn:5 Rd:5': 'sha512su1 <Vd>.2d, <Vn>.2d, <Vm>.2d',
  '11001110 110 00000 100000 Rn:5 Rd:5': 'sha512su0 <Vd>.2d, <Vn>.2d',
  // FEAT_SHA3
  '11001110 000 Rm:5 0 Ra:5 Rn:5 Rd:5': 'eor3 <Vd>.16b, <Vn>.16b, <Vm>.16b, <Va>.16b',
  '11001110 001 Rm:5 0 Ra:5 Rn:5 Rd:5': 'bcax <Vd>.16b, <Vn>.16b, <Vm>.16b, <Va>.16b',
  '11001110 011 Rm:5 100011 Rn:5 Rd:5': 'rax1 <Vd>.2d, <Vn>.2d, <Vm>.2d',
  '11001110 100 Rm:5 imm6:6 Rn:5 Rd:5': 'xar <Vd>.2d, <Vn>.2d, <Vm>.2d, #<imm6>',
  // FEAT_SM3
  '11001110 010 Rm:5 0 Ra:5 Rn:5 Rd:5': 'sm3ss1 <Vd>.4s, <Vn>.4s, <Vm>.4s, <Va>.4s',
  '11001110 010 Rm:5 10 imm2:2 opcode:2 Rn:5 Rd:5': 'sm3tt<opcode?1a|1b|2a|2b> <Vd>.4s, <Vn>.4s, <Vm>.s[<imm2>]',
  '11001110 011 Rm:5 110000 Rn:5 Rd:5': 'sm3partw1 <Vd>.4s, <Vn>.4s, <Vm>.4s',
  '11001110 011 Rm:5 110001 Rn:5 Rd:5': 'sm3partw2 <Vd>.4s, <Vn>.4s, <Vm>.4s',
  // FEAT_SM4
  '11001110 110 00000 100001 Rn:5 Rd:5': 'sm4e <Vd>.4s, <Vn>.4s',
  '11001110 011 Rm:5 110010 Rn:5 Rd:5': 'sm4ekey <Vd>.4s, <Vn>.4s, <Vm>.4s',
});
