/** A machine's /proc and /sys as a value: what is recorded, plus edits. */
import * as fs from 'node:fs';
import * as path from 'node:path';

/** Paths without a leading slash: "proc/iomem". */
export type Tree = Map<string, Uint8Array>;

export const readTree = (directory: string): Tree => {
  const tree: Tree = new Map();
  for (const top of ['proc', 'sys']) {
    const root = path.join(directory, top);
    if (!fs.existsSync(root)) continue;
    for (const entry of fs.readdirSync(root, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      tree.set(path.relative(directory, file), fs.readFileSync(file));
    }
  }
  return tree;
};

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
