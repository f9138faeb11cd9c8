import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import ts from 'typescript';
import { KexecError } from '../../../kexec/base/error.js';
import { purgatory } from '../../../kexec/arch/arm64/purgatory.js';
import { binToHex } from '../../../util/bin-to-hex.js';

/** The bytes that a module with this source exports under the name. */
const evaluate = (source: string, name: string): Uint8Array => {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exports: Record<string, Iterable<number>> = {};
  runInNewContext(outputText, { exports });
  return Uint8Array.from(exports[name] ?? []);
};

describe('binToHex', () => {
  test('makes a module that exports the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        expect(evaluate(binToHex('payload', bytes), 'payload')).toEqual(bytes);
      }),
      { numRuns: 50 },
    );
  });

  test('takes any name that can be exported, those of its own variables included', () => {
    for (const name of ['purgatory', '_x9', '$', 'words', 'view', 'size']) {
      expect(evaluate(binToHex(name, Uint8Array.of(1, 2, 3)), name)).toEqual(Uint8Array.of(1, 2, 3));
    }
  });

  const bad = ['', '9a', 'a-b', 'a b', 'a\n', 'class', 'await', 'Uint8Array', '../x', '"'];
  test.each(bad)('refuses the name %j', (name) => {
    expect(() => binToHex(name, Uint8Array.of(1))).toThrow(KexecError);
  });

  test('refuses no bytes', () => {
    expect(() => binToHex('a', new Uint8Array())).toThrow('no bytes');
  });

  test('writes the same text every time', () => {
    expect(binToHex('purgatory', purgatory)).toBe(readFileSync('kexec/arch/arm64/purgatory.ts', 'utf8'));
  });
});

describe('bin/bin-to-hex', () => {
  const run = (args: readonly string[], input: Uint8Array) =>
    spawnSync('bin/bin-to-hex', args, { input, encoding: 'utf8' });

  test('turns standard input into a module', () => {
    const { status, stdout, stderr } = run(['purgatory'], purgatory);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(readFileSync('kexec/arch/arm64/purgatory.ts', 'utf8'));
  });

  test('explains itself', () => {
    const { status, stdout } = run(['--help'], new Uint8Array());
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: bin-to-hex NAME < object > file\.ts\n/);
  });

  test.each([
    [[], 'NAME is missing'],
    [['a', 'b'], 'only one NAME'],
    [['a-b'], 'cannot be the name of a constant'],
    [['a'], 'no bytes on standard input'],
  ])('with the arguments %j says what is wrong in one line', (args, message) => {
    const { status, stdout, stderr } = run(args, new Uint8Array());
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^bin-to-hex: .*\n$/);
    expect(stderr).toContain(message);
  });
});
