/*
 * Accesses of each kind to a list of addresses, with the MMU on: LIST holds pairs of an address and flags, and ends
 * with a pair of zeros. Flag 1: may be executed; the page begins with RET. Flag 2: not Device
 * memory, or qemu 7.2, which lets it be accessed anyhow, would differ.
 * Compiled for EL1 with EL0 below, or for EL2 alone.
 */
#include "common.h"

	.macro	accesses
	try	ldr x0, [x22, #8]
	load	x1, 0x1122334455667788
	try	str x1, [x22, #16]
	try	ldrb w0, [x22, #16]
	try	ldtr x0, [x22, #8]
	try	sttr x1, [x22, #24]
	try	ldxr x0, [x22]
	try	stp x1, x1, [x22, #32]
	tbz	x23, #1, 6f
	try	dc zva, x22
	try	ldr x0, [x22, #13]
	add	x24, x22, #12
	try	ldxr x0, [x24]
6:	tbz	x23, #0, 7f
	adr	x27, 7f
	mov	x0, #0x5a
	blr	x22
	mov	x27, xzr
7:	svc	#0
	.endm

	begin
	load	x0, MAIR
	load	x1, TCR
	load	x2, TTBR0
	load	x3, SCTLR
#if LEVEL == 2
	msr	mair_el2, x0
	msr	tcr_el2, x1
	msr	ttbr0_el2, x2
	tlbi	alle2
	dsb	ish
	isb
	msr	sctlr_el2, x3
#else
	msr	mair_el1, x0
	msr	tcr_el1, x1
	msr	ttbr0_el1, x2
	msr	ttbr1_el1, x2
	tlbi	vmalle1
	dsb	ish
	isb
	msr	sctlr_el1, x3
#endif
	isb
	load	x20, LIST
1:	ldp	x22, x23, [x20], #16
	cbz	x22, 3f
#if LEVEL == 1
	.irp	how, s1e1r, s1e1w, s1e0r, s1e0w
	at	\how, x22
	isb
	mrs	x0, par_el1
	svc	#0
	.endr
#endif
	accesses
	b	1b
3:
#if LEVEL == 1
	adr	x0, 4f
	load	x1, ALIAS
	add	x0, x0, x1
	msr	elr_el1, x0
	mov	x0, #0x3c0
	msr	spsr_el1, x0
	load	x20, LIST + ALIAS
	eret
	.ltorg
4:	ldp	x22, x23, [x20], #16
	cbz	x22, 5f
	accesses
	b	4b
	.ltorg
5:
#endif
	end
