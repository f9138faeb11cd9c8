import { describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { KexecError, SystemError } from '../../../../../kexec/base/error.js';
import { LARGEST_FILE } from '../../../../../sim/kernel/recording/host-files.js';
import { openRegular, readInput, readRegular } from '../../../../../sim/kernel/recording/input-files.js';
import { parse, sources } from '../../../../support/imports.js';
import { useTempDir } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();
const PATIENCE_MS = 200;

const pipe = (): string => {
  const path = join(temp.make('pipe'), 'pipe');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  return path;
};

const file = (content: string | Uint8Array): string => {
  const path = join(temp.make('file'), 'file');
  writeFileSync(path, content);
  return path;
};

/** Has a shell write to a pipe. */
const write = (path: string, script: string): void => {
  spawn('sh', ['-c', `exec > "$0"; ${script}`, path], { stdio: 'ignore' });
};

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('a regular file', () => {
  test('is read as a whole, or from its start', async () => {
    const path = file('content');
    expect(text(readRegular(path, 7))).toBe('content');
    expect(text(readRegular(path, 3, 3))).toBe('con');
    expect(text(await readInput(path, 7))).toBe('content');
  });

  test('of more bytes than may be is refused by its name, however large it is', async () => {
    const path = file('content');
    const message = (size: number): string => `${path}: too large: ${size} bytes, where at most 6 bytes are read`;
    expect(() => readRegular(path, 6)).toThrow(message(7));
    truncateSync(path, 3 * 2 ** 40);
    expect(() => readRegular(path, 6)).toThrow(message(3 * 2 ** 40));
    await expect(readInput(path, 6)).rejects.toThrow(message(3 * 2 ** 40));
    expect(() => readRegular(path, Infinity)).toThrow(SystemError);
    expect(LARGEST_FILE).toBeLessThan(3 * 2 ** 40);
  });

  test('is what is wanted: nothing else is waited for, or read for ever', async () => {
    for (const path of [pipe(), '/dev/zero', '/dev/null']) {
      expect(() => openRegular(path)).toThrow(`${path}: not a regular file`);
      expect(() => readRegular(path, 10)).toThrow(KexecError);
    }
    const directory = temp.make('directory');
    expect(() => readRegular(directory, 10)).toThrow('Is a directory');
    await expect(readInput(directory, 10)).rejects.toThrow(`Cannot read ${directory}: Is a directory`);
    await expect(readInput('/dev/zero', 10)).rejects.toThrow('/dev/zero: neither a regular file nor a pipe');
  });

  test('behind a link is none where links are not followed', () => {
    const link = join(temp.make('link'), 'link');
    symlinkSync(file('x'), link);
    expect(text(readRegular(link, 10))).toBe('x');
    expect(() => readRegular(link, 10, 10, constants.O_NOFOLLOW)).toThrow('Too many levels of symbolic links');
  });

  test('stays open for whoever opened it', () => {
    const { file: opened, sizeBytes } = openRegular(file('four'));
    expect(sizeBytes).toBe(4);
    closeSync(opened);
  });
});

describe('a pipe', () => {
  test('is read to its end, whenever its writer begins', async () => {
    const path = pipe();
    const reading = readInput(path, 1 << 20);
    write(path, 'sleep 0.1; printf one; sleep 0.1; printf " two"');
    expect(text(await reading)).toBe('one two');
  });

  test('may hold much, up to what may be', async () => {
    const path = pipe();
    write(path, 'head -c 300000 /dev/zero');
    expect(await readInput(path, 300_000)).toEqual(new Uint8Array(300_000));
    write(path, 'exec cat /dev/zero');
    await expect(readInput(path, 300_000)).rejects.toThrow(
      `${path}: too large: more than 300000 bytes, where at most 300000 bytes are read`,
    );
  });

  test('that says nothing is given up', async () => {
    const path = pipe();
    const message = `${path}: nothing comes out of this pipe for 0.2 s`;
    await expect(readInput(path, 10, PATIENCE_MS)).rejects.toThrow(message);
    write(path, 'printf x; sleep 2');
    await expect(readInput(path, 10, PATIENCE_MS)).rejects.toThrow(message);
  });
});

/** Sources that open files in ways of their own: each says why in its comments, or reads but the package's own. */
const OWN_WAYS: readonly string[] = [
  'bin/device-table.ts',
  'bin/instruction-table.ts',
  'bin/kexec-sim.ts',
  'bin/layers-picture.ts',
  'bin/limit-table.ts',
  'sim/commands/snapshot.ts',
  'sim/kernel/recording/host-files.ts',
  'sim/kernel/recording/input-files.ts',
  'sim/kernel/saving/replace-file.ts',
  'sim/kernel/state/lock.ts',
];
const OPENERS: ReadonlySet<string> = new Set(['readFileSync', 'openSync', 'createReadStream', 'readFile', 'open']);

test.each(sources())('%s opens files to read by the one way there is', (path) => {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isOfNode =
      ts.isImportDeclaration(node) &&
      ts.isStringLiteral(node.moduleSpecifier) &&
      /^node:fs(?:\/promises)?$/.test(node.moduleSpecifier.text);
    const names = isOfNode ? node.importClause?.namedBindings : undefined;
    if (names !== undefined && ts.isNamedImports(names)) {
      for (const { name, propertyName } of names.elements) found.push((propertyName ?? name).text);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(path));
  const opens = found.filter((name) => OPENERS.has(name));
  // What is written is opened by `open` there.
  const allowed = OWN_WAYS.includes(path) || (path === 'sim/kernel/state/state.ts' && opens.join() === 'open');
  expect(allowed ? [] : opens).toEqual([]);
});
