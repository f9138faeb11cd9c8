/** Translated regions as bytes, from which a later run has them back. */

import { ByteWriter } from '../wasm/writer.js';

/** A translated region, and all that it is true of. */
export interface KeptRegion {
  /** The key of the context; see {@link KeyedContext}. */
  readonly context: string;
  /** Virtual, as all addresses here. */
  readonly start: bigint;
  /** Where it may be entered; what its function is called with is their number. */
  readonly entries: readonly bigint[];
  readonly instructions: number;
  /** The words that it was made from. */
  readonly words: readonly WordRun[];
  /** The function. */
  readonly body: Uint8Array;
}

/** Words that follow each other in one page. */
export interface WordRun {
  readonly address: bigint;
  readonly words: readonly number[];
}

const PAGE = 4096;
const PAGE_MASK = ~0xfffn;

/** @param words by their addresses, in whatever order */
export const wordRuns = (words: ReadonlyMap<bigint, number>): readonly WordRun[] => {
  const runs: { readonly address: bigint; readonly words: number[] }[] = [];
  for (const [address, word] of [...words].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const last = runs.at(-1);
    const follows = last !== undefined && last.address + BigInt(4 * last.words.length) === address;
    if (follows && (address & ~PAGE_MASK) !== 0n) last.words.push(word);
    else runs.push({ address, words: [word] });
  }
  return runs;
};

/** The pages that a region's words are in. */
export const pagesOf = ({ words }: KeptRegion): readonly bigint[] => [
  ...new Set(words.map(({ address }) => address & PAGE_MASK)),
];

/** Bytes of regions that {@link decodeRegions} understands. */
export const encodeRegions = (regions: readonly KeptRegion[]): Uint8Array => {
  const writer = new ByteWriter(1 << 16);
  writer.u32(regions.length);
  for (const { context, start, entries, instructions, words, body } of regions) {
    writer.name(context);
    writer.s64(start);
    writer.u32(entries.length);
    for (const entry of entries) writer.s64(entry - start);
    writer.u32(instructions);
    writer.u32(words.length);
    for (const run of words) {
      writer.s64(run.address - start);
      writer.u32(run.words.length);
      for (const word of run.words) writer.u32(word);
    }
    writer.u32(body.length);
    writer.append(body);
  }
  return writer.bytes.slice();
};

/** @throws RangeError for bytes that are cut off, or no regions that could be */
export const decodeRegions = (bytes: Uint8Array): readonly KeptRegion[] => {
  const reader = new ByteReader(bytes);
  return reader.list(() => {
    const context = reader.name();
    const start = BigInt.asUintN(64, reader.s64());
    const address = (): bigint => BigInt.asUintN(64, start + reader.s64());
    const entries = reader.list(address);
    const instructions = reader.u32();
    const words = reader.list(() => ({ address: address(), words: reader.list(() => reader.u32()) }));
    const region = { context, start, entries, instructions, words, body: reader.bytes(reader.u32()) };
    check(region);
    return region;
  });
};

/** Words are where words are, and a region is entered at words of its own. */
const check = ({ entries, words: runs }: KeptRegion): void => {
  const known = new Set<bigint>();
  for (const { address, words } of runs) {
    const inPage = Number(address & ~PAGE_MASK);
    if (inPage % 4 !== 0 || inPage + 4 * words.length > PAGE) throw new RangeError('words that are in no page');
    words.forEach((_, i) => known.add(address + BigInt(4 * i)));
  }
  if (!entries.every((entry) => known.has(entry))) throw new RangeError('a region that is entered elsewhere');
};

/** What {@link ByteWriter} wrote, piece by piece. */
class ByteReader {
  #at = 0;

  constructor(private readonly source: Uint8Array) {}

  #byte(): number {
    const byte = this.source[this.#at++];
    if (byte === undefined) throw new RangeError('regions that are cut off');
    return byte;
  }

  u32(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number of more than 32 bits');
  }

  s64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (byte & 0x40) === 0 ? value : value | (-1n << (shift + 7n)));
    }
    throw new RangeError('a number of more than 64 bits');
  }

  name(): string {
    return String.fromCharCode(...this.bytes(this.u32()));
  }

  /** A copy of so many bytes. */
  bytes(count: number): Uint8Array {
    if (count > this.source.length - this.#at) throw new RangeError('regions that are cut off');
    this.#at += count;
    return this.source.slice(this.#at - count, this.#at);
  }

  /** As many as a number says that comes first: each takes a byte at least. */
  list<T>(read: () => T): readonly T[] {
    const count = this.u32();
    if (count > this.source.length - this.#at) throw new RangeError('regions that are cut off');
    return Array.from({ length: count }, read);
  }
}
