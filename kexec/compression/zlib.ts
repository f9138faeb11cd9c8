/** gzip files as kexec/zlib.c reads them, by zlib's gzread(). */
import { attempt, refusingBombs } from '../base/attempt.js';
import { concatBytes, plainBytes } from '../base/bytes.js';
import type { Compat } from '../base/compat.js';
import { SystemError } from '../base/error.js';
import { DEFLATED, FHCRC, RESERVED, endOfGzipFields, isGzipMagic } from './gzip-header.js';
import { endingOf, type Inflated, type GzipEnd, type GzipMember } from './gzread.js';
import { countInflated } from './inflate-count.js';
import type { Platform } from '../base/platform.js';
import type { ReadContext } from './read-context.js';
import { hasBytes } from '../base/slurp.js';
import type { System } from '../base/system.js';

type Header =
  | { readonly kind: 'ok'; readonly size: number }
  | { readonly kind: 'truncated' }
  | { readonly kind: 'bad'; readonly error: string };

const isGzip = (bytes: Uint8Array, at: number, { zlibChecksHeader }: Compat): boolean => {
  if (!isGzipMagic(bytes, at)) return false;
  return !zlibChecksHeader || (bytes[at + 2] === DEFLATED && ((bytes[at + 3] ?? RESERVED) & RESERVED) === 0);
};

/** Reads the header of the gzip member at `at`; errors in zlib's words (inflate.c). */
const readHeader = (bytes: Uint8Array, at: number, platform: Platform): Header => {
  const method = bytes[at + 2];
  const flags = bytes[at + 3];
  if (method === undefined || flags === undefined) return { kind: 'truncated' };
  if (method !== DEFLATED) return { kind: 'bad', error: 'unknown compression method' };
  if ((flags & RESERVED) !== 0) return { kind: 'bad', error: 'unknown header flags set' };
  let position = endOfGzipFields(bytes, at, flags);
  if (position === undefined) return { kind: 'truncated' };
  if ((flags & FHCRC) !== 0) {
    if (position + 2 > bytes.length) return { kind: 'truncated' };
    const stored = bytes[position]! | (bytes[position + 1]! << 8);
    if ((platform.crc32(bytes.subarray(at, position)) & 0xffff) !== stored) {
      return { kind: 'bad', error: 'header crc mismatch' };
    }
    position += 2;
  }
  return position > bytes.length ? { kind: 'truncated' } : { kind: 'ok', size: position - at };
};

const readU32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);

/** What a gzip file decompresses to, and how it ends. */
export interface Gunzipped {
  /** Without what comes before a fault in deflated data. */
  readonly output: Uint8Array;
  readonly end: GzipEnd;
  /** Undefined where no member is missing anything. */
  readonly fault: MemberFault | undefined;
}

/** What is wrong with one member: with zlib's words unless the file merely ends. */
type MemberFault = { readonly kind: 'truncated' } | { readonly kind: 'broken'; readonly error: string };

interface ReadMember {
  readonly output: Uint8Array;
  /** Where in the file the member ends. */
  readonly end: number;
  readonly fault?: MemberFault & Pick<GzipEnd, 'at' | 'inflate'> & { readonly good: number };
}

const NOTHING = new Uint8Array();

/** inflate() has not begun, or gets nothing. */
const nowhere = (at: number) => (): Inflated => ({ filledAt: at, end: at });

/** Reads the gzip member at `start`. @throws OutputLimitError */
const readMember = async (
  bytes: Uint8Array,
  start: number,
  platform: Platform,
  limitBytes: number,
): Promise<ReadMember> => {
  const header = readHeader(bytes, start, platform);
  if (header.kind !== 'ok') {
    const fault = header.kind === 'bad' ? { kind: 'broken' as const, error: header.error, at: start } : TRUNCATED;
    return { output: NOTHING, end: start, fault: { ...fault, good: 0, inflate: nowhere(start) } };
  }
  const deflated = start + header.size;
  const data = bytes.subarray(deflated);
  const inflate = (room: number): Inflated => {
    const { filledAt, end, ended } = countInflated(data, room);
    return { filledAt: deflated + filledAt, end: ended ? bytes.length : deflated + end };
  };
  const { output, consumed, ended, error } = await platform.inflateRaw(data, limitBytes);
  if (error !== undefined) {
    const { count: good, end } = countInflated(data);
    const at = deflated + end;
    return { output: NOTHING, end: at, fault: { kind: 'broken', error, good, at, inflate } };
  }
  const crcAt = deflated + consumed;
  const lengthAt = crcAt + 4;
  const end = lengthAt + 4;
  const place = { good: output.length, inflate };
  const truncated = { output, end, fault: { ...TRUNCATED, ...place } };
  const broken = (at: number, words: string): ReadMember => ({
    output,
    end,
    fault: { kind: 'broken', error: words, at, ...place },
  });
  if (!ended || lengthAt > bytes.length) return truncated;
  if (platform.crc32(output) !== readU32(bytes, crcAt)) return broken(lengthAt, 'incorrect data check');
  if (end > bytes.length) return truncated;
  if (output.length % 2 ** 32 !== readU32(bytes, lengthAt)) return broken(end, 'incorrect length check');
  return { output, end };
};

