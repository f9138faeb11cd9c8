/** Opens a saved machine's file: it is looked at as a whole before anything of it is used. */
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { failing } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { hostCall } from '../recording/host-files.js';
import { openRegular } from '../recording/input-files.js';
import { DIGEST_BYTES, PREAMBLE_BYTES } from './records.js';
import { type ByteSource, type SavedRecords, checkPreamble, readRecords } from './save-reader.js';

const WHAT = 'Cannot read';
const PIECE_BYTES = 1 << 20;

/**
 * Reads a saved machine. The file is closed when `action` is done with the records.
 * @throws KexecError when there is no such file, or it is none, damaged, or of another version
 */
export const withSave = <T>(path: string, action: (records: SavedRecords) => T): T => {
  const refuse = (why: string): KexecError => KexecError.die(`${path} ${why}`, { subject: path });
  const { file, sizeBytes } = failing(WHAT, path, () => openRegular(path));
  try {
    const read = (offset: number, bytes: Uint8Array): number =>
      hostCall(WHAT, path, () => readSync(file, bytes, 0, bytes.length, offset));
    checkPreamble(readAt(read, 0, Math.min(sizeBytes, PREAMBLE_BYTES)), refuse);
    const end = sizeBytes - DIGEST_BYTES;
    if (end < PREAMBLE_BYTES || !isWhole(read, end)) throw refuse('is damaged, or only a part of what was saved');
    return action(readRecords(new FileSource(read, end), refuse));
  } finally {
    closeSync(file);
  }
};

/** @returns how many bytes there were */
type Read = (offset: number, bytes: Uint8Array) => number;

/** Fewer bytes where the file ends. */
const readAt = (read: Read, offset: number, sizeBytes: number): Uint8Array => {
  const bytes = new Uint8Array(sizeBytes);
  let filled = 0;
  while (filled < sizeBytes) {
    const count = read(offset + filled, bytes.subarray(filled));
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
};

/** Whether the bytes behind `end` are the digest of those before. */
const isWhole = (read: Read, end: number): boolean => {
  const digest = createHash('sha256');
  for (let at = 0; at < end;) {
    const bytes = readAt(read, at, Math.min(PIECE_BYTES, end - at));
    if (bytes.length === 0) return false;
    digest.update(bytes);
    at += bytes.length;
  }
  return digest.digest().equals(readAt(read, end, DIGEST_BYTES));
};

class FileSource implements ByteSource {
  #at = 0;
  #piece: Uint8Array = new Uint8Array();
  /** Where in the file the piece begins. */
  #start = 0;

  constructor(
    private readonly read: Read,
    private readonly end: number,
  ) {}

  take(sizeBytes: number): Uint8Array {
    const wanted = Math.min(sizeBytes, this.end - this.#at);
    if (this.#at + wanted > this.#start + this.#piece.length) {
      this.#start = this.#at;
      this.#piece = readAt(this.read, this.#at, Math.min(Math.max(wanted, PIECE_BYTES), this.end - this.#at));
    }
    const from = this.#at - this.#start;
    const bytes = this.#piece.subarray(from, from + wanted);
    this.#at += bytes.length;
    return bytes;
  }
}
