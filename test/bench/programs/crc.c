#include "program.h"

enum { SIZE = 1 << 16 };

static u8 data[SIZE];
static u32 table[256];

static u32 step(u32 crc)
{
	return crc >> 1 ^ (0xedb88320 & -(crc & 1));
}

static NOINLINE u32 bitwise(u32 crc, const u8 *bytes, u32 size)
{
	for (u32 i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = step(crc);
	}
	return crc;
}

static NOINLINE u32 by_table(u32 crc, const u8 *bytes, u32 size)
{
	for (u32 i = 0; i < size; i++)
		crc = table[(crc ^ bytes[i]) & 255] ^ crc >> 8;
	return crc;
}

u64 run(void)
{
	u64 random = 1, result = 0;
	for (u32 i = 0; i < SIZE; i++)
		data[i] = next_random(&random);
	for (u32 i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = step(table[i]);
	}
	for (int i = 0; i < ROUNDS; i++) {
		u32 crc = bitwise(i, data, SIZE);
		for (int j = 0; j < 4; j++)
			crc = by_table(crc, data, SIZE);
		result = result * 31 + crc;
	}
	return result;
}
