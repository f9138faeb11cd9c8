/** Changing device trees (kexec/libfdt/fdt_rw.c). */
import { cells64, stringValue } from './fdt-values.js';
import {
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_MAGIC,
  FDT_NOP,
  FDT_PROP,
  Fdt,
  type FdtError,
  HEADER_SIZE,
  LAST_SUPPORTED_VERSION,
  PROPERTY_HEADER_SIZE,
  RESERVE_ENTRY_SIZE,
  TAG_SIZE,
  checkHeader,
  isFdtError,
  nextTag,
  nodeContents,
  tagAlign,
} from './libfdt.js';
import { type MemoryReservation, getProperty, numMemRsv, numMemRsvInside, subnodeOffset } from './libfdt-ro.js';

/**
 * Changing device trees in place (kexec/libfdt/fdt_rw.c, fdt_wip.c). A tree must be opened into a larger buffer first,
 * and be packed at the end. Everything is done in the original's order, so that the bytes are the original's, also in
 * what a failed change leaves behind.
 */

/** Whether the blocks are in another order than reserve map, structure, strings (_fdt_blocks_misordered()). */
const blocksMisordered = (fdt: Fdt, reserveMapSize: number, structSize: number): boolean => {
  const reserveMap = fdt.header('reserveMapOffset');
  const struct = fdt.header('structOffset');
  const strings = fdt.header('stringsOffset');
  return (
    reserveMap < HEADER_SIZE ||
    struct < (reserveMap + reserveMapSize) >>> 0 ||
    strings < (struct + structSize) >>> 0 ||
    fdt.header('totalSize') < (strings + fdt.header('stringsSize')) >>> 0
  );
};

/** Whether the tree can be changed; makes it version 17 (_fdt_rw_check_header()). */
const prepareChange = (fdt: Fdt): FdtError | undefined => {
  const invalid = checkHeader(fdt);
  if (invalid !== undefined) return invalid;
  if (fdt.header('version') < LAST_SUPPORTED_VERSION) return 'FDT_ERR_BADVERSION';
  if (blocksMisordered(fdt, RESERVE_ENTRY_SIZE, fdt.header('structSize'))) return 'FDT_ERR_BADLAYOUT';
  if (fdt.header('version') > LAST_SUPPORTED_VERSION) fdt.setHeader('version', LAST_SUPPORTED_VERSION);
  return undefined;
};

/** Bytes up to the end of the strings, as C's `int` holds it (_fdt_data_size()). */
const dataSize = (fdt: Fdt): number => (fdt.header('stringsOffset') + fdt.header('stringsSize')) | 0;

const addToHeader = (
  fdt: Fdt,
  field: 'structOffset' | 'stringsOffset' | 'stringsSize' | 'structSize',
  delta: number,
): void => fdt.setHeader(field, (fdt.header(field) + delta) >>> 0);

/** Makes `oldLength` bytes at a position of the buffer `newLength` by moving all that follows (_fdt_splice()). */
const splice = (fdt: Fdt, position: number, oldLength: number, newLength: number): FdtError | undefined => {
  const end = dataSize(fdt);
  if (oldLength < 0 || position + oldLength > end) return 'FDT_ERR_BADOFFSET';
  if (end - oldLength + newLength > fdt.header('totalSize')) return 'FDT_ERR_NOSPACE';
  fdt.move(position + newLength, position + oldLength, end - position - oldLength);
  return undefined;
};

const spliceStruct = (fdt: Fdt, position: number, oldLength: number, newLength: number): FdtError | undefined => {
  const error = splice(fdt, position, oldLength, newLength);
  if (error !== undefined) return error;
  addToHeader(fdt, 'structSize', newLength - oldLength);
  addToHeader(fdt, 'stringsOffset', newLength - oldLength);
  return undefined;
};

/** Makes `oldCount` entries of the reserve map `newCount` (_fdt_splice_mem_rsv()). */
const spliceMemRsv = (fdt: Fdt, n: number, oldCount: number, newCount: number): FdtError | undefined => {
  const position = fdt.header('reserveMapOffset') + n * RESERVE_ENTRY_SIZE;
  const delta = (newCount - oldCount) * RESERVE_ENTRY_SIZE;
  const error = splice(fdt, position, oldCount * RESERVE_ENTRY_SIZE, newCount * RESERVE_ENTRY_SIZE);
  if (error !== undefined) return error;
  addToHeader(fdt, 'structOffset', delta);
  addToHeader(fdt, 'stringsOffset', delta);
  return undefined;
};

