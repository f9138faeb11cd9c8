/** Reading device trees by name (kexec/libfdt/fdt_ro.c). */
import {
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_NOP,
  FDT_PROP,
  type Fdt,
  type FdtError,
  type NodeAtDepth,
  PROPERTY_HEADER_SIZE,
  RESERVE_ENTRY_SIZE,
  TAG_SIZE,
  checkHeader,
  isFdtError,
  nextNode,
  nextTag,
  nodeContents,
} from './libfdt.js';

/**
 * Reading device trees by name (kexec/libfdt/fdt_ro.c). Names are strings of one byte per character. Nodes are told by
 * the offset of their begin tag in the structure block; the root is at 0.
 */

export interface MemoryReservation {
  readonly address: bigint;
  /** Bytes; 0 in the entry that ends the map. */
  readonly size: bigint;
}

/** Entry `n` of the reserve map, which may be the last, empty one (fdt_get_mem_rsv()). @throws KexecError */
export const getMemRsv = (fdt: Fdt, n: number): MemoryReservation => {
  const position = fdt.header('reserveMapOffset') + n * RESERVE_ENTRY_SIZE;
  return { address: fdt.u64At(position), size: fdt.u64At(position + 8) };
};

/** Entries of the reserve map without the last, empty one (fdt_num_mem_rsv()). @throws KexecError when it has no end */
export const numMemRsv = (fdt: Fdt): number => {
  let n = 0;
  while (getMemRsv(fdt, n).size !== 0n) n++;
  return n;
};

/**
 * The same of a map that may run over the end of the buffer, where it is taken to end: the original reads on, and finds
 * zeros more often than not.
 */
export const numMemRsvInside = (fdt: Fdt): number => {
  const start = fdt.header('reserveMapOffset');
  let n = 0;
  while (start + (n + 1) * RESERVE_ENTRY_SIZE <= fdt.bytes.length && getMemRsv(fdt, n).size !== 0n) n++;
  return n;
};

/** Whether a node has the name; one without unit address stands for any (_fdt_nodename_eq()). */
const nodeNameMatches = (fdt: Fdt, node: number, name: string): boolean => {
  const position = fdt.structPosition(node + TAG_SIZE, name.length + 1);
  if (position === undefined) return false;
  for (let i = 0; i < name.length; i++) {
    if (fdt.byteAt(position + i) !== name.charCodeAt(i)) return false;
  }
  const after = fdt.byteAt(position + name.length);
  return after === 0 || (after === '@'.charCodeAt(0) && !name.includes('@'));
};

/** The first child of a node with the name (fdt_subnode_offset()). @throws KexecError */
export const subnodeOffset = (fdt: Fdt, parent: number, name: string): number | FdtError => {
  const invalid = checkHeader(fdt);
  if (invalid !== undefined) return invalid;
  let at: NodeAtDepth | FdtError = { node: parent, depth: 0 };
  while (!isFdtError(at)) {
    if (at.depth < 0) return 'FDT_ERR_NOTFOUND';
    if (at.depth === 1 && nodeNameMatches(fdt, at.node, name)) return at.node;
    at = nextNode(fdt, at);
  }
  return at;
};

/** The node of a path, whose parts may leave out unit addresses (fdt_path_offset()). @throws KexecError */
export const pathOffset = (fdt: Fdt, path: string): number | FdtError => {
  const invalid = checkHeader(fdt);
  if (invalid !== undefined) return invalid;
  if (!path.startsWith('/')) return 'FDT_ERR_BADPATH';
  let node = 0;
  for (const part of path.split('/')) {
    if (part === '') continue;
    const child = subnodeOffset(fdt, node, part);
    if (isFdtError(child)) return child;
    node = child;
  }
  return node;
};

export interface Property {
  /** Where its tag is in the buffer. */
  readonly position: number;
  /** As C's `int` holds it: negative in some broken trees. */
  readonly length: number;
}

/** Whether `name` is the string at an offset of the strings block; reads no byte more than strcmp() would. */
const stringEquals = (fdt: Fdt, offset: number, name: string): boolean => {
  const position = fdt.header('stringsOffset') + (offset | 0);
  for (let i = 0; i < name.length; i++) {
    if (fdt.byteAt(position + i) !== name.charCodeAt(i)) return false;
  }
  return fdt.byteAt(position + name.length) === 0;
};

/** Finds a property of a node (fdt_get_property()). @throws KexecError */
export const getProperty = (fdt: Fdt, node: number, name: string): Property | FdtError => {
  const invalid = checkHeader(fdt);
  if (invalid !== undefined) return invalid;
  const contents = nodeContents(fdt, node);
  if (isFdtError(contents)) return contents;
  let offset = contents;
  for (;;) {
    const { tag, next } = nextTag(fdt, offset);
    switch (tag) {
      case FDT_PROP: {
        const header = fdt.structPosition(offset, PROPERTY_HEADER_SIZE);
        if (header === undefined) return 'FDT_ERR_BADSTRUCTURE';
        if (!stringEquals(fdt, fdt.u32At(header + 8), name)) break;
        const length = fdt.u32At(header + 4) | 0;
        const position = fdt.structPosition(offset, (PROPERTY_HEADER_SIZE + length) | 0);
        return position === undefined ? 'FDT_ERR_BADSTRUCTURE' : { position, length };
      }
      case FDT_NOP:
        break;
      case FDT_BEGIN_NODE:
      case FDT_END_NODE:
        return 'FDT_ERR_NOTFOUND';
      case FDT_END:
        return 'FDT_ERR_TRUNCATED';
      default:
        return 'FDT_ERR_BADSTRUCTURE';
    }
    offset = next;
  }
};

/**
 * The value of a property: a view of the tree's buffer (fdt_getprop()). The value of a negative length, which no caller
 * of the original takes, is empty.
 * @throws KexecError
 */
export const getProp = (fdt: Fdt, node: number, name: string): Uint8Array | FdtError => {
  const property = getProperty(fdt, node, name);
  if (isFdtError(property)) return property;
  return fdt.slice(property.position + PROPERTY_HEADER_SIZE, Math.max(property.length, 0));
};
