/** What the project's source files import, for tests of its structure. */
import { readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

/** One module that a file imports, exports from, or loads when it needs it. */
export interface Import {
  readonly specifier: string;
  /** Erased by the compiler: a type only. */
  readonly typeOnly: boolean;
}

/** Sources that are shipped, by their paths in the project. */
export const sources = (): readonly string[] => [
  ...readdirSync('.').filter((name) => name.endsWith('.ts')),
  ...['bin', 'debug-log', 'host', 'kexec', 'sim', 'util', 'vmcore-dmesg'].flatMap(sourcesBelow),
];

/** Sources in a directory and all that are in it, by their paths in the project. */
export const sourcesBelow = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => posix.join(directory, name.replaceAll('\\', '/')));

/** A file's syntax. */
export const parse = (path: string): ts.SourceFile =>
  ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);

/** What a module imports, exports from or loads when it needs it. */
export const importsOf = (file: ts.SourceFile): readonly Import[] => {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const bindings = node.importClause?.namedBindings;
      const named = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
      const typeOnly =
        node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
        (node.importClause?.name === undefined && named.length > 0 && named.every((element) => element.isTypeOnly));
      found.push({ specifier: node.moduleSpecifier.text, typeOnly });
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier !== undefined &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument))
        found.push({ specifier: argument.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
};

/** The project's file that a specifier names; undefined for a package or Node's own module. */
export const target = (from: string, specifier: string): string | undefined =>
  specifier.startsWith('.')
    ? posix.normalize(posix.join(posix.dirname(from), specifier)).replace(/\.js$/, '.ts')
    : undefined;

/**
 * A way in a graph that comes back to where it began.
 * @returns its nodes in order, the first one once more at the end; undefined when there is none
 */
export const circleIn = (graph: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined => {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): readonly string[] | undefined => {
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = visit(node);
    if (circle !== undefined) return circle;
  }
  return undefined;
};
