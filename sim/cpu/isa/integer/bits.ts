/** How immediates are written in encodings. */

/** A number whose low `count` bits are set. */
export const ones = (count: number): bigint => (1n << BigInt(count)) - 1n;

/**
 * The immediate of a logical instruction: a run of ones, rotated within an element of 2 to 64 bits, and the element
 * repeated over `bits` bits (Arm ARM J1, DecodeBitMasks).
 * @returns undefined where the encoding is reserved
 */
export const decodeBitMasks = (N: number, imms: number, immr: number, bits: 32 | 64): bigint | undefined => {
  const size = 1 << (31 - Math.clz32((N << 6) | (~imms & 0x3f)));
  const run = imms & (size - 1);
  if (size < 2 || size > bits || run === size - 1) return undefined;
  const rotation = immr & (size - 1);
  const doubled = ones(run + 1) * ((1n << BigInt(size)) + 1n);
  const element = (doubled >> BigInt(rotation)) & ones(size);
  return element * (ones(bits) / ones(size));
};
