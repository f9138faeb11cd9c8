/** The project's documents, and the files that they name. */
import { readdirSync } from 'node:fs';
import { posix } from 'node:path';

/** Documents that people write, by their paths in the project. */
export const documents = (): readonly string[] => [
  'README.md',
  'HACKING.md',
  'kexec/README.md',
  'sim/cpu/README.md',
  'sim/kernel/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/**
 * The files that a document names in code with a folder, or links to.
 * @returns for each, the paths that it may be: from the project's root, or from the document
 */
export const namedFiles = (document: string, text: string): readonly (readonly string[])[] => {
  const here = posix.dirname(document);
  const inCode = [...text.matchAll(/`([\w.-]+\/[\w./-]*\.(?:ts|json|c|S|sh|gz|svg))`/g)].map(([, path]) => path!);
  const linked = [...text.matchAll(/\]\(([\w./-]+)\)/g)].map(([, path]) => path!);
  return [
    ...inCode.map((path) => [path, posix.join(here, path)]),
    ...linked.map((path) => [posix.join(here, path)]),
  ];
};
