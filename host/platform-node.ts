import { createHash } from 'node:crypto';
import { constants, crc32, createInflateRaw } from 'node:zlib';
import { OutputLimitError, type DecompressOutcome, type Platform } from '../kexec/platform.js';
import { plainBytes } from '../kexec/slurp.js';

/** Deflate makes at most 1032 bytes of one (zlib's technical notes, "Maximum Compression Factor"). */
const MAX_DEFLATE_RATIO = 1032;
const SMALL_CHUNK = 64 * 1024;

interface Inflated {
  readonly parts: readonly Uint8Array[];
  readonly total: number;
  readonly consumed: number;
  readonly code?: string;
  readonly message?: string;
}

/** Inflates with output in pieces of `chunkSize`. */
const inflateInChunks = (input: Uint8Array, chunkSize: number, flush: number, limitBytes: number): Promise<Inflated> =>
  new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let total = 0;
    const stream = createInflateRaw({ chunkSize, finishFlush: flush });
    stream.on('data', (part: Uint8Array) => {
      parts.push(part);
      total += part.length;
      if (total > limitBytes) {
        stream.destroy();
        reject(new OutputLimitError(limitBytes));
      }
    });
    stream.on('error', (error: NodeJS.ErrnoException) => {
      resolve({ parts, total, consumed: stream.bytesWritten, code: error.code ?? '', message: error.message });
    });
    stream.on('end', () => resolve({ parts, total, consumed: stream.bytesWritten }));
    stream.end(input);
  });

const join = (parts: readonly Uint8Array[], total: number): Uint8Array =>
  plainBytes(parts.length === 1 ? parts[0]! : Buffer.concat(parts, total));

/** The size that a gzip trailer at the end of the input promises, as far as it can be true. */
const likelySize = (input: Uint8Array): number => {
  const { byteOffset, byteLength, buffer } = input;
  const promised = byteLength < 4 ? 0 : new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - 4, true);
  return promised <= byteLength * MAX_DEFLATE_RATIO ? promised : 0;
};

const inflateRaw = async (input: Uint8Array, limitBytes: number): Promise<DecompressOutcome> => {
  // One piece of the right size saves copying; a little more, for zlib to see the end of the stream in the same call.
  // Without a size the pieces are small: there may be many members that hold next to nothing.
  const size = Math.min(likelySize(input), limitBytes) + SMALL_CHUNK;
  const whole = await inflateInChunks(input, size, constants.Z_FINISH, limitBytes);
  if (whole.code === undefined) {
    return { output: join(whole.parts, whole.total), consumed: whole.consumed, ended: true };
  }
  // Something is wrong: again, for what comes before it.
  const again = await inflateInChunks(input, SMALL_CHUNK, constants.Z_SYNC_FLUSH, limitBytes);
  return {
    output: join(again.parts, again.total),
    consumed: again.consumed,
    ended: false,
    ...(again.message !== undefined && { error: again.message }),
  };
};

/** Decodes by liblzma, which is loaded only now. */
const lzma = async (input: Uint8Array, memoryLimitBytes: number, limitBytes: number): Promise<Uint8Array | undefined> => {
  const { default: native } = await import('lzma-native');
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let total = 0;
    const stream = native.createStream('autoDecoder', { memlimit: memoryLimitBytes });
    stream.on('data', (part: Uint8Array) => {
      parts.push(part);
      total += part.length;
      if (total > limitBytes) {
        stream.destroy();
        reject(new OutputLimitError(limitBytes));
      }
    });
    stream.on('error', () => resolve(undefined));
    stream.on('end', () => resolve(join(parts, total)));
    stream.end(input);
  });
};

const zstd = async (input: Uint8Array, limitBytes: number): Promise<Uint8Array | undefined> => {
  const { zstdDecompress } = await import('../kexec/codecs.js');
  return zstdDecompress(input, limitBytes);
};

/** node:zlib, node:crypto and liblzma. */
export const nodePlatform: Platform = {
  inflateRaw,
  crc32: (bytes) => crc32(bytes),
  lzma,
  zstd,
  sha256: () => {
    const hash = createHash('sha256');
    return {
      update: (bytes) => {
        hash.update(bytes);
      },
      digest: () => new Uint8Array(hash.digest()),
    };
  },
};
