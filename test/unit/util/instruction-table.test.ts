import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { INSTRUCTIONS } from '../../../sim/cpu/isa/index.js';
import { instructionTable } from '../../../util/instruction-table.js';

test('INSTRUCTIONS.md is what npm run instructions writes', () => {
  expect(readFileSync('INSTRUCTIONS.md', 'utf8')).toBe(instructionTable(INSTRUCTIONS));
});

test('each way to carry out an instruction is told', () => {
  const row = { section: 'C6.2.1', pattern: 'word:32', syntax: 'nop if word=0; hint #<word>' };
  const text = instructionTable([
    { ...row, group: 'One', name: 'ADC', semantics: () => {} },
    { ...row, group: 'Two', name: 'ERET', system: () => {} },
    { ...row, group: 'One', name: 'X|Y', semantics: () => {} },
  ]);
  expect(text).toContain('3 rows.');
  expect(text.slice(text.indexOf('## One')).replaceAll('`', "'")).toBe(`## One

| instruction | section | how | syntax |
| --- | --- | --- | --- |
| ADC | C6.2.1 | translated | 'nop' if word=0; 'hint #<word>' |
| X\\|Y | C6.2.1 | translated | 'nop' if word=0; 'hint #<word>' |

## Two

| instruction | section | how | syntax |
| --- | --- | --- | --- |
| ERET | C6.2.1 | by the system model | 'nop' if word=0; 'hint #<word>' |
`);
});
