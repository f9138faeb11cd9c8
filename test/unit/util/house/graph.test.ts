import { describe, expect, test } from '@jest/globals';
import { type Folder, levelled, withoutRepetition } from '../../../../util/house/graph.js';

const folder = (name: string, ...imports: readonly string[]): Folder => ({ name, what: `It is ${name}.`, imports });
const importsOf = (folders: readonly Folder[]): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(folders.map(({ name, imports }) => [name, imports]));

describe('the graph of folders', () => {
  test('leaves out imports that follow from others', () => {
    const folders = [folder('a'), folder('b', 'a'), folder('c', 'a', 'b'), folder('d', 'a', 'b', 'c')];
    expect(importsOf(withoutRepetition(folders))).toEqual({ a: [], b: ['a'], c: ['b'], d: ['c'] });
  });

  test('keeps two ways to the same folder', () => {
    const folders = [folder('a'), folder('b', 'a'), folder('c', 'a'), folder('d', 'a', 'b', 'c')];
    expect(importsOf(withoutRepetition(folders))['d']).toEqual(['b', 'c']);
  });

  test('has each folder above all that it imports', () => {
    const folders = [folder('a'), folder('b', 'a'), folder('c'), folder('d', 'b', 'c')];
    const levels = levelled(folders, () => false).map(({ name, level }) => [name, level]);
    expect(levels).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 0],
      ['d', 2],
    ]);
  });

  test('lets a folder float up to just under what imports it', () => {
    const folders = [folder('a'), folder('b', 'a'), folder('c', 'a'), folder('d', 'c'), folder('e', 'b', 'd')];
    const levels = levelled(folders, (name) => name === 'b').map(({ name, level }) => [name, level]);
    expect(levels).toContainEqual(['b', 2]);
    expect(levels).toContainEqual(['e', 3]);
  });
});
