/* SPDX-License-Identifier: GPL-2.0-only */
/* What the pieces of code in this directory share. */

/* Calls to the code at EL2 (Linux arch/arm64/include/asm/virt.h). */
#define HVC_SET_VECTORS		0
#define HVC_SOFT_RESTART	1
#define HVC_RESET_VECTORS	2
#define HVC_STUB_ERR		0xbadca11

/* Flags of a list entry (include/linux/kexec.h), as bit numbers. */
#define IND_INDIRECTION_BIT	1
#define IND_DONE_BIT		2
#define IND_SOURCE_BIT		3

#define CURRENT_EL2		(2 << 2)

/* The fields of struct kimage that are needed with the MMU on; kimage-struct.ts writes them. */
#define KIMAGE_HEAD		0
#define KIMAGE_START		8
#define KIMAGE_DTB		16
#define KIMAGE_EL2_VECTORS	24
#define KIMAGE_TTBR1		32
#define KIMAGE_ZERO_PAGE	40
#define KIMAGE_PHYS_OFFSET	48

/* M, A, C, SA, I and IESB of SCTLR_ELx (Arm ARM D13.2.118). */
#define SCTLR_FLAGS		0x20100f
/* The bits of SCTLR_EL1 that are always one, and nothing else: little endian, MMU and caches off. */
#define SCTLR_MMU_OFF		0x30d00800

	/* A constant of 32 bits. */
	.macro	mov32, register, value
	movz	\register, #((\value) & 0xffff)
	movk	\register, #((\value) >> 16), lsl #16
	.endm

	/* Bytes of the smallest line of all data caches (CTR_EL0.DminLine, Arm ARM D13.2.34). */
	.macro	dcache_line_size, size, scratch
	mrs	\scratch, ctr_el0
	ubfx	\scratch, \scratch, #16, #4
	mov	\size, #4
	lsl	\size, \size, \scratch
	.endm

	/* One DC operation for each line of [at, end); `at` and `scratch` are lost. */
	.macro	dcache_lines, operation, at, end, line, scratch
	sub	\scratch, \line, #1
	bic	\at, \at, \scratch
1:	dc	\operation, \at
	add	\at, \at, \line
	cmp	\at, \end
	b.lo	1b
	dsb	sy
	.endm

	/* Copies a page; x2 to x9 and the addresses are lost. */
	.macro	copy_page, to, from, end
	add	\end, \from, #PAGE_SIZE
1:	ldp	x2, x3, [\from]
	ldp	x4, x5, [\from, #16]
	ldp	x6, x7, [\from, #32]
	ldp	x8, x9, [\from, #48]
	stnp	x2, x3, [\to]
	stnp	x4, x5, [\to, #16]
	stnp	x6, x7, [\to, #32]
	stnp	x8, x9, [\to, #48]
	add	\from, \from, #64
	add	\to, \to, #64
	cmp	\from, \end
	b.lo	1b
	.endm

	/* Newly written code is what is executed from here on. */
	.macro	synchronize_code
	dsb	nsh
	ic	iallu
	dsb	nsh
	isb
	.endm

	/*
	 * Lets TTBR0 translate by another table. The reserved one, which maps nothing, comes between the two, so that no
	 * entry of the one is used together with those of the other.
	 */
	.macro	install_ttbr0, reserved, table, t0sz, scratch
	msr	ttbr0_el1, \reserved
	isb
	dsb	nshst
	tlbi	vmalle1
	dsb	nsh
	isb
	mrs	\scratch, tcr_el1
	bfi	\scratch, \t0sz, #0, #6
	msr	tcr_el1, \scratch
	isb
	msr	ttbr0_el1, \table
	isb
	.endm

	.macro	start, name
	.type	\name, %function
\name:
	.endm

	.macro	end, name
	.size	\name, . - \name
	.endm
