/**
 * A simulated kernel's state in a directory: `state.json`, and for every segment that has bytes a data file and its
 * checksums.
 *
 * Data files are written under new names, and the renaming of `state.json` makes them the loaded image. So a process
 * that is killed leaves the old image or the new one, and files that nobody refers to, which the next writer removes.
 * Nothing is synced: after a power cut the state may be broken, as a real machine's would be gone.
 */
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, failing } from '../../../kexec/base/attempt.js';
import { Errno, KexecError, SystemError, strerror } from '../../../kexec/base/error.js';
import { PROGRESS_BYTES, type OnProgress } from '../../../kexec/base/progress.js';
import { LARGEST_FILE, NodeError, errnoOf, hostCall, isNodeError, makeDirectories } from '../recording/host-files.js';
import { readRegular } from '../recording/input-files.js';
import type { ImageSlot, KernelSegment, KernelState } from '../rules/kexec-load.js';
import { type Lock, isAlive, tryLock, uniqueName } from './lock.js';
import { SUM_BLOCK, SUM_BYTES, sumsOf } from './segment-sums.js';
import { SEGMENT_FILE, formatState, parseState, sumsName } from './state-json.js';

const STATE_FILE = 'state.json';
const LOCK_FILE = 'lock';

/**
 * What killed processes leave: new state files, which only the lock's holder writes, and locks being made or removed.
 */
const LEFTOVER = /^(state\.json|lock)\.(\d{1,10})-[0-9a-f]{12}$/;

const isLeftover = (name: string): boolean => {
  const match = LEFTOVER.exec(name);
  return match !== null && (match[1] === STATE_FILE || !isAlive(Number(match[2])));
};

/** state.json holds at most two images of 16 segments: this is plenty. */
export const MAX_STATE_BYTES = 1 << 20;
/** Of the largest segment. */
const MAX_SUMS_BYTES = (LARGEST_FILE / SUM_BLOCK) * SUM_BYTES;

/** What is read; undefined where there is no such file. @throws KexecError when it cannot be read */
const unlessMissing = <T>(path: string, read: () => T): T | undefined =>
  failing('Cannot read', path, () => {
    const result = attempt(SystemError, read);
    if (!(result instanceof SystemError)) return result;
    if (result.errno === Errno.ENOENT) return undefined;
    throw result;
  });

/**
 * What is loaded.
 * @param initial the state of a machine for which nothing was written yet
 * @throws KexecError when the file cannot be read, or does not hold a state
 */
export const readState = (directory: string, initial: KernelState): KernelState => {
  const path = join(directory, STATE_FILE);
  const state = unlessMissing(path, () => {
    return parseState(new TextDecoder().decode(readRegular(path, MAX_STATE_BYTES)), path);
  });
  return state ?? initial;
};

/** Path of a segment's data file; undefined when its bytes are zeros. */
export const dataFileOf = (directory: string, { source }: KernelSegment): string | undefined =>
  source.kind === 'file' ? join(directory, source.name) : undefined;

/**
 * The bytes of a segment of a state that was read, up to its `bufsz`.
 * @throws KexecError when its file is missing or too short, or the bytes are too many for the memory
 */
export const readSegmentData = (directory: string, segment: KernelSegment): Uint8Array => {
  if (segment.source.kind === 'bytes') return segment.source.bytes;
  const subject = dataFileOf(directory, segment) ?? join(directory, STATE_FILE);
  const tooLarge = (): KexecError =>
    KexecError.die(`${subject}: segment is too large: ${segment.bufsz} bytes`, { subject });
  if (segment.bufsz > BigInt(Number.MAX_SAFE_INTEGER)) throw tooLarge();
  const size = Number(segment.bufsz);
  if (segment.source.kind !== 'file') {
    try {
      return new Uint8Array(size);
    } catch {
      throw tooLarge();
    }
  }
  const bytes = failing('Cannot read', subject, () => readRegular(subject, LARGEST_FILE, size));
  if (bytes.length < size) throw KexecError.die(`${subject}: holds ${bytes.length} bytes of ${size}`, { subject });
  return bytes;
};

/** The checksums of a segment's bytes as they were loaded; undefined where there are none. */
export const readSegmentSums = (directory: string, segment: KernelSegment): Uint8Array | undefined => {
  if (segment.source.kind !== 'file') return undefined;
  const path = join(directory, sumsName(segment.source.name));
  // A state of an older version has none.
  return unlessMissing(path, () => readRegular(path, MAX_SUMS_BYTES));
};

/** Takes the right to write, which is the kernel's lock of loads. @returns undefined when another load is under way */
export const lockState = (directory: string): Lock | undefined =>
  writing(directory, () => {
    makeDirectories(directory);
    return tryLock(join(directory, LOCK_FILE));
  });

