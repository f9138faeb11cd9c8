/** A device tree as nodes in memory, and the reader that makes one of a blob (Devicetree Specification 0.4). */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import {
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_NOP,
  FDT_PROP,
  Fdt,
  PROPERTY_HEADER_SIZE,
  TAG_SIZE,
  checkHeader,
  isFdtError,
  nextTag,
} from '../../../kexec/device-tree/libfdt.js';
import { MachineError } from '../error.js';

export interface TreeNode {
  /** With its unit address; the root's is empty. */
  readonly name: string;
  readonly properties: ReadonlyMap<string, Uint8Array>;
  readonly children: readonly TreeNode[];
}

/** Names have 31 characters (2.2.1, 2.2.4); real trees go beyond, but not so far. */
const MAX_NAME = 256;
/** Nodes one in the other. Trees of real boards have seven or so. */
export const MAX_DEPTH = 64;

/** The error for a tree that no board can be made from. @param reason completes "the device tree ..." */
export const treeError = (reason: string): MachineError => new MachineError(`the device tree ${reason}`);

interface OpenNode {
  readonly name: string;
  readonly properties: Map<string, Uint8Array>;
  readonly children: TreeNode[];
}

/** The nodes of a flattened tree. Values are views of the blob. @throws MachineError when it is broken */
export const treeOfBlob = (blob: Uint8Array): TreeNode => {
  // A broken tree's error is of the port's kind, with a text for kexec's user.
  const tree = attempt(KexecError, () => parse(new Fdt(blob, 'device tree')));
  if (tree instanceof KexecError) throw treeError('is cut off or damaged');
  return tree;
};

const parse = (fdt: Fdt): TreeNode => {
  const invalid = checkHeader(fdt);
  if (isFdtError(invalid)) throw treeError(`is none: ${invalid}`);
  const open: OpenNode[] = [];
  for (let offset = 0; ;) {
    const { tag, next } = nextTag(fdt, offset);
    const position = fdt.header('structOffset') + offset;
    const top = open.at(-1);
    if (tag === FDT_BEGIN_NODE) {
      if (open.length === MAX_DEPTH) throw treeError(`has more than ${MAX_DEPTH} nodes one in the other`);
      open.push({ name: nameAt(fdt, position + TAG_SIZE), properties: new Map(), children: [] });
    } else if (tag === FDT_PROP && top !== undefined) {
      const name = nameAt(fdt, fdt.header('stringsOffset') + fdt.u32At(position + 8));
      const value = fdt.slice(position + PROPERTY_HEADER_SIZE, fdt.u32At(position + 4));
      // Of two with one name libfdt finds the first.
      if (!top.properties.has(name)) top.properties.set(name, value);
    } else if (tag === FDT_END_NODE && top !== undefined) {
      open.pop();
      const parent = open.at(-1);
      if (parent === undefined) return top;
      parent.children.push(top);
    } else if (tag !== FDT_NOP) {
      throw treeError(tag === FDT_END ? 'ends within a node' : 'has a broken structure');
    }
    if (next <= offset) throw treeError('has a broken structure');
    offset = next;
  }
};

/** A string of one byte per character. */
const nameAt = (fdt: Fdt, position: number): string => {
  let name = '';
  for (let at = position; ; at++) {
    const byte = fdt.byteAt(at);
    if (byte === 0) return name;
    if (name.length === MAX_NAME) throw treeError(`has a name of more than ${MAX_NAME} characters`);
    name += String.fromCharCode(byte);
  }
};

/** The strings of a property's value; none without a property (2.2.4, <stringlist>). */
export const stringsOf = (value: Uint8Array | undefined): readonly string[] => {
  if (value === undefined || value.length === 0) return [];
  const text = new TextDecoder('latin1').decode(value);
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
};

/** The first string of a property's value; empty without a property. */
export const stringOf = (value: Uint8Array | undefined): string => stringsOf(value)[0] ?? '';

/** The 32-bit cells of a value; what is left behind the last whole one is no cell. */
export const cellsOf = (value: Uint8Array | undefined): readonly number[] => {
  if (value === undefined) return [];
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return Array.from({ length: value.length >> 2 }, (_, i) => view.getUint32(4 * i));
};

/** The big-endian number of all bytes of a value; undefined where it has neither four nor eight. */
export const numberOf = (value: Uint8Array | undefined): bigint | undefined => {
  const cells = cellsOf(value);
  return (value?.length === 4 || value?.length === 8) && cells.length > 0 ? joined(cells) : undefined;
};

/** One number of some cells, the highest first. */
export const joined = (cells: readonly number[]): bigint =>
  cells.reduce((value, cell) => (value << 32n) | BigInt(cell), 0n);
