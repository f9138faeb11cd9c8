// SPDX-License-Identifier: GPL-2.0-only
/* Output to one byte-wide register, the transmit register of a UART that is already set up. */

#include "purgatory.h"

/* Physical address of the register (kexec --console); 0 for silence. */
volatile uint8_t *arm64_sink SET_BY_KEXEC = 0;

static void put(char c)
{
	if (!arm64_sink)
		return;
	*arm64_sink = c;
	/* The other way round from what a terminal driver sends, but what the purgatory of kexec-tools sends. */
	if (c == '\n')
		*arm64_sink = '\r';
}

void print(const char *text)
{
	for (; *text; text++)
		put(*text);
}

void print_hex(uint64_t value, int digits)
{
	while (digits-- > 0)
		put("0123456789abcdef"[value >> (4 * digits) & 15]);
}
