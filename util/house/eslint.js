/** ESLint rules of this house: who may import what, and what a file begins with. */
import { readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const { folders } = JSON.parse(readFileSync(join(import.meta.dirname, 'folders.json'), 'utf8'));

/** The project's path of the file at hand, with "/" on any host. */
const pathOf = (context) => relative(ROOT, context.filename).split(sep).join('/');

/** Calls `check` with every module that the file names. */
const forEachImport = (check) => {
  const visit = (node) => {
    if (node.source?.type === 'Literal') check(node.source, String(node.source.value));
  };
  return {
    ImportDeclaration: visit,
    ExportNamedDeclaration: visit,
    ExportAllDeclaration: visit,
    ImportExpression: visit,
  };
};

const imports = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const path = pathOf(context);
    const folder = dirname(path);
    const rule = folders[folder];
    if (rule === undefined) {
      return {
        Program: (node) => context.report({ node, message: `util/house/folders.json does not list ${folder}.` }),
      };
    }
    return forEachImport((node, specifier) => {
      if (specifier.startsWith('node:') && rule.node !== true) {
        context.report({ node, message: `${folder} must not use Node's modules.` });
      }
      if (!specifier.startsWith('.')) return;
      const target = posix.dirname(posix.normalize(posix.join(folder, specifier)));
      if (target !== folder && !rule.imports.includes(target)) {
        context.report({ node, message: `${folder} must not import ${target} (util/house/folders.json).` });
      }
    });
  },
};

const firstSentence = {
  meta: { type: 'suggestion', schema: [] },
  create(context) {
    return {
      Program(node) {
        const [first] = context.sourceCode.getAllComments();
        const [token] = context.sourceCode.ast.tokens;
        const isFirst = first !== undefined && (token === undefined || first.range[1] <= token.range[0]);
        const text = first?.value.replace(/^\s*\*+/gm, '').trim() ?? '';
        if (!isFirst || first.type === 'Shebang' || !/^[^@][\s\S]*[.:]/.test(text)) {
          context.report({ node, message: 'The file does not begin with a sentence that says what it is.' });
        }
      },
    };
  },
};

export const house = { rules: { imports, 'first-sentence': firstSentence } };
