import { close, constants, fstat, open, read } from 'node:fs';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import type { System } from '../kexec/system.js';

/** Files that are being read, by path. Nothing is there for one that cannot be read as a whole. */
export type Prefetched = ReadonlyMap<string, Promise<Uint8Array | undefined>>;

const [openFile, statFile, readFile, closeFile] = [promisify(open), promisify(fstat), promisify(read), promisify(close)];

/** One read(2) transfers less than 2 GiB; larger files are left to whoever needs them. */
const MAX_SIZE = 0x7fff_f000;

/** A pipe without a writer is not waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

const readWhole = async (path: string): Promise<Uint8Array | undefined> => {
  const fd = await openFile(path, FLAGS);
  try {
    const stats = await statFile(fd);
    if (!stats.isFile() || stats.size === 0 || stats.size > MAX_SIZE) return undefined;
    const buffer = Buffer.allocUnsafeSlow(stats.size);
    const { bytesRead } = await readFile(fd, buffer, 0, buffer.length, 0);
    return bytesRead === stats.size ? new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead) : undefined;
  } finally {
    await closeFile(fd);
  }
};

const isOnMachine = (path: string): boolean => /^\/(proc|sys)(\/|$)/.test(posix.resolve(path));

/**
 * Starts to read large files of this host, in other threads, while the code that needs them is still being loaded.
 * What goes wrong here goes wrong again, with a message, where the file is needed.
 */
export const prefetch = (paths: readonly string[]): Prefetched =>
  new Map(
    paths
      .filter((path) => path !== '' && !isOnMachine(path))
      .map((path) => [path, readWhole(path).catch(() => undefined)]),
  );

/** A system that gives what was prefetched to the first who asks for it. */
export const withPrefetched = async (system: System, prefetched: Prefetched): Promise<System> => {
  const ready = new Map<string, Uint8Array>();
  for (const [path, promise] of prefetched) {
    const bytes = await promise;
    if (bytes !== undefined) ready.set(path, bytes);
  }
  return {
    ...system,
    readFile: (path) => {
      const bytes = ready.get(path);
      ready.delete(path);
      return bytes ?? system.readFile(path);
    },
  };
};
