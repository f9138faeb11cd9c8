/*
 * What the programs of system mode share. They start at EL1 or EL2 with the MMU off, let things happen, and end at
 * `done`. Each exception leaves a record at X28: where it came from, ESR, FAR, ELR, SPSR and X0. Then the program goes on:
 * behind the instruction, or at X27 if that is not zero. SVC #0 is thus a way to note X0, and SVC #1 the end; HVC #0x99
 * puts X0 into HCR_EL2. A program that defines IRQ_HANDLER has handlers of its own for interrupts: irq_el1 and irq_el2.
 * X16 to X18 belong to the handlers. With STEPS defined, a software step goes on where it came from: X26 more steps follow
 * until single-stepping is switched off.
 */

	.macro	note value
	mov	x0, \value
	svc	#0
	.endm

	/* An instruction that may fault; X0 tells whether it did. */
	.macro	try instruction:vararg
	mov	x0, #0x5a
	\instruction
	svc	#0
	.endm

	.macro	load register, value:vararg
	ldr	\register, =\value
	.endm

	/* The vectors of an exception level, and what they do. */
	.macro	vectors el
	.balign	2048
vectors_el\el:
	.set	number, 0
	.rept	16
	.balign	128
	mov	x18, #number + (\el << 8)
#ifdef IRQ_HANDLER
	.if	(number & 3) == 1
	b	irq_el\el
	.endif
#endif
	b	handle_el\el
	.set	number, number + 1
	.endr

handle_el\el:
	mrs	x16, esr_el\el
	stp	x18, x16, [x28], #16
	lsr	x17, x16, #26
	mov	x18, xzr
	/*
	 * FAR has a value for aborts, watchpoints and a misaligned program counter only: classes 0x20 to 0x22, 0x24, 0x25,
	 * 0x34, 0x35.
	 */
	sub	x16, x17, #0x20
	cmp	x16, #0x15
	b.hi	1f
	mov	w18, #0x37
	movk	w18, #0x30, lsl #16
	lsr	w18, w18, w16
	tst	w18, #1
	mov	x18, xzr
	b.eq	1f
	mrs	x18, far_el\el
1:	mrs	x16, elr_el\el
	stp	x18, x16, [x28], #16
	mrs	x18, spsr_el\el
	stp	x18, x0, [x28], #16
#ifdef STEPS
	cmp	x17, #0x32
	b.eq	7f
	cmp	x17, #0x33
	b.ne	6f
7:	orr	x18, x18, #1 << 21
	msr	spsr_el\el, x18
	sub	x26, x26, #1
	cbnz	x26, 5f
	mrs	x16, mdscr_el1
	bic	x16, x16, #1
	msr	mdscr_el1, x16
	isb
5:	eret
6:
#endif
	bic	x18, x18, #1 << 20		/* IL: of an illegal return */
	msr	spsr_el\el, x18
	cbz	x27, 2f
	mov	x16, x27
	mov	x27, xzr
	b	3f
2:	cmp	x17, #0x15
	ccmp	x17, #0x16, #4, ne
	b.eq	3f
	add	x16, x16, #4
3:	msr	elr_el\el, x16
	mrs	x16, esr_el\el
	and	x16, x16, #0xffff
	cmp	x16, #1
	ccmp	x17, #0x15, #0, eq
	b.eq	done
	.if	\el == 2
	cmp	x16, #0x99
	b.ne	4f
	msr	hcr_el2, x0
	isb
4:
	.endif
	eret
	.endm

	/* The start: a stack, vectors, a place for records, and control registers with what is RES1 in an ARMv8.0-A. */
	.macro	begin
	.text
	.globl	_start
_start:
	load	x28, RECORDS
	load	x0, STACK
	mov	sp, x0
	mov	x27, xzr
	load	x0, 0x30d00800
	msr	sctlr_el1, x0
	mrs	x0, currentel
	cmp	x0, #8
	b.ne	1f
	load	x0, 0x30c50830
	msr	sctlr_el2, x0
	adr	x0, vectors_el2
	msr	vbar_el2, x0
	msr	hcr_el2, xzr
	b	2f
1:	adr	x0, vectors_el1
	msr	vbar_el1, x0
2:	isb
	.endm

	.macro	end
	svc	#1
done:	b	.
	.globl	done
	.ltorg
	vectors	1
	vectors	2
	.endm
