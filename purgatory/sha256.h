/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHA256_H
#define SHA256_H

#include <stdint.h>

#define SHA256_DIGEST_BYTES 32
#define SHA256_BLOCK_BYTES 64

struct sha256 {
	uint32_t hash[8];
	/* Bytes taken in so far; those modulo 64 that make no block yet wait in `pending`. */
	uint64_t length;
	uint8_t pending[SHA256_BLOCK_BYTES] __attribute__((aligned(8)));
};

void sha256_init(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const uint8_t *data, uint64_t length);
void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_DIGEST_BYTES]);

#endif
