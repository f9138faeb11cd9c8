/** Writes the records of a saved machine, each as it comes: none but the last is kept. */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { DiskBlock } from '../../machine/devices/virtio/disk.js';
import type { Json } from '../../machine/savable.js';
import { DISK_RATIO, MOST_BYTES, type RecordKind, formatHead, preamble } from './records.js';

/** The fastest: memory is mostly pointers and zeros. */
const LEVEL = 1;

/** RAM, a piece that {@link MOST_BYTES} allows. */
export interface RamPiece {
  readonly physAddr: bigint;
  readonly bytes: Uint8Array;
}

export interface SavedParts {
  /** What is understood by who gives it. */
  readonly description: Json;
  /** The device tree that the board was made of. */
  readonly tree: Uint8Array;
  readonly ram: Iterable<RamPiece>;
  /** What was written over each disk's image. */
  readonly disks: readonly Iterable<DiskBlock>[];
}

/**
 * @param write receives the file's bytes in order, and is done with them when it returns @throws Error when a part is
 * too large
 */
export const writeSave = (parts: SavedParts, write: (bytes: Uint8Array) => void): void => {
  const digest = createHash('sha256');
  const put = (bytes: Uint8Array): void => {
    digest.update(bytes);
    write(bytes);
  };
  const record = (kind: RecordKind, bytes: Uint8Array, index = 0, address = 0n): void => {
    if (bytes.length > MOST_BYTES[kind]) throw new Error(`${bytes.length} bytes of a ${kind} cannot be saved`);
    const packed = deflateRawSync(bytes, { level: LEVEL });
    const isPacked = packed.length < bytes.length && (kind !== 'disk' || packed.length * DISK_RATIO >= bytes.length);
    const stored = isPacked ? packed : bytes;
    put(formatHead({ kind, index, address, storedBytes: stored.length, sizeBytes: bytes.length }));
    put(stored);
  };
  put(preamble());
  record('description', new TextEncoder().encode(JSON.stringify(parts.description)));
  record('tree', parts.tree);
  for (const { physAddr, bytes } of parts.ram) record('ram', bytes, 0, physAddr);
  parts.disks.forEach((blocks, disk) => {
    for (const { index, bytes } of blocks) record('disk', bytes, disk, BigInt(index));
  });
  record('end', new Uint8Array());
  write(digest.digest());
};
