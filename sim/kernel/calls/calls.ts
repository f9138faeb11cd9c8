/**
 * calls.json: system calls that were made, or that shall be. The fields that a file may have are those of its JSON
 * form below; what else is in it is ignored.
 */
import { hex } from '../../../kexec/base/format.js';
import {
  type Json,
  asInteger,
  asText,
  asTextOrNull,
  asU64,
  asWord,
  elements,
  field,
  jsonError,
  optionalField,
  parseJson,
} from '../state/json.js';
import { REBOOT_CMD_KEXEC, REBOOT_MAGIC1, REBOOT_MAGIC2 } from '../rules/kexec-load.js';

/** Who makes a call. */
export const CALLERS = ['root', 'nobody', 'root without CAP_SYS_BOOT', 'root as pid 1 of a new pid namespace'] as const;
export type CallerName = (typeof CALLERS)[number];

const POINTERS = ['valid', 'null', 'bad'] as const;
/** What a pointer points to: readable memory, or not. */
export type Pointer = (typeof POINTERS)[number];

/** `buf` of a segment: a data file, or zeros, or memory that cannot be read. */
export type BufferArgument = { readonly file: string } | { readonly pointer: Pointer };

export interface SegmentArgument {
  readonly bufsz: bigint;
  readonly mem: bigint;
  readonly memsz: bigint;
  readonly buffer: BufferArgument;
}

export interface LoadEntry {
  readonly call: 'kexec_load';
  readonly entry: bigint;
  readonly flags: bigint;
  readonly segments: readonly SegmentArgument[];
  /** When it is not the number of `segments`. */
  readonly nrSegments: bigint | undefined;
  readonly segmentsPtr: Pointer | undefined;
  readonly who: CallerName | undefined;
}

export interface FileLoadEntry {
  readonly call: 'kexec_file_load';
  readonly flags: bigint;
  /** null for a NULL pointer. */
  readonly cmdline: string | null;
  readonly cmdlineLen: number;
  /** null for file descriptor -1. */
  readonly kernelFile: string | null;
  readonly initrdFile: string | null;
  readonly who: CallerName | undefined;
}

export interface RebootEntry {
  readonly call: 'reboot';
  readonly cmd: bigint;
  readonly magic1: bigint | undefined;
  readonly magic2: bigint | undefined;
  readonly who: CallerName | undefined;
}

/** A read of one of the kernel's files about kexec. */
export interface ReadEntry {
  readonly call: 'read';
  readonly path: string;
}

/** A write to a sysctl about kexec. */
export interface WriteEntry {
  readonly call: 'write';
  readonly path: string;
  readonly data: string;
}

export interface SyncEntry {
  readonly call: 'sync';
}

/** A network interface's flags: the one ioctl(2) that the tool makes and that changes something. */
export interface IoctlEntry {
  readonly call: 'ioctl';
  readonly request: 'SIOCSIFFLAGS';
  readonly interface: string;
  readonly flags: bigint;
}

/** Another program in the caller's place. */
export interface ExecveEntry {
  readonly call: 'execve';
  readonly path: string;
  readonly argv: readonly string[];
}

export type CallEntry =
  LoadEntry | FileLoadEntry | RebootEntry | ReadEntry | WriteEntry | SyncEntry | IoctlEntry | ExecveEntry;

const CALLS = ['kexec_load', 'kexec_file_load', 'reboot', 'read', 'write', 'sync', 'ioctl', 'execve'] as const;

/** @throws KexecError naming `subject`, and where in it */
export const parseCalls = (text: string, subject: string): readonly CallEntry[] =>
  elements(parseJson(text, subject), 'call').map(parseCall);

const parseCall = (json: Json): CallEntry => {
  const call = asWord(field(json, 'call'), CALLS);
  switch (call) {
    case 'kexec_load':
      return parseLoad(json);
    case 'kexec_file_load':
      return {
        call,
        flags: asU64(field(json, 'flags')),
        cmdline: asTextOrNull(field(json, 'cmdline')),
        cmdlineLen: asInteger(field(json, 'cmdlineLen'), 0, Number.MAX_SAFE_INTEGER),
        kernelFile: optionalFileName(json, 'kernelFile'),
        initrdFile: optionalFileName(json, 'initrdFile'),
        who: optional(json, 'who', asCaller),
      };
    case 'reboot':
      return {
        call,
        cmd: asU64(field(json, 'cmd')),
        magic1: optional(json, 'magic1', asU64),
        magic2: optional(json, 'magic2', asU64),
        who: optional(json, 'who', asCaller),
      };
    case 'read':
      return { call, path: asText(field(json, 'path')) };
    case 'write':
      return { call, path: asText(field(json, 'path')), data: asText(field(json, 'data')) };
    case 'sync':
      return { call };
    case 'ioctl':
      return {
        call,
        request: asWord(field(json, 'request'), ['SIOCSIFFLAGS'] as const),
        interface: asText(field(json, 'interface')),
        flags: asU64(field(json, 'flags')),
      };
    case 'execve':
      return { call, path: asText(field(json, 'path')), argv: elements(field(json, 'argv'), 'argument').map(asText) };
  }
};

