/** Random contents of registers and memory: mostly values at which results change. */

import type { Random } from '../../fuzz/mutate.js';
import { FPCR, FPSR, newState, NZCV, PAGE_SIZE, SP, type State, V, WINDOW, WINDOW_SIZE } from './sequence.js';

export const pick = <T>(random: Random, from: readonly T[]): T => from[random.below(from.length)]!;

/** True once in `times`. */
export const rarely = (random: Random, times: number): boolean => random.below(times) === 0;

const random64 = (random: Random): bigint => (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));

/** Where results change their sign, carry or overflow, at each width of an element. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  ...[8n, 16n, 32n, 64n].flatMap((bits) => [
    (1n << bits) - 1n,
    (1n << (bits - 1n)) - 1n,
    1n << (bits - 1n),
    (1n << (bits - 1n)) + 1n,
  ]),
  0xffff_ffff_8000_0000n,
  0xffff_ffff_7fff_ffffn,
  0xffff_ffff_ffff_fffen,
  0x1_0000_0000n,
];

const edge64 = (random: Random): bigint => {
  switch (random.below(4)) {
    case 0:
      return 1n << BigInt(random.below(64));
    case 1:
      return (1n << BigInt(random.below(64))) - 1n;
    default:
      return pick(random, EDGES);
  }
};

const value64 = (random: Random): bigint => (random.below(5) < 2 ? random64(random) : edge64(random));

/** Floating point: zeros, ones, the ends of normal and subnormal numbers, infinities, and NaNs of both kinds. */
const DOUBLES: readonly bigint[] = [
  0n,
  0x3ff0n << 48n,
  0x4000n << 48n,
  0x3fe0n << 48n,
  0x7fefn << 48n,
  0x0010n << 48n,
  1n,
  0x000f_ffff_ffff_ffffn,
  0x7ff0n << 48n,
  0x7ff8n << 48n,
  0x7ff0_0000_0000_0001n,
  0x7ff8_1234_5678_9abcn,
  0x43e0n << 48n,
  0x41e0n << 48n,
  0x3ff8n << 48n,
  0x4330n << 48n,
];
const SINGLES: readonly bigint[] = [
  0n,
  0x3f80_0000n,
  0x4000_0000n,
  0x3f00_0000n,
  0x7f7f_ffffn,
  0x0080_0000n,
  1n,
  0x007f_ffffn,
  0x7f80_0000n,
  0x7fc0_0000n,
  0x7f80_0001n,
  0x7fd2_3456n,
  0x5f00_0000n,
  0x4f00_0000n,
  0x3fc0_0000n,
  0x4b00_0000n,
];

const HALVES: readonly bigint[] = [
  0n,
  1n,
  0x03ffn,
  0x0400n,
  0x3800n,
  0x3c00n,
  0x3c01n,
  0x7bffn,
  0x7c00n,
  0x7c01n,
  0x7dffn,
  0x7e00n,
  0x7fffn,
];

/**
 * A number whose last bits are often zeros, so that sums and products are near ties, of a size near that of the others,
 * or near the largest, the least normal, or what halves and singles are.
 */
const number = (random: Random, exponentBits: number, fractionBits: number): bigint => {
  const bias = 2 ** (exponentBits - 1) - 1;
  const center = pick(random, [bias, bias, bias, 1, 2 * bias, bias - fractionBits, bias + 15, bias - 14, bias + 127]);
  const exponent = Math.min(Math.max(center + random.below(9) - 4, 0), 2 * bias);
  const zeros = BigInt(random.below(fractionBits + 1));
  const fraction = (random64(random) & ((1n << BigInt(fractionBits)) - 1n)) >> zeros;
  const bits = (BigInt(exponent) << BigInt(fractionBits)) | (fraction << zeros);
  return bits | (BigInt(random.below(2)) << BigInt(exponentBits + fractionBits));
};

const lane64 = (random: Random): bigint => {
  switch (random.below(3)) {
    case 0:
      return number(random, 11, 52);
    case 1:
      return (number(random, 8, 23) << 32n) | number(random, 8, 23);
    default:
      return edgeLane64(random);
  }
};

const edgeLane64 = (random: Random): bigint => {
  const half = (): bigint => pick(random, SINGLES) | (BigInt(random.below(2)) << 31n);
  switch (random.below(7)) {
    case 6:
      return Array.from({ length: 4 }, () => pick(random, HALVES) | (BigInt(random.below(2)) << 15n)).reduce(
        (all, one) => (all << 16n) | one,
      );
    case 0:
      return pick(random, DOUBLES) | (BigInt(random.below(2)) << 63n);
    case 1:
      return (half() << 32n) | half();
    case 2:
      return Array.from({ length: 8 }, () => BigInt(pick(random, [0, 1, 0x7f, 0x80, 0xff, random.below(256)]))).reduce(
        (all, byte) => (all << 8n) | byte,
      );
    default:
      return value64(random);
  }
};

/** Base registers of loads and stores: these, and SP, begin well inside the window. */
export const BASES: readonly number[] = [16, 17, 18, 19, 20, 21, 22];
/** Those of them that begin, and mostly stay, at a multiple of 64. */
export const ALIGNED_BASES: readonly number[] = [20, 21, 22];
/** Registers with offsets small enough to stay in the window; of all but one, perhaps only the lower half is. */
export const INDEXES: readonly number[] = [23, 24, 25];
export const SMALL_INDEX = 23;

/** Distance from the ends of the window: more than an instruction's usual offset. */
const MARGIN = 0x2000;
/** Some bases are so near to the end of a page. */
const NEAR = 32;

export const randomState = (random: Random): State => {
  const state = newState();
  for (let register = 0; register < SP; register++) state[register] = value64(random);
  const addressInWindow = (multiple: number): bigint => {
    const anywhere = MARGIN + random.below(WINDOW_SIZE - 2 * MARGIN);
    const offset = rarely(random, 3) ? anywhere - (anywhere % PAGE_SIZE) - random.below(NEAR) : anywhere;
    return BigInt(WINDOW + offset - (offset % multiple));
  };
  for (const register of BASES)
    state[register] = addressInWindow(ALIGNED_BASES.includes(register) ? 64 : pick(random, [1, 2, 4, 8, 16]));
  state[SP] = addressInWindow(16);
  for (const register of INDEXES) {
    const index = BigInt(random.below(512) - 256);
    state[register] =
      register !== SMALL_INDEX && rarely(random, 2)
        ? BigInt.asUintN(32, index) | (random64(random) << 32n)
        : BigInt.asUintN(64, index);
  }
  state[NZCV] = BigInt(random.below(16));
  // RMode, FZ, DN and AHP; qemu's processor has more bits.
  if (rarely(random, 2)) state[FPCR] = BigInt(random.below(32)) << 22n;
  // Where Inexact is raised already, other code carries operations out.
  state[FPSR] = pick(random, [0n, 1n << 4n, BigInt(random.below(2 ** 5)), BigInt(random.below(2)) << 27n]);
  for (let slot = V; slot < state.length; slot++) state[slot] = lane64(random);
  return state;
};

export const randomWindow = (random: Random): Uint8Array => {
  const words = BigUint64Array.from({ length: WINDOW_SIZE / 8 }, () => lane64(random));
  return new Uint8Array(words.buffer);
};
