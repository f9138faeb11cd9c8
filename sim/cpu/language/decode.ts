/** Finds the row of the table that a word belongs to, and checks that there is never more than one. */

import type { Fields } from './pattern.js';
import type { InstructionRow } from './row.js';
import { fieldsOf, matches, parsePattern, type Pattern } from './pattern.js';

export type Decoded =
  | { readonly kind: 'row'; readonly row: InstructionRow; readonly pattern: Pattern; readonly fields: Fields }
  | { readonly kind: 'unallocated' };

/** @param word the encoding, unsigned */
export type Decoder = (word: number) => Decoded;

/** What a row says of the words that it claims. */
export type Encoded = Pick<InstructionRow, 'pattern' | 'allocated'>;

interface Candidate<Row extends Encoded> {
  readonly row: Row;
  readonly pattern: Pattern;
}

/**
 * Goes through the rows that a word belongs to, in their order, until `take` gives something for one of them.
 * @param word the encoding, unsigned
 */
export type Finder<Row extends Encoded> = <Found>(
  word: number,
  take: (candidate: Candidate<Row>, fields: Fields) => Found | undefined,
) => Found | undefined;

const UNALLOCATED: Decoded = { kind: 'unallocated' };

/** Words are sorted by their bits 31 to 21, which nearly tell instructions apart. */
const KEY_SHIFT = 21;
const KEYS = 1 << (32 - KEY_SHIFT);

const candidatesOf = <Row extends Encoded>(rows: readonly Row[]): readonly Candidate<Row>[] =>
  rows.map((row) => ({ row, pattern: parsePattern(row.pattern) }));

const answers = ({ row, pattern }: Candidate<Encoded>, word: number): Fields | undefined => {
  if (!matches(pattern, word)) return undefined;
  const fields = fieldsOf(pattern, word);
  return row.allocated === undefined || row.allocated(fields) ? fields : undefined;
};

/** @throws Error for a row whose pattern is none: a mistake in a table */
export const createFinder = <Row extends Encoded>(rows: readonly Row[]): Finder<Row> => {
  const all = candidatesOf(rows);
  const byKey = new Array<readonly Candidate<Row>[] | undefined>(KEYS);
  const ofKey = (key: number): readonly Candidate<Row>[] =>
    (byKey[key] ??= all.filter(
      ({ pattern }) => (((key << KEY_SHIFT) ^ pattern.value) & pattern.mask) >>> KEY_SHIFT === 0,
    ));
  return (word, take) => {
    for (const candidate of ofKey(word >>> KEY_SHIFT)) {
      const fields = answers(candidate, word);
      const found = fields && take(candidate, fields);
      if (found !== undefined) return found;
    }
    return undefined;
  };
};

/** @throws Error for a row whose pattern is none: a mistake in a table */
export const createDecoder = (rows: readonly InstructionRow[]): Decoder => {
  const find = createFinder(rows);
  return (word) =>
    find(word, ({ row, pattern }, fields): Decoded => ({ kind: 'row', row, pattern, fields })) ?? UNALLOCATED;
};

/** A word that two rows claim. */
export interface Overlap {
  readonly word: number;
  readonly rows: readonly [InstructionRow, InstructionRow];
}

/** Bits that both patterns leave open are tried all clear, all set, one set, one clear, and at random. */
const RANDOM_WORDS = 30;

/**
 * Tries every pair of rows whose patterns have words in common.
 * @param random gives numbers from 0 to 2^32 - 1
 * @returns a word for each pair of rows that was seen to overlap
 */
export const checkTable = (rows: readonly InstructionRow[], random: () => number): readonly Overlap[] => {
  const all = candidatesOf(rows);
  const overlaps: Overlap[] = [];
  for (const [index, a] of all.entries()) {
    for (const b of all.slice(index + 1)) {
      if (((a.pattern.value ^ b.pattern.value) & a.pattern.mask & b.pattern.mask) !== 0) continue;
      const fixed = a.pattern.value | b.pattern.value;
      const open = ~(a.pattern.mask | b.pattern.mask);
      const bits = Array.from({ length: 32 }, (_, bit) => 1 << bit);
      const samples = [0, -1, ...bits, ...bits.map((bit) => ~bit), ...Array.from({ length: RANDOM_WORDS }, random)];
      const word = samples
        .map((sample) => (fixed | (sample & open)) >>> 0)
        .find((sample) => answers(a, sample) !== undefined && answers(b, sample) !== undefined);
      if (word !== undefined) overlaps.push({ word, rows: [a.row, b.row] });
    }
  }
  return overlaps;
};
