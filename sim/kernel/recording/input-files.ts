/**
 * The way to files that somebody names: what they are and how large is looked at first, and nothing is waited for
 * without end.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { attempt, failing } from '../../../kexec/base/attempt.js';
import { Errno, KexecError, SystemError } from '../../../kexec/base/error.js';
import { NodeError, errnoOf, readOpen, systemCall } from './host-files.js';

/** How long a pipe may say nothing, or take nothing, before it is given up, and how often it is looked at. */
export const PIPE_PATIENCE_MS = 10_000;
export const POLL_MS = 10;
const FIRST_BYTES = 64 * 1024;

/** A regular file that is open. */
export interface OpenFile {
  readonly file: number;
  readonly sizeBytes: number;
}

const refuse = (path: string, reason: string): KexecError => KexecError.die(`${path}: ${reason}`, { subject: path });

const tooLarge = (path: string, size: string, mostBytes: number): KexecError =>
  refuse(path, `too large: ${size}, where at most ${mostBytes} bytes are read`);

/** Opens without waiting for the other end of a pipe. @param check what may throw, and then the file is closed again */
const openChecked = (path: string, flags: number, check: (stats: Stats) => void) => {
  const file = systemCall('open', path, () => openSync(path, flags | constants.O_NONBLOCK));
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw new SystemError('read', path, Errno.EISDIR);
    check(stats);
    return { file, sizeBytes: stats.size, isPipe: stats.isFIFO() };
  } catch (error) {
    closeSync(file);
    throw error;
  }
};

/**
 * Opens a regular file; whoever asks for it closes it.
 * @param flags of open(2)
 * @throws SystemError @throws KexecError for anything else, such as a pipe or a device
 */
export const openRegular = (path: string, flags: number = constants.O_RDONLY): OpenFile =>
  openChecked(path, flags, (stats) => {
    if (!stats.isFile()) throw refuse(path, 'not a regular file');
  });

/**
 * Reads a regular file.
 * @param mostBytes of a file that is to be read as a whole; a larger one is refused
 * @param wantedBytes how many from its start, when not all of them are wanted
 * @throws SystemError @throws KexecError
 */
export const readRegular = (path: string, mostBytes: number, wantedBytes = Infinity, flags?: number): Uint8Array => {
  const { file, sizeBytes } = openRegular(path, flags);
  try {
    const size = Math.min(sizeBytes, wantedBytes);
    if (size > mostBytes) throw tooLarge(path, `${size} bytes`, mostBytes);
    return readOpen(file, path, 0, size);
  } finally {
    closeSync(file);
  }
};

/**
 * Reads a regular file as a whole, or all that comes out of a pipe.
 * @throws KexecError for anything else, for more bytes than `mostBytes`, and for a pipe that says nothing for too long
 */
export const readInput = async (
  path: string,
  mostBytes: number,
  patienceMs = PIPE_PATIENCE_MS,
): Promise<Uint8Array> => {
  const { file, sizeBytes, isPipe } = failing('Cannot read', path, () =>
    openChecked(path, constants.O_RDONLY, (stats) => {
      if (!stats.isFIFO() && !stats.isFile()) throw refuse(path, 'neither a regular file nor a pipe');
    }),
  );
  try {
    if (isPipe) return await readPipe(file, path, mostBytes, patienceMs);
    if (sizeBytes > mostBytes) throw tooLarge(path, `${sizeBytes} bytes`, mostBytes);
    return failing('Cannot read', path, () => readOpen(file, path, 0, sizeBytes));
  } finally {
    closeSync(file);
  }
};

const readPipe = async (file: number, path: string, mostBytes: number, patienceMs: number): Promise<Uint8Array> => {
  let bytes = new Uint8Array(FIRST_BYTES);
  let filled = 0;
  for (let deadline = performance.now() + patienceMs; ;) {
    const count = attempt(NodeError, () => readSync(file, bytes, filled, bytes.length - filled, null));
    if (count instanceof NodeError && count.code !== 'EAGAIN') {
      failing('Cannot read', path, () => {
        throw new SystemError('read', path, errnoOf(count));
      });
    }
    // Without a byte so far, nobody may have begun to write.
    if (count === 0 && filled > 0) return bytes.subarray(0, filled);
    if (typeof count === 'number' && count > 0) {
      filled += count;
      if (filled > mostBytes) throw tooLarge(path, `more than ${mostBytes} bytes`, mostBytes);
      if (filled === bytes.length) bytes = grown(bytes);
      deadline = performance.now() + patienceMs;
      continue;
    }
    if (performance.now() > deadline) throw refuse(path, `nothing comes out of this pipe for ${patienceMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

const grown = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const more = new Uint8Array(bytes.length * 2);
  more.set(bytes);
  return more;
};
