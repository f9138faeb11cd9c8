/** A machine's /proc and /sys as a value: what is recorded, plus edits. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { recordedFiles } from '../support/recorded.js';

/** Paths without a leading slash: "proc/iomem". */
export type Tree = Map<string, Uint8Array>;

/** The files of a bundled machine, to be changed. */
export const readTree = (machine: string): Tree => new Map(recordedFiles(machine));

export const DEVICE_TREE = 'sys/firmware/devicetree/base';

/** Writes the tree to a new directory. */
export const writeTree = (tree: Tree, directory: string): void => {
  for (const top of ['proc', 'sys/kernel', 'sys/firmware'])
    fs.mkdirSync(path.join(directory, top), { recursive: true });
  for (const [name, bytes] of tree) {
    const file = path.join(directory, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  }
};

export const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

export const textOf = (tree: Tree, name: string): string => {
  const bytes = tree.get(name);
  if (bytes === undefined) throw new Error(`the recording has no ${name}`);
  return Buffer.from(bytes).toString('latin1');
};

export const put = (tree: Tree, name: string, content: string | Uint8Array): void => {
  tree.set(name, typeof content === 'string' ? bytesOf(content) : content);
};

/** Removes a file, or all that is below a directory. */
export const remove = (tree: Tree, name: string): void => {
  for (const key of [...tree.keys()]) {
    if (key === name || key.startsWith(`${name}/`)) tree.delete(key);
  }
};

/** Changes a text file. */
export const edit = (tree: Tree, name: string, change: (text: string) => string): void => {
  put(tree, name, change(textOf(tree, name)));
};