/**
 * Replaces what is loaded. The caller holds the lock.
 * @param before what {@link readState} gave
 * @param progress is told how many bytes are written
 * @returns the state with its segments' bytes in files
 * @throws KexecError when the files cannot be written; what was loaded before then still is
 */
export const writeState = async (
  directory: string,
  before: KernelState,
  after: KernelState,
  progress?: OnProgress,
): Promise<KernelState> => {
  const written: string[] = [];
  let done = 0;
  const count = (bytes: number): void =>
    progress?.({ what: 'storing what is loaded', unit: 'bytes', done: (done += bytes) });
  try {
    removeUnused(directory, before);
    const nonce = uniqueName();
    const stored = {
      ...after,
      normal: await storeSlot(directory, after.normal, `segment-${nonce}-n`, written, count),
      crash: await storeSlot(directory, after.crash, `segment-${nonce}-c`, written, count),
    };
    const fresh = join(directory, `${STATE_FILE}.${nonce}`);
    written.push(fresh);
    writeFileSync(fresh, formatState(stored), { flag: 'wx' });
    renameSync(fresh, join(directory, STATE_FILE));
    tryRemoveUnused(directory, stored);
    return stored;
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    throw cannotWrite(directory, error);
  }
};

/** The new state is in force already; what cannot be removed now is left to the next writer. */
const tryRemoveUnused = (directory: string, state: KernelState): void => {
  attempt(NodeError, () => removeUnused(directory, state));
};

const storeSlot = async (
  directory: string,
  slot: ImageSlot,
  prefix: string,
  written: string[],
  count: (bytes: number) => void,
): Promise<ImageSlot> => {
  if (slot === undefined || slot === 'unknown') return slot;
  const stores = slot.segments.map((segment, i) =>
    storeSegment(directory, segment, `${prefix}${i}.bin`, written, count),
  );
  // All of them end before anything is said of a failure: none may go on writing behind the caller's back.
  const outcomes = await Promise.allSettled(stores);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return { ...slot, segments: await Promise.all(stores) };
};

const storeSegment = async (
  directory: string,
  segment: KernelSegment,
  name: string,
  written: string[],
  count: (bytes: number) => void,
): Promise<KernelSegment> => {
  const { source, bufsz } = segment;
  if (source.kind === 'file') return segment;
  // A segment may be a `fault` only while no byte of it is wanted.
  if (source.kind !== 'bytes' || bufsz === 0n) return { ...segment, source: { kind: 'zeros' } };
  const sums = sumsName(name);
  written.push(join(directory, name), join(directory, sums));
  const writeSums = (): void => writeFileSync(join(directory, sums), sumsOf(source.bytes), { flag: 'wx' });
  await writeBytesAnd(join(directory, name), source.bytes, writeSums, count);
  return { ...segment, source: { kind: 'file', name } };
};

/**
 * Straight from the caller's buffer: fs.writeFile() would make a system call for every half MiB.
 * @param meanwhile what else there is to do while the host writes
 * @param count is told of the bytes of each write
 * @throws Node's errors
 */
const writeBytesAnd = async (
  path: string,
  bytes: Uint8Array,
  meanwhile: () => void,
  count: (bytes: number) => void = () => {},
): Promise<void> => {
  const handle = await open(path, 'wx');
  const write = async (at: number): Promise<number> => {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(bytes.length - at, PROGRESS_BYTES));
    count(bytesWritten);
    return at + bytesWritten;
  };
  try {
    const first = write(0);
    try {
      meanwhile();
    } finally {
      await first;
    }
    for (let at = await first; at < bytes.length;) at = await write(at);
  } finally {
    await handle.close();
  }
};

/** The same with nothing else to do. @throws Node's errors */
export const writeBytes = async (path: string, bytes: Uint8Array): Promise<void> =>
  writeBytesAnd(path, bytes, () => {});

/** Removes our files that `state` does not refer to, and nothing else: the user may have named any directory. */
const removeUnused = (directory: string, state: KernelState): void => {
  const used = new Set<string>();
  for (const slot of [state.normal, state.crash]) {
    if (slot === undefined || slot === 'unknown') continue;
    for (const { source } of slot.segments)
      if (source.kind === 'file') used.add(source.name).add(sumsName(source.name));
  }
  for (const name of readdirSync(directory)) {
    if ((SEGMENT_FILE.test(name) && !used.has(name)) || isLeftover(name))
      rmSync(join(directory, name), { force: true });
  }
};

const cannotWrite = (directory: string, error: unknown): unknown => {
  if (!isNodeError(error)) return error;
  const errno = errnoOf(error);
  return KexecError.die(`Cannot write to ${directory}: ${strerror(errno)}`, { subject: directory, errno: -errno });
};

/** Does what writes to the state's directory. @throws KexecError in place of Node's errors */
export const writing = <T>(directory: string, action: () => T): T => hostCall('Cannot write to', directory, action);
