/** zstd files as kexec/zstd.c reads them. */
import type { ReadContext } from './read-context.js';
import { refusingBombs } from '../base/attempt.js';

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd] as const;

/** Whether the frame header at the start tells the content's size (RFC 8878, section 3.1.1.1). */
const tellsContentSize = (bytes: Uint8Array): boolean => {
  const descriptor = bytes[4] ?? 0;
  const sizeFlag = descriptor >> 6;
  const singleSegment = (descriptor & 0x20) !== 0;
  return sizeFlag !== 0 || singleSegment;
};

/**
 * zstd_decompress_file() of kexec/zstd.c.
 * @param bytes the file's content; undefined when it cannot be opened
 * @returns undefined when the file is something else or broken
 * @throws KexecError for a decompression bomb
 */
export const zstdDecompressFile = async (
  bytes: Uint8Array | undefined,
  path: string,
  { platform, decompressLimitBytes: limit, log }: Omit<ReadContext, 'system'>,
): Promise<Uint8Array | undefined> => {
  log.dbg('Try zstd decompression.\n');
  if (bytes === undefined) {
    log.dbg(`Cannot stat \`${path}'\n`);
    return undefined;
  }
  if (bytes.length < MAGIC.length) {
    log.dbg('short file\n');
    return undefined;
  }
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    log.dbg('Not zstd compressed\n');
    return undefined;
  }
  if (!tellsContentSize(bytes)) log.dbg('original zstd size unknown!\n');
  const output = await refusingBombs(path, limit, () => platform.zstd(bytes, limit));
  log.dbg(
    output === undefined
      ? 'zstd error Data corruption detected\n'
      : `zstd decompressed input=${bytes.length} to output=${output.length}\n`,
  );
  return output;
};
