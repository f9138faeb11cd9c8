/** Kernels that may be compressed: the libraries in the order in which the original tries them. */
import { attempt } from '../base/attempt.js';
import { SystemError } from '../base/error.js';
import { lzmaDecompressFile } from './lzma.js';
import type { ReadContext } from './read-context.js';
import { slurpFile, hasBytes } from '../base/slurp.js';
import type { System } from '../base/system.js';
import { readForDecompression, zlibDecompressFile } from './zlib.js';
import { zstdDecompressFile } from './zstd.js';

/** The first bytes suffice to see that a file is not compressed; only then is all of it read. */
const PROBE_SIZE = 16;

/**
 * Reads a kernel, decompressed if it is compressed: slurp_decompress_file() of kexec/kexec.c.
 * @throws KexecError
 */
export const slurpDecompressFile = async (path: string, context: ReadContext): Promise<Uint8Array> => {
  const { system } = context;
  const head = probe(system, path);
  const looksCompressed = head !== undefined && COMPRESSED.some((magic) => magic(head));
  const input = looksCompressed ? readForDecompression(system, path) : head;
  const output = await decompress(input, path, context);
  return (
    output ??
    (looksCompressed && input !== undefined && input.length > 0 ? input : slurpFile(system, path, context.compat))
  );
};

/**
 * Tries each library that the build has, in the original's order; one that it has not is not mentioned.
 * @param input the file's content, or as much of it as shows that it is not compressed; undefined: it cannot be opened
 * @returns undefined when the input is not compressed, or broken
 * @throws KexecError for a decompression bomb
 */
export const decompress = async (
  input: Uint8Array | undefined,
  path: string,
  context: Omit<ReadContext, 'system'>,
): Promise<Uint8Array | undefined> => {
  const { libraries, hasZstd } = context.compat;
  return (
    (libraries.has('zlib') ? await zlibDecompressFile(input, path, context) : undefined) ??
    (libraries.has('zstd') && hasZstd ? await zstdDecompressFile(input, path, context) : undefined) ??
    (libraries.has('lzma') ? await lzmaDecompressFile(input, path, context) : undefined)
  );
};

const probe = (system: System, path: string): Uint8Array | undefined => {
  const bytes = attempt(SystemError, () =>
    hasBytes(system.stat(path)) ? system.readAt(path, 0, PROBE_SIZE) : new Uint8Array(),
  );
  return bytes instanceof SystemError ? undefined : bytes;
};

const startsWith =
  (...magic: readonly number[]) =>
  (bytes: Uint8Array): boolean =>
    magic.every((byte, i) => bytes[i] === byte);

/** gzip, zstd, xz, and whatever may be the properties byte of an .lzma file. */
const COMPRESSED = [
  startsWith(0x1f, 0x8b),
  startsWith(0x28, 0xb5, 0x2f, 0xfd),
  startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a),
  (bytes: Uint8Array): boolean => bytes.length >= 13 && bytes[0]! < 225 && bytes[0] !== 0x4d && bytes[0] !== 0x7f,
] as const;
