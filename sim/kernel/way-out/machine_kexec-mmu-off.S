/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last that a kernel up to release 5.15 does in its own address space, and the way out of it (Linux
 * arch/arm64/kernel/machine_kexec.c, cpu-reset.S and arch/arm64/include/asm/mmu_context.h).
 */

#include "asm.h"

	/*
	 * x0 to x4	for __cpu_soft_restart
	 * x5, x6	TTBR0 with the reserved table, and with the identity map
	 * x7		TCR_EL1.T0SZ of the identity map
	 * x8		physical address of __cpu_soft_restart
	 */
	.section kernel.mmu_off, "ax"
	start	machine_kexec
	msr	daifset, #0xf
	install_ttbr0 x5, x6, x7, x9
	br	x8
	end	machine_kexec

	/*
	 * Brings the processor near to the state after reset, and goes on elsewhere. Runs in the identity map.
	 *
	 * x0		whether to go on at EL2, by way of the stub there
	 * x1		physical address to go on at
	 * x2 to x4	its arguments
	 */
	start	__cpu_soft_restart
	mrs	x12, sctlr_el1
	mov32	x13, SCTLR_FLAGS
	bic	x12, x12, x13
	msr	sctlr_el1, x12
	isb
	cbz	x0, 1f
	mov	x0, #HVC_SOFT_RESTART
	hvc	#0
1:	mov	x8, x1
	mov	x0, x2
	mov	x1, x3
	mov	x2, x4
	br	x8
	end	__cpu_soft_restart
