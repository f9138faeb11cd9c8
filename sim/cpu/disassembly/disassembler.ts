/** Words as assembly text, as GNU objdump writes them: out of the instruction table, and of tables of what it lacks. */

import { createFinder } from '../language/decode.js';
import { INSTRUCTIONS } from '../isa/index.js';
import { EXTENSIONS } from './extensions/index.js';
import type { SyntaxRow } from './extensions/row.js';
import { compileSyntax, type Disassembled, type Syntax } from './syntax.js';

/** Makes text of a word at an address. */
export type Disassembler = (word: number, address: bigint) => Disassembled;

/** objdump keeps a corner of what is unallocated apart. */
const isReserved = (word: number): boolean => ((word >>> 21) & 0x3ff) === 1;

const unallocated = (word: number): Disassembled => ({
  text: `.inst\t0x${word.toString(16).padStart(8, '0')} ; ${isReserved(word) ? 'NYI' : 'undefined'}`,
});

/** @param rows the first one counts that has a text for a word */
export const createDisassembler = (rows: readonly SyntaxRow[]): Disassembler => {
  const find = createFinder(rows);
  // Most rows never meet a word.
  const compiled = new Map<SyntaxRow, Syntax>();
  return (word, address) => {
    const unsigned = word >>> 0;
    const found = find(unsigned, ({ row, pattern }, fields) => {
      let syntax = compiled.get(row);
      if (syntax === undefined) {
        syntax = compileSyntax(row.syntax, Object.fromEntries(pattern.fields.map(({ name, width }) => [name, width])));
        compiled.set(row, syntax);
      }
      return syntax(fields, address);
    });
    return found ?? unallocated(unsigned);
  };
};

/** All that the disassembler knows: the processor's instructions, and those of extensions that it does not have. */
export const SYNTAX_ROWS: readonly SyntaxRow[] = [...INSTRUCTIONS, ...EXTENSIONS];
