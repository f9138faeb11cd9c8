/** The checksum of zstd frames. */
import { u64 } from '../base/u64.js';

/** XXH64 with seed 0, the checksum of zstd frames (RFC 8878, section 3.1.1; xxHash's specification). */

const PRIME_1 = 0x9e37_79b1_85eb_ca87n;
const PRIME_2 = 0xc2b2_ae3d_27d4_eb4fn;
const PRIME_3 = 0x1656_67b1_9e37_79f9n;
const PRIME_4 = 0x85eb_ca77_c2b2_ae63n;
const PRIME_5 = 0x27d4_eb2f_1656_67c5n;

const STRIPE = 32;
const LANES = 4;
const ROTATION = 31;

const low = (value: bigint): number => Number(BigInt.asUintN(32, value));
const high = (value: bigint): number => Number(value >> 32n);

/** Multiplies the 64-bit number in two places of `words`, the lower half first: big integers are too slow for it. */
const multiply = (words: Uint32Array, at: number, factorLow: number, factorHigh: number): void => {
  const [lower, upper] = [words[at]!, words[at + 1]!];
  const [a0, a1, b0, b1] = [lower & 0xffff, lower >>> 16, factorLow & 0xffff, factorLow >>> 16];
  const p0 = a0 * b0;
  const p1 = a1 * b0 + (p0 >>> 16);
  const p2 = a0 * b1 + (p1 & 0xffff);
  words[at] = ((p2 & 0xffff) << 16) | (p0 & 0xffff);
  words[at + 1] = a1 * b1 + (p1 >>> 16) + (p2 >>> 16) + Math.imul(upper, factorLow) + Math.imul(lower, factorHigh);
};

const add = (words: Uint32Array, at: number, lower: number, upper: number): void => {
  const sum = words[at]! + lower;
  words[at] = sum;
  words[at + 1] = words[at + 1]! + upper + (sum > 0xffff_ffff ? 1 : 0);
};

const rotateLeft = (value: bigint, count: bigint): bigint => u64(value << count) | (value >> (64n - count));

const round = (accumulator: bigint, lane: bigint): bigint =>
  u64(rotateLeft(u64(accumulator + lane * PRIME_2), BigInt(ROTATION)) * PRIME_1);

/** The accumulators after all whole stripes. */
const digestStripes = (view: DataView): readonly bigint[] => {
  const starts = [u64(PRIME_1 + PRIME_2), PRIME_2, 0n, u64(-PRIME_1)];
  const words = Uint32Array.from(starts.flatMap((value) => [low(value), high(value)]));
  const lane = new Uint32Array(2);
  const [p1Low, p1High, p2Low, p2High] = [low(PRIME_1), high(PRIME_1), low(PRIME_2), high(PRIME_2)];
  const end = view.byteLength - (view.byteLength % STRIPE);
  for (let at = 0; at < end; at += 8) {
    const i = ((at >>> 3) % LANES) * 2;
    lane[0] = view.getUint32(at, true);
    lane[1] = view.getUint32(at + 4, true);
    multiply(lane, 0, p2Low, p2High);
    add(words, i, lane[0], lane[1]);
    const [lower, upper] = [words[i]!, words[i + 1]!];
    words[i] = (lower << ROTATION) | (upper >>> (32 - ROTATION));
    words[i + 1] = (upper << ROTATION) | (lower >>> (32 - ROTATION));
    multiply(words, i, p1Low, p1High);
  }
  return starts.map((_, i) => (BigInt(words[2 * i + 1]!) << 32n) | BigInt(words[2 * i]!));
};

export const xxhash64 = (bytes: Uint8Array): bigint => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = PRIME_5;
  if (bytes.length >= STRIPE) {
    const accumulators = digestStripes(view);
    hash = u64(accumulators.reduce((sum, value, i) => sum + rotateLeft(value, [1n, 7n, 12n, 18n][i]!), 0n));
    for (const value of accumulators) hash = u64((hash ^ round(0n, value)) * PRIME_1 + PRIME_4);
  }
  hash = u64(hash + BigInt(bytes.length));
  let at = bytes.length - (bytes.length % STRIPE);
  for (; at + 8 <= bytes.length; at += 8) {
    hash = u64(rotateLeft(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4);
  }
  for (; at + 4 <= bytes.length; at += 4) {
    hash = u64(rotateLeft(hash ^ u64(BigInt(view.getUint32(at, true)) * PRIME_1), 23n) * PRIME_2 + PRIME_3);
  }
  for (; at < bytes.length; at++) hash = u64(rotateLeft(hash ^ u64(BigInt(bytes[at]!) * PRIME_5), 11n) * PRIME_1);
  hash = u64((hash ^ (hash >> 33n)) * PRIME_2);
  hash = u64((hash ^ (hash >> 29n)) * PRIME_3);
  return hash ^ (hash >> 32n);
};
