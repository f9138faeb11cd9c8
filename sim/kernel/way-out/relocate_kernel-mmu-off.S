/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies the new kernel into place and starts it: up to release 5.15 with the MMU off, and at the level where the new
 * kernel starts (Linux arch/arm64/kernel/relocate_kernel.S). Built for each page size.
 */

#define PAGE_SIZE	(1 << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))

#include "asm.h"

/*
 * x0	the first entry of the list
 * x1	where to go on
 * x2	physical address of the device tree, or 0
 *
 * x11 is the place in the list, x12 the destination, x13 the page of the entry x10.
 */
	.section SECTION, "ax"
	start	arm64_relocate_new_kernel
	mov	x18, x2
	mov	x17, x1
	mov	x10, x0
	dcache_line_size x15, x14

	/* At EL1 this is done: that is how the MMU was switched off. */
	mrs	x14, CurrentEL
	cmp	x14, #CURRENT_EL2
	b.ne	.Lentry
	mrs	x14, sctlr_el2
	mov32	x16, SCTLR_FLAGS
	bic	x14, x14, x16
	msr	sctlr_el2, x14
	isb

.Lentry:
	tbnz	x10, #IND_DONE_BIT, .Ldone
	and	x13, x10, #PAGE_MASK
	tbnz	x10, #IND_SOURCE_BIT, .Lsource
	tbnz	x10, #IND_INDIRECTION_BIT, .Lindirection
	mov	x12, x13
	b	.Lnext
.Lindirection:
	mov	x11, x13
	b	.Lnext
.Lsource:
	/* Lines of the destination that are still in a cache must not be written over what is copied now. */
	mov	x0, x12
	add	x1, x12, #PAGE_SIZE
	dcache_lines ivac, x0, x1, x15, x14
	copy_page x12, x13, x1
.Lnext:
	ldr	x10, [x11], #8
	b	.Lentry

.Ldone:
	synchronize_code
	mov	x0, x18
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	br	x17
	end	arm64_relocate_new_kernel
