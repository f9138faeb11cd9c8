/** Reading whole files with the original's messages (slurp_file(), kexec/kexec.c). */
import { attempt } from './attempt.js';
import { plainBytes } from './bytes.js';
import { DEFAULT_COMPAT, type Compat } from './compat.js';
import { Errno, KexecError, SystemError, strerror } from './error.js';
import type { System, FileStat } from './system.js';

/** The error for a file without bytes, or one that cannot be read: then `before` says why. */
export const cannotRead = (path: string, compat: Compat, before = ''): KexecError => {
  const text = `${before}Cannot read ${path}${compat.cannotReadEndsLine ? '\n' : ''}`;
  return KexecError.die(`Cannot read ${path}`, { subject: path, text });
};

const cannotOpen = (path: string, errno: number): KexecError =>
  KexecError.die(`Cannot open \`${path}': ${strerror(errno)}`, { subject: path, errno });

/**
 * Reads a whole file as slurp_file() of kexec/kexec.c does.
 *
 * @param path the file's name, for the system and for messages
 * @throws KexecError when the file is missing, empty, unreadable or shorter than stat() says
 */
export const slurpFile = (system: System, path: string, compat: Compat = DEFAULT_COMPAT): Uint8Array => {
  const stat = attempt(SystemError, () => system.stat(path));
  if (stat instanceof SystemError) throw cannotOpen(path, stat.errno);
  // Nothing is allocated for no bytes, and the original takes the missing buffer for an error. That is also what
  // becomes of most devices and of pipes, which have no size.
  if (stat.size === 0) throw cannotRead(path, compat);
  if (stat.kind === 'directory') {
    throw cannotRead(path, compat, `Read on ${path} failed: ${strerror(Errno.EISDIR)}\n`);
  }
  const bytes = attempt(SystemError, () => system.readFile(path));
  if (bytes instanceof SystemError) {
    if (bytes.call === 'open') throw cannotOpen(path, bytes.errno);
    throw cannotRead(path, compat, `Read on ${path} failed: ${strerror(bytes.errno)}\n`);
  }
  if (bytes.length < stat.size) {
    throw KexecError.die(`Read on ${path} ended before stat said it should`, { subject: path });
  }
  return plainBytes(bytes);
};

/** Whether there is something to read: in a file, or on a device that has a size. */
export const hasBytes = ({ kind, size }: FileStat): boolean =>
  size > 0 && (kind === 'file' || kind === 'character' || kind === 'block');
