/** Words as assembly text, as GNU objdump writes them: out of the instruction table, and of tables of what it lacks. */

import { createFinder, type Finder } from '../language/decode.js';
import type { Pattern } from '../language/pattern.js';
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
  // Nothing is made of the rows before a word is there, and only of those that it needs.
  let find: Finder<SyntaxRow> | undefined;
  const compiled = new Map<SyntaxRow, Syntax>();
  const syntaxOf = (row: SyntaxRow, { fields }: Pattern): Syntax => {
    const known = compiled.get(row);
    if (known !== undefined) return known;
    const made = compileSyntax(row.syntax, Object.fromEntries(fields.map(({ name, width }) => [name, width])));
    compiled.set(row, made);
    return made;
  };
  return (word, address) => {
    find ??= createFinder(rows);
    const unsigned = word >>> 0;
    const found = find(unsigned, ({ row, pattern }, fields) => syntaxOf(row, pattern)(fields, address));
    return found ?? unallocated(unsigned);
  };
};

/** All that the disassembler knows: the processor's instructions, and those of extensions that it does not have. */
export const SYNTAX_ROWS: readonly SyntaxRow[] = [...INSTRUCTIONS, ...EXTENSIONS];

/** A word at an address as text, and what it points at. */
export const disassembleInstruction: Disassembler = createDisassembler(SYNTAX_ROWS);

/** A word at an address as text. */
export const disassemble = (word: number, address: bigint): string => disassembleInstruction(word, address).text;
