import { attempt, refusingBombs } from '../base/attempt.js';
import { concatBytes, plainBytes } from '../base/bytes.js';
import type { Compat } from '../base/compat.js';
import { SystemError } from '../base/error.js';
import { DEFLATED, FHCRC, RESERVED, endOfGzipFields, isGzipMagic } from './gzip-header.js';
import { countInflated } from './inflate-count.js';
import type { Platform } from '../base/platform.js';
import type { ReadContext } from './read-context.js';
import { hasBytes } from '../base/slurp.js';
import type { System } from '../base/system.js';

const TRAILER_SIZE = 8;

/** Growth of the buffer in zlib_decompress_file(): it starts so large and doubles. */
const FIRST_ALLOCATION = 65536;

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

export interface Gunzipped {
  readonly output: Uint8Array;
  readonly end: 'complete' | 'truncated' | 'broken';
  /** zlib's words for what is broken. */
  readonly error?: string;
  /** Bytes of output before what is broken; `output` may have less. */
  readonly good: number;
}

/**
 * Decompresses what zlib's gzread() would: gzip members one behind the other, what follows the last one ignored.
 * @throws OutputLimitError
 */
export const gunzip = async (
  bytes: Uint8Array,
  platform: Platform,
  limitBytes: number,
  compat: Compat,
): Promise<Gunzipped> => {
  const parts: Uint8Array[] = [];
  let total = 0;
  const ended = (end: Gunzipped['end'], error?: string, good = total): Gunzipped => ({
    output: concatBytes(parts),
    end,
    good,
    ...(error !== undefined && { error }),
  });
  let at = 0;
  while (isGzip(bytes, at, compat)) {
    const header = readHeader(bytes, at, platform);
    if (header.kind === 'truncated') return ended('truncated');
    if (header.kind === 'bad') return ended('broken', header.error);
    at += header.size;
    const deflated = bytes.subarray(at);
    const { output, consumed, ended: complete, error } = await platform.inflateRaw(deflated, limitBytes - total);
    if (error !== undefined) return ended('broken', error, total + countInflated(deflated));
    if (output.length > 0) parts.push(output);
    total += output.length;
    at += consumed;
    if (!complete || at + 4 > bytes.length) return ended('truncated');
    if (platform.crc32(output) !== readU32(bytes, at)) return ended('broken', 'incorrect data check');
    if (at + TRAILER_SIZE > bytes.length) return ended('truncated');
    if (output.length % 2 ** 32 !== readU32(bytes, at + 4)) return ended('broken', 'incorrect length check');
    at += TRAILER_SIZE;
  }
  return ended('complete');
};

/**
 * The count in "Read on %s of %d bytes failed": what the failing gzread() was asked for. The buffer doubles when it is
 * full. Since 1.3.2 a call gives what there is before a fault, and the next one fails.
 */
const failedReadSize = (good: number, { zlibReadsToTheFault }: Compat): number => {
  let allocated = FIRST_ALLOCATION;
  let size = 0;
  while (good >= allocated) {
    size = allocated;
    allocated *= 2;
  }
  return allocated - (zlibReadsToTheFault ? good : size);
};

/** Bytes that zlib reads at a time, and sees only after a shorter read that the file has ended. */
const INPUT_CHUNK = 8192;

/** Whether closing a stream that ended early fails: not when nothing more was asked for as it ended. */
const closeFails = (fileSize: number, good: number, { zlibReadsToTheFault }: Compat): boolean => {
  if (zlibReadsToTheFault) return good === 0;
  const bufferFull = good >= FIRST_ALLOCATION && Number.isInteger(Math.log2(good / FIRST_ALLOCATION));
  return !(bufferFull && fileSize % INPUT_CHUNK !== 0);
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
  const { output, end, good, error } = await refusingBombs(path, limit, () => gunzip(bytes, platform, limit, compat));
  switch (end) {
    case 'broken':
      // With nothing before the fault, the call that gives what there is gives nothing, which reads as the end.
      if (good > 0 || !compat.zlibReadsToTheFault) {
        log.dbg(`Read on ${path} of ${failedReadSize(good, compat)} bytes failed: ${path}: ${error ?? ''}\n`);
      }
      return undefined;
    case 'truncated':
      // QUIRK-3: a stream that ends early is loaded as far as it goes; only closing it fails, and the message asks
      // what was closed for the reason.
      if (closeFails(bytes.length, good, compat)) log.dbg(` Close of ${path} failed: \n`);
      break;
    case 'complete':
      break;
  }
  return output.length > 0 ? output : undefined;
};
