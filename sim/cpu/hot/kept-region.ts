/** Translated regions as bytes, from which a later run has them back. */

import type { ByteReader } from '../wasm/reader.js';
import type { ByteWriter } from '../wasm/writer.js';

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

/** The page that a region begins in. */
export const firstPageOf = ({ start }: KeptRegion): bigint => start & PAGE_MASK;

/** The pages that a region's words are in. */
export const pagesOf = ({ words }: KeptRegion): readonly bigint[] => [
  ...new Set(words.map(({ address }) => address & PAGE_MASK)),
];

/** Writes regions as {@link readRegions} reads them. */
export const writeRegions = (writer: ByteWriter, regions: readonly KeptRegion[]): void => {
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
};

/** @throws RangeError for bytes that are cut off, or no regions that could be */
export const readRegions = (reader: ByteReader): readonly KeptRegion[] =>
  reader.list(() => {
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

/** Words are where words are, and a region is entered at words of its own. */
const check = ({ start, entries, words: runs }: KeptRegion): void => {
  const known = new Set<bigint>();
  for (const { address, words } of runs) {
    const inPage = Number(address & ~PAGE_MASK);
    if (inPage % 4 !== 0 || inPage + 4 * words.length > PAGE) throw new RangeError('words that are in no page');
    words.forEach((_, i) => known.add(address + BigInt(4 * i)));
  }
  if (!entries.includes(start) || !entries.every((entry) => known.has(entry)))
    throw new RangeError('a region that is entered elsewhere');
};
