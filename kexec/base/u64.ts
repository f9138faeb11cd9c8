/** Arithmetic on 64-bit values, unsigned unless said otherwise. */

export const U64_MAX = 0xffff_ffff_ffff_ffffn;

export const KiB = (n: bigint): bigint => n << 10n;
export const MiB = (n: bigint): bigint => n << 20n;
export const GiB = (n: bigint): bigint => n << 30n;

/** The value modulo 2^64, as C's unsigned arithmetic leaves it. */
export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The value as C's `int64_t` holds it. */
export const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);

/** `address` rounded up to a multiple of `size`, a power of two; wraps at 2^64 (`_ALIGN_UP`, kexec/kexec.h). */
export const alignUp = (address: bigint, size: bigint): bigint => u64(u64(address + size - 1n) & ~(size - 1n));

/** `address` rounded down to a multiple of `size`, a power of two (`_ALIGN_DOWN`, kexec/kexec.h). */
export const alignDown = (address: bigint, size: bigint): bigint => u64(address & ~(size - 1n));
