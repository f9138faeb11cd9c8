/** System calls of a calls.json, made again on a simulated kernel. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { failing } from '../../kexec/base/attempt.js';
import { Errno, KexecError } from '../../kexec/base/error.js';
import {
  type CallEntry,
  type CallerName,
  type LoadEntry,
  type Pointer,
  type SegmentArgument,
  callToJson,
  parseCalls,
} from './calls/calls.js';
import { hostCall, readHost, statHost } from './recording/host-files.js';
import { type Caller, type KernelSegment, type LoadCall, ROOT, type SegmentSource } from './rules/kexec-load.js';
import { CALLS_FILE } from './calls/record.js';
import type { SimulatedKernel } from './simulated-kernel.js';
import { KEXEC_CRASH_LOADED, KEXEC_LOADED } from './rules/sysctl.js';

/** A larger file is refused. */
const MAX_CALLS_BYTES = 64 << 20;

export const CALLER_OF: Readonly<Record<CallerName, Caller>> = {
  root: ROOT,
  nobody: { ...ROOT, capSysBoot: false },
  'root without CAP_SYS_BOOT': { ...ROOT, capSysBoot: false },
  'root as pid 1 of a new pid namespace': { ...ROOT, initialPidNamespace: false },
};

/** A list of calls, and the folder that its data files are in. */
export interface CallFile {
  readonly folder: string;
  readonly calls: readonly CallEntry[];
}

/**
 * @param path a list of calls, or a folder with a calls.json
 * @throws KexecError when there is none, or it is not one
 */
export const readCallFile = (path: string): CallFile => {
  const isDirectory = hostCall('Cannot read', path, () => statSync(path).isDirectory());
  const file = isDirectory ? join(path, CALLS_FILE) : path;
  const { kind, size } = failing('Cannot read', file, () => statHost(file));
  if (kind !== 'file') throw KexecError.die(`${file}: not a regular file`, { subject: file });
  if (size > MAX_CALLS_BYTES) throw KexecError.die(`${file}: too large: ${size} bytes`, { subject: file });
  const text = hostCall('Cannot read', path, () => readFileSync(file, 'utf8'));
  return { folder: dirname(file), calls: parseCalls(text, file) };
};

/**
 * Makes the calls one after the other. Data files are read when their call is made.
 * @returns the JSON form of each call, with its result and what the machine's files then read
 * @throws KexecError when a data file cannot be used, or the state cannot be kept
 */
export async function* replay(kernel: SimulatedKernel, { folder, calls }: CallFile): AsyncGenerator<object> {
  for (const entry of calls) {
    const answer = await makeCall(kernel, folder, entry);
    yield {
      ...callToJson(entry),
      ...answer,
      kexec_loaded: kernel.readKernelFile(KEXEC_LOADED),
      kexec_crash_loaded: kernel.readKernelFile(KEXEC_CRASH_LOADED),
    };
  }
}

interface Answer {
  readonly result: number;
  /** What a read gave; null when it failed. */
  readonly reads?: string | null;
}

const makeCall = async (kernel: SimulatedKernel, folder: string, entry: CallEntry): Promise<Answer> => {
  switch (entry.call) {
    case 'kexec_load':
      return { result: await kernel.load(toLoadCall(folder, entry), CALLER_OF[entry.who ?? 'root']) };
    case 'kexec_file_load':
      return {
        result: await kernel.fileLoad(
          {
            kernel: readWhole(folder, entry.kernelFile),
            initrd: readWhole(folder, entry.initrdFile),
            cmdline: entry.cmdline ?? undefined,
            cmdlineLen: entry.cmdlineLen,
            flags: entry.flags,
          },
          CALLER_OF[entry.who ?? 'root'],
        ),
      };
    case 'reboot':
      return { result: await kernel.reboot(entry, CALLER_OF[entry.who ?? 'root']) };
    case 'read': {
      const text = kernel.readKernelFile(entry.path);
      return text === undefined ? { reads: null, result: -Errno.ENOENT } : { reads: text, result: 0 };
    }
    case 'write':
      return { result: await kernel.writeKernelFile(entry.path, entry.data) };
    case 'sync':
      return { result: kernel.sync() };
    case 'ioctl':
      return { result: await kernel.setInterfaceFlags(entry.interface, Number(entry.flags & 0xffffn)) };
    case 'execve':
      return { result: await kernel.execve(entry) };
  }
};

const isReadable = (pointer: Pointer | undefined): boolean => pointer === undefined || pointer === 'valid';

/**
 * The arguments of a kexec_load(2), its data files read.
 * @param folder where the data files are
 * @throws KexecError when a data file cannot be used
 */
export const toLoadCall = (folder: string, entry: LoadEntry): LoadCall => ({
  entry: entry.entry,
  flags: entry.flags,
  nrSegments: entry.nrSegments ?? BigInt(entry.segments.length),
  segments: isReadable(entry.segmentsPtr) ? entry.segments.map((segment) => toSegment(folder, segment)) : 'fault',
});

const toSegment = (folder: string, { mem, memsz, bufsz, buffer }: SegmentArgument): KernelSegment => ({
  mem,
  memsz,
  bufsz,
  source: 'file' in buffer ? readData(folder, buffer.file, bufsz) : { kind: isReadable(buffer.pointer) ? 'zeros' : 'fault' },
});

/** The path of a data file, which no link may put elsewhere. */
const dataPath = (folder: string, name: string): string => {
  const path = join(folder, name);
  const way = hostCall('Cannot read', path, () => relative(realpathSync(folder), realpathSync(path)));
  if (/^\.\.(\/|$)/.test(way)) throw KexecError.die(`${path}: leads out of its folder`, { subject: path });
  return path;
};

const readRegular = (path: string, length?: number): Uint8Array =>
  failing('Cannot read', path, () => {
    if (statHost(path).kind !== 'file') throw KexecError.die(`${path}: not a regular file`, { subject: path });
    return readHost(path, path, 0, length);
  });

const readData = (folder: string, name: string, bufsz: bigint): SegmentSource => {
  const path = dataPath(folder, name);
  const bytes = readRegular(path, bufsz < BigInt(Number.MAX_SAFE_INTEGER) ? Number(bufsz) : undefined);
  if (BigInt(bytes.length) < bufsz) {
    throw KexecError.die(`${path}: holds ${bytes.length} bytes of ${bufsz}`, { subject: path });
  }
  return { kind: 'bytes', bytes };
};

const readWhole = (folder: string, name: string | null): Uint8Array | undefined =>
  name === null ? undefined : readRegular(dataPath(folder, name));
