/** Flattened device trees: the buffer, its header and its tags (kexec/libfdt/fdt.c). */
import { KexecError } from '../base/error.js';
import { hex } from '../base/format.js';

/**
 * Flattened device trees: the buffer, its header and its tags (kexec/libfdt/fdt.c; the format is chapter 5 of the
 * Devicetree Specification). Reading by name is in libfdt-ro.ts, changing in libfdt-rw.ts.
 *
 * The original's library is an old one and trusts the header. Its answers are kept, for sound trees and for broken
 * ones, as long as it stays inside the buffer; where it would read outside or never end, a KexecError is thrown. What
 * it only copies from behind the buffer may be copied on, but no tree that holds some of it is given away.
 */

/** What the functions answer in place of a value, by the names that fdt_strerror() prints. */
export type FdtError =
  | 'FDT_ERR_NOTFOUND'
  | 'FDT_ERR_EXISTS'
  | 'FDT_ERR_NOSPACE'
  | 'FDT_ERR_BADOFFSET'
  | 'FDT_ERR_BADPATH'
  | 'FDT_ERR_BADSTATE'
  | 'FDT_ERR_TRUNCATED'
  | 'FDT_ERR_BADMAGIC'
  | 'FDT_ERR_BADVERSION'
  | 'FDT_ERR_BADSTRUCTURE'
  | 'FDT_ERR_BADLAYOUT';

/** Tells an answer from a value; no value of this library is a string. */
export const isFdtError = (answer: unknown): answer is FdtError => typeof answer === 'string';

export const FDT_MAGIC = 0xd00dfeed;
/** Marks a tree that libfdt's sequential writer has not finished. */
const FDT_SW_MAGIC = ~FDT_MAGIC >>> 0;
const FIRST_SUPPORTED_VERSION = 16;
export const LAST_SUPPORTED_VERSION = 17;

export const FDT_BEGIN_NODE = 1;
export const FDT_END_NODE = 2;
export const FDT_PROP = 3;
export const FDT_NOP = 4;
export const FDT_END = 9;
/** The answer to an offset that is no multiple of four; not a tag of the format. */
const NO_TAG = 0xffff_ffff;

export const TAG_SIZE = 4;
/** Bytes of a property before its value: tag, length, offset of the name. */
export const PROPERTY_HEADER_SIZE = 12;
export const RESERVE_ENTRY_SIZE = 16;
/** Bytes of the header of version 17, which is the version that is written. */
export const HEADER_SIZE = 40;

/** Position of each header field; all are big-endian 32-bit numbers (`struct fdt_header`, kexec/libfdt/fdt.h). */
const HEADER = {
  magic: 0,
  totalSize: 4,
  structOffset: 8,
  stringsOffset: 12,
  reserveMapOffset: 16,
  version: 20,
  lastCompVersion: 24,
  bootCpu: 28,
  stringsSize: 32,
  /** Since version 17. */
  structSize: 36,
} as const;

export type HeaderField = keyof typeof HEADER;

/** `length` rounded up to whole tags, as C's `int` holds it. */
export const tagAlign = (length: number): number => (length + TAG_SIZE - 1) & ~(TAG_SIZE - 1);

/** A tree in memory. The buffer may be longer than the tree: /sys/firmware/fdt is 1 MiB on some machines. */
export class Fdt {
  readonly #view: DataView;
  /** The error of a copy that should hold what is behind the end of another tree's buffer. */
  #incomplete: KexecError | undefined;

  constructor(
    readonly bytes: Uint8Array,
    /** What messages call the tree, for example "dtb_sys". */
    readonly name: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The error for a tree that cannot be worked with; `reason` completes "the device tree ...". */
  damaged(reason: string): KexecError {
    return KexecError.failed(`kexec: ${this.name}: the device tree ${reason}.`, { subject: this.name });
  }

  /** @throws KexecError unless `length` bytes from `position` are in the buffer */
  #require(position: number, length: number): void {
    if (position < 0 || length < 0 || position + length > this.bytes.length) throw this.#outside(position, length);
  }

