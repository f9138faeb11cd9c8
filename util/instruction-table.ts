/** The text of INSTRUCTIONS.md, made from the instruction table. */
import type { InstructionRow } from '../sim/cpu/language/row.js';
import { markdownRow } from './markdown-row.js';

const howOf = (row: InstructionRow): string => ('semantics' in row ? 'translated' : 'by the system model');

/** Each alternative in the type of code, its conditions in that of text. */
const syntaxOf = ({ syntax }: InstructionRow): string =>
  syntax
    .split('; ')
    .map((alternative) => {
      const [text = '', conditions] = alternative.split(' if ');
      return `\`${text.replaceAll('\t', ' ')}\`${conditions === undefined ? '' : ` if ${conditions}`}`;
    })
    .join('; ');

/** What the processor does with each instruction, as a Markdown text; groups are in the order of the table. */
export const instructionTable = (rows: readonly InstructionRow[]): string => {
  const groups = [...new Set(rows.map(({ group }) => group))];
  return `# Instructions

Written by \`npm run instructions\` from \`sim/cpu/isa/\`: do not edit. Sections are those of the Arm ARM (DDI 0487).

- **translated**: to WebAssembly, from one description
- **by the system model**: carried out by TypeScript that has the whole processor at hand

The syntax is in the language of \`sim/cpu/disassembly/syntax.ts\`: the first alternative counts whose conditions hold.

An encoding that no row allocates raises the Unknown reason exception in the guest. ${rows.length} rows.
${groups
  .map((group) =>
    section(
      group,
      rows.filter((row) => row.group === group),
    ),
  )
  .join('')}`;
};

const section = (group: string, rows: readonly InstructionRow[]): string => `
## ${group}

${markdownRow('instruction', 'section', 'how', 'syntax')}
${markdownRow('---', '---', '---', '---')}
${rows.map((row) => markdownRow(row.name, row.section, howOf(row), syntaxOf(row))).join('\n')}
`;
