/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Vectors for EL2 while no hypervisor is there (Linux arch/arm64/kernel/hyp-stub.S, arch/arm64/mm/trans_pgd-asm.S).
 *
 * A kernel that was booted at EL2, on a processor without VHE, goes down to EL1 and leaves the stub behind. From
 * release 5.16 on, kexec lets another set of vectors take its place, which is a copy that no segment overwrites.
 *
 * Called by hvc: x0 says what is wanted, and receives 0 or HVC_STUB_ERR.
 */

#include "asm.h"

	/* One of the sixteen entries (Arm ARM D1.10.2): nothing is known to come here, and it goes no further. */
	.macro	unexpected
	.balign	128
	b	.
	.endm

	.macro	vectors, synchronous
	/* From EL2 with SP_EL0. */
	unexpected
	unexpected
	unexpected
	unexpected
	/* From EL2 with SP_EL2. */
	unexpected
	unexpected
	unexpected
	unexpected
	/* From EL1, 64 bits. */
	\synchronous
	unexpected
	unexpected
	unexpected
	/* From EL1, 32 bits. */
	unexpected
	unexpected
	unexpected
	unexpected
	.balign	128
	.endm

	/* HVC_SOFT_RESTART: goes on at x1 with the arguments x2, x3 and x4, and stays at EL2. */
	.macro	soft_restart
	mov	x9, x1
	mov	x0, x2
	mov	x1, x3
	mov	x2, x4
	br	x9
	.endm

	.macro	stub_call
	.balign	128
	cmp	x0, #HVC_SOFT_RESTART
	b.ne	1f
	soft_restart
1:	cmp	x0, #HVC_SET_VECTORS
	b.ne	2f
	msr	vbar_el2, x1
	b	3f
2:	cmp	x0, #HVC_RESET_VECTORS
	b.eq	3f
	mov32	x0, HVC_STUB_ERR
	eret
3:	mov	x0, xzr
	eret
	.endm

	.macro	copied_vectors_call
	.balign	128
	cmp	x0, #HVC_SOFT_RESTART
	b.ne	1f
	soft_restart
1:	cmp	x0, #HVC_SET_VECTORS
	b.ne	2f
	msr	vbar_el2, x1
	mov	x0, xzr
	eret
2:	mov32	x0, HVC_STUB_ERR
	eret
	.endm

	.section hyp_stub, "ax"
	.balign	2048
	start	__hyp_stub_vectors
	vectors	stub_call
	end	__hyp_stub_vectors

	.section trans_pgd, "ax"
	.balign	2048
	start	trans_pgd_stub_vectors
	vectors	copied_vectors_call
	end	trans_pgd_stub_vectors
