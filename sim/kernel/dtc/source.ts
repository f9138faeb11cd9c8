/** Prints a tree of nodes as source, letter by letter as dtc does (its treesource.c). */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { hex, hex16, visible } from '../../../kexec/base/format.js';
import { type MemoryReservation, getMemRsv, numMemRsv } from '../../../kexec/device-tree/libfdt-ro.js';
import { Fdt } from '../../../kexec/device-tree/libfdt.js';
import { type TreeNode, cellsOf, treeError, treeOfBlob } from '../../machine/board-tree/tree.js';
import { keptProperties } from './kept-properties.js';

/** Characters in strings that dtc has escapes for; all others are as they are. */
const ESCAPES: ReadonlyMap<number, string> = new Map(
  ['\\0', '\\a', '\\b', '\\t', '\\n', '\\v', '\\f', '\\r', '\\\\', '\\"'].map((escape, i) => [
    [0, 7, 8, 9, 10, 11, 12, 13, 0x5c, 0x22][i] ?? 0,
    escape,
  ]),
);

const isText = (byte: number): boolean => (byte >= 0x20 && byte < 0x7f) || (byte >= 7 && byte <= 13) || byte === 0;

/** Whether a value passes for strings: nothing but text, a NUL at its end, and no more NULs than characters. */
const areStrings = (value: Uint8Array): boolean => {
  const nuls = value.filter((byte) => byte === 0).length;
  return value.at(-1) === 0 && nuls <= value.length - nuls && value.every(isText);
};

const digits = (value: number, count: number): string => hex(value).padStart(count, '0');

/** dtc guesses what a value is: strings, else cells where it has whole ones, else bytes (guess_value_type()). */
const valueText = (value: Uint8Array): string => {
  if (areStrings(value)) {
    const text = Array.from(value.subarray(0, -1), (byte) => ESCAPES.get(byte) ?? String.fromCharCode(byte));
    return `"${text.join('')}"`;
  }
  if (value.length % 4 === 0)
    return `<${cellsOf(value)
      .map((cell) => `0x${digits(cell, 2)}`)
      .join(' ')}>`;
  return `[${Array.from(value, (byte) => digits(byte, 2)).join(' ')}]`;
};

const nodeLines = (node: TreeNode, level: number, lines: string[]): void => {
  const indent = '\t'.repeat(level);
  lines.push(`${indent}${node.name === '' ? '/' : visible(node.name)} {`);
  for (const [property, value] of keptProperties(node)) {
    lines.push(`${indent}\t${visible(property)}${value.length === 0 ? '' : ` = ${valueText(value)}`};`);
  }
  for (const child of node.children) {
    lines.push('');
    nodeLines(child, level + 1, lines);
  }
  lines.push(`${indent}};`);
};

/** Source of which dtc makes the same tree: `dtc -I dtb -O dts`. @throws MachineError when the tree is broken */
export const sourceOfBlob = (blob: Uint8Array): string => {
  const source = attempt(KexecError, () => {
    const tree = new Fdt(blob, 'device tree');
    return sourceOf(
      treeOfBlob(blob),
      Array.from({ length: numMemRsv(tree) }, (_, n) => getMemRsv(tree, n)),
    );
  });
  if (source instanceof KexecError) throw treeError('is cut off or damaged');
  return source;
};

/** Source of one node, as it stands in the tree's. */
export const nodeSource = (node: TreeNode): string => {
  const lines: string[] = [];
  nodeLines(node, 0, lines);
  return `${lines.join('\n')}\n`;
};

const sourceOf = (root: TreeNode, reservations: readonly MemoryReservation[]): string => {
  const lines = ['/dts-v1/;', ''];
  for (const { address, size } of reservations) lines.push(`/memreserve/\t0x${hex16(address)} 0x${hex16(size)};`);
  nodeLines(root, 0, lines);
  return `${lines.join('\n')}\n`;
};
