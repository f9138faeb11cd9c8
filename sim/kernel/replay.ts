/** System calls of a calls.json, made again on a simulated kernel. */
import { realpathSync, statSync } from 'node:fs';
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
import { LARGEST_FILE, hostCall } from './recording/host-files.js';
import { readRegular } from './recording/input-files.js';
import { type Caller, type KernelSegment, type LoadCall, ROOT, type SegmentSource } from './rules/kexec-load.js';
import { CALLS_FILE, MAX_CALLS_BYTES } from './calls/record.js';
import type { SimulatedKernel } from './simulated-kernel.js';
import { KEXEC_CRASH_LOADED, KEXEC_LOADED } from './rules/sysctl.js';

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
  const text = new TextDecoder().decode(failing('Cannot read', file, () => readRegular(file, MAX_CALLS_BYTES)));
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
  source:
    'file' in buffer ? readData(folder, buffer.file, bufsz) : { kind: isReadable(buffer.pointer) ? 'zeros' : 'fault' },
});

/** The path of a data file, which no link may put elsewhere. */
const dataPath = (folder: string, name: string): string => {
  const path = join(folder, name);
  const way = hostCall('Cannot read', path, () => relative(realpathSync(folder), realpathSync(path)));
  if (/^\.\.(\/|$)/.test(way)) throw KexecError.die(`${path}: leads out of its folder`, { subject: path });
  return path;
};

const readPart = (path: string, length?: number): Uint8Array =>
  failing('Cannot read', path, () => readRegular(path, LARGEST_FILE, length));

const readData = (folder: string, name: string, bufsz: bigint): SegmentSource => {
  const path = dataPath(folder, name);
  const bytes = readPart(path, bufsz < BigInt(Number.MAX_SAFE_INTEGER) ? Number(bufsz) : undefined);
  if (BigInt(bytes.length) < bufsz) {
    throw KexecError.die(`${path}: holds ${bytes.length} bytes of ${bufsz}`, { subject: path });
  }
  return { kind: 'bytes', bytes };
};

const readWhole = (folder: string, name: string | null): Uint8Array | undefined =>
  name === null ? undefined : readPart(dataPath(folder, name));
