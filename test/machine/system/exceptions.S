/* Exceptions that are not about memory, at the level where the program starts and at EL0. */
#include "common.h"

	.macro	causes
	try	svc #0x1234
	try	brk #0x4321
	try	.inst 0x00000000		/* UDF */
	try	.inst 0x00001234
	try	.inst 0xffffffff
	try	hlt #3
	try	dcps1
	try	mrs x0, s3_3_c9_c9_7		/* names of nothing */
	try	msr s3_0_c2_c5_1, x0
	try	mrs x0, currentel
	try	mrs x0, sctlr_el1
	try	mrs x0, sctlr_el2
	try	mrs x0, sctlr_el3
	try	msr spsel, #1
	try	mrs x0, tpidr_el0
	try	msr tpidrro_el0, x0
	try	mrs x0, midr_el1
	try	mrs x0, ctr_el0
	try	mrs x0, daif
	try	dc civac, x26
	try	ic iallu
	try	tlbi vmalle1
	try	at s1e1r, x26
	/* A program counter that is no multiple of 4. */
	adr	x27, 7f
	adr	x1, 7f
	add	x1, x1, #2
	br	x1
7:	svc	#0
	.endm

	begin
	load	x26, STACK
	and	x26, x26, #~63
	mrs	x0, currentel
	cmp	x0, #8
	b.eq	1f
	try	hvc #0x77
	try	mrs x0, cptr_el2
	/* Not at EL0, where qemu 7.2 mixes up op1 and op2 in the syndrome. */
	try	msr daifset, #0xf
	try	msr daifclr, #0
	causes
1:	msr	spsel, #0
	load	x0, STACK - 0x800
	mov	sp, x0
	svc	#0				/* from SP_EL0 */
	msr	spsel, #1
	/* Floating point, with and without leave. */
	mrs	x0, currentel
	cmp	x0, #8
	b.eq	3f
	msr	cpacr_el1, xzr
	isb
	try	fmov d0, d1
	try	ldr q0, [x26]
	try	mrs x0, fpcr
	mov	x0, #1 << 20
	msr	cpacr_el1, x0
	isb
	try	fmov d0, d1
	mov	x0, #3 << 20
	msr	cpacr_el1, x0
	isb
	try	fmov x0, d1
	b	4f
3:	mov	x0, #1 << 10
	msr	cptr_el2, x0
	isb
	try	fmov d0, d1
	try	mrs x0, fpcr
	msr	cptr_el2, xzr
	isb
	try	fmov x0, d1
4:	/* An illegal return: to a level that is not there. */
	adr	x27, 5f
	mov	x0, #0x3cd
	mrs	x1, currentel
	cmp	x1, #8
	b.eq	6f
	msr	spsr_el1, x0
	adr	x0, 5f
	msr	elr_el1, x0
	eret
5:	svc	#0
	/* To EL0, and the same from there. */
	adr	x0, 8f
	msr	elr_el1, x0
	mov	x0, #0x3c0
	msr	spsr_el1, x0
	eret
8:	causes
	try	dc zva, x26			/* forbidden at EL0 as SCTLR_EL1 is */
	try	msr vbar_el1, x0
	try	wfi
	mrs	x0, nzcv
	svc	#0
	.irp	flags, 0x0, 0x90000000, 0x60000000
	load	x0, \flags
	msr	nzcv, x0
	svc	#0
	.endr
6:	end