/** Adds the last entry of the reserve map (fdt_add_mem_rsv()). @throws KexecError */
export const addMemRsv = (fdt: Fdt, { address, size }: MemoryReservation): FdtError | undefined => {
  const invalid = prepareChange(fdt);
  if (invalid !== undefined) return invalid;
  const n = numMemRsv(fdt);
  const error = spliceMemRsv(fdt, n, 0, 1);
  if (error !== undefined) return error;
  fdt.write(fdt.header('reserveMapOffset') + n * RESERVE_ENTRY_SIZE, cells64(address, size));
  return undefined;
};

/** Removes entry `n` of the reserve map (fdt_del_mem_rsv()). @throws KexecError */
export const delMemRsv = (fdt: Fdt, n: number): FdtError | undefined => {
  const invalid = prepareChange(fdt);
  if (invalid !== undefined) return invalid;
  return n < numMemRsv(fdt) ? spliceMemRsv(fdt, n, 1, 0) : 'FDT_ERR_NOTFOUND';
};

/** Offset of a string in the strings block; the end of a longer one serves as well (_fdt_find_string()). */
const findString = (strings: Uint8Array, wanted: Uint8Array): number | undefined => {
  for (let at = 0; at + wanted.length <= strings.length; at++) {
    if (wanted.every((byte, i) => strings[at + i] === byte)) return at;
  }
  return undefined;
};

/** Offset of a string in the strings block, at whose end it is added if need be (_fdt_find_add_string()). */
const findOrAddString = (fdt: Fdt, text: string): number | FdtError => {
  const wanted = stringValue(text);
  const start = fdt.header('stringsOffset');
  const size = fdt.header('stringsSize');
  // A negative int to the original, in whose search that is a block without strings.
  const found = (size | 0) < 0 ? undefined : findString(fdt.slice(start, size), wanted);
  if (found !== undefined) return found;
  const error = splice(fdt, start + size, 0, wanted.length);
  if (error !== undefined) return error;
  addToHeader(fdt, 'stringsSize', wanted.length);
  fdt.write(start + size, wanted);
  return size;
};

/** Changes the length of a property; its value's end is what was there (_fdt_resize_property()). */
const resizeProperty = (fdt: Fdt, node: number, name: string, length: number): number | FdtError => {
  const property = getProperty(fdt, node, name);
  if (isFdtError(property)) return property;
  const { position } = property;
  const value = position + PROPERTY_HEADER_SIZE;
  const error = spliceStruct(fdt, value, tagAlign(property.length), tagAlign(length));
  if (error !== undefined) return error;
  fdt.setU32(position + 4, length);
  return position;
};

/** Adds a property as the first one of a node (_fdt_add_property()). */
const addProperty = (fdt: Fdt, node: number, name: string, length: number): number | FdtError => {
  const contents = nodeContents(fdt, node);
  if (isFdtError(contents)) return contents;
  const nameOffset = findOrAddString(fdt, name);
  if (isFdtError(nameOffset)) return nameOffset;
  const position = fdt.header('structOffset') + contents;
  const error = spliceStruct(fdt, position, 0, PROPERTY_HEADER_SIZE + tagAlign(length));
  if (error !== undefined) return error;
  fdt.setU32(position, FDT_PROP);
  fdt.setU32(position + 4, length);
  fdt.setU32(position + 8, nameOffset);
  return position;
};

/** Sets a property, which is added to the node if need be (fdt_setprop()). @throws KexecError */
export const setProp = (fdt: Fdt, node: number, name: string, value: Uint8Array): FdtError | undefined => {
  const invalid = prepareChange(fdt);
  if (invalid !== undefined) return invalid;
  let position = resizeProperty(fdt, node, name, value.length);
  if (position === 'FDT_ERR_NOTFOUND') position = addProperty(fdt, node, name, value.length);
  if (isFdtError(position)) return position;
  fdt.write(position + PROPERTY_HEADER_SIZE, value);
  return undefined;
};

/** Removes a property; its name stays in the strings block (fdt_delprop()). @throws KexecError */
export const delProp = (fdt: Fdt, node: number, name: string): FdtError | undefined => {
  const invalid = prepareChange(fdt);
  if (invalid !== undefined) return invalid;
  const property = getProperty(fdt, node, name);
  if (isFdtError(property)) return property;
  return spliceStruct(fdt, property.position, PROPERTY_HEADER_SIZE + tagAlign(property.length), 0);
};

