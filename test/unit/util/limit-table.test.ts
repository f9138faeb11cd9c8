import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { limitTable } from '../../../util/limit-table.js';
import { LIMITS } from '../../../util/limits.js';

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
