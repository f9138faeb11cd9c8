/** Constants as FMOV writes them in eight bits. */

/** The float of 32 or 64 bits that the eight bits of an FMOV stand for, as its bits (VFPExpandImm, Arm ARM J1.3). */
export const expandFloat = (bits: 32 | 64, imm8: number): bigint => {
  const exponentBits = bits === 64 ? 11 : 8;
  const fractionBits = bits - exponentBits - 1;
  const sign = BigInt(imm8 >> 7);
  const high = (imm8 >> 6) & 1;
  const repeated = high === 1 ? 2n ** BigInt(exponentBits - 3) - 1n : 0n;
  const exponent = (BigInt(high ^ 1) << BigInt(exponentBits - 1)) | (repeated << 2n) | BigInt((imm8 >> 4) & 3);
  const fraction = BigInt(imm8 & 15) << BigInt(fractionBits - 4);
  return (sign << BigInt(bits - 1)) | (exponent << BigInt(fractionBits)) | fraction;
};