/** Adds a child before the other children of a node (fdt_add_subnode()). @returns its offset. @throws KexecError */
export const addSubnode = (fdt: Fdt, parent: number, name: string): number | FdtError => {
  const invalid = prepareChange(fdt);
  if (invalid !== undefined) return invalid;
  const existing = subnodeOffset(fdt, parent, name);
  if (!isFdtError(existing)) return 'FDT_ERR_EXISTS';
  if (existing !== 'FDT_ERR_NOTFOUND') return existing;

  let offset = nextTag(fdt, parent).next;
  for (;;) {
    const { tag, next } = nextTag(fdt, offset);
    if (tag !== FDT_PROP && tag !== FDT_NOP) break;
    offset = next;
  }

  const position = fdt.header('structOffset') + offset;
  const nameSize = tagAlign(name.length + 1);
  const error = spliceStruct(fdt, position, 0, TAG_SIZE + nameSize + TAG_SIZE);
  if (error !== undefined) return error;
  fdt.setU32(position, FDT_BEGIN_NODE);
  fdt.fill(position + TAG_SIZE, nameSize);
  fdt.write(position + TAG_SIZE, stringValue(name));
  fdt.setU32(position + TAG_SIZE + nameSize, FDT_END_NODE);
  return offset;
};

/** Puts the blocks of a tree close together, in order, into a buffer that may be the tree's own (_fdt_packblocks()). */
const packBlocks = (from: Fdt, to: Fdt, reserveMapSize: number, structSize: number): void => {
  const structOffset = HEADER_SIZE + reserveMapSize;
  const stringsOffset = structOffset + structSize;

  to.copyBlock(HEADER_SIZE, from, from.header('reserveMapOffset'), reserveMapSize);
  to.setHeader('reserveMapOffset', HEADER_SIZE);

  to.write(structOffset, from.slice(from.header('structOffset'), structSize));
  to.setHeader('structOffset', structOffset);
  to.setHeader('structSize', structSize);

  const stringsSize = from.header('stringsSize');
  to.copyBlock(stringsOffset, from, from.header('stringsOffset'), stringsSize);
  to.setHeader('stringsOffset', stringsOffset);
  to.setHeader('stringsSize', stringsSize);
};

/** Bytes of the reserve map with its last, empty entry. */
const reserveMapSizeOf = (fdt: Fdt): number => (numMemRsvInside(fdt) + 1) * RESERVE_ENTRY_SIZE;

/** Bytes of the structure block; before version 17 it must be walked to its end. */
const structSizeOf = (fdt: Fdt): number => {
  if (fdt.header('version') >= 17) return fdt.header('structSize') | 0;
  let offset = 0;
  for (;;) {
    const { tag, next } = nextTag(fdt, offset);
    offset = next;
    if (tag === FDT_END) return offset;
  }
};

/**
 * Copies a tree into a new buffer of `size` bytes, with its blocks in order and as version 17 (fdt_open_into()).
 * @param size not negative
 * @throws KexecError before memory is taken, when the tree is not all there
 */
export const openInto = (fdt: Fdt, size: number): Fdt | FdtError => {
  const invalid = checkHeader(fdt);
  if (invalid !== undefined) return invalid;
  const reserveMapSize = reserveMapSizeOf(fdt);
  const structSize = structSizeOf(fdt);
  const stringsSize = fdt.header('stringsSize');
  const totalSize = fdt.header('totalSize');

  const misordered = blocksMisordered(fdt, reserveMapSize, structSize);
  const needed = misordered ? (HEADER_SIZE + reserveMapSize + structSize + stringsSize) | 0 : totalSize;
  if (size < needed) return 'FDT_ERR_NOSPACE';
  // Also for misordered blocks, for which the original's answer then depends on where its buffers happen to be.
  if (totalSize > fdt.bytes.length) {
    throw fdt.damaged(`is cut off: it has ${fdt.bytes.length} bytes, its header says ${totalSize}`);
  }

  const copy = new Fdt(new Uint8Array(size), fdt.name);
  if (misordered) {
    packBlocks(fdt, copy, reserveMapSize, structSize);
    copy.setHeader('magic', FDT_MAGIC);
    copy.setHeader('lastCompVersion', 16);
    copy.setHeader('bootCpu', fdt.header('bootCpu'));
  } else {
    copy.write(0, fdt.slice(0, totalSize));
    copy.setHeader('structSize', structSize);
  }
  copy.setHeader('version', LAST_SUPPORTED_VERSION);
  copy.setHeader('totalSize', size);
  return copy;
};

/** Moves the blocks together and makes the total size what they need (fdt_pack()). @throws KexecError */
export const pack = (fdt: Fdt): FdtError | undefined => {
  const invalid = prepareChange(fdt);
  if (invalid !== undefined) return invalid;
  packBlocks(fdt, fdt, reserveMapSizeOf(fdt), fdt.header('structSize'));
  fdt.setHeader('totalSize', dataSize(fdt) >>> 0);
  return undefined;
};
