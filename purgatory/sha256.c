// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHA-256 (FIPS 180-4), for a processor whose data cache is off.
 *
 * Each access to memory then goes all the way to DRAM, and tens of megabytes are to be hashed. So the sixty-four
 * rounds are unrolled: the round constants become immediates, the message schedule lives in sixteen registers in
 * place of an array, and the rotation of the eight working variables is a renaming that costs nothing. A block
 * is read by eight 64-bit loads. The same shape suits an emulator, which pays for every access as well.
 */

#include "sha256.h"

static const uint32_t initial_hash[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Never in memory: every index is known when the rounds are unrolled. */
static const uint32_t round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t ror(uint32_t x, int bits)
{
	return x >> bits | x << (32 - bits);
}

/* The capital and small sigmas of FIPS 180-4, section 4.1.2. */
static inline uint32_t big_sigma0(uint32_t x) { return ror(x, 2) ^ ror(x, 13) ^ ror(x, 22); }
static inline uint32_t big_sigma1(uint32_t x) { return ror(x, 6) ^ ror(x, 11) ^ ror(x, 25); }
static inline uint32_t small_sigma0(uint32_t x) { return ror(x, 7) ^ ror(x, 18) ^ x >> 3; }
static inline uint32_t small_sigma1(uint32_t x) { return ror(x, 17) ^ ror(x, 19) ^ x >> 10; }

static void hash_blocks(uint32_t hash[8], const uint64_t *data, uint64_t blocks)
{
	for (; blocks > 0; blocks--, data += SHA256_BLOCK_BYTES / sizeof(*data)) {
		uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3];
		uint32_t e = hash[4], f = hash[5], g = hash[6], h = hash[7];
		/* Word t of the message schedule is kept in w[t % 16]. */
		uint32_t w[16];

#pragma GCC unroll 8
		for (int i = 0; i < 8; i++) {
			uint64_t two_words = __builtin_bswap64(data[i]);

			w[2 * i] = two_words >> 32;
			w[2 * i + 1] = two_words;
		}

#pragma GCC unroll 64
		for (int t = 0; t < 64; t++) {
			uint32_t t1, t2;

			if (t >= 16)
				w[t % 16] += small_sigma0(w[(t + 1) % 16]) + w[(t + 9) % 16] +
					     small_sigma1(w[(t + 14) % 16]);

			/* Ch(e,f,g): its halves have no bit in common, so it may be added in two parts. */
			t1 = h + round_constant[t] + w[t % 16] + big_sigma1(e);
			t1 += f & e;
			t1 += g & ~e;
			/* Maj(a,b,c), with b ^ c left over from the round before, where it was a ^ b. */
			t2 = big_sigma0(a) + (((b ^ c) & (a ^ b)) ^ b);

			h = g;
			g = f;
			f = e;
			e = d + t1;
			d = c;
			c = b;
			b = a;
			a = t1 + t2;
		}

		hash[0] += a;
		hash[1] += b;
		hash[2] += c;
		hash[3] += d;
		hash[4] += e;
		hash[5] += f;
		hash[6] += g;
		hash[7] += h;
	}
}

void sha256_init(struct sha256 *sha)
{
	for (int i = 0; i < 8; i++)
		sha->hash[i] = initial_hash[i];
	sha->length = 0;
}

void sha256_update(struct sha256 *sha, const uint8_t *data, uint64_t length)
{
	uint64_t pending = sha->length % SHA256_BLOCK_BYTES;

	sha->length += length;

	while (length > 0) {
		/* With the MMU off an unaligned load faults, so only aligned blocks are hashed where they lie. */
		if (pending == 0 && (uintptr_t)data % sizeof(uint64_t) == 0 && length >= SHA256_BLOCK_BYTES) {
			uint64_t blocks = length / SHA256_BLOCK_BYTES;

			hash_blocks(sha->hash, (const uint64_t *)data, blocks);
			data += blocks * SHA256_BLOCK_BYTES;
			length -= blocks * SHA256_BLOCK_BYTES;
			continue;
		}

		sha->pending[pending++] = *data++;
		length--;
		if (pending == SHA256_BLOCK_BYTES) {
			hash_blocks(sha->hash, (const uint64_t *)sha->pending, 1);
			pending = 0;
		}
	}
}

void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_DIGEST_BYTES])
{
	static const uint8_t padding[SHA256_BLOCK_BYTES] = { 0x80 };
	uint64_t bits = sha->length * 8;
	uint8_t length_field[8];

	for (int i = 0; i < 8; i++)
		length_field[i] = bits >> (56 - 8 * i);

	/* A one bit and as many zeros as make the length field the end of a block. */
	sha256_update(sha, padding, SHA256_BLOCK_BYTES - (sha->length + sizeof(length_field)) % SHA256_BLOCK_BYTES);
	sha256_update(sha, length_field, sizeof(length_field));

	for (int i = 0; i < SHA256_DIGEST_BYTES; i++)
		digest[i] = sha->hash[i / 4] >> (24 - 8 * (i % 4));
}