const parseLoad = (json: Json): LoadEntry => ({
  call: 'kexec_load',
  entry: asU64(field(json, 'entry')),
  flags: asU64(field(json, 'flags')),
  segments: elements(field(json, 'segments'), 'segment').map(parseSegment),
  nrSegments: optional(json, 'nrSegments', asU64),
  segmentsPtr: optional(json, 'segmentsPtr', asPointer),
  who: optional(json, 'who', asCaller),
});

const parseSegment = (json: Json): SegmentArgument => {
  const file = optionalField(json, 'file');
  const buf = optionalField(json, 'buf');
  if ((file === undefined) === (buf === undefined)) throw jsonError(json, 'must have either "file" or "buf"');
  return {
    bufsz: asU64(field(json, 'bufsz')),
    mem: asU64(field(json, 'mem')),
    memsz: asU64(field(json, 'memsz')),
    buffer: file === undefined ? { pointer: asPointer(buf!) } : { file: asFileName(file) },
  };
};

const optional = <T>(json: Json, name: string, read: (json: Json) => T): T | undefined => {
  const found = optionalField(json, name);
  return found === undefined ? undefined : read(found);
};

const asPointer = (json: Json): Pointer => asWord(json, POINTERS);

/** Recordings of real kernels say with which calls a process became nobody: `nobody (setgroups 0, ...)`. */
const asCaller = (json: Json): CallerName =>
  typeof json.value === 'string' && /^nobody \(.*\)$/.test(json.value) ? 'nobody' : asWord(json, CALLERS);

/** A file beside calls.json, or below: never one elsewhere. */
const asFileName = (json: Json): string => {
  const name = asText(json);
  const parts = name.split('/');
  if (name === '' || name.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw jsonError(json, 'must be the name of a file in the same folder');
  }
  return name;
};

const optionalFileName = (json: Json, name: string): string | null => {
  const found = field(json, name);
  return found.value === null ? null : asFileName(found);
};

const hash = (value: bigint): string => `0x${hex(value)}`;

/** The JSON form of a call, without its result. Fields that have their usual value are left out. */
export const callToJson = (entry: CallEntry): Readonly<Record<string, unknown>> => {
  switch (entry.call) {
    case 'kexec_load':
      return {
        call: entry.call,
        entry: hash(entry.entry),
        flags: hash(entry.flags),
        ...(entry.nrSegments === undefined ? {} : { nrSegments: hash(entry.nrSegments) }),
        ...(entry.segmentsPtr === undefined ? {} : { segmentsPtr: entry.segmentsPtr }),
        ...(entry.who === undefined ? {} : { who: entry.who }),
        segments: entry.segments.map(({ bufsz, mem, memsz, buffer }) => ({
          bufsz: hash(bufsz),
          mem: hash(mem),
          memsz: hash(memsz),
          ...('file' in buffer ? { file: buffer.file } : { buf: buffer.pointer }),
        })),
      };
    case 'kexec_file_load': {
      const { who, ...rest } = entry;
      return { ...rest, flags: hash(entry.flags), ...(who === undefined ? {} : { who }) };
    }
    case 'reboot':
      return {
        call: entry.call,
        ...(entry.magic1 === undefined ? {} : { magic1: hash(entry.magic1) }),
        ...(entry.magic2 === undefined ? {} : { magic2: hash(entry.magic2) }),
        cmd: hash(entry.cmd),
        ...(entry.who === undefined ? {} : { who: entry.who }),
      };
    case 'ioctl':
      return { ...entry, flags: hash(entry.flags) };
    case 'read':
    case 'write':
    case 'sync':
    case 'execve':
      return { ...entry };
  }
};

/** reboot(2) as the C library's reboot() calls it. */
export const KEXEC_REBOOT: RebootEntry = {
  call: 'reboot',
  cmd: REBOOT_CMD_KEXEC,
  magic1: undefined,
  magic2: undefined,
  who: undefined,
};

/** The magic numbers that a call has unless its entry says otherwise. */
export const rebootArguments = ({ cmd, magic1, magic2 }: RebootEntry) => ({
  cmd,
  magic1: magic1 ?? REBOOT_MAGIC1,
  magic2: magic2 ?? REBOOT_MAGIC2,
});
