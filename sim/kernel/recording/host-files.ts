/** The host's files, with failures as SystemErrors and reads as exact buffers. */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  statSync,
  type Stats,
} from 'node:fs';
import { constants as osConstants } from 'node:os';
import { dirname, posix } from 'node:path';
import { attempt, failing } from '../../../kexec/base/attempt.js';
import { Errno, SystemError } from '../../../kexec/base/error.js';
import type { FileKind, FileStat } from '../../../kexec/base/system.js';

/** One read(2) transfers less than 2 GiB (MAX_RW_COUNT, fs/read_write.c). */
const LARGEST_READ = 0x7fff_f000;

/**
 * Whether an error came from Node's own layer: a failed system call, or an argument that it would not pass on.
 * Goes by its code, for it need not be of our realm's class Error, as under a test runner.
 */
export const isNodeError = (error: unknown): error is NodeJS.ErrnoException =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string';

/** Node's own errors as a class, for `attempt`: see {@link isNodeError}. */
export const NodeError = { prototype: Error.prototype as NodeJS.ErrnoException, [Symbol.hasInstance]: isNodeError };

/** The positive errno of an error that `node:fs` threw. */
export const errnoOf = (error: NodeJS.ErrnoException): number => {
  if (typeof error.errno === 'number') return Math.abs(error.errno);
  // A path with a NUL byte does not reach the system: no file can have such a name.
  if (error.code === 'ERR_INVALID_ARG_VALUE') return Errno.ENOENT;
  const numbers: Readonly<Record<string, number>> = osConstants.errno;
  return numbers[error.code ?? ''] ?? Errno.EIO;
};

/**
 * Makes a directory and those that it is in. Node's own way does not end where mkdir(2) answers ENOENT in a directory
 * that is there, as in /proc.
 */
export const makeDirectories = (path: string): void => {
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    if (error.code === 'EEXIST' && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (error.code !== 'ENOENT' || existsSync(parent)) throw error;
    makeDirectories(parent);
    makeDirectories(path);
  }
};

/** Does `action`, and turns what `node:fs` throws into a SystemError about `call` and `path`. */
export const systemCall = <T>(call: string, path: string, action: () => T): T => {
  const result = attempt(NodeError, action);
  if (result instanceof NodeError) throw new SystemError(call, path, errnoOf(result));
  return result;
};

/**
 * Does what `node:fs` does.
 * @param what the failure in the words of the message, for example "Cannot write"
 * @throws KexecError "WHAT PATH: REASON" in place of Node's errors
 */
export const hostCall = <T>(what: string, path: string, action: () => T): T =>
  failing(what, path, () => systemCall('host', path, action));

/** The path from the root on; as it is where the current directory is gone, in which nothing can be found. */
export const fromRoot = (path: string): string => {
  const full = attempt(NodeError, () => posix.resolve(path));
  return full instanceof NodeError ? path : full;
};

const kindOf = (stats: Stats): FileKind => {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'character';
  return stats.isBlockDevice() ? 'block' : 'other';
};

const SECTOR_SIZE = 512;

/** A number of decimal digits in a file of sysfs; undefined without one. */
const sysfsNumber = (path: string): number | undefined => {
  const text = attempt(NodeError, () => readFileSync(path, 'latin1').trim());
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
};

/**
 * Bytes in a device that a kernel may be kept on: a disk, an MTD partition, a UBI volume; 0 for any other, which has
 * no size to lseek() either. The original asks by ioctl and lseek (slurp_file_generic(), kexec/kexec.c), which Node
 * has not; sysfs tells the same.
 */
const deviceSize = (stats: Stats): number => {
  // Linux: new_encode_dev(), include/linux/kdev_t.h; huge majors do not occur.
  const device = `${(stats.rdev >>> 8) & 0xfff}:${(stats.rdev & 0xff) | ((stats.rdev >>> 12) & 0xfff00)}`;
  if (stats.isBlockDevice()) return (sysfsNumber(`/sys/dev/block/${device}/size`) ?? 0) * SECTOR_SIZE;
  const directory = `/sys/dev/char/${device}`;
  return sysfsNumber(`${directory}/data_bytes`) ?? sysfsNumber(`${directory}/size`) ?? 0;
};

const isDevice = (stats: Stats): boolean => stats.isBlockDevice() || stats.isCharacterDevice();

const sizeOf = (stats: Stats): number => (isDevice(stats) ? deviceSize(stats) : stats.size);

const toFileStat = (stats: Stats): FileStat => ({ kind: kindOf(stats), size: sizeOf(stats) });

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

/** A pipe without a writer is not waited for. */
const PLAIN_READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** For a file that others chose: a link is not followed either. */
export const GUARDED_READ = PLAIN_READ | constants.O_NOFOLLOW;

/** Of larger files no more than a part is read at once: no machine's kernel or initrd comes near. */
export const LARGEST_FILE = 2 ** 32;

/** `size` bytes of an open file, fewer where it ends. @param path what errors name @throws SystemError */
export const readOpen = (file: number, path: string, offset: number, size: number): Uint8Array => {
  if (size > LARGEST_FILE) throw new SystemError('read', path, Errno.EFBIG);
  const buffer = allocate(path, size);
  let filled = 0;
  while (filled < size) {
    const wanted = Math.min(size - filled, LARGEST_READ);
    const count = systemCall('read', path, () => readSync(file, buffer, filled, wanted, offset + filled));
    if (count === 0) break;
    filled += count;
  }
  return new Uint8Array(buffer.buffer, buffer.byteOffset, filled);
};

/**
 * At most `length` bytes from `offset`, in one allocation that is as large as what there is to read.
 *
 * A pipe or a device without a size gives nothing: its size is 0 to stat() and to lseek(), which the original goes by
 * (slurp_fd(), kexec/kexec.c); /dev/zero would never end.
 * @throws SystemError
 */
export const readHost = (
  hostPath: string,
  path = hostPath,
  offset = 0,
  length = Number.MAX_SAFE_INTEGER,
  flags = PLAIN_READ,
): Uint8Array => {
  const fd = systemCall('open', path, () => openSync(hostPath, flags));
  try {
    const stats = systemCall('fstat', path, () => fstatSync(fd));
    if (stats.isDirectory()) throw new SystemError('read', path, Errno.EISDIR);
    const readable = stats.isFile() || isDevice(stats);
    const size = readable ? Math.max(0, Math.min(length, sizeOf(stats) - offset)) : 0;
    return readOpen(fd, path, offset, size);
  } finally {
    closeSync(fd);
  }
};
