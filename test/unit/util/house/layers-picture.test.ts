import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Folder } from '../../../../util/house/graph.js';
import { layersPicture } from '../../../../util/house/layers-picture.js';
import { importsOf, parse, sources, target } from '../../../support/imports.js';

const { folders: listed } = JSON.parse(readFileSync('util/house/folders.json', 'utf8')) as {
  readonly folders: Readonly<Record<string, { readonly what: string }>>;
};

/** The folders and what they import, by the compiler's own reading of the sources. */
const realFolders = (): readonly Folder[] => {
  const imported = new Map<string, Set<string>>();
  for (const path of sources()) {
    const from = posix.dirname(path);
    const targets = imported.get(from) ?? new Set<string>();
    for (const { specifier } of importsOf(parse(path))) {
      const file = target(path, specifier);
      if (file !== undefined && posix.dirname(file) !== from) targets.add(posix.dirname(file));
    }
    imported.set(from, targets);
  }
  const names = Object.keys(listed);
  return names.map((name) => ({
    name,
    what: listed[name]!.what,
    imports: names.filter((other) => imported.get(name)?.has(other)),
  }));
};

describe('the picture of the layers', () => {
  const picture = readFileSync('docs/layers.svg', 'utf8');
  const folders = realFolders();

  test('is what npm run picture draws of the sources', () => {
    expect(layersPicture(folders) === picture).toBe(true);
  });

  test('has a box for each folder, which tells what the folder is', () => {
    for (const { name, what } of folders) {
      const escaped = what
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&quot;');
      expect(picture).toContain(`<title>${name}: ${escaped}</title>`);
    }
  });

  test('needs to know the column of a new part', () => {
    const stranger: Folder = { name: 'attic', what: 'Old things.', imports: [] };
    expect(() => layersPicture([...folders, stranger])).toThrow('no column has a part for the folder attic');
  });
});
