/** The platform on Node: decompressors, checksums and digests. */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { constants, crc32, createInflateRaw } from 'node:zlib';
import { concatBytes, plainBytes } from '../kexec/base/bytes.js';
import { OutputLimitError, type DecompressOutcome, type Digest, type Platform } from '../kexec/base/platform.js';
import { PROGRESS_BYTES, type OnProgress } from '../kexec/base/progress.js';

/** Deflate makes at most 1032 bytes of one (zlib's technical notes, "Maximum Compression Factor"). */
const MAX_DEFLATE_RATIO = 1032;
const SMALL_CHUNK = 64 * 1024;

interface Collected {
  readonly output: Uint8Array;
  /** What went wrong behind that output. */
  readonly failure?: NodeJS.ErrnoException;
}

/** Sends the input through a decompressor. @throws OutputLimitError */
const collect = (stream: Duplex, input: Uint8Array, limitBytes: number, progress?: OnProgress): Promise<Collected> =>
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
    stream.end(input);
  });

/** The size that a gzip trailer at the end of the input promises, as far as it can be true. */
const likelySize = (input: Uint8Array): number => {
  const { byteOffset, byteLength, buffer } = input;
  const promised = byteLength < 4 ? 0 : new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - 4, true);
  return promised <= byteLength * MAX_DEFLATE_RATIO ? promised : 0;
};

const inflateRaw = async (input: Uint8Array, limitBytes: number, progress?: OnProgress): Promise<DecompressOutcome> => {
  // One piece of the right size saves copying, if nobody watches; a little more, for zlib to see the end of the stream
  // in the same call. Without a size the pieces are small: there may be many members that hold next to nothing.
  const largest = progress === undefined ? limitBytes : Math.min(limitBytes, PROGRESS_BYTES);
  const chunkSize = Math.min(likelySize(input), largest) + SMALL_CHUNK;
  const stream = createInflateRaw({ chunkSize });
  const { output, failure } = await collect(stream, input, limitBytes, progress);
  if (failure === undefined) return { output, consumed: stream.bytesWritten, ended: true };
  // Something is wrong: again, for what comes before it.
  const again = createInflateRaw({ chunkSize: SMALL_CHUNK, finishFlush: constants.Z_SYNC_FLUSH });
  const before = await collect(again, input, limitBytes);
  return {
    output: before.output,
    consumed: again.bytesWritten,
    ended: false,
    ...(before.failure && { error: before.failure.message }),
  };
};

/** Decodes by liblzma, which is loaded only now. */
const lzma = async (
  input: Uint8Array,
  memoryLimitBytes: number,
  limitBytes: number,
  progress?: OnProgress,
): Promise<Uint8Array | undefined> => {
  const { default: native } = await import('lzma-native');
  const stream = native.createStream('autoDecoder', { memlimit: memoryLimitBytes });
  const { output, failure } = await collect(stream, input, limitBytes, progress);
  return failure === undefined ? output : undefined;
};

const zstd = async (input: Uint8Array, limitBytes: number): Promise<Uint8Array | undefined> => {
  const { zstdDecompress } = await import('../kexec/compression/codecs.js');
  return zstdDecompress(input, limitBytes);
};

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
