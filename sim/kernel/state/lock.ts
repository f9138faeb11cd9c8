/** The lock of a state directory, held by one process at a time. */
import { randomBytes } from 'node:crypto';
import { constants, linkSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { attempt, failing } from '../../../kexec/base/attempt.js';
import { Errno, KexecError, SystemError, strerror } from '../../../kexec/base/error.js';
import { NodeError, hostCall, isNodeError } from '../recording/host-files.js';
import { readRegular } from '../recording/input-files.js';

/** A file by which processes take turns. Its holder's death frees it. */
export interface Lock {
  release(): void;
}

/** Without hard links, a lock file may say nothing yet; for this long, unless its maker was killed. */
export const EMPTY_LOCK_MS = 5000;

/** A name that no other process or call has. */
export const uniqueName = (): string => `${process.pid}-${randomBytes(6).toString('hex')}`;

/** When a process was started, in ticks since the host's boot: tells it from a later one with the same id. */
const startTime = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 22 of proc(5); the second one is a name in parentheses, which may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
};

/** Whether a process lives; with `started`, whether it is the one that was started then. */
export const isAlive = (pid: number, started?: string): boolean => {
  // No process has it: it stands for the caller's own group.
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return isNodeError(error) && error.code === 'EPERM';
  }
  const now = startTime(pid);
  return started === undefined || now === undefined || started === now;
};

/** What `action` gives; undefined when it fails with this code of Node's. @throws its other errors */
const unless = <T>(code: string, action: () => T): T | undefined => {
  const result = attempt(NodeError, action);
  if (!(result instanceof NodeError)) return result;
  if (result.code === code) return undefined;
  throw result;
};

/** What a lock file says is far shorter. */
const MAX_LOCK_BYTES = 100;

/** @throws SystemError, KexecError for what is no file, where it would never be free */
const readIfThere = (path: string): string | undefined => {
  const bytes = attempt(SystemError, () => readRegular(path, MAX_LOCK_BYTES, MAX_LOCK_BYTES, constants.O_NOFOLLOW));
  if (!(bytes instanceof SystemError)) return Buffer.from(bytes).toString('latin1');
  if (bytes.errno === Errno.ENOENT) return undefined;
  throw bytes;
};

const unlinkIfThere = (path: string): void => unless('ENOENT', () => unlinkSync(path));

/** Whether the process that wrote `content` into the lock file cannot release it any more. */
const isStale = (path: string, content: string): boolean => {
  const match = /^(\d{1,10}) (\d*) /.exec(content);
  if (match !== null) return !isAlive(Number(match[1]), match[2] === '' ? undefined : match[2]);
  // Where the clock was set back meanwhile, the time lies ahead.
  return Math.abs(Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)) > EMPTY_LOCK_MS;
};

/** Removes a dead process' lock, unless it was another process' by then. */
const discard = (path: string, content: string): void => {
  const aside = `${path}.${uniqueName()}`;
  const moved = unless('ENOENT', () => {
    renameSync(path, aside);
    return true;
  });
  if (moved === undefined) return;
  try {
    // Two processes may find the same stale lock, and the slower one then takes the lock of the faster one.
    if (readIfThere(aside) !== content) unless('EEXIST', () => linkSync(aside, path));
  } finally {
    unlinkIfThere(aside);
  }
};

/** Makes the lock file, with its content from the first moment on where the file system has hard links. */
const create = (path: string, content: string): boolean => {
  const fresh = `${path}.${uniqueName()}`;
  try {
    const failure = attempt(NodeError, () => {
      writeFileSync(fresh, content, { flag: 'wx' });
      linkSync(fresh, path);
    });
    if (!(failure instanceof NodeError)) return true;
    if (failure.code === 'EEXIST') return false;
    if (!NO_LINKS.includes(failure.code ?? '')) throw failure;
  } finally {
    unlinkIfThere(fresh);
  }
  const made = unless('EEXIST', () => {
    writeFileSync(path, content, { flag: 'wx' });
    return true;
  });
  return made !== undefined;
};

/** What link(2) says on file systems that have no hard links, or forbid them. */
const NO_LINKS: readonly string[] = ['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK'];

/**
 * Takes the lock, or leaves it to the living process that has it.
 * @returns undefined when it is taken
 * @throws KexecError when the file cannot be made
 */
export const tryLock = (path: string): Lock | undefined => {
  const mine = `${process.pid} ${startTime(process.pid) ?? ''} ${uniqueName()}\n`;
  return locking(path, () => {
    if (!create(path, mine)) {
      const content = readIfThere(path);
      if (content !== undefined && !isStale(path, content)) return undefined;
      if (content !== undefined) discard(path, content);
      if (!create(path, mine)) return undefined;
    }
    return { release: () => releaseOwn(path, mine) };
  });
};

/** @throws KexecError in place of the host's errors */
const locking = <T>(path: string, action: () => T): T =>
  failing('Cannot lock', path, () => hostCall('Cannot lock', path, action));

const releaseOwn = (path: string, mine: string): void => {
  if (readIfThere(path) === mine) unlinkIfThere(path);
};

/** Waits for the lock. @throws KexecError when it stays taken for `limitMs` */
export const lock = async (path: string, limitMs = 10_000): Promise<Lock> => {
  for (const start = Date.now(); Date.now() - start < limitMs;) {
    const taken = tryLock(path);
    if (taken !== undefined) return taken;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw KexecError.die(`${path}: ${strerror(Errno.EBUSY)}`, { subject: path, errno: -Errno.EBUSY });
};
