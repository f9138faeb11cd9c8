/**
 * Counts what a raw deflate stream (RFC 1951) decompresses to, up to its first fault. Decompressors do not tell how
 * far they came when they fail, but a message of the original does.
 */

const MAX_BITS = 15;
const END_OF_BLOCK = 256;
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The stream is faulty, or ends early, or has no room, where it was being read. */
class Fault extends Error {}

/** A canonical Huffman code: how many codes of each length there are, and the symbols in the order of their codes. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

const buildCode = (lengths: readonly number[]): Code => {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length]!++;
  const offsets = new Uint16Array(MAX_BITS + 2);
  for (let bits = 1; bits <= MAX_BITS; bits++) offsets[bits + 1] = offsets[bits]! + counts[bits]!;
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length !== 0) symbols[offsets[length]!++] = symbol;
  });
  counts[0] = 0;
  return { counts, symbols };
};

/** Whether the lengths describe no more codes than there is room for, and no fewer, but for a code of one symbol. */
const isUsable = ({ counts }: Code): boolean => {
  let left = 1;
  for (let bits = 1; bits <= MAX_BITS; bits++) {
    left = left * 2 - counts[bits]!;
    if (left < 0) return false;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  return left === 0 || total === 0 || (total === 1 && counts[1] === 1);
};

const fixedLiterals = (): Code =>
  buildCode(Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)));
const fixedDistances = (): Code => buildCode(new Array<number>(30).fill(5));

export interface InflateCount {
  /** Bytes of output before the fault, or all of them when there is none. */
  readonly count: number;
  /** Bytes of input by which the last of them is complete. */
  readonly filledAt: number;
  /** Bytes of input that were used: up to where the fault shows, or to the end of the stream. */
  readonly end: number;
  /** Whether the stream's end was seen. */
  readonly ended: boolean;
}

/**
 * Reads a stream as inflate() does.
 * @param room bytes of output; without room for another one it stops, though only where it needs it
 */
export const countInflated = (input: Uint8Array, room = Infinity): InflateCount => {
  let at = 0;
  let held = 0;
  let heldBits = 0;
  let count = 0;
  let filledAt = 0;

  const output = (bytes: number): void => {
    count += bytes;
    if (bytes > 0) filledAt = at;
  };

  const bits = (wanted: number): number => {
    while (heldBits < wanted) {
      if (at >= input.length) throw new Fault();
      held |= input[at++]! << heldBits;
      heldBits += 8;
    }
    const value = held & ((1 << wanted) - 1);
    held >>>= wanted;
    heldBits -= wanted;
    return value;
  };

  const symbol = ({ counts, symbols }: Code): number => {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      code |= bits(1);
      const ofLength = counts[length]!;
      if (code - ofLength < first) return symbols[index + (code - first)]!;
      index += ofLength;
      first = (first + ofLength) << 1;
      code <<= 1;
    }
    throw new Fault();
  };

  const stored = (): void => {
    held = 0;
    heldBits = 0;
    const length = bits(16);
    if (bits(16) !== (~length & 0xffff)) throw new Fault();
    const available = Math.min(length, input.length - at, room - count);
    at += available;
    output(available);
    if (available < length) throw new Fault();
  };

  const compressed = (literals: Code, distances: Code): void => {
    for (;;) {
      const literal = symbol(literals);
      if (literal === END_OF_BLOCK) return;
      if (literal < END_OF_BLOCK) {
        if (count === room) throw new Fault();
        output(1);
        continue;
      }
      const lengthBase = LENGTH_BASE[literal - END_OF_BLOCK - 1];
      if (lengthBase === undefined) throw new Fault();
      const length = lengthBase + bits(LENGTH_EXTRA[literal - END_OF_BLOCK - 1]!);
      const distanceSymbol = symbol(distances);
      const distanceBase = DISTANCE_BASE[distanceSymbol];
      if (distanceBase === undefined) throw new Fault();
      const extra = distanceSymbol < 4 ? 0 : (distanceSymbol >> 1) - 1;
      if (distanceBase + bits(extra) > count) throw new Fault();
      const copied = Math.min(length, room - count);
      output(copied);
      if (copied < length) throw new Fault();
    }
  };

  const dynamic = (): void => {
    const literalCount = bits(5) + 257;
    const distanceCount = bits(5) + 1;
    const codeCount = bits(4) + 4;
    if (literalCount > 286 || distanceCount > 30) throw new Fault();
    const codeLengths = new Array<number>(CODE_LENGTH_ORDER.length).fill(0);
    for (let i = 0; i < codeCount; i++) codeLengths[CODE_LENGTH_ORDER[i]!] = bits(3);
    const code = buildCode(codeLengths);
    if (!isUsable(code)) throw new Fault();
    const lengths: number[] = [];
    while (lengths.length < literalCount + distanceCount) {
      const value = symbol(code);
      if (value < 16) {
        lengths.push(value);
        continue;
      }
      const last = lengths.at(-1);
      if (value === 16 && last === undefined) throw new Fault();
      const repeat = value === 16 ? 3 + bits(2) : value === 17 ? 3 + bits(3) : 11 + bits(7);
      for (let i = 0; i < repeat; i++) lengths.push(value === 16 ? last! : 0);
    }
    if (lengths.length > literalCount + distanceCount || lengths[END_OF_BLOCK] === 0) throw new Fault();
    const literals = buildCode(lengths.slice(0, literalCount));
    const distances = buildCode(lengths.slice(literalCount));
    if (!isUsable(literals) || !isUsable(distances)) throw new Fault();
    compressed(literals, distances);
  };

  let ended = false;
  try {
    for (let final = 0; final === 0;) {
      final = bits(1);
      const type = bits(2);
      if (type === 0) stored();
      else if (type === 1) compressed(fixedLiterals(), fixedDistances());
      else if (type === 2) dynamic();
      else throw new Fault();
    }
    ended = true;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
  return { count, filledAt, end: at, ended };
};
