/* A program without anything below it: gets a stack and floating point, runs, and switches the machine off. */
	.section .text.start, "ax"
	.globl _start
_start:
	adrp	x0, stack_end
	add	x0, x0, :lo12:stack_end
	mov	sp, x0
	mov	x0, #3 << 20		/* CPACR_EL1.FPEN */
	msr	cpacr_el1, x0
	isb
	bl	main
	mov	w0, #0x84000000		/* PSCI SYSTEM_OFF */
	add	w0, w0, #8
	hvc	#0
	b	.

	.bss
	.balign	16
	.skip	0x20000
stack_end:
