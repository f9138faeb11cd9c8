/**
 * Checksums of what was loaded, by which a segment's bytes are told from what became of them on disk. A digest of the
 * whole, as the purgatory has it, cannot say where the change is.
 */
import { crc32 } from 'node:zlib';

/** Bytes that have a checksum of their own. */
export const SUM_BLOCK = 65_536;
export const SUM_BYTES = 4;

/** A CRC-32 for each block, little-endian; the last block may be shorter. */
export const sumsOf = (bytes: Uint8Array): Uint8Array => {
  const count = Math.ceil(bytes.length / SUM_BLOCK);
  const sums = new DataView(new ArrayBuffer(count * SUM_BYTES));
  for (let i = 0; i < count; i++) sums.setUint32(i * SUM_BYTES, crc32(blockOf(bytes, i)), true);
  return new Uint8Array(sums.buffer);
};

const blockOf = (bytes: Uint8Array, i: number): Uint8Array => bytes.subarray(i * SUM_BLOCK, (i + 1) * SUM_BLOCK);

/** The first bytes that are not what they were. */
export interface Change {
  /** Of the first byte that may have changed. */
  readonly offset: number;
  /** Bytes among which the change is; 1 where it is known. */
  readonly size: number;
  /** What that byte was; undefined where more than one has changed. */
  readonly was: number | undefined;
}

/** @returns undefined when nothing has changed, or the checksums are of something else */
export const firstChange = (bytes: Uint8Array, sums: Uint8Array): Change | undefined => {
  const count = Math.ceil(bytes.length / SUM_BLOCK);
  if (sums.length !== count * SUM_BYTES) return undefined;
  const view = new DataView(sums.buffer, sums.byteOffset, sums.byteLength);
  for (let i = 0; i < count; i++) {
    const block = blockOf(bytes, i);
    const delta = (crc32(block) ^ view.getUint32(i * SUM_BYTES, true)) >>> 0;
    if (delta === 0) continue;
    const offset = i * SUM_BLOCK;
    const byte = changedByte(delta, block.length);
    if (byte === undefined) return { offset, size: block.length, was: undefined };
    return { offset: offset + byte.at, size: 1, was: block[byte.at]! ^ byte.by };
  }
  return undefined;
};

const POLYNOMIAL = 0xedb8_8320;

const crcOfByte = (byte: number): number => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  return crc >>> 0;
};

/**
 * The one byte whose change makes this difference of checksums. CRCs are linear: the difference is the CRC of the
 * change alone, a byte with zeros behind it; and one step of a CRC over a zero can be taken back.
 */
const changedByte = (delta: number, length: number): { readonly at: number; readonly by: number } | undefined => {
  const table = Array.from({ length: 256 }, (_, byte) => crcOfByte(byte));
  const byTop = new Map(table.map((crc, byte) => [crc >>> 24, byte]));
  let crc = delta;
  for (let at = length - 1; at >= 0; at--) {
    const byte = byTop.get(crc >>> 24)!;
    if (table[byte] === crc) return { at, by: byte };
    crc = (((crc ^ table[byte]!) << 8) | byte) >>> 0;
  }
  return undefined;
};
