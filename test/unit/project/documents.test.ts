import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { documents, namedFiles } from '../../support/documents.js';

describe('documents', () => {
  test.each(documents())('%s names files that exist', (path) => {
    const text = readFileSync(path, 'utf8');
    const missing = namedFiles(path, text).filter((candidates) => !candidates.some((file) => existsSync(file)));
    expect(missing).toEqual([]);
  });

  test('a file that is not there is found', () => {
    expect(namedFiles('docs/x.md', 'see `sim/cpu/no-such.ts`, `b.ts` beside it, and [x](y.md)')).toEqual([
      ['sim/cpu/no-such.ts', 'docs/sim/cpu/no-such.ts'],
      ['docs/y.md'],
    ]);
    for (const path of documents()) {
      const long = readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.length > 120 && !line.startsWith('|') && !/^(kexec-ts: |The purgatories|\$ )/.test(line));
      expect([path, long]).toEqual([path, []]);
    }
  });

  test('the index of them is complete', () => {
    const readme = readFileSync('README.md', 'utf8');
    const linked = namedFiles('README.md', readme).flat();
    for (const path of documents().filter((name) => posix.dirname(name) === 'docs')) expect(linked).toContain(path);
  });
});
