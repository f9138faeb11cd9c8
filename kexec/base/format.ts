/** The printf conversions that the original's messages use. */

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
