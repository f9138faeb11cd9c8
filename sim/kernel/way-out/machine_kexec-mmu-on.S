/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last that a kernel from release 5.16 on does in its own address space, and the way out of it (Linux
 * arch/arm64/kernel/machine_kexec.c and arch/arm64/include/asm/mmu_context.h).
 */

#include "asm.h"

	/*
	 * x0		virtual address of the kimage
	 * x1		physical address of vectors for EL2, or 0 where there is no EL2
	 * x5, x6	TTBR0 with the reserved table, and with a map of the code that copies
	 * x7		TCR_EL1.T0SZ of that map
	 * x8		address of the code that copies
	 */
	.section kernel.mmu_on, "ax"
	start	machine_kexec
	msr	daifset, #0xf
	cbz	x1, 1f
	mov	x9, x0
	mov	x0, #HVC_SET_VECTORS
	hvc	#0
	mov	x0, x9
1:	install_ttbr0 x5, x6, x7, x9
	br	x8
	end	machine_kexec
