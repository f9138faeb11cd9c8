/** Large files that are read while the code that needs them is still being loaded. */
import { close, read } from 'node:fs';
import { promisify } from 'node:util';
import { PROGRESS_BYTES, type OnProgress } from '../kexec/base/progress.js';
import type { System } from '../kexec/base/system.js';
import { fromRoot } from '../sim/kernel/recording/host-files.js';
import { openRegular } from '../sim/kernel/recording/input-files.js';

/** Files that are being read, by path. Nothing is there for one that cannot be read as a whole. */
export type Prefetched = ReadonlyMap<string, Promise<Uint8Array | undefined>>;

const [readFile, closeFile] = [promisify(read), promisify(close)];

/** Larger files are left to whoever needs them. */
const MAX_SIZE = 0x7fff_f000;

const readWhole = async (path: string, progress?: OnProgress): Promise<Uint8Array | undefined> => {
  const { file: fd, sizeBytes: total } = openRegular(path);
  try {
    if (total === 0 || total > MAX_SIZE) return undefined;
    const buffer = Buffer.allocUnsafeSlow(total);
    for (let done = 0; done < total; progress?.({ what: `reading ${path}`, unit: 'bytes', done, total })) {
      const { bytesRead } = await readFile(fd, buffer, done, Math.min(total - done, PROGRESS_BYTES), done);
      if (bytesRead === 0) return undefined;
      done += bytesRead;
    }
    return new Uint8Array(buffer.buffer, buffer.byteOffset, total);
  } finally {
    await closeFile(fd);
  }
};

const isOnMachine = (path: string): boolean => /^\/(proc|sys)(\/|$)/.test(fromRoot(path));

/**
 * Starts to read large files of this host, in other threads, while the code that needs them is still being loaded.
 * What goes wrong here goes wrong again, with a message, where the file is needed.
 */
export const prefetch = (paths: readonly string[], progress?: OnProgress): Prefetched =>
  new Map(
    paths
      .filter((path) => path !== '' && !isOnMachine(path))
      .map((path) => [path, readWhole(path, progress).catch(() => undefined)]),
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