const TRUNCATED = { kind: 'truncated', at: undefined } as const;

/**
 * Decompresses what zlib's gzread() would: gzip members one behind the other, what follows the last one ignored. Since
 * 1.3.2 a member that breaks before its first byte is such a thing, too.
 * @throws OutputLimitError
 */
export const gunzip = async (
  bytes: Uint8Array,
  platform: Platform,
  limitBytes: number,
  compat: Compat,
): Promise<Gunzipped> => {
  const parts: Uint8Array[] = [];
  const members: GzipMember[] = [];
  let total = 0;
  let at = 0;
  const ended = (size: number, end: Pick<GzipEnd, 'at' | 'inflate'>, fault?: MemberFault): Gunzipped => ({
    output: concatBytes(parts),
    end: {
      members: [...members, { start: at, size }],
      at: end.at,
      inflate: end.inflate,
      fileSize: bytes.length,
      looksForMembers: !compat.zlibReadsToTheFault,
    },
    fault,
  });
  while (isGzipMagic(bytes, at)) {
    const { output, end, fault } = await readMember(bytes, at, platform, limitBytes - total);
    if (output.length > 0) parts.push(output);
    if (fault !== undefined) {
      const isIgnored = compat.zlibReadsToTheFault && fault.kind === 'broken' && fault.good === 0;
      return ended(fault.good, fault, isIgnored ? undefined : fault);
    }
    members.push({ start: at, size: output.length });
    total += output.length;
    at = end;
  }
  // A single byte may be the first one of another member.
  const isOther = at + 1 < bytes.length;
  return ended(0, { at: isOther ? at : undefined, inflate: nowhere(at) });
};

/** Reads a file for a decompressor: undefined when it cannot be opened, no bytes when there are none to be had. */
export const readForDecompression = (system: System, path: string): Uint8Array | undefined => {
  const bytes = attempt(SystemError, () =>
    hasBytes(system.stat(path)) ? plainBytes(system.readFile(path)) : new Uint8Array(),
  );
  return bytes instanceof SystemError ? undefined : bytes;
};

/** Whether a file is gzip by its first bytes (is_zlib_file()). */
export const isGzipFile = (system: System, path: string, compat: Compat): boolean => {
  const result = attempt(
    SystemError,
    () => hasBytes(system.stat(path)) && isGzip(system.readAt(path, 0, 4), 0, compat),
  );
  return result === true;
};

/**
 * zlib_decompress_file() of kexec/zlib.c.
 * @param bytes the file's content; undefined when it cannot be opened
 * @returns undefined when the file is not gzip, or is broken, or empty
 * @throws KexecError for a decompression bomb
 */
export const zlibDecompressFile = async (
  bytes: Uint8Array | undefined,
  path: string,
  { platform, decompressLimitBytes: limit, compat, log }: Omit<ReadContext, 'system'>,
): Promise<Uint8Array | undefined> => {
  log.dbg('Try gzip decompression.\n');
  if (bytes === undefined) {
    // QUIRK-2: gzerror() of a file that did not open gives no text (_gzerror(), kexec/zlib.c).
    log.dbg(`Cannot open \`${path}': (null)\n`);
    return undefined;
  }
  if (!isGzip(bytes, 0, compat)) return undefined;
  const result = await refusingBombs(path, limit, () => gunzip(bytes, platform, limit, compat));
  const { output, end, fault } = result;
  if (fault?.kind === 'broken') {
    log.dbg(`Read on ${path} of ${failedReadSize(end, compat)} bytes failed: ${path}: ${fault.error}\n`);
    return undefined;
  }
  // QUIRK-3: a stream that ends early is loaded as far as it goes; only closing it fails, and the message asks what was
  // closed for the reason.
  if (closeFails(result, compat)) log.dbg(` Close of ${path} failed: \n`);
  const { lost } = fault === undefined ? { lost: 0 } : endingOf(end);
  const given = output.subarray(0, output.length - lost);
  return given.length > 0 ? given : undefined;
};

/**
 * The count in "Read on %s of %d bytes failed": what the failing gzread() was asked for. Since 1.3.2 the call that
 * meets the fault gives what there is, and the next one fails, for which the buffer may have doubled.
 */
const failedReadSize = (end: GzipEnd, { zlibReadsToTheFault }: Compat): number => {
  const { before, asked, ready } = endingOf(end).call!;
  if (!zlibReadsToTheFault) return asked;
  return ready === asked ? before + asked : asked - ready;
};

/**
 * Whether closing the file fails, because it ended where zlib asked for more. Since 1.3.2 the next call forgets that,
 * and zlib asks for another member behind the last one, too.
 */
const closeFails = ({ end, fault }: Gunzipped, { zlibReadsToTheFault }: Compat): boolean => {
  if (zlibReadsToTheFault) return end.at === undefined && endingOf(end).call?.ready === 0;
  return fault?.kind === 'truncated' && endingOf(end).call !== undefined;
};
