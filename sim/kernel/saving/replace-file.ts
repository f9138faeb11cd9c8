/** Writes a file that is there as a whole or not at all. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
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

/** Takes the bytes of a file in order. */
export interface FileSink {
  write(bytes: Uint8Array): void;
  /** Zeros, for which a file has a hole where it can. */
  skip(sizeBytes: number): void;
  /** Writes over what was skipped, which no stream can do. */
  writeAt(offset: number, bytes: Uint8Array): void;
}

/**
 * Has the file made anew by `action`; one that was there stays until then.
 * @param action is given what takes the bytes in order
 * @param mode of a new file, as far as the user's umask lets it
 * @throws KexecError when the host cannot write it, or what `action` throws; the file is as it was then
 */
export const replaceFile = (path: string, action: (write: (bytes: Uint8Array) => void) => void, mode = OWN): void => {
  const fresh = new FreshFile(path, mode);
  fresh.keepIfDone(() => {
    action((bytes) => fresh.write(bytes));
    fresh.finish();
  });
};

/** {@link replaceFile} by an action that takes its time, and leaves out zeros. */
export const replaceFileSlowly = async (path: string, action: (sink: FileSink) => Promise<void>): Promise<void> => {
  const fresh = new FreshFile(path, OWN);
  const result = await action(fresh).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  fresh.keepIfDone(() => {
    if (result !== undefined) throw result.error;
    fresh.finish();
  });
};

const STREAM = constants.O_WRONLY | constants.O_NONBLOCK;
const FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
/** Zeros for what has no holes. */
const ZEROS = new Uint8Array(1 << 16);

/** A file that is being written, under another name as long as it is not whole. */
class FreshFile implements FileSink {
  /** Undefined where the bytes go to their place at once. */
  readonly #place: { readonly target: string; readonly fresh: string } | undefined;
  readonly #file: number;
  #size = 0;
  /** Whether the file ends with what was skipped. */
  #hole = false;

  /** @throws KexecError when the host cannot make it */
  constructor(
    private readonly path: string,
    mode: number,
  ) {
    // Without a reader, a pipe is not waited for.
    if (isStream(path)) this.#file = hostCall(WHAT, path, () => openSync(path, STREAM, mode));
    else {
      const target = targetOf(path);
      const fresh = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`);
      this.#place = { target, fresh };
      this.#file = hostCall(WHAT, path, () => openSync(fresh, FILE, mode));
    }
  }

  /** @throws KexecError */
  write(bytes: Uint8Array): void {
    hostCall(WHAT, this.path, () => writeAll(this.#file, bytes, this.#place && this.#size));
    this.#size += bytes.length;
    this.#hole = false;
  }

  /** @throws KexecError */
  skip(sizeBytes: number): void {
    if (this.#place === undefined) {
      for (let left = sizeBytes; left > 0; left -= ZEROS.length) this.write(ZEROS.subarray(0, left));
    } else if (sizeBytes > 0) {
      this.#size += sizeBytes;
      this.#hole = true;
    }
  }

  /** @throws KexecError for a stream, too */
  writeAt(offset: number, bytes: Uint8Array): void {
    if (this.#place === undefined) {
      throw KexecError.die(`${WHAT} ${this.path}: it is no regular file`, { subject: this.path });
    }
    hostCall(WHAT, this.path, () => writeAll(this.#file, bytes, offset));
  }

  /** @throws KexecError */
  finish(): void {
    if (this.#place === undefined) return;
    hostCall(WHAT, this.path, () => {
      if (this.#hole) ftruncateSync(this.#file, this.#size);
      fsyncSync(this.#file);
    });
  }

  /** Closes the file, and gives it its name, unless `finish` throws. @throws KexecError, what `finish` throws */
  keepIfDone(finish: () => void): void {
    try {
      try {
        finish();
      } finally {
        closeSync(this.#file);
      }
      const place = this.#place;
      if (place !== undefined) hostCall(WHAT, this.path, () => renameSync(place.fresh, place.target));
    } catch (error) {
      const fresh = this.#place?.fresh;
      if (fresh !== undefined) attempt(NodeError, () => rmSync(fresh, { force: true }));
      throw error;
    }
  }
}

/** @param position in the file; undefined for a stream */
const writeAll = (file: number, bytes: Uint8Array, position: number | undefined): void => {
  let deadline = performance.now() + PIPE_PATIENCE_MS;
  for (let at = 0; at < bytes.length;) {
    const place = position === undefined ? null : position + at;
    const count = attempt(NodeError, () => writeSync(file, bytes, at, bytes.length - at, place));
    if (typeof count === 'number') {
      at += count;
      deadline = performance.now() + PIPE_PATIENCE_MS;
    } else if (count.code !== 'EAGAIN' || performance.now() > deadline) throw count;
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
};
