/** Device trees for tests, as nodes in memory. */
import { cells32, stringValue } from '../../../kexec/device-tree/fdt-values.js';
import type { TreeNode } from '../../../sim/machine/board-tree/tree.js';

/** Cells, a string, or nothing. */
type Value = readonly number[] | string | true;

const valueOf = (value: Value): Uint8Array => {
  if (value === true) return new Uint8Array();
  return typeof value === 'string' ? stringValue(value) : cells32(...value);
};

/** A node with its properties and its children. */
export const treeNode = (
  name: string,
  properties: Readonly<Record<string, Value>>,
  ...children: readonly TreeNode[]
): TreeNode => ({
  name,
  properties: new Map(Object.entries(properties).map(([key, value]) => [key, valueOf(value)])),
  children,
});
