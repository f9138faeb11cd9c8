/** A System of invented files, some of which fail to be read. */
import { Errno, SystemError } from '../../../kexec/base/error.js';
import { createLog, type Log } from '../../../kexec/base/log.js';
import type { System } from '../../../kexec/base/system.js';

/** A file's content, or the call that fails on it and how. */
export type MemoryFile = string | Uint8Array | { readonly call: 'open' | 'read'; readonly errno: number };

/**
 * A System of a few invented files, which cannot load anything. A directory is there when a file is in it, or by its
 * name with a slash behind.
 */
export const memorySystem = (
  files: Readonly<Record<string, MemoryFile>>,
  { nrCpus = 1 }: { readonly nrCpus?: number } = {},
): System => {
  const names = Object.keys(files);
  const readFile = (path: string): Uint8Array => {
    const file = files[path];
    if (file === undefined) throw new SystemError('open', path, Errno.ENOENT);
    if (typeof file === 'string') return Uint8Array.from(file, (char) => char.charCodeAt(0));
    if (file instanceof Uint8Array) return file;
    throw new SystemError(file.call, path, file.errno);
  };
  const stat: System['stat'] = (path) => {
    if (names.some((name) => name.startsWith(`${path}/`))) return { kind: 'directory', size: 0 };
    return { kind: 'file', size: readFile(path).length };
  };
  return {
    pageSize: 4096n,
    machine: 'aarch64',
    nrCpus,
    readFile,
    readAt: (path, offset, length) => readFile(path).subarray(offset, offset + length),
    stat,
    lstat: stat,
    list: (path) =>
      names.filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1).split('/')[0]!),
    random: (length) => new Uint8Array(length),
    kexecLoad: async () => -Errno.ENOSYS,
    kexecFileLoad: async () => -Errno.ENOSYS,
    rebootKexec: async () => ({ kind: 'refused', errno: -Errno.ENOSYS }),
    sync: () => {},
    interfaceNames: () => [],
    interfaceFlags: (name) => {
      throw new SystemError('ioctl', name, Errno.ENODEV);
    },
    setInterfaceFlags: async () => -Errno.ENODEV,
    execv: async () => ({ kind: 'refused', errno: -Errno.ENOENT }),
  };
};

/** A log that keeps what was written to stderr. */
export const keepingLog = (debug = false): Log & { readonly text: () => string } => {
  let text = '';
  const log = createLog(
    debug,
    () => {},
    (more) => {
      text += more;
    },
  );
  return { ...log, text: () => text };
};
