#include "program.h"

enum { SIZE = 1 << 20 };

/* Not a megabyte apart: such pages would take turns in one entry of QEMU's TLB. */
static u8 from[SIZE + 0x5000], to[SIZE + 0x5000];

static NOINLINE void copy(u8 *restrict target, const u8 *restrict source, u64 size)
{
	for (u64 i = 0; i < size; i++) {
		target[i] = source[i];
		asm volatile("" : : : "memory"); /* one byte at a time */
	}
}

u64 run(void)
{
	u64 random = 3, result = 0;
	for (u32 i = 0; i < SIZE; i++)
		from[i] = next_random(&random);
	for (int round = 0; round < ROUNDS; round++) {
		copy(to, from, SIZE - round);
		from[round] = to[SIZE / 2 + round];
		result = result * 31 + to[round * 7];
	}
	return result;
}
