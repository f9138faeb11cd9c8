/** The text of docs/limits.md, made from the table of limits. */
import type { Limit } from './limits.js';
import { markdownRow } from './markdown-row.js';

/** @param limits by what they are about */
export const limitTable = (limits: Readonly<Record<string, readonly Limit[]>>): string =>
  `# Limits

Written by \`npm run limits\` from \`util/limits.ts\`: do not edit.

What is larger, or takes longer, is refused with a message that names it, or cut off where the table says so. Only
regular files are read, but for the log of \`kexec-sim diff\` and the files of \`kexec-sim cpu\` and \`extract-purgatory\`,
which may be pipes; \`-\` is standard input there.
${Object.entries(limits)
  .map(([about, rows]) => `\n## ${about}\n\n${table(rows)}`)
  .join('')}`;

const table = (rows: readonly Limit[]): string =>
  [
    ['what', 'at most', 'changed by'],
    ['---', '---', '---'],
    ...rows.map(({ what, most, option }) => [what, most, option ?? '']),
  ]
    .map((cells) => `${markdownRow(...cells)}\n`)
    .join('');
