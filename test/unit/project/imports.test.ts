import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { importsOf, parse, sources, target } from '../../support/imports.js';

const SOURCES = sources();
const IMPORTS = new Map(SOURCES.map((path) => [path, importsOf(parse(path))]));
const isNode = (specifier: string): boolean => specifier.startsWith('node:');

test('there are sources', () => {
  expect(SOURCES).toEqual(
    expect.arrayContaining([
      'index.ts',
      'browser.ts',
      'kexec/kexec.ts',
      'kexec/arch/arm64/kexec-arm64.ts',
      'bin/kexec.ts',
    ]),
  );
});

/** A module and all that it needs, what is only a type left out. */
const closure = (path: string, seen = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { specifier, typeOnly } of IMPORTS.get(path) ?? []) {
    if (!typeOnly) closure(target(path, specifier) ?? specifier, seen);
  }
  return seen;
};

describe('what a browser loads', () => {
  const needed = [...closure('browser.ts')];

  test('needs nothing of Node', () => {
    expect(needed.length).toBeGreaterThan(10);
    expect(needed.filter(isNode)).toEqual([]);
    // Of the processor there is the table of instructions, which the disassembler reads.
    expect(needed.filter((name) => /^(?:host|bin)\//.test(name))).toEqual([]);
    const ofTheTable = /^sim\/cpu\/(?:disassembly|float|isa|language|state)\//;
    expect(needed.filter((name) => name.startsWith('sim/') && !ofTheTable.test(name))).toEqual([]);
    expect(needed.filter((name) => !name.endsWith('.ts')).sort()).toEqual(['fflate', 'fzstd']);
  });

  test('names nothing of Node that is global', () => {
    for (const path of needed.filter((name) => name.endsWith('.ts'))) {
      expect([path, /\b(?:Buffer|process|__dirname|require)\b(?!['"`:])/.exec(withoutComments(path))?.[0]]).toEqual([
        path,
        undefined,
      ]);
    }
  });

  test('is what was compiled', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, specifier] of readFileSync(file, 'utf8').matchAll(
        /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g,
      )) {
        expect([file, isNode(specifier!)]).toEqual([file, false]);
        if (specifier!.startsWith('.')) visit(join(dirname(file), specifier!));
      }
    };
    visit('dist/browser.js');
    expect(seen.size).toBeGreaterThan(10);
  });
});

/** The source's tokens, comments and strings left out. */
const withoutComments = (path: string): string => {
  const words: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) words.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(path));
  return words.join(' ');
};

describe('modules keep no state', () => {
  /** A value at the top of a module that someone could change. */
  const mutable = (node: ts.Node): string | undefined => {
    if (!ts.isVariableStatement(node)) return undefined;
    if ((node.declarationList.flags & ts.NodeFlags.Const) === 0) return node.getText();
    for (const { initializer, type } of node.declarationList.declarations) {
      if (initializer === undefined) continue;
      const readonly = type !== undefined && /^[Rr]eadonly/.test(type.getText());
      if (ts.isNewExpression(initializer) && /^(?:Map|Set|WeakMap|Array)$/.test(initializer.expression.getText())) {
        const filled = (initializer.arguments?.length ?? 0) > 0;
        if (!readonly && !filled) return node.getText();
      }
      if (ts.isArrayLiteralExpression(initializer) && initializer.elements.length === 0 && !readonly)
        return node.getText();
    }
    return undefined;
  };

  test.each(SOURCES.filter((path) => !path.startsWith('bin/')))('%s', (path) => {
    expect(
      parse(path)
        .statements.map(mutable)
        .filter((text) => text !== undefined),
    ).toEqual([]);
  });

  test('nor is there a default export', () => {
    for (const path of SOURCES) {
      for (const statement of parse(path).statements) {
        expect([path, ts.isExportAssignment(statement)]).toEqual([path, false]);
        if (ts.canHaveModifiers(statement)) {
          const modifiers = ts.getModifiers(statement)?.map(({ kind }) => kind) ?? [];
          expect([path, modifiers]).not.toEqual([path, expect.arrayContaining([ts.SyntaxKind.DefaultKeyword])]);
        }
      }
    }
  });
});
