import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { ROWS } from '../../../sim/commands/doctor/findings.js';
import { findingsText } from '../../../util/findings-text.js';

test('docs/findings.md is what npm run findings writes', () => {
  expect(readFileSync('docs/findings.md', 'utf8')).toBe(findingsText(ROWS));
});

test('no two findings have one name', () => {
  expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
});

test('each has an example that is a sentence, and something that can be done', () => {
  expect(ROWS.filter(({ example, fixes }) => !example.endsWith('.') || fixes.length === 0)).toEqual([]);
});
