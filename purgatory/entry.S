/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first and the last instructions of the purgatory.
 *
 * The old kernel jumps to purgatory_start at EL1 or EL2 with the MMU and the caches off and interrupts masked
 * (Linux arch/arm64/kernel/relocate_kernel.S). The new kernel is entered as Documentation/arch/arm64/booting.rst
 * demands: x0 the physical address of the device tree, x1 to x3 zero.
 */

	.text
	.balign	16

	.globl	purgatory_start
	.type	purgatory_start, %function
purgatory_start:
	ldr	x9, =stack_end
	mov	sp, x9
	mov	x29, xzr
	mov	x30, xzr

	bl	purgatory

	ldr	x9, =arm64_kernel_entry
	ldr	x9, [x9]
	ldr	x0, =arm64_dtb_addr
	ldr	x0, [x0]
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	br	x9
	.size	purgatory_start, . - purgatory_start
	.ltorg

/* Filled in by kexec, which checks their sizes and wants their bytes in the object. */

	.data
	.balign	8

	.globl	arm64_kernel_entry
	.type	arm64_kernel_entry, %object
arm64_kernel_entry:
	.quad	0
	.size	arm64_kernel_entry, 8

	.globl	arm64_dtb_addr
	.type	arm64_dtb_addr, %object
arm64_dtb_addr:
	.quad	0
	.size	arm64_dtb_addr, 8

/*
 * The stack has a page of its own: an emulator that translates code watches the pages it has translated, and
 * every store to one of them, even beside the code, takes its slow path.
 */

	.bss
	.balign	4096
	.type	stack, %object
stack:
	.skip	4096
	.size	stack, 4096
stack_end:

	.section .note.GNU-stack, "", %progbits
