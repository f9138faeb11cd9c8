import type { Fields } from './ops.js';

/** An encoding pattern of {@link RowBase.pattern}, ready to be matched. */
export interface Pattern {
  /** A word matches if `(word & mask) === value`; both unsigned. */
  readonly mask: number;
  readonly value: number;
  readonly fields: readonly { readonly name: string; readonly shift: number; readonly width: number }[];
}

/** @throws Error when the pattern does not have 32 bits, or names a field twice: a mistake in a table */
export const parsePattern = (text: string): Pattern => {
  let mask = 0;
  let value = 0;
  let at = 32;
  const fields: Pattern['fields'][number][] = [];
  for (const part of text.trim().split(/\s+/)) {
    const field = /^([A-Za-z]\w*):(\d+)$/.exec(part);
    if (field === null) {
      if (!/^[01]+$/.test(part)) throw new Error(`pattern "${text}": "${part}"`);
      for (const bit of part) {
        at--;
        mask += 2 ** at;
        if (bit === '1') value += 2 ** at;
      }
    } else {
      const name = field[1]!;
      if (fields.some((other) => other.name === name)) throw new Error(`pattern "${text}": two fields ${name}`);
      at -= Number(field[2]);
      fields.push({ name, shift: at, width: Number(field[2]) });
    }
  }
  if (at !== 0) throw new Error(`pattern "${text}" has ${32 - at} bits`);
  return { mask, value, fields };
};

export const matches = ({ mask, value }: Pattern, word: number): boolean => (word & mask) >>> 0 === value;

/** The fields of a word that matches. */
export const fieldsOf = ({ fields }: Pattern, word: number): Fields => {
  const values: Record<string, number> = {};
  for (const { name, shift, width } of fields) values[name] = (word >>> shift) & (2 ** width - 1);
  return values;
};
