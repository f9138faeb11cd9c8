/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PURGATORY_H
#define PURGATORY_H

#include <stdint.h>

/* Where kexec stores what it knows: in the object's own bytes, so never in .bss. */
#define SET_BY_KEXEC __attribute__((section(".data")))

/* Writes text to the sink; without a sink it writes nowhere. */
void print(const char *text);

/* Writes the low `digits` hexadecimal digits of a value, lower case, with leading zeros and without prefix. */
void print_hex(uint64_t value, int digits);

/* Called by entry.S; returns when the new kernel may be started. */
void purgatory(void);

#endif
