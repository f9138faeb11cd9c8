/** Flattens a tree of nodes into a blob, byte for byte as dtc does (its flattree.c). */
import { concatBytes } from '../../../kexec/base/bytes.js';
import { cells32, stringValue } from '../../../kexec/device-tree/fdt-values.js';
import {
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_MAGIC,
  FDT_PROP,
  HEADER_SIZE,
  LAST_SUPPORTED_VERSION,
  RESERVE_ENTRY_SIZE,
  tagAlign,
} from '../../../kexec/device-tree/libfdt.js';
import { type TreeNode, cellsOf } from '../../machine/board-tree/tree.js';
import { keptProperties } from './kept-properties.js';

/** Programs that know this version can read a blob of the last one. */
const LAST_COMPATIBLE_VERSION = 16;

/** The strings block: a name that ends one before it has no bytes of its own (stringtable_insert()). */
class Names {
  readonly #offsets = new Map<string, number>();
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  offsetOf(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const start = this.#length;
    for (let i = 0; i < name.length; i++) {
      const ending = name.slice(i);
      if (!this.#offsets.has(ending)) this.#offsets.set(ending, start + i);
    }
    this.#pieces.push(stringValue(name));
    this.#length += name.length + 1;
    return start;
  }

  get bytes(): Uint8Array {
    return concatBytes(this.#pieces);
  }
}

const padded = (bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(tagAlign(bytes.length));
  whole.set(bytes);
  return whole;
};

const flatten = (node: TreeNode, names: Names, pieces: Uint8Array[]): void => {
  pieces.push(cells32(FDT_BEGIN_NODE), padded(stringValue(node.name)));
  for (const [property, value] of keptProperties(node)) {
    pieces.push(cells32(FDT_PROP, value.length, names.offsetOf(property)), padded(value));
  }
  for (const child of node.children) flatten(child, names, pieces);
  pieces.push(cells32(FDT_END_NODE));
};

/** The processor that is taken to have booted: the first one, where its number has 32 bits (guess_boot_cpuid()). */
const bootCpuOf = (root: TreeNode): number => {
  const first = root.children.find(({ name }) => name === 'cpus')?.children[0];
  const reg = first?.properties.get('reg');
  return reg?.length === 4 ? (cellsOf(reg)[0] ?? 0) : 0;
};

/** A blob of version 17, whose reserve map is empty: nodes and properties are in the order of the tree's. */
export const blobOf = (root: TreeNode): Uint8Array => {
  const names = new Names();
  const pieces: Uint8Array[] = [];
  flatten(root, names, pieces);
  pieces.push(cells32(FDT_END));
  const [structure, strings] = [concatBytes(pieces), names.bytes];
  const structOffset = HEADER_SIZE + RESERVE_ENTRY_SIZE;
  const stringsOffset = structOffset + structure.length;
  const header = cells32(
    ...[FDT_MAGIC, stringsOffset + strings.length, structOffset, stringsOffset, HEADER_SIZE],
    ...[LAST_SUPPORTED_VERSION, LAST_COMPATIBLE_VERSION, bootCpuOf(root), strings.length, structure.length],
  );
  return concatBytes([header, new Uint8Array(RESERVE_ENTRY_SIZE), structure, strings]);
};
