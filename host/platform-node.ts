/** The platform on Node: decompressors, checksums and digests. */
import { createHash } from 'node:crypto';
import { cpuUsage } from 'node:process';
import type { Duplex } from 'node:stream';
import { Script } from 'node:vm';
import { type InflateRaw, constants, crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { concatBytes, plainBytes } from '../kexec/base/bytes.js';
import { OutputLimitError, type DecompressOutcome, type Digest, type Platform } from '../kexec/base/platform.js';
import { PROGRESS_BYTES, type OnProgress } from '../kexec/base/progress.js';

/** Deflate makes at most 1032 bytes of one (zlib's technical notes, "Maximum Compression Factor"). */
const MAX_DEFLATE_RATIO = 1032;
const SMALL_CHUNK = 64 * 1024;
/** A buffer of Node's usual size costs more than what a tiny stream needs besides. */
const TINY_CHUNK = 1024;

interface Collected {
  readonly output: Uint8Array;
  /** What went wrong behind that output. */
  readonly failure?: NodeJS.ErrnoException;
}

/** Gathers what comes out of a decompressor. @throws OutputLimitError */
const collect = (stream: Duplex, limitBytes: number, progress?: OnProgress): Promise<Collected> =>
  new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let total = 0;
    stream.on('data', (part: Uint8Array) => {
      parts.push(plainBytes(part));
      total += part.length;
      if (total > limitBytes) {
        stream.destroy();
        reject(new OutputLimitError(limitBytes));
      }
      progress?.({ what: 'decompressing', unit: 'bytes', done: total });
    });
    stream.on('error', (failure: NodeJS.ErrnoException) => resolve({ output: concatBytes(parts), failure }));
    stream.on('end', () => resolve({ output: concatBytes(parts) }));
  });

/** Sends the input through a decompressor that makes no more than is taken from it. @throws OutputLimitError */
const decompress = (
  stream: Duplex,
  input: Uint8Array,
  limitBytes: number,
  progress?: OnProgress,
): Promise<Collected> => {
  const collected = collect(stream, limitBytes, progress);
  stream.end(input);
  return collected;
};

/** The size that a gzip trailer at the end of the input promises, as far as it can be true. */
const likelySize = (input: Uint8Array): number => {
  const { byteOffset, byteLength, buffer } = input;
  const promised = byteLength < 4 ? 0 : new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - 4, true);
  return promised <= byteLength * MAX_DEFLATE_RATIO ? promised : 0;
};

/**
 * A stream of little output at once: there may be many, and each would have a thread's attention.
 * @returns undefined where there is more of it, or something is wrong
 */
const inflateLittle = (input: Uint8Array, limitBytes: number): DecompressOutcome | undefined => {
  const maxOutputLength = Math.min(SMALL_CHUNK, limitBytes) || 1;
  try {
    const { buffer, engine } = inflateRawSync(input, {
      maxOutputLength,
      chunkSize: TINY_CHUNK,
      info: true,
    }) as unknown as {
      readonly buffer: Uint8Array;
      readonly engine: InflateRaw;
    };
    // A copy: what zlib gives is a few bytes of its buffer, and keeps all of that.
    return { output: new Uint8Array(buffer), consumed: engine.bytesWritten, ended: true };
  } catch {
    return undefined;
  }
};

const inflateRaw = async (input: Uint8Array, limitBytes: number, progress?: OnProgress): Promise<DecompressOutcome> => {
  const little = inflateLittle(input, limitBytes);
  if (little !== undefined && little.output.length <= limitBytes) return little;
  // One piece of the right size saves copying, if nobody watches; a little more, for zlib to see the end of the stream
  // in the same call. Without a size the pieces are small: there may be many members that hold next to nothing.
  const largest = progress === undefined ? limitBytes : Math.min(limitBytes, PROGRESS_BYTES);
  const chunkSize = Math.min(likelySize(input), largest) + SMALL_CHUNK;
  const stream = createInflateRaw({ chunkSize });
  const { output, failure } = await decompress(stream, input, limitBytes, progress);
  if (failure === undefined) return { output, consumed: stream.bytesWritten, ended: true };
  // Something is wrong: again, for what comes before it.
  const again = createInflateRaw({ chunkSize: SMALL_CHUNK, finishFlush: constants.Z_SYNC_FLUSH });
  const before = await decompress(again, input, limitBytes);
  return {
    output: before.output,
    consumed: again.bytesWritten,
    ended: false,
    ...(before.failure && { error: before.failure.message }),
  };
};

