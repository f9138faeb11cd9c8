/** Instructions for tests, by the names of the table's rows. */

import { INSTRUCTIONS } from '../../../sim/cpu/isa/index.js';
import { createEncoder } from '../../../sim/cpu/language/encode.js';

/** The word of an instruction, such as `encode('ADD (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 })`. */
export const encode = createEncoder(INSTRUCTIONS);

/** Words as they lie in memory. */
export const bytesOfWords = (...words: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(4 * words.length);
  words.forEach((word, i) => new DataView(bytes.buffer).setUint32(4 * i, word, true));
  return bytes;
};

/** A number of bits as a field that is signed holds it. */
const signed = (value: number, bits: number): number => (value < 0 ? value + 2 ** bits : value);

/** B to an instruction so many words on, or back where negative. */
export const branchBy = (words: number): number => encode('B', { imm26: signed(words, 26) });
