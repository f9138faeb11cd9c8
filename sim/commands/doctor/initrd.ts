/**
 * What an initrd holds: the files of its cpio archives, which may be compressed (Linux'
 * Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c).
 */
import { attemptAsync } from '../../../kexec/base/attempt.js';
import { DEFAULT_COMPAT } from '../../../kexec/base/compat.js';
import { KexecError } from '../../../kexec/base/error.js';
import { silentLog } from '../../../kexec/base/log.js';
import type { Platform } from '../../../kexec/base/platform.js';
import { decompress } from '../../../kexec/compression/decompress.js';

/** An initrd that unpacks to more is not looked into. */
export const MAX_UNPACKED_INITRD = 512 << 20;

/** Of the header, in hexadecimal digits: a magic number, and thirteen fields of eight. */
const HEADER = 110;
const FIELD = 8;
const MODE = 1;
const FILE_SIZE = 6;
const NAME_SIZE = 11;

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
/** No path in Linux has more bytes. */
const PATH_MAX = 4096;
const TRAILER = 'TRAILER!!!';

interface CpioEntry {
  readonly name: string;
  /** Empty for what is no regular file. */
  readonly data: Uint8Array;
}

export interface CpioFiles {
  readonly entries: readonly CpioEntry[];
  /** What is behind the last archive, which may be a compressed one. */
  readonly rest: Uint8Array;
}

const aligned = (position: number): number => (position + 3) & ~3;

/** Reads archives one behind the other, with zeros between them. @returns undefined where one is broken or cut off */
export const readCpio = (bytes: Uint8Array): CpioFiles | undefined => {
  const entries: CpioEntry[] = [];
  const text = (start: number, end: number): string => String.fromCharCode(...bytes.subarray(start, end));
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] === 0) {
      at++;
      continue;
    }
    const header = text(at, at + HEADER);
    if (!/^07070[12]/.test(header)) return { entries, rest: bytes.subarray(at) };
    if (!/^07070[12][0-9a-f]{104}$/i.test(header)) return undefined;
    const field = (n: number): number => parseInt(header.slice(6 + n * FIELD, 6 + (n + 1) * FIELD), 16);
    const nameSize = field(NAME_SIZE);
    if (nameSize === 0 || nameSize > PATH_MAX) return undefined;
    const name = at + HEADER;
    const data = aligned(name + nameSize);
    const end = data + field(FILE_SIZE);
    if (end > bytes.length) return undefined;
    const called = text(name, name + nameSize - 1);
    if (called !== TRAILER) {
      const isRegular = (field(MODE) & FILE_TYPE) === REGULAR;
      entries.push({ name: called, data: isRegular ? bytes.subarray(data, end) : new Uint8Array() });
    }
    at = Math.min(aligned(end), bytes.length);
  }
  return { entries, rest: new Uint8Array() };
};

export interface InitrdContent {
  /** Names of files and directories, in order. */
  readonly names: readonly string[];
  /** Bytes of all files: memory that they take as long as the kernel runs. */
  readonly unpacked: bigint;
  /** Whether /proc/vmcore is spoken of anywhere: whoever saves a dump must name it. */
  readonly namesVmcore: boolean;
}

/** @returns undefined for one that is empty, broken, too large, or compressed in a way that is not known here */
export const readInitrd = async (bytes: Uint8Array, platform: Platform): Promise<InitrdContent | undefined> => {
  const first = readCpio(bytes);
  if (first === undefined) return undefined;
  const packed = first.rest.length === 0 ? undefined : await unpack(first.rest, platform);
  const second = packed && readCpio(packed);
  if (first.rest.length > 0 && (second === undefined || second.rest.length > 0)) return undefined;
  const entries = [...first.entries, ...(second?.entries ?? [])];
  if (entries.length === 0) return undefined;
  return {
    names: entries.map(({ name }) => name),
    unpacked: BigInt(entries.reduce((sum, { data }) => sum + data.length, 0)),
    namesVmcore: entries.some(({ name, data }) => name.includes('vmcore') || has(data, 'vmcore')),
  };
};

const has = ({ buffer, byteOffset, byteLength }: Uint8Array, text: string): boolean =>
  Buffer.from(buffer, byteOffset, byteLength).includes(text, 0, 'latin1');

const unpack = async (bytes: Uint8Array, platform: Platform): Promise<Uint8Array | undefined> => {
  const unpacked = await attemptAsync(KexecError, () =>
    decompress(bytes, 'initrd', {
      platform,
      compat: DEFAULT_COMPAT,
      log: silentLog,
      decompressLimitBytes: MAX_UNPACKED_INITRD,
    }),
  );
  return unpacked instanceof KexecError ? undefined : unpacked;
};
