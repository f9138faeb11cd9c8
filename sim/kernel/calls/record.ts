/** The recording of system calls: a directory with calls.json (see calls.ts) and the data that was passed. */
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, attemptAsync, failing } from '../../../kexec/base/attempt.js';
import { Errno, KexecError, SystemError, strerror } from '../../../kexec/base/error.js';
import type { KexecFileLoadCall } from '../../../kexec/base/system.js';
import { type CallEntry, type SegmentArgument, callToJson } from './calls.js';
import { NodeError, errnoOf, makeDirectories } from '../recording/host-files.js';
import { readRegular } from '../recording/input-files.js';
import { elements, formatLines, parseJson } from '../state/json.js';
import type { KernelSegment, LoadCall } from '../rules/kexec-load.js';
import { lock, uniqueName } from '../state/lock.js';
import { dataFileOf, writeBytes } from '../state/state.js';

export const CALLS_FILE = 'calls.json';

/** A larger list is refused. */
export const MAX_CALLS_BYTES = 64 << 20;

/** Where to get bytes from: a file that already holds them, and will never be written to, can be shared. */
interface Content {
  readonly bytes: Uint8Array;
  readonly storedAt?: string | undefined;
}

/** The segments of a successful call, as the state directory has them. */
export interface StoredSegments {
  readonly directory: string;
  readonly segments: readonly KernelSegment[];
}

/** Writes the data files of the call that will be number `index`, and says what calls.json is to say. */
type MakeEntry = (index: number, save: (name: string, content: Content) => Promise<string>) => Promise<CallEntry>;

/** A kexec_load(2). */
export const recordLoad = (
  directory: string,
  call: LoadCall & { readonly segments: readonly KernelSegment[] },
  result: number,
  stored?: StoredSegments,
): Promise<void> =>
  append(directory, result, async (index, save) => {
    const segments: SegmentArgument[] = [];
    for (const [i, { mem, memsz, bufsz, source }] of call.segments.entries()) {
      const bytes = source.kind === 'bytes' ? source.bytes : new Uint8Array();
      const twin = stored?.segments[i];
      const storedAt = stored === undefined || twin === undefined ? undefined : dataFileOf(stored.directory, twin);
      const file = await save(`call${index}-segment${i}.bin`, { bytes, storedAt });
      segments.push({ mem, memsz, bufsz, buffer: { file } });
    }
    return {
      call: 'kexec_load',
      entry: call.entry,
      flags: call.flags,
      segments,
      nrSegments: undefined,
      segmentsPtr: undefined,
      who: undefined,
    };
  });

/** A kexec_file_load(2). */
export const recordFileLoad = (
  directory: string,
  call: KexecFileLoadCall,
  result: number,
  stored?: StoredSegments,
): Promise<void> =>
  append(directory, result, async (index, save) => {
    const saveFile = async (role: 'kernel' | 'initrd'): Promise<string | null> => {
      const bytes = call[role];
      if (bytes === undefined) return null;
      const twin = stored?.segments.find((segment) => segment.role === role);
      const storedAt = stored === undefined || twin === undefined ? undefined : dataFileOf(stored.directory, twin);
      return save(`call${index}-${role}.bin`, { bytes, storedAt });
    };
    return {
      call: 'kexec_file_load',
      flags: call.flags,
      cmdline: call.cmdline ?? null,
      cmdlineLen: call.cmdlineLen,
      kernelFile: await saveFile('kernel'),
      initrdFile: await saveFile('initrd'),
      who: undefined,
    };
  });

/** A call without data. */
export const recordCall = (directory: string, entry: CallEntry, result: number): Promise<void> =>
  append(directory, result, () => Promise.resolve(entry));

const append = async (directory: string, result: number, makeEntry: MakeEntry): Promise<void> => {
  const failure = await attemptAsync(NodeError, async () => {
    makeDirectories(directory);
    const held = await lock(join(directory, `${CALLS_FILE}.lock`));
    try {
      const calls = readCalls(directory);
      const entry = await makeEntry(calls.length, (name, content) => saveData(directory, name, content));
      const path = join(directory, CALLS_FILE);
      const text = formatLines([...calls, { ...callToJson(entry), result }], path);
      const fresh = `${path}.${uniqueName()}`;
      writeFileSync(fresh, text, { flag: 'wx' });
      renameSync(fresh, path);
    } finally {
      held.release();
    }
    return undefined;
  });
  if (failure === undefined) return;
  const errno = errnoOf(failure);
  throw KexecError.die(`Cannot record to ${directory}: ${strerror(errno)}`, { subject: directory, errno: -errno });
};

/** The calls so far, as they are: they need not make sense to us to be kept. */
const readCalls = (directory: string): readonly unknown[] => {
  const path = join(directory, CALLS_FILE);
  const bytes = failing('Cannot read', path, () => {
    const read = attempt(SystemError, () => readRegular(path, MAX_CALLS_BYTES));
    if (!(read instanceof SystemError)) return read;
    if (read.errno === Errno.ENOENT) return undefined;
    throw read;
  });
  if (bytes === undefined) return [];
  return elements(parseJson(new TextDecoder().decode(bytes), path), 'call').map(({ value }) => value);
};

const saveData = async (directory: string, name: string, { bytes, storedAt }: Content): Promise<string> => {
  const path = join(directory, name);
  // What a killed writer left may be the second name of a file that a state uses: writing into it would change both.
  rmSync(path, { force: true });
  if (storedAt === undefined || !tryLink(storedAt, path)) await writeBytes(path, bytes);
  return name;
};

/** Not every pair of directories can share files: they may be on two file systems. */
const tryLink = (existing: string, path: string): boolean =>
  attempt(NodeError, () => linkSync(existing, path)) === undefined;
