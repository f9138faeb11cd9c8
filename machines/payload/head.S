/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Header and first instructions of the demo kernel: an Image as Linux Documentation/arch/arm64/booting.rst has it,
 * which runs at whatever address it is loaded to.
 */

#define FLAG_PAGE_SIZE_4K	(1 << 1)
#define FLAG_PLACED_ANYWHERE	(1 << 3)

	.section .head, "ax", %progbits
	.globl	image_start
image_start:
	b	start				// code0
	nop					// code1
	.quad	0				// text_offset: from a 2 MiB boundary
	.quad	image_end - image_start		// with .bss and stack, which the file has not
	.quad	FLAG_PAGE_SIZE_4K | FLAG_PLACED_ANYWHERE	// and little-endian, bit 0
	.quad	0				// res2
	.quad	0				// res3
	.quad	0				// res4
	.ascii	"ARM\x64"			// magic
	.long	0				// res5: no PE header

	.text
start:
	// Every register that the boot protocol speaks of is kept in its place for main().
	adr	x9, stack_end
	mov	sp, x9
	mov	x29, xzr

	adr	x9, bss_start
	adr	x10, bss_end
1:	cmp	x9, x10
	b.hs	2f
	str	xzr, [x9], #8
	b	1b

2:	adr	x9, vectors
	mrs	x10, CurrentEL
	cmp	x10, #(2 << 2)
	b.eq	3f
	msr	vbar_el1, x9
	b	4f
3:	msr	vbar_el2, x9
4:	isb

	bl	main
	b	halt

	.globl	halt
	.type	halt, %function
halt:
	wfi
	b	halt
	.size	halt, . - halt

/* uint64_t psci_call(uint32_t function, int by_smc) */
	.globl	psci_call
	.type	psci_call, %function
psci_call:
	cbnz	w1, 1f
	hvc	#0
	ret
1:	smc	#0
	ret
	.size	psci_call, . - psci_call

/* void exception(uint64_t syndrome, uint64_t address, uint64_t fault_address): nothing returns from it. */
take_exception:
	mrs	x10, CurrentEL
	cmp	x10, #(2 << 2)
	b.eq	1f
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	mrs	x2, far_el1
	b	2f
1:	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
2:	adr	x9, stack_end
	mov	sp, x9
	bl	exception
	b	halt

/* Sixteen entries of 128 bytes (DDI 0487, D1.3.1.3): all of them are equally unexpected. */
	.section .vectors, "ax", %progbits
	.balign	2048
vectors:
	.rept	16
	.balign	128
	b	take_exception
	.endr

	.section .note.GNU-stack, "", %progbits