  #outside(position: number, length: number): KexecError {
    const where = position < 0 ? `-0x${hex(-position)}` : `0x${hex(position)}`;
    return this.damaged(
      `is cut off or damaged: it has ${this.bytes.length} bytes, but refers to ${length} bytes at ${where}`,
    );
  }

  byteAt(position: number): number {
    this.#require(position, 1);
    return this.#view.getUint8(position);
  }

  u32At(position: number): number {
    this.#require(position, 4);
    return this.#view.getUint32(position);
  }

  u64At(position: number): bigint {
    this.#require(position, 8);
    return this.#view.getBigUint64(position);
  }

  /** A view of part of the buffer. */
  slice(position: number, length: number): Uint8Array {
    this.#require(position, length);
    return this.bytes.subarray(position, position + length);
  }

  setU32(position: number, value: number): void {
    this.#require(position, 4);
    this.#view.setUint32(position, value);
  }

  write(position: number, data: Uint8Array): void {
    this.#require(position, data.length);
    this.bytes.set(data, position);
  }

  fill(position: number, length: number): void {
    this.slice(position, length).fill(0);
  }

  /** Moves bytes inside the buffer; the two places may overlap. */
  move(to: number, from: number, length: number): void {
    this.#require(from, length);
    this.#require(to, length);
    this.bytes.copyWithin(to, from, from + length);
  }

  header(field: HeaderField): number {
    return this.u32At(HEADER[field]);
  }

  setHeader(field: HeaderField, value: number): void {
    this.setU32(HEADER[field], value);
  }

  /**
   * Copies a block of another tree. Zeros stand for what would be behind the end of its buffer, and this tree can then
   * be looked at, but not be had.
   * @throws KexecError unless the block begins in the other's buffer, and fits into this one
   */
  copyBlock(to: number, other: Fdt, from: number, length: number): void {
    const inside = other.slice(from, Math.min(length, Math.max(other.bytes.length - from, 0)));
    this.write(to, inside);
    this.fill(to + inside.length, length - inside.length);
    if (inside.length < length) this.#incomplete = other.#outside(from, length);
  }

  /** A copy of the bytes that belong to the tree by its header. @throws KexecError when some of them are unknown */
  trimmed(): Uint8Array {
    if (this.#incomplete !== undefined) throw this.#incomplete;
    return this.slice(0, this.header('totalSize')).slice();
  }

  /**
   * Where in the buffer `length` bytes at `offset` of the structure block are (fdt_offset_ptr()).
   * @returns undefined when they are not all in the block; known only since version 17
   */
  structPosition(offset: number, length: number): number | undefined {
    if (length < 0) return undefined;
    const end = (offset + length) >>> 0;
    if (this.header('version') >= 17 && end > this.header('structSize')) return undefined;
    return this.header('structOffset') + offset;
  }
}

/** fdt_check_header(). Does not look further than at the versions. @throws KexecError when the header is cut off */
export const checkHeader = (fdt: Fdt): FdtError | undefined => {
  // An empty file is no tree, and not worth another message than any other file that is none.
  const magic = fdt.bytes.length < 4 ? 0 : fdt.header('magic');
  if (magic === FDT_MAGIC) {
    const supported =
      fdt.header('version') >= FIRST_SUPPORTED_VERSION && fdt.header('lastCompVersion') <= LAST_SUPPORTED_VERSION;
    return supported ? undefined : 'FDT_ERR_BADVERSION';
  }
  if (magic === FDT_SW_MAGIC) return fdt.header('structSize') === 0 ? 'FDT_ERR_BADSTATE' : undefined;
  return 'FDT_ERR_BADMAGIC';
};

export interface Tag {
  readonly tag: number;
  /** Offset of the next tag in the structure block. */
  readonly next: number;
}

/**
 * The tag at an offset of the structure block (fdt_next_tag()). A block that ends too early reads as FDT_END. Unknown
 * tags are passed on.
 * @throws KexecError when the tag is outside the buffer, or when it leads back to itself or to what is before it
 */
export const nextTag = (fdt: Fdt, start: number): Tag => {
  if ((start & (TAG_SIZE - 1)) !== 0) return { tag: NO_TAG, next: start };
  const prematureEnd: Tag = { tag: FDT_END, next: start };

  const position = fdt.structPosition(start, TAG_SIZE);
  if (position === undefined) return prematureEnd;
  const tag = fdt.u32At(position);
  let offset = (start + TAG_SIZE) | 0;

  if (tag === FDT_BEGIN_NODE) {
    for (;;) {
      const at = fdt.structPosition(offset++, 1);
      if (at === undefined) return prematureEnd;
      if (fdt.byteAt(at) === 0) break;
    }
  } else if (tag === FDT_PROP) {
    const at = fdt.structPosition(offset, 4);
    if (at === undefined) return prematureEnd;
    // C's int: a length of 2 GiB or more makes the offset negative, or leads back.
    offset = (offset + 2 * TAG_SIZE + fdt.u32At(at)) | 0;
  }

  const next = tagAlign(offset);
  if (next <= start && fdt.structPosition(next, TAG_SIZE) !== undefined) {
    throw fdt.damaged(`is damaged: the property at offset 0x${hex(start)} of its structure has a length that wraps`);
  }
  return { tag, next };
};

/** Offset behind the begin tag and the name of a node (_fdt_check_node_offset()). */
export const nodeContents = (fdt: Fdt, node: number): number | FdtError => {
  if (node < 0) return 'FDT_ERR_BADOFFSET';
  const { tag, next } = nextTag(fdt, node);
  return tag === FDT_BEGIN_NODE ? next : 'FDT_ERR_BADOFFSET';
};

/** A node, and how deep it is below the node where the walk began. */
export interface NodeAtDepth {
  readonly node: number;
  readonly depth: number;
}

/** The next node in the order of the structure block (fdt_next_node()). */
export const nextNode = (fdt: Fdt, from: NodeAtDepth): NodeAtDepth | FdtError => {
  const contents = nodeContents(fdt, from.node);
  if (isFdtError(contents)) return contents;
  let offset = contents;
  let depth = from.depth;
  for (;;) {
    const { tag, next } = nextTag(fdt, offset);
    switch (tag) {
      case FDT_BEGIN_NODE:
        return { node: offset, depth: depth + 1 };
      case FDT_END_NODE:
        depth--;
        break;
      case FDT_PROP:
      case FDT_NOP:
        break;
      case FDT_END:
        return 'FDT_ERR_NOTFOUND';
      default:
        return 'FDT_ERR_BADSTRUCTURE';
    }
    offset = next;
  }
};
