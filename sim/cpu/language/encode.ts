/** The table of instructions as an assembler: words out of the names of rows and the values of their fields. */

import { type Fields, type Pattern, parsePattern } from './pattern.js';
import type { InstructionRow } from './row.js';

/** @throws Error unless the fields are those of the pattern, each with a value that it has room for */
export const wordOf = ({ value, fields: described }: Pattern, fields: Fields): number => {
  const unknown = Object.keys(fields).find((name) => described.every((field) => field.name !== name));
  if (unknown !== undefined) throw new Error(`there is no field ${unknown}`);
  return described.reduce((word, { name, shift, width }) => {
    const content = fields[name];
    if (content === undefined) throw new Error(`the field ${name} is missing`);
    if (!Number.isInteger(content) || content < 0 || content >= 2 ** width)
      throw new Error(`${name} has ${width} bits: ${content} is out of range`);
    return word + content * 2 ** shift;
  }, value);
};

/**
 * Gives the function that makes the words of a table's rows, unsigned. It throws an Error that names the row for one
 * that there is not, for fields that are not the row's or out of range, and for an encoding that is not allocated.
 */
export const createEncoder = (rows: readonly InstructionRow[]): ((name: string, fields?: Fields) => number) => {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return (name, fields = {}) => {
    const row = byName.get(name);
    if (row === undefined) throw new Error(`${name}: no row has this name`);
    try {
      const word = wordOf(parsePattern(row.pattern), fields);
      if (row.allocated?.(fields) === false) throw new Error('these fields are not allocated to it');
      return word;
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };
};
