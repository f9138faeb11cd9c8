/** What a row says of an instruction that the processor does not have, and is only ever shown. */

import type { Encoded } from '../../language/decode.js';

/** A row of which the disassembler makes text. */
export interface SyntaxRow extends Encoded {
  readonly syntax: string;
}

/** A row by its pattern, and by its syntax in the language of syntax.ts. */
export const shown = (pattern: string, syntax: string): SyntaxRow => ({ pattern, syntax });

/** The rows of a table of pairs of a pattern and its syntax. */
export const rowsOf = (table: Readonly<Record<string, string>>): readonly SyntaxRow[] =>
  Object.entries(table).map(([pattern, syntax]) => shown(pattern, syntax));
