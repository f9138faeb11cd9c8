/** The blocks of a device tree that is being written (the tables of kexec/fs2dt.c), with the original's limits. */
import { KexecError } from '../base/error.js';
import { cells32, cells64, stringValue } from './fdt-values.js';
import { FDT_BEGIN_NODE, FDT_END, FDT_END_NODE, FDT_MAGIC, FDT_PROP, HEADER_SIZE, tagAlign } from './libfdt.js';

/** Bytes for property names (NAMESPACE). */
const MAX_NAMES = 16384;
/** 64-bit numbers in the reserve map (2 * MEMRESERVE). */
const MAX_RESERVE_NUMBERS = 512;

/** Pieces of bytes in a row. */
class Bytes {
  #pieces: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** Adds zeros up to a multiple of four bytes. */
  pad(): void {
    const missing = tagAlign(this.#length) - this.#length;
    if (missing > 0) this.add(new Uint8Array(missing));
  }

  copyTo(target: Uint8Array, position: number): void {
    for (const piece of this.#pieces) {
      target.set(piece, position);
      position += piece.length;
    }
  }
}

/** The strings block: each name once, in order of first use (propnum()). */
class PropertyNames {
  #offsets = new Map<string, number>();
  readonly bytes = new Bytes();

  /** @throws KexecError when the block is full */
  offsetOf(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.bytes.length;
    if (MAX_NAMES - offset < name.length + 1) {
      throw KexecError.die('unrecoverable error: propnames overrun', { subject: 'device tree' });
    }
    this.#offsets.set(name, offset);
    this.bytes.add(stringValue(name));
    return offset;
  }
}

/** The device tree that is made: its structure block, its property names and its reserve map. */
export class TreeWriter {
  #struct = new Bytes();
  #names = new PropertyNames();
  /** Addresses and sizes, without what ends the map unless it has an address. */
  #reservations: bigint[] = [];

  beginNode(name: string): void {
    this.#struct.add(cells32(FDT_BEGIN_NODE));
    this.#struct.add(stringValue(name));
    this.#struct.pad();
  }

  /** @throws KexecError */
  property(name: string, value: Uint8Array): void {
    this.#struct.add(cells32(FDT_PROP, value.length, this.#names.offsetOf(name)));
    this.#struct.add(value);
    this.#struct.pad();
  }

  endNode(): void {
    this.#struct.add(cells32(FDT_END_NODE));
  }

  /**
   * Adds an entry to the reserve map (reserve()).
   *
   * QUIRK-28: one of no bytes ends the map with an address, until the next entry takes its place.
   * @throws KexecError when the map is full
   */
  reserve(address: bigint, size: bigint): void {
    const entries = this.#reservations;
    const last = entries.length - 2;
    const at = last >= 0 && entries[last + 1] === 0n ? last : entries.length;
    if (at + 4 >= MAX_RESERVE_NUMBERS) {
      throw KexecError.die('unrecoverable error: exhasuted reservation meta data', { subject: 'device tree' });
    }
    entries.splice(at, 2, address, size);
  }

  /** The whole tree, as version 17 (add_boot_block()). */
  finish(): Uint8Array {
    this.#struct.add(cells32(FDT_END));
    const entries = this.#reservations;
    const reserveMap = cells64(...entries, ...(entries.at(-1) === 0n ? [] : [0n, 0n]));
    const names = this.#names.bytes;
    const structOffset = HEADER_SIZE + reserveMap.length;
    const stringsOffset = structOffset + this.#struct.length;
    const tree = new Uint8Array(stringsOffset + tagAlign(names.length));
    const bootCpu = 0;
    tree.set(
      cells32(
        FDT_MAGIC,
        tree.length,
        structOffset,
        stringsOffset,
        HEADER_SIZE,
        17,
        16,
        bootCpu,
        names.length,
        this.#struct.length,
      ),
    );
    tree.set(reserveMap, HEADER_SIZE);
    this.#struct.copyTo(tree, structOffset);
    names.copyTo(tree, stringsOffset);
    return tree;
  }
}
