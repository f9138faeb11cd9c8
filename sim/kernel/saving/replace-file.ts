/** Writes a file that is there as a whole or not at all. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { NodeError, hostCall } from '../recording/host-files.js';
import { PIPE_PATIENCE_MS, POLL_MS } from '../recording/input-files.js';

const WHAT = 'Cannot write';
/** Its owner's alone: memory holds what others are not to see. */
const OWN = 0o600;

/**
 * Whether there is a pipe or a character device, such as /dev/null, in whose place no file may come. @throws KexecError
 * for what else is no file
 */
const isStream = (path: string): boolean => {
  const stats = attempt(NodeError, () => statSync(path));
  if (stats instanceof NodeError || stats.isFile()) return false;
  if (stats.isCharacterDevice() || stats.isFIFO()) return true;
  throw KexecError.die(`${WHAT} ${path}: it is no regular file`, { subject: path });
};

/** Where the file is that a link leads to; a link that leads nowhere is replaced itself. */
const targetOf = (path: string): string => {
  const target = attempt(NodeError, () => realpathSync(path));
  return target instanceof NodeError ? path : target;
};

/** To be asked before work whose result is to be in the file. @throws KexecError when it could not be written now */
export const checkReplaceable = (path: string): void => {
  if (isStream(path)) return;
  hostCall(WHAT, path, () => accessSync(`${dirname(targetOf(path))}/.`, constants.W_OK | constants.X_OK));
};

/**
 * Has the file made anew by `action`; one that was there stays until then.
 * @param action is given what takes the bytes in order
 * @param mode of a new file, as far as the user's umask lets it
 * @throws KexecError when the host cannot write it, or what `action` throws; the file is as it was then
 */
export const replaceFile = (path: string, action: (write: (bytes: Uint8Array) => void) => void, mode = OWN): void => {
  // Without a reader, a pipe is not waited for.
  if (isStream(path))
    return writeNew({ path, hostPath: path, flags: constants.O_WRONLY | constants.O_NONBLOCK, mode }, action);
  const target = targetOf(path);
  const fresh = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`);
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    writeNew({ path, hostPath: fresh, flags, mode }, action, fsyncSync);
    hostCall(WHAT, path, () => renameSync(fresh, target));
  } catch (error) {
    // Where it could not be made, it may not even be looked for.
    attempt(NodeError, () => rmSync(fresh, { force: true }));
    throw error;
  }
};

interface NewFile {
  /** What messages call it. */
  readonly path: string;
  readonly hostPath: string;
  readonly flags: number;
  readonly mode: number;
}

const writeNew = (
  { path, hostPath, flags, mode }: NewFile,
  action: (write: (bytes: Uint8Array) => void) => void,
  finish: (file: number) => void = () => {},
): void => {
  const file = hostCall(WHAT, path, () => openSync(hostPath, flags, mode));
  try {
    action((bytes) => hostCall(WHAT, path, () => writeAll(file, bytes)));
    hostCall(WHAT, path, () => finish(file));
  } finally {
    closeSync(file);
  }
};

const writeAll = (file: number, bytes: Uint8Array): void => {
  let deadline = performance.now() + PIPE_PATIENCE_MS;
  for (let at = 0; at < bytes.length;) {
    const count = attempt(NodeError, () => writeSync(file, bytes, at, bytes.length - at));
    if (typeof count === 'number') {
      at += count;
      deadline = performance.now() + PIPE_PATIENCE_MS;
    } else if (count.code !== 'EAGAIN' || performance.now() > deadline) throw count;
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
};
