/**
 * The file that a saved machine is: a magic, a version, records, and the SHA-256 of all that. A record is a head and
 * bytes, which may be compressed (RFC 1951). Numbers are little-endian.
 */

/** "KEXECSIM", in the order of its bytes. */
export const MAGIC = Uint8Array.from('KEXECSIM', (character) => character.charCodeAt(0));
/** Changes when older programs would not understand. */
export const VERSION = 1;
export const PREAMBLE_BYTES = MAGIC.length + 4;
export const DIGEST_BYTES = 32;
export const HEAD_BYTES = 24;

/** Kinds of records, in the order in which they come: what describes the machine first, and what has no end last. */
export const KINDS = ['description', 'tree', 'ram', 'disk', 'end'] as const;
export type RecordKind = (typeof KINDS)[number];

export interface RecordHead {
  readonly kind: RecordKind;
  /** Of disks: which one. */
  readonly index: number;
  /** Of RAM: the physical address; of disks: the number of the block. */
  readonly address: bigint;
  /** Bytes in the file, and bytes that they are; the same where they are not compressed. */
  readonly storedBytes: number;
  readonly sizeBytes: number;
}

/** Bytes that a record may have, which keeps a hostile file from being taken at its word. */
export const MOST_BYTES: Readonly<Record<RecordKind, number>> = {
  description: 16 << 20,
  tree: 16 << 20,
  ram: 1 << 16,
  disk: 4096,
  end: 0,
};

/**
 * What is written to a disk is compressed to so much of it at least: RAM is bounded by the machine, disks are not, so
 * that a small file could fill the host's memory.
 */
export const DISK_RATIO = 16;

export const preamble = (version = VERSION): Uint8Array => {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(MAGIC.length, version, true);
  return bytes;
};

/** The version of a file that begins so; undefined for one that is no saved machine. */
export const versionOf = (bytes: Uint8Array): number | undefined => {
  const isOurs = bytes.length >= PREAMBLE_BYTES && MAGIC.every((byte, i) => bytes[i] === byte);
  return isOurs ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true) : undefined;
};

export const formatHead = ({ kind, index, address, storedBytes, sizeBytes }: RecordHead): Uint8Array => {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, KINDS.indexOf(kind), true);
  view.setUint32(4, index, true);
  view.setBigUint64(8, address, true);
  view.setUint32(16, storedBytes, true);
  view.setUint32(20, sizeBytes, true);
  return bytes;
};

/** @returns undefined for a head that no record has */
export const parseHead = (bytes: Uint8Array): RecordHead | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  const kind = KINDS[view.getUint32(0, true)];
  const storedBytes = view.getUint32(16, true);
  const sizeBytes = view.getUint32(20, true);
  if (kind === undefined || sizeBytes > MOST_BYTES[kind] || storedBytes > sizeBytes) return undefined;
  if (kind === 'disk' && storedBytes * DISK_RATIO < sizeBytes) return undefined;
  return { kind, index: view.getUint32(4, true), address: view.getBigUint64(8, true), storedBytes, sizeBytes };
};
