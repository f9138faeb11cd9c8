/** Mutated input: the same for a seed, on every machine. */

/** Random numbers that a seed makes, the same on every machine (mulberry32). */
export interface Random {
  /** From 0 to `limit` - 1; 0 for no limit. */
  below(limit: number): number;
}

export const createRandom = (seed: number): Random => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return { below: (limit) => (limit <= 1 ? 0 : next() % limit) };
};

/** The seed of one input: another for every target and every number. */
export const seedOf = (seed: number, target: string, index: number): number => {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (const char of `${target}/${index}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return hash;
};

/** Longest input: enough for every structure, and soon run. */
const MAX_SIZE = 1 << 20;

/** Values at the edges of what numbers can be, and what separates text. */
const INTERESTING_BYTES = [
  0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x20, 0x2d, 0x3a, 0x30, 0x66, 0x3d, 0x5b, 0x7b, 0x22,
] as const;
const INTERESTING_NUMBERS = [
  0n,
  1n,
  2n,
  4n,
  7n,
  8n,
  0x3fn,
  0x40n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0xfffn,
  0x1000n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x200000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_fff0n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_f000n,
  0xffff_ffff_ffff_ffffn,
] as const;

type Mutation = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

const without = (bytes: Uint8Array, from: number, to: number): Uint8Array => {
  const result = new Uint8Array(bytes.length - (to - from));
  result.set(bytes.subarray(0, from));
  result.set(bytes.subarray(to), from);
  return result;
};

const inserted = (bytes: Uint8Array, at: number, more: Uint8Array): Uint8Array => {
  const result = new Uint8Array(bytes.length + more.length);
  result.set(bytes.subarray(0, at));
  result.set(more, at);
  result.set(bytes.subarray(at), at + more.length);
  return result;
};

const randomBytes = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.below(256));

/** A place in the bytes, more often near the start, where headers are. */
const somewhere = (bytes: Uint8Array, random: Random): number =>
  random.below(3) === 0 ? random.below(bytes.length) : random.below(Math.min(bytes.length, 256));

const setNumber: Mutation = (bytes, random) => {
  const copy = copyOf(bytes);
  const size = [1, 2, 4, 8][random.below(4)]!;
  if (copy.length < size) return copy;
  let at = Math.min(somewhere(copy, random), copy.length - size);
  // Fields mostly lie at multiples of their size.
  if (random.below(4) !== 0) at -= at % size;
  let value = INTERESTING_NUMBERS[random.below(INTERESTING_NUMBERS.length)]!;
  if (random.below(4) === 0) value = BigInt(copy.length) + BigInt(random.below(5) - 2);
  const littleEndian = random.below(2) === 0;
  for (let i = 0; i < size; i++) {
    const shift = BigInt(8 * (littleEndian ? i : size - 1 - i));
    copy[at + i] = Number((BigInt.asUintN(64, value) >> shift) & 0xffn);
  }
  return copy;
};

const MUTATIONS: readonly Mutation[] = [
  // Truncate.
  (bytes, random) => copyOf(bytes.subarray(0, random.below(bytes.length + 1))),
  (bytes, random) => copyOf(bytes.subarray(0, Math.max(0, bytes.length - 1 - random.below(16)))),
  // Flip a bit.
  (bytes, random) => {
    const copy = copyOf(bytes);
    if (copy.length > 0) copy[somewhere(copy, random)]! ^= 1 << random.below(8);
    return copy;
  },
  // Set a byte.
  (bytes, random) => {
    const copy = copyOf(bytes);
    if (copy.length > 0) copy[somewhere(copy, random)] = INTERESTING_BYTES[random.below(INTERESTING_BYTES.length)]!;
    return copy;
  },
  (bytes, random) => {
    const copy = copyOf(bytes);
    if (copy.length > 0) copy[somewhere(copy, random)] = random.below(256);
    return copy;
  },
  setNumber,
  setNumber,
  // Take a piece out, double one, put one in, overwrite one.
  (bytes, random) => {
    const from = somewhere(bytes, random);
    return without(bytes, from, Math.min(bytes.length, from + 1 + random.below(64)));
  },
  (bytes, random) => {
    const from = somewhere(bytes, random);
    return inserted(bytes, from, bytes.subarray(from, from + 1 + random.below(256)));
  },
  (bytes, random) => inserted(bytes, somewhere(bytes, random), randomBytes(random, 1 + random.below(16))),
  (bytes, random) => {
    const copy = copyOf(bytes);
    const at = somewhere(copy, random);
    copy.set(randomBytes(random, Math.min(copy.length - at, 1 + random.below(32))), at);
    return copy;
  },
  (bytes, random) => {
    const copy = copyOf(bytes);
    const at = somewhere(copy, random);
    copy.fill(INTERESTING_BYTES[random.below(INTERESTING_BYTES.length)]!, at, at + 1 + random.below(64));
    return copy;
  },
  // Join the start of one and the end of another.
  (bytes, random, others) => {
    const other = others[random.below(others.length)] ?? bytes;
    const head = bytes.subarray(0, random.below(bytes.length + 1));
    return inserted(other.subarray(random.below(other.length + 1)), 0, head);
  },
];

/** One input made from the seeds of a target. */
export const mutate = (seeds: readonly Uint8Array[], random: Random): Uint8Array => {
  if (seeds.length === 0 || random.below(50) === 0) return randomBytes(random, random.below(300));
  let bytes = seeds[random.below(seeds.length)]!;
  const rounds = 1 + random.below(random.below(4) === 0 ? 16 : 4);
  for (let i = 0; i < rounds; i++) bytes = MUTATIONS[random.below(MUTATIONS.length)]!(bytes, random, seeds);
  return bytes.length > MAX_SIZE ? bytes.subarray(0, MAX_SIZE) : bytes;
};
