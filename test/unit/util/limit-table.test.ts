import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { limitTable } from '../../../util/limit-table.js';
import { LIMITS } from '../../../util/limits.js';
import { sources } from '../../support/imports.js';

test('docs/limits.md is what npm run limits writes', () => {
  expect(readFileSync('docs/limits.md', 'utf8')).toBe(limitTable(LIMITS));
});

test('each limit is told', () => {
  const text = limitTable({
    Things: [
      { what: 'a | b', most: '5 KiB' },
      { what: 'c', most: '1', option: '`--c`' },
    ],
  });
  expect(text).toContain('\n## Things\n');
  expect(text).toContain('| a \\| b | 5 KiB |  |\n| c | 1 | `--c` |\n');
});

test('options that change a limit are there', () => {
  const manuals = ['kexec.8', 'kexec-sim.8'].map((name) => readFileSync(name, 'utf8').replaceAll('\\-', '-')).join('');
  for (const { option } of Object.values(LIMITS).flat()) {
    for (const [name] of option?.matchAll(/--[a-z-]+/g) ?? [])
      expect([name, manuals.includes(name)]).toEqual([name, true]);
  }
});

/** Constants that are called like limits, and are none that a user comes upon. */
const OTHERS = ['MAX_SLOTS', 'MOST_BYTES', 'MAX_DEPTH'];

test('constants that are called so are in the table', () => {
  const table = readFileSync('util/limits.ts', 'utf8');
  const names = sources()
    .filter((path) => /^(?:debug-log|host|kexec|sim|vmcore-dmesg)\//.test(path))
    .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/^export const ((?:MAX|MOST|LARGEST|LONGEST)_\w+)/gm)])
    .map(([, name]) => name!);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(table))).toEqual(OTHERS);
});
