/** The header of a gzip member (RFC 1952, section 2.3). */

/** Bytes of the fixed part. */
export const GZIP_HEADER_SIZE = 10;
export const DEFLATED = 8;

export const FHCRC = 0x02;
const FEXTRA = 0x04;
const FNAME = 0x08;
const FCOMMENT = 0x10;
/** Flags that must not be set. */
export const RESERVED = 0xe0;

export const isGzipMagic = (bytes: Uint8Array, at = 0): boolean => bytes[at] === 0x1f && bytes[at + 1] === 0x8b;

/**
 * Where the extra field, the name and the comment end that the flags announce.
 * @param at the header's first byte
 * @returns undefined when the bytes end before
 */
export const endOfGzipFields = (bytes: Uint8Array, at: number, flags: number): number | undefined => {
  let position = at + GZIP_HEADER_SIZE;
  if ((flags & FEXTRA) !== 0) {
    position += 2 + ((bytes[position] ?? 0) | ((bytes[position + 1] ?? 0) << 8));
  }
  for (const flag of [FNAME, FCOMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, position);
    if (end < 0) return undefined;
    position = end + 1;
  }
  return position;
};
