import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';

/** Documents that people write, by their paths in the project. */
const DOCUMENTS = [
  'README.md',
  'HACKING.md',
  'kexec/README.md',
  'sim/cpu/README.md',
  'sim/kernel/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const FILES = [
  'bin',
  'debug-log',
  'docs',
  'host',
  'kexec',
  'machines/payload',
  'purgatory',
  'sim',
  'test',
  'util',
  'vmcore-dmesg',
]
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`))
  .map((name) => name.replaceAll('\\', '/'));

/** Files that a document names in code, with a folder: the end of a path suffices. */
const namedFiles = (text: string): readonly string[] =>
  [...text.matchAll(/`([\w.-]+\/[\w./-]*\.(?:ts|json|c|S|sh|gz|svg))`/g)].map(([, path]) => path!);

/** Files that a document links to, by their paths in the project. */
const linkedFiles = (document: string, text: string): readonly string[] =>
  [...text.matchAll(/\]\(([\w./-]+)\)/g)].map(([, path]) => posix.join(posix.dirname(document), path!));

const isThere = (path: string): boolean => existsSync(path) || FILES.some((file) => file.endsWith(`/${path}`));

describe('documents', () => {
  test.each(DOCUMENTS)('%s names files that exist', (document) => {
    const text = readFileSync(document, 'utf8');
    expect(namedFiles(text).filter((path) => !isThere(path))).toEqual([]);
    expect(linkedFiles(document, text).filter((path) => !existsSync(path))).toEqual([]);
  });

  test('are searched for files in code and in links', () => {
    const text = 'see `sim/cpu/no-such.ts`, `b.ts` beside it, and [x](../y.md)';
    expect(namedFiles(text)).toEqual(['sim/cpu/no-such.ts']);
    expect(linkedFiles('docs/x.md', text)).toEqual(['y.md']);
    expect(isThere('sim/cpu/no-such.ts')).toBe(false);
    expect(isThere('emit/flags.ts')).toBe(true);
  });

  test('of docs/ are all linked from the README', () => {
    const linked = linkedFiles('README.md', readFileSync('README.md', 'utf8'));
    for (const path of DOCUMENTS.filter((name) => name.startsWith('docs/'))) expect(linked).toContain(path);
  });
});
