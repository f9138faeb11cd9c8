/** .lzma and .xz files as kexec/lzma.c reads them. */
import type { ReadContext } from './read-context.js';
import { refusingBombs } from '../base/attempt.js';

/** Size of an .lzma file's header. */
const HEADER_SIZE = 13;
/** lzma.c reads into a buffer of this size, which doubles. */
const FIRST_ALLOCATION = 65536;

/**
 * Whether the first bytes can be the properties of an .lzma stream, as liblzma's lzma_properties_decode() judges them:
 * (pb * 5 + lp) * 9 + lc with lc + lp <= 4.
 * QUIRK-4: an .xz file fails this test, so that releases which make it do not decompress .xz (kexec/lzma.c).
 */
const hasLzmaProperties = (bytes: Uint8Array): boolean => {
  const properties = bytes[0];
  if (bytes.length < HEADER_SIZE || properties === undefined || properties >= 9 * 5 * 5) return false;
  const lc = properties % 9;
  const lp = Math.floor(properties / 9) % 5;
  return lc + lp <= 4;
};

/**
 * lzma_decompress_file() of kexec/lzma.c.
 * @param bytes the file's content; undefined when it cannot be opened
 * @returns undefined when the file is something else or broken
 * @throws KexecError for a decompression bomb
 */
export const lzmaDecompressFile = async (
  bytes: Uint8Array | undefined,
  path: string,
  { platform, decompressLimitBytes: limit, compat, log }: Omit<ReadContext, 'system'>,
): Promise<Uint8Array | undefined> => {
  log.dbg('Try LZMA decompression.\n');
  if (compat.lzmaChecksProperties && (bytes === undefined || !hasLzmaProperties(bytes))) return undefined;
  if (bytes === undefined) {
    log.dbg(`Cannot open \`${path}'\n`);
    return undefined;
  }
  const output = await refusingBombs(path, limit, () => platform.lzma(bytes, compat.lzmaMemoryLimit, limit));
  if (output === undefined) {
    log.dbg(`lzma_decompress_file: read on ${path} of ${FIRST_ALLOCATION} bytes failed\n`);
  }
  return output;
};
