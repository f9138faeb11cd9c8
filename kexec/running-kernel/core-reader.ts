/** Reading core files at their offsets, within limits. */
import { attempt } from '../base/attempt.js';
import { concatBytes } from '../base/bytes.js';
import { Errno, KexecError, SystemError, strerror } from '../base/error.js';
import { hex } from '../base/format.js';
import type { System } from '../base/system.js';
import { s64 } from '../base/u64.js';

/** Where core files are read from. */
export type CoreSource = Pick<System, 'readAt'>;

export interface Reading {
  readonly bytes: Uint8Array;
  /** Whether all bytes that were asked for are there. */
  readonly complete: boolean;
  /** What was left over when the file merely ended. */
  readonly errno: number;
}

/** Bytes that are asked for at once, so that no header can make us allocate what the file does not have. */
const CHUNK_BYTES = 1 << 20;
/** So many bytes are refused at once, as malloc() would refuse them on any but the largest machines. */
export const HOPELESS_BYTES = 1n << 40n;
/** Most bytes of notes that are read in all. */
export const MAX_NOTE_BYTES = 64n << 20n;

/** pread() on one file. */
export class CoreReader {
  #noteBytes = 0n;

  constructor(
    private readonly system: CoreSource,
    readonly path: string,
    private readonly leftoverErrno: number,
  ) {}

  read(offset: bigint, size: bigint): Reading {
    const nothing = new Uint8Array();
    if (s64(offset) < 0n || s64(offset + size) < 0n) return { bytes: nothing, complete: false, errno: Errno.EINVAL };
    const chunks: Uint8Array[] = [];
    let length = 0n;
    const failure = attempt(SystemError, () => {
      while (length < size && offset + length <= BigInt(Number.MAX_SAFE_INTEGER)) {
        const wanted = size - length < CHUNK_BYTES ? Number(size - length) : CHUNK_BYTES;
        const chunk = this.system.readAt(this.path, Number(offset + length), wanted);
        chunks.push(chunk);
        length += BigInt(chunk.length);
        if (chunk.length < wanted) break;
      }
    });
    if (failure instanceof SystemError) {
      if (failure.call === 'open') throw failure;
      return { bytes: nothing, complete: false, errno: failure.errno };
    }
    return { bytes: concatBytes(chunks), complete: length === size, errno: this.leftoverErrno };
  }

  /** A segment of notes. @throws KexecError when it is not there, or too large */
  readNotes(offset: bigint, size: bigint): Uint8Array {
    const tooLarge = this.exit(21, `Cannot malloc ${size} bytes`);
    if (size >= HOPELESS_BYTES) throw tooLarge;
    const allowed = MAX_NOTE_BYTES - this.#noteBytes;
    const notes = this.read(offset, size < allowed ? size : allowed);
    if (!notes.complete) {
      const where = `Cannot read note section @ 0x${hex(offset)} of ${size} bytes`;
      throw this.exit(22, `${where}: ${strerror(notes.errno)}`);
    }
    if (size > allowed) throw tooLarge;
    this.#noteBytes += size;
    return notes.bytes;
  }

  exit(exitCode: number, message: string): KexecError {
    return KexecError.die(message, { exitCode, subject: this.path });
  }
}
