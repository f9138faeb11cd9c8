#include "program.h"

/* The console of QEMU's board virt: a PL011. */
static void print(const char *text)
{
	volatile u32 *data = (volatile u32 *)0x09000000;
	while (*text)
		*data = (u8)*text++;
}

void *memset(void *to, int value, u64 size)
{
	volatile u8 *bytes = to;
	for (u64 i = 0; i < size; i++)
		bytes[i] = value;
	return to;
}

void *memcpy(void *to, const void *from, u64 size)
{
	volatile u8 *bytes = to;
	for (u64 i = 0; i < size; i++)
		bytes[i] = ((const u8 *)from)[i];
	return to;
}

void main(void)
{
	char text[18];
	u64 result = run();
	for (int i = 0; i < 16; i++)
		text[i] = "0123456789abcdef"[result >> (60 - 4 * i) & 15];
	text[16] = '\n';
	text[17] = 0;
	print(text);
}
