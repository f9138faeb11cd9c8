import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, readdirSync, statSync, type Stats } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { Errno, SystemError } from '../../kexec/error.js';
import type { FileKind, FileStat } from '../../kexec/system.js';

/** The host's files as {@link SystemError}s and exact buffers. */

/** One read(2) transfers less than 2 GiB (MAX_RW_COUNT, fs/read_write.c). */
const LARGEST_READ = 0x7fff_f000;

/**
 * Whether an error came from Node's own layer: a failed system call, or an argument that it would not pass on.
 * Goes by its code, for it need not be of our realm's class Error, as under a test runner.
 */
export const isNodeError = (error: unknown): error is NodeJS.ErrnoException =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string';

/** The positive errno of an error that `node:fs` threw. */
export const errnoOf = (error: NodeJS.ErrnoException): number => {
  if (typeof error.errno === 'number') return Math.abs(error.errno);
  // A path with a NUL byte does not reach the system: no file can have such a name.
  if (error.code === 'ERR_INVALID_ARG_VALUE') return Errno.ENOENT;
  const numbers: Readonly<Record<string, number>> = osConstants.errno;
  return numbers[error.code ?? ''] ?? Errno.EIO;
};

/** Does `action`, and turns what `node:fs` throws into a SystemError about `call` and `path`. */
export const systemCall = <T>(call: string, path: string, action: () => T): T => {
  try {
    return action();
  } catch (error) {
    if (isNodeError(error)) throw new SystemError(call, path, errnoOf(error));
    throw error;
  }
};

const kindOf = (stats: Stats): FileKind => {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'character';
  return stats.isBlockDevice() ? 'block' : 'other';
};

const toFileStat = (stats: Stats): FileStat => ({ kind: kindOf(stats), size: stats.size });

export const statHost = (hostPath: string, path = hostPath): FileStat =>
  toFileStat(systemCall('stat', path, () => statSync(hostPath)));

export const lstatHost = (hostPath: string, path = hostPath): FileStat =>
  toFileStat(systemCall('lstat', path, () => lstatSync(hostPath)));

export const listHost = (hostPath: string, path = hostPath): readonly string[] =>
  systemCall('readdir', path, () => readdirSync(hostPath));

/** Not cleared first, which would cost a second pass over large files: its user reads every byte or cuts it off. */
const allocate = (path: string, size: number): Buffer => {
  try {
    return Buffer.allocUnsafeSlow(size);
  } catch {
    throw new SystemError('read', path, Errno.ENOMEM);
  }
};

/** For a file that others chose: a pipe without a writer is not waited for, and a link is not followed. */
export const GUARDED_READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * At most `length` bytes from `offset`, in one allocation that is as large as what there is to read.
 *
 * Only a regular file tells how much that is. A device or a pipe gives nothing: its size is 0 to stat(), and for
 * nearly all devices to lseek() as well, which the original goes by (slurp_fd(), kexec/kexec.c); /dev/zero would
 * never end.
 * @throws SystemError
 */
export const readHost = (
  hostPath: string,
  path = hostPath,
  offset = 0,
  length = Number.MAX_SAFE_INTEGER,
  flags = constants.O_RDONLY,
): Uint8Array => {
  const fd = systemCall('open', path, () => openSync(hostPath, flags));
  try {
    const stats = systemCall('fstat', path, () => fstatSync(fd));
    if (stats.isDirectory()) throw new SystemError('read', path, Errno.EISDIR);
    const size = stats.isFile() ? Math.max(0, Math.min(length, stats.size - offset)) : 0;
    const buffer = allocate(path, size);
    let filled = 0;
    while (filled < size) {
      const wanted = Math.min(size - filled, LARGEST_READ);
      const count = systemCall('read', path, () => readSync(fd, buffer, filled, wanted, offset + filled));
      if (count === 0) break;
      filled += count;
    }
    return new Uint8Array(buffer.buffer, buffer.byteOffset, filled);
  } finally {
    closeSync(fd);
  }
};