/** lzma makes at most some 7,000 bytes of one, so that little comes of such a piece. */
const LZMA_PIECE = 8 * 1024;

/**
 * Where a piece that begins at `start` ends. lzma-native finds the end of an .xz stream by its last two bytes, "YZ",
 * which must not be in two pieces.
 */
const endOfPiece = (input: Uint8Array, start: number): number => {
  const end = Math.min(start + LZMA_PIECE, input.length);
  return input[end - 1] === 0x59 && input[end] === 0x5a ? end + 1 : end;
};

/**
 * Decodes by liblzma, which is loaded only now. Of a piece of input it makes all that can be made, whether anybody
 * wants it or not: the next piece is given to it only when that was within the limit.
 */
const lzma = async (
  input: Uint8Array,
  memoryLimitBytes: number,
  limitBytes: number,
  progress?: OnProgress,
): Promise<Uint8Array | undefined> => {
  const { default: native } = await import('lzma-native');
  const stream = native.createStream('autoDecoder', { memlimit: memoryLimitBytes });
  const decoding = { isOver: false };
  const collected = collect(stream, limitBytes, progress).finally(() => {
    decoding.isOver = true;
  });
  for (let at = 0; at < input.length && !decoding.isOver;) {
    const piece = input.subarray(at, endOfPiece(input, at));
    at += piece.length;
    await Promise.race([collected, new Promise((resolve) => stream.write(piece, resolve))]);
  }
  stream.end();
  const { output, failure } = await collected;
  return failure === undefined ? output : undefined;
};

const zstd = async (input: Uint8Array, limitBytes: number): Promise<Uint8Array | undefined> => {
  const { zstdDecompress } = await import('../kexec/compression/codecs.js');
  return zstdDecompress(input, limitBytes, (mostBytes, action) =>
    withinTime(ZSTD_START_MS + (mostBytes / 2 ** 20) * ZSTD_MS_A_MIB, action),
  );
};

/** Ten times as long as a slow machine takes. */
export const ZSTD_START_MS = 1000;
export const ZSTD_MS_A_MIB = 100;

/**
 * @param limitMs of processor time
 * @throws Error when the action is not done within it: wherever it was, it is ended
 */
export const withinTime = (limitMs: number, action: () => unknown): void => {
  const start = cpuUsage();
  for (;;) {
    try {
      return void script.runInNewContext({ action }, { timeout: Math.ceil(limitMs) });
    } catch (error) {
      // A machine that sleeps, or has much to do, lets time pass in which nothing is done.
      const { user } = cpuUsage(start);
      if (!isTimeout(error) || user / 1000 >= limitMs) throw error;
    }
  }
};

const script = new Script('action()');

const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

const sha256 = (progress?: OnProgress): Digest => {
  const hash = createHash('sha256');
  let done = 0;
  return {
    update: (bytes) => {
      for (let at = 0; at < bytes.length; at += PROGRESS_BYTES) {
        const piece = bytes.subarray(at, at + PROGRESS_BYTES);
        hash.update(piece);
        done += piece.length;
        progress?.({ what: 'computing the digest', unit: 'bytes', done });
      }
    },
    digest: () => new Uint8Array(hash.digest()),
  };
};

/** node:zlib, node:crypto and liblzma. */
export const createNodePlatform = (progress?: OnProgress): Platform => ({
  inflateRaw: (input, limitBytes) => inflateRaw(input, limitBytes, progress),
  crc32: (bytes) => crc32(bytes),
  lzma: (input, memoryLimitBytes, limitBytes) => lzma(input, memoryLimitBytes, limitBytes, progress),
  zstd,
  sha256: () => sha256(progress),
});

/** The same, and nobody is told how far it is. */
export const nodePlatform: Platform = createNodePlatform();
