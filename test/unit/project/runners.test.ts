import { afterAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import ts from 'typescript';
import { cacheDirectory, scratchDirectory } from '../../support/cache.js';

const RUNNERS = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('unit') && name !== join('support', 'cache.ts'))
  .map((name) => join('test', name));

describe('a directory for what runners fetch and make', () => {
  const scratch = scratchDirectory('test-of-the-cache');
  afterAll(() => rmSync(dirname(scratch), { recursive: true }));

  test('is there when it is asked for, whatever has run before', () => {
    rmSync(dirname(scratch), { recursive: true, force: true });
    expect(statSync(cacheDirectory('test-of-the-cache')).isDirectory()).toBe(true);
    expect(existsSync(scratchDirectory('test-of-the-cache'))).toBe(true);
  });

  test('is absolute: programs that run elsewhere are given it', () => {
    expect(isAbsolute(scratch)).toBe(true);
    expect(dirname(scratch)).toBe(join(process.cwd(), '.cache', 'test-of-the-cache'));
  });
});

/** Paths in the cache that a source makes up itself; messages to people may name it. */
const ownPaths = (path: string): readonly string[] => {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) && /^\.cache(?:\/|$)/.test(node.text)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true));
  return found;
};

test.each(RUNNERS)('%s makes up no path in the cache', (path) => {
  expect(ownPaths(path)).toEqual([]);
});

/** What package.json calls by `npm run`, of the programs under test/. */
const CALLED = [
  ...readFileSync('package.json', 'utf8').matchAll(/^ {4}"([^"]+)": "node (dist\/test\/[^" ]+\.js)"/gm),
].map(([, name, program]) => ({ name: name!, program: program! }));

const runProgram = promisify(execFile);

test('there are runners', () => expect(CALLED.length).toBeGreaterThan(15));

test.concurrent.each(CALLED)(
  'npm run $name -- --help tells how to call it, and does no more',
  async ({ name, program }) => {
    const { stdout, stderr } = await runProgram(process.execPath, [program, '--help']);
    expect(stderr).toBe('');
    expect(stdout).toContain(`npm run ${name}`);
    expect(stdout.length).toBeLessThan(8192);
  },
  120_000,
);
