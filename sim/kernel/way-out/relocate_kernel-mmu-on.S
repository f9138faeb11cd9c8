/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies the new kernel into place and starts it: from release 5.16 on with the MMU on, and at EL1 (Linux
 * arch/arm64/kernel/relocate_kernel.S). Built for each page size.
 */

#define PAGE_SIZE	(1 << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))

#include "asm.h"

/*
 * This code is mapped by TTBR0 at its physical address, and all memory by a copy of the kernel's linear map that
 * nothing overwrites.
 *
 * x0	virtual address of the kimage
 *
 * The kimage itself may be overwritten: it is read first. x11 is the place in the list, x12 the destination, x13 the
 * page of the entry x10; all of them are addresses in the linear map.
 */
	.section SECTION, "ax"
	start	arm64_relocate_new_kernel
	ldr	x28, [x0, #KIMAGE_START]
	ldr	x27, [x0, #KIMAGE_EL2_VECTORS]
	ldr	x26, [x0, #KIMAGE_DTB]
	ldr	x25, [x0, #KIMAGE_PHYS_OFFSET]
	ldr	x24, [x0, #KIMAGE_ZERO_PAGE]
	ldr	x23, [x0, #KIMAGE_TTBR1]
	ldr	x10, [x0, #KIMAGE_HEAD]
	dcache_line_size x15, x14

	/* Break before make (Arm ARM D5.10.1): a table that maps nothing comes between the two. */
	msr	ttbr1_el1, x24
	isb
	tlbi	vmalle1
	dsb	nsh
	msr	ttbr1_el1, x23
	isb

.Lentry:
	tbnz	x10, #IND_DONE_BIT, .Ldone
	and	x13, x10, #PAGE_MASK
	sub	x13, x13, x25
	tbnz	x10, #IND_SOURCE_BIT, .Lsource
	tbnz	x10, #IND_INDIRECTION_BIT, .Lindirection
	mov	x12, x13
	b	.Lnext
.Lindirection:
	mov	x11, x13
	b	.Lnext
.Lsource:
	mov	x0, x12
	copy_page x12, x13, x1
	/* The new kernel starts with its caches off, and looks past them. */
	dcache_lines civac, x0, x12, x15, x14
.Lnext:
	ldr	x10, [x11], #8
	b	.Lentry

.Ldone:
	synchronize_code
	mov32	x12, SCTLR_MMU_OFF
	msr	sctlr_el1, x12
	isb
	cbz	x27, .Lel1
	mov	x0, #HVC_SOFT_RESTART
	mov	x1, x28
	mov	x2, x26
	mov	x3, xzr
	mov	x4, xzr
	hvc	#0
.Lel1:
	mov	x0, x26
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	br	x28
	end	arm64_relocate_new_kernel
