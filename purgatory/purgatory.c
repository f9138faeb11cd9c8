// SPDX-License-Identifier: GPL-2.0-only
/*
 * What runs between two kernels: it checks that the new kernel is still what kexec loaded.
 *
 * The names and sizes of the variables are the contract with kexec, which fills them in (kexec/kexec.c
 * update_purgatory(), kexec/arch/arm64/kexec-arm64.c arm64_load_other_segments() of kexec-tools).
 */

#include "purgatory.h"
#include "sha256.h"

/* One piece of physical memory; all pieces one after the other have the digest. Unused ones have length 0. */
struct sha256_region {
	uint64_t start;
	uint64_t len;
};

/* As many as the kernel takes segments (KEXEC_SEGMENT_MAX, Linux include/linux/kexec.h). */
#define SHA256_REGIONS 16

struct sha256_region sha256_regions[SHA256_REGIONS] SET_BY_KEXEC = { { 0, 0 } };
uint8_t sha256_digest[SHA256_DIGEST_BYTES] __attribute__((aligned(8))) SET_BY_KEXEC = { 0 };
uint32_t skip_checks SET_BY_KEXEC = 0;

/* In entry.S. */
extern const uint64_t arm64_kernel_entry;
extern const uint64_t arm64_dtb_addr;

static void print_digest(const char *label, const uint8_t digest[SHA256_DIGEST_BYTES])
{
	print(label);
	for (int i = 0; i < SHA256_DIGEST_BYTES; i++) {
		print_hex(digest[i], 2);
		print(" ");
	}
	print("\n");
}

static void print_address(const char *label, uint64_t address)
{
	print(label);
	print_hex(address, 16);
	print("\n");
}

/* Whether the memory has the digest that kexec computed; says so when it has not. */
static int digest_matches(void)
{
	struct sha256 sha;
	uint8_t digest[SHA256_DIGEST_BYTES];
	uint8_t difference = 0;

	sha256_init(&sha);
	for (int i = 0; i < SHA256_REGIONS; i++)
		sha256_update(&sha, (const uint8_t *)sha256_regions[i].start, sha256_regions[i].len);
	sha256_final(&sha, digest);

	for (int i = 0; i < SHA256_DIGEST_BYTES; i++)
		difference |= digest[i] ^ sha256_digest[i];
	if (!difference)
		return 1;

	print("sha256 digests do not match :(\n");
	print_digest("       digest: ", digest);
	print_digest("sha256_digest: ", sha256_digest);
	return 0;
}

void purgatory(void)
{
	print("I'm in purgatory\n");
	print_address("purgatory: entry=", arm64_kernel_entry);
	print_address("purgatory: dtb=", arm64_dtb_addr);

	/* A damaged kernel must not run, and there is nobody left to return to. */
	if (!skip_checks && !digest_matches())
		for (;;)
			;

	print("purgatory: booting kernel now\n");
}
