/** The hash by which the interpreter finds words and addresses (interpreter.ts). */

/** Knuth's multiplier: 2^32 over the golden ratio. */
export const HASH_MULTIPLIER = 0x9e37_79b1;

/** A number below a power of two, from the low 32 bits of a number. */
export const hashOf = (value: number, entries: number): number =>
  Math.imul(value, HASH_MULTIPLIER) >>> (Math.clz32(entries) + 1);
