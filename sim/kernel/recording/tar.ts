/** The entries of a tar archive. */
import type { KexecError } from '../../../kexec/base/error.js';
import { latin1 } from '../../../kexec/base/scan.js';

/** An entry of a tar archive, as its headers tell it: nothing of it is to be trusted. */
export interface TarEntry {
  readonly name: string;
  /** A hard link is to an entry before it; `other` is a device, a pipe or what else recordings have no use for. */
  readonly kind: 'file' | 'directory' | 'symlink' | 'hard-link' | 'other';
  /** What a file holds: a view into the archive. */
  readonly content: Uint8Array;
  /** What a link says. */
  readonly target: string;
}

/** Makes the error that tells why an archive is none. */
export type TarFailure = (reason: string) => KexecError;

const BLOCK = 512;

/** Offsets and sizes in a header (POSIX.1-2017, pax, "ustar Interchange Format"). */
const NAME = [0, 100] as const;
const SIZE = [124, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE = 156;
const LINK_NAME = [157, 100] as const;
const MAGIC = [257, 6] as const;
const PREFIX = [345, 155] as const;

const KINDS: Readonly<Record<string, TarEntry['kind']>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hard-link',
  '2': 'symlink',
  '5': 'directory',
  '7': 'file',
};

/**
 * What is behind this header is about the next one (GNU tar's "L" and "K"; pax' "x"), or about nothing of ours ("g").
 */
const LONG_NAME = 'L';
const LONG_TARGET = 'K';
const PAX = 'x';
const PAX_GLOBAL = 'g';
/** GNU tar leaves holes out of such a file. Its newer ways to do so are told by pax' records. */
const SPARSE = 'S';
const PAX_SPARSE = 'GNU.sparse.';

/** Bytes of a long name, or of pax' records: the longest path is far shorter. */
const MAX_EXTENSION = 64 * 1024;

const NO_TAR = 'it is no tar file';
const CUT_OFF = 'the tar file is cut off';
const BAD_EXTENSION = 'the tar file has a bad extended header';

type Field = readonly [offset: number, size: number];

const field = (header: Uint8Array, [offset, size]: Field): Uint8Array => header.subarray(offset, offset + size);

/** Text up to the first NUL. */
const text = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};

/** Octal digits, or GNU tar's binary number with the first bit set; it may be too large to be exact. */
const number = (bytes: Uint8Array, fail: TarFailure): number => {
  if (bytes[0] === 0x80) return bytes.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
  const match = /^ *([0-7]*)[ \0]*$/.exec(latin1(bytes));
  if (match === null) throw fail('the tar file has a header with a bad number');
  return parseInt(match[1] || '0', 8);
};

/** Some old tars summed up signed bytes. */
const hasGoodChecksum = (header: Uint8Array): boolean => {
  const [start, size] = CHECKSUM;
  let unsigned = 0;
  let negative = 0;
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= start && at < start + size ? 0x20 : header[at]!;
    unsigned += byte;
    if (byte >= 0x80) negative++;
  }
  const stored = parseInt(latin1(field(header, CHECKSUM)), 8);
  return stored === unsigned || stored === unsigned - 0x100 * negative;
};

/** pax' records, "LENGTH KEY=VALUE\n". */
const paxRecords = (bytes: Uint8Array, fail: TarFailure): ReadonlyMap<string, string> => {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const length = Number(/^(\d{1,9}) /.exec(latin1(bytes.subarray(at, at + 10)))?.[1] ?? 0);
    const record = /^\d+ ([^=]+)=(.*)\n$/s.exec(new TextDecoder().decode(bytes.subarray(at, at + length)));
    if (record === null || at + length > bytes.length) throw fail(BAD_EXTENSION);
    records.set(record[1]!, record[2]!);
    at += length;
  }
  return records;
};

const paxSize = (size: string | undefined, fail: TarFailure): number | undefined => {
  if (size === undefined) return undefined;
  if (!/^\d{1,19}$/.test(size)) throw fail(BAD_EXTENSION);
  return Number(size);
};

/**
 * The entries of a tar archive in their order: of the old kind, ustar, GNU tar's and pax'.
 *
 * Recordings are read by this rather than by a library: what may be in them is known, and nothing else is to be
 * guessed at.
 * @param fail makes what is thrown for an archive that is broken, cut off or sparse
 */
export function* readTar(bytes: Uint8Array, fail: TarFailure): Generator<TarEntry> {
  let longName: string | undefined;
  let longTarget: string | undefined;
  let pax: ReadonlyMap<string, string> = new Map();
  for (let at = 0; ;) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw fail(at === 0 ? NO_TAR : CUT_OFF);
    if (header.every((byte) => byte === 0)) return;
    if (!hasGoodChecksum(header))
      throw fail(at === 0 ? NO_TAR : 'the tar file is broken: the checksum of a header is wrong');
    const type = String.fromCharCode(header[TYPE]!);
    const about = [LONG_NAME, LONG_TARGET, PAX, PAX_GLOBAL].includes(type);
    const size = (about ? undefined : paxSize(pax.get('size'), fail)) ?? number(field(header, SIZE), fail);
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (content.length < size) throw fail(CUT_OFF);
    if (about && size > MAX_EXTENSION) throw fail(BAD_EXTENSION);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (about) {
      if (type === LONG_NAME) longName = text(content);
      else if (type === LONG_TARGET) longTarget = text(content);
      else if (type === PAX) pax = paxRecords(content, fail);
      continue;
    }
    if (type === SPARSE || [...pax.keys()].some((key) => key.startsWith(PAX_SPARSE))) {
      throw fail('the tar file holds a sparse file');
    }
    const prefix = text(field(header, MAGIC)) === 'ustar' ? text(field(header, PREFIX)) : '';
    const short = text(field(header, NAME));
    const name = longName ?? pax.get('path') ?? (prefix === '' ? short : `${prefix}/${short}`);
    const kind = KINDS[type] ?? 'other';
    yield {
      name,
      kind: kind === 'file' && name.endsWith('/') ? 'directory' : kind,
      content,
      target: longTarget ?? pax.get('linkpath') ?? text(field(header, LINK_NAME)),
    };
    longName = longTarget = undefined;
    pax = new Map();
  }
}
