/** `npm run picture`: draws docs/layers.svg from util/house/folders.json and from what the sources import. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Folder } from '../util/house/graph.js';
import { layersPicture } from '../util/house/layers-picture.js';

const IMPORT = /\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g;

/** The folders that the files of a folder import, itself left out. */
const importedBy = (folder: string): ReadonlySet<string> => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const specifiers = files.flatMap((name) =>
    Array.from(readFileSync(posix.join(folder, name), 'utf8').matchAll(IMPORT), ([, specifier]) => specifier!),
  );
  const targets = specifiers.map((specifier) => posix.dirname(posix.normalize(posix.join(folder, specifier))));
  return new Set(targets.filter((target) => target !== folder));
};

const { folders: listed } = JSON.parse(readFileSync('util/house/folders.json', 'utf8')) as {
  readonly folders: Readonly<Record<string, { readonly what: string }>>;
};
const names = Object.keys(listed);
const folders = names.map((name): Folder => {
  const imported = importedBy(name);
  return { name, what: listed[name]!.what, imports: names.filter((other) => imported.has(other)) };
});

mkdirSync('docs', { recursive: true });
writeFileSync('docs/layers.svg', layersPicture(folders));
