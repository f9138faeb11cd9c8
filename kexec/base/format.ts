/** The printf conversions that the original's messages use, and text of others in messages of our own. */

/** `%x`, `%lx`, `%llx`. */
export const hex = (value: bigint | number): string => value.toString(16);

/** `%016lx`. */
export const hex16 = (value: bigint): string => value.toString(16).padStart(16, '0');

/** `%#lx`: zero has no prefix. */
export const hashHex = (value: bigint): string => (value === 0n ? '0' : `0x${hex(value)}`);

/** glibc's `%p`. */
export const pointer = (value: bigint): string => (value === 0n ? '(nil)' : `0x${hex(value)}`);

/** glibc's `%s` of a pointer that may be NULL. */
export const orNull = (text: string | undefined): string => text ?? '(null)';

/**
 * Text that others chose, for a line of our own: what would steer a terminal, begin another line, or turn the writing
 * round is shown by its number.
 */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0)!;
    return code < 0x100 ? `\\x${hex(code).padStart(2, '0')}` : `\\u{${hex(code)}}`;
  });
