/** A device tree as text, a line for each node and property. */
import type { TreeNode } from '../../machine/board-tree/tree.js';

/** Printable text, a string or several, each with its end; never an empty one. */
const isText = (value: Uint8Array): boolean => {
  if (value.length < 2 || value.at(-1) !== 0) return false;
  return value.every((byte, i) => (byte >= 0x20 && byte < 0x7f) || (byte === 0 && i > 0 && value[i - 1] !== 0));
};

const formatValue = (value: Uint8Array): string => {
  if (value.length === 0) return '';
  if (isText(value)) {
    const strings = String.fromCharCode(...value.subarray(0, -1)).split('\0');
    return ` = ${strings.map((text) => JSON.stringify(text)).join(', ')}`;
  }
  const digits = (from: number, to: number): string =>
    Array.from(value.subarray(from, to), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (value.length % 4 !== 0) return ` = [${digits(0, value.length)}]`;
  const cells = Array.from({ length: value.length / 4 }, (_, i) => `0x${digits(4 * i, 4 * i + 4)}`);
  return ` = <${cells.join(' ')}>`;
};

/** @returns lines */
export const formatTree = (node: TreeNode, depth = 0): readonly string[] => {
  const indent = '\t'.repeat(depth);
  return [
    `${indent}${depth === 0 ? '/' : node.name} {`,
    ...[...node.properties].map(([name, value]) => `${indent}\t${name}${formatValue(value)};`),
    ...node.children.flatMap((child) => formatTree(child, depth + 1)),
    `${indent}};`,
  ];
};
