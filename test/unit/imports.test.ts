import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import ts from 'typescript';

/** Sources that are shipped, by their paths in the project. */
const SOURCES = [
  ...readdirSync('.').filter((name) => name.endsWith('.ts')),
  ...['bin', 'host', 'kexec', 'sim', 'util', 'vmcore-dmesg'].flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => posix.join(directory, name.replaceAll('\\', '/'))),
  ),
];

const parse = (path: string): ts.SourceFile => ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);

interface Import {
  readonly specifier: string;
  /** Erased by the compiler: a type only. */
  readonly typeOnly: boolean;
}

/** What a module imports, exports from or loads when it needs it. */
const importsOf = (file: ts.SourceFile): readonly Import[] => {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const bindings = node.importClause?.namedBindings;
      const named = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
      const typeOnly =
        node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
        (node.importClause?.name === undefined && named.length > 0 && named.every((element) => element.isTypeOnly));
      found.push({ specifier: node.moduleSpecifier.text, typeOnly });
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) found.push({ specifier: argument.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
};

const IMPORTS = new Map(SOURCES.map((path) => [path, importsOf(parse(path))]));

/** The project's file that a specifier names; undefined for a package or Node's own module. */
const target = (from: string, specifier: string): string | undefined =>
  specifier.startsWith('.') ? posix.normalize(posix.join(dirname(from), specifier)).replace(/\.js$/, '.ts') : undefined;

type Layer = 'bin' | 'root' | 'host' | 'kexec' | 'arch' | 'sim/commands' | 'sim/kernel' | 'sim/machine' | 'sim/cpu' | 'sim/debug-log' | 'sim' | 'util' | 'vmcore-dmesg';

const layerOf = (path: string): Layer => {
  const [first, second] = path.split('/');
  if (path.startsWith('kexec/arch/')) return 'arch';
  if (first === 'sim' && second !== undefined && ['commands', 'kernel', 'machine', 'cpu', 'debug-log'].includes(second)) return `sim/${second}` as Layer;
  if (first === 'bin' || first === 'host' || first === 'kexec' || first === 'sim' || first === 'util' || first === 'vmcore-dmesg') return first;
  return 'root';
};

/** What each layer may import besides itself. */
const BELOW: Readonly<Record<Layer, readonly Layer[]>> = {
  bin: ['root', 'host', 'kexec', 'arch', 'sim', 'sim/commands', 'sim/kernel', 'sim/machine', 'sim/cpu', 'util', 'vmcore-dmesg'],
  root: ['host', 'kexec', 'arch', 'sim', 'sim/kernel', 'sim/machine', 'sim/cpu', 'vmcore-dmesg'],
  host: ['kexec', 'arch', 'sim', 'sim/kernel', 'vmcore-dmesg'],
  kexec: [],
  arch: ['kexec'],
  'sim/commands': ['kexec', 'arch', 'sim', 'sim/kernel', 'sim/machine', 'sim/cpu', 'sim/debug-log'],
  'sim/kernel': ['kexec', 'arch', 'sim', 'sim/machine', 'sim/cpu'],
  'sim/machine': ['kexec', 'sim/cpu'],
  'sim/cpu': ['kexec'],
  'sim/debug-log': ['kexec'],
  sim: [],
  util: ['kexec', 'sim/cpu'],
  'vmcore-dmesg': ['kexec'],
};

/** The parts of kexec/ that are commands: the simulated kernel knows its values only. */
const COMMANDS = ['kexec/kexec.ts', 'kexec/my-load.ts', 'kexec/file-load.ts'];
/** Where Node's own modules may be used. */
const USES_NODE: readonly Layer[] = ['bin', 'host', 'sim', 'sim/commands', 'sim/kernel'];

const isNode = (specifier: string): boolean => specifier.startsWith('node:');

test('there are sources', () => {
  expect(SOURCES).toEqual(expect.arrayContaining(['index.ts', 'browser.ts', 'kexec/kexec.ts', 'kexec/arch/arm64/kexec-arm64.ts', 'bin/kexec.ts']));
});

describe('imports go down only', () => {
  test.each(SOURCES)('%s', (path) => {
    const layer = layerOf(path);
    for (const { specifier } of IMPORTS.get(path)!) {
      const file = target(path, specifier);
      if (file === undefined) {
        if (isNode(specifier)) expect([specifier, USES_NODE]).toEqual([specifier, expect.arrayContaining([layer])]);
        continue;
      }
      expect([file, existsSync(file)]).toEqual([file, true]);
      expect([file, [layer, ...BELOW[layer]]]).toEqual([file, expect.arrayContaining([layerOf(file)])]);
      if (layer.startsWith('sim/') && layer !== 'sim/commands') expect(COMMANDS).not.toContain(file);
    }
  });
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
    expect(needed.filter((name) => /^(?:host|sim|bin)\//.test(name))).toEqual([]);
    expect(needed.filter((name) => !name.endsWith('.ts')).sort()).toEqual(['fflate', 'fzstd']);
  });

  test('names nothing of Node that is global', () => {
    for (const path of needed.filter((name) => name.endsWith('.ts'))) {
      expect([path, /\b(?:Buffer|process|__dirname|require)\b(?!['"`:])/.exec(withoutComments(path))?.[0]]).toEqual([path, undefined]);
    }
  });

  test('is what was compiled', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)) {
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
      if (ts.isArrayLiteralExpression(initializer) && initializer.elements.length === 0 && !readonly) return node.getText();
    }
    return undefined;
  };

  test.each(SOURCES.filter((path) => !path.startsWith('bin/')))('%s', (path) => {
    expect(parse(path).statements.map(mutable).filter((text) => text !== undefined)).toEqual([]);
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
