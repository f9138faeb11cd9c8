/*
 * Breakpoints, watchpoints and software step, at the level where the program starts and, from EL1, at EL0. LEVEL says where
 * that is: EL2 takes debug exceptions from itself where MDCR_EL2.TDE is set.
 */
#define STEPS
#include "common.h"

#define SS 1
#define KDE (1 << 13)
#define MDE (1 << 15)

	/* PMC or PAC, HMC and SSC for the level of the program, and for EL0. */
#if LEVEL == 2
#define HERE ((1 << 13) | (3 << 14))
#else
#define HERE (1 << 1)
#endif
#define USER (2 << 1)

#define BREAKPOINT(state) ((0xf << 5) | (state) | 1)
#define NOT_ENABLED(state) ((0xf << 5) | (state))
#define LINKED_TO(n) ((1 << 20) | ((n) << 16))
#define CONTEXT_ID (3 << 20)
#define LOADS (1 << 3)
#define STORES (2 << 3)
#define WATCHPOINT(bytes, accesses, state) (((bytes) << 5) | (accesses) | (state) | 1)
#define MASK(bits) ((bits) << 24)

	.macro	set register, value:vararg
	load	x0, \value
	msr	\register, x0
	isb
	.endm

	/* What changes MDSCR_EL1 does so while debug exceptions are masked: when it has an effect is not the question here. */
	.macro	control bits:vararg
	msr	daifset, #8
	set	mdscr_el1, \bits
	.endm

	.macro	break_at n, label, control:vararg
	adr	x0, \label
	msr	dbgbvr\n\()_el1, x0
	set	dbgbcr\n\()_el1, \control
	.endm

	.macro	watch n, address, control:vararg
	load	x0, \address
	msr	dbgwvr\n\()_el1, x0
	set	dbgwcr\n\()_el1, \control
	.endm

	/*
	 * An access that may be watched. The one behind it, which is not, has qemu 7.2 forget whether the last one that was
	 * stored something.
	 */
	.macro	watched instruction:vararg
	try	\instruction
	ldrb	w24, [x25]
	.endm

	/* Accesses of all sizes around the 16 bytes at X20, where they are aligned. */
	.macro	accesses
	.irp	offset, 0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16
	watched	ldrb w0, [x20, #\offset]
	watched	strb w21, [x20, #\offset]
	.endr
	.irp	offset, 0, 2, 6, 8
	watched	ldrh w0, [x20, #\offset]
	watched	strh w21, [x20, #\offset]
	.endr
	.irp	offset, 0, 4, 8, 12
	watched	ldr w0, [x20, #\offset]
	watched	str w21, [x20, #\offset]
	.endr
	.irp	offset, -8, 0, 8, 16
	watched	ldr x0, [x20, #\offset]
	watched	str x21, [x20, #\offset]
	.endr
	watched	ldp x0, x1, [x20]
	watched	ldp x0, x1, [x20, #-16]
	watched	ldp x0, x1, [x20, #-8]
	watched	ldr q0, [x20]
	watched	ldtr x0, [x20]
	watched	ldxr x0, [x20]
	clrex
	watched	ldr x0, [x20], #8
	note	x20
	load	x20, DATA
	watched	dc civac, x20
	watched	prfm pldl1keep, [x20]
	.endm

	begin
	load	x22, 0x1122334455667788
	mov	x21, x22
	mov	x26, #0
#if LEVEL == 1
	set	cpacr_el1, 3 << 20
#else
	set	mdcr_el2, 1 << 8
#endif
	msr	osdlr_el1, xzr
	msr	oslar_el1, xzr
	isb

	/* A breakpoint in a loop, as the bits that enable it come and go. */
	break_at 0, 1f, BREAKPOINT(HERE)
	.irp	bits, 0, MDE, KDE, (KDE | MDE)
	control	\bits
	mov	x19, #3
	bl	loop
	msr	daifclr, #8
	mov	x19, #3
	bl	loop
	.endr
	b	2f
loop:	mov	x0, #0
1:	add	x0, x0, #1
	subs	x19, x19, #1
	b.ne	1b
	svc	#0
	ret
2:	/* Who it is for, and which bytes. */
	.irp	control, BREAKPOINT(USER), BREAKPOINT(HERE | USER), (HERE | 1), NOT_ENABLED(HERE)
	set	dbgbcr0_el1, \control
	mov	x19, #2
	bl	loop
	.endr
	/* In front of what raises an exception itself, and on a branch. */
	break_at 0, 3f, BREAKPOINT(HERE)
	break_at 1, 4f, BREAKPOINT(HERE)
	break_at 2, 5f, BREAKPOINT(HERE)
	break_at 3, 6f, BREAKPOINT(HERE)
	mov	x0, #3
3:	brk	#7
4:	svc	#0
5:	.inst	0x00000000
6:	b	7f
	note	x0
7:	msr	dbgbcr0_el1, xzr
	msr	dbgbcr1_el1, xzr
	msr	dbgbcr2_el1, xzr
	msr	dbgbcr3_el1, xzr
#if LEVEL == 1
	/* A breakpoint that is linked to a context. */
	set	dbgbvr4_el1, 0x1234
	set	dbgbcr4_el1, CONTEXT_ID | BREAKPOINT(HERE)
	break_at 0, 1b, LINKED_TO(4) | BREAKPOINT(HERE)
	.irp	context, 0x1233, 0x1234
	set	contextidr_el1, \context
	mov	x19, #2
	bl	loop
	.endr
	set	dbgbcr4_el1, CONTEXT_ID | BREAKPOINT(USER)
	mov	x19, #2
	bl	loop
	msr	dbgbcr4_el1, xzr
	msr	dbgbcr0_el1, xzr
#endif

	/* Watchpoints: which bytes, accesses and levels. */
	load	x20, DATA
	load	x25, DATA + 0x40
	stp	x22, x22, [x20]
	watch	0, DATA, WATCHPOINT(0xff, LOADS | STORES, HERE)
	accesses
	b	1f
	.ltorg
1:	watch	0, DATA, WATCHPOINT(0x18, LOADS, HERE)
	accesses
	b	1f
	.ltorg
1:	watch	0, DATA + 4, WATCHPOINT(0x2, STORES, HERE)
	accesses
	b	1f
	.ltorg
1:	watch	0, DATA, WATCHPOINT(0xff, LOADS | STORES, USER)
	accesses
	b	1f
	.ltorg
1:	watch	0, DATA, MASK(3) | WATCHPOINT(0xff, LOADS | STORES, HERE)
	accesses
	b	1f
	.ltorg
1:	/* Two, of which one covers the other's page. */
	watch	1, DATA - 0x1000, MASK(12) | WATCHPOINT(0xff, STORES, HERE)
	load	x19, DATA - 0x1000
	.irp	offset, -8, 0, 0x7f8, 0xff8, 0x1000, 0x1010
	watched	ldr x0, [x19, #\offset]
	watched	str x21, [x19, #\offset]
	.endr
	/* Without leave, and masked. */
	.irp	bits, MDE, KDE, (KDE | MDE)
	control	\bits
	watched	str x21, [x20]
	msr	daifclr, #8
	watched	str x21, [x20]
	.endr
	/* A loop that meets it late. */
	mov	x19, #0
	sub	x0, x20, #0x800
1:	ldr	x1, [x0]
	add	x0, x0, #8
	add	x19, x19, #1
	cmp	x0, x20
	b.ls	1b
	note	x19
	note	x0
#if LEVEL == 1
	/* A linked one. */
	set	dbgbcr4_el1, CONTEXT_ID | BREAKPOINT(HERE)
	watch	0, DATA, LINKED_TO(4) | WATCHPOINT(0xff, LOADS | STORES, HERE)
	.irp	context, 0x1233, 0x1234
	set	contextidr_el1, \context
	watched	ldr x0, [x20]
	.endr
	msr	dbgbcr4_el1, xzr
	/* With the MMU on: what is not aligned, and blocks of zeros. */
	watch	0, DATA, WATCHPOINT(0x01, LOADS | STORES, HERE)
	msr	dbgwcr1_el1, xzr
	b	1f
	.ltorg
1:	set	mair_el1, MAIR
	set	tcr_el1, TCR
	set	ttbr0_el1, TTBR0
	tlbi	vmalle1
	dsb	ish
	isb
	set	sctlr_el1, SCTLR
	/* Of an access that is not aligned, qemu 7.2 looks at more bytes than it accesses. */
	.irp	offset, -9, -8, -7, -1, 8
	watched	ldur x0, [x20, #\offset]
	watched	stur x21, [x20, #\offset]
	.endr
	watched	dc zva, x20
	watched	ldr x0, [x20]
	b	1f
	.ltorg
1:	load	x25, DATA + 0xf00
	watch	0, DATA + 0xff8, WATCHPOINT(0x80, LOADS | STORES, HERE)
	add	x20, x20, #0xff8
	.irp	offset, 0, 1, 7
	watched	ldur x0, [x20, #\offset]
	watched	stur x21, [x20, #\offset]
	.endr
	load	x25, DATA + 0x1f00
	watch	0, DATA + 0x1000, WATCHPOINT(0x1, LOADS | STORES, HERE)
	.irp	offset, 0, 1, 7
	watched	ldur x0, [x20, #\offset]
	watched	stur x21, [x20, #\offset]
	.endr
	/* What may not be accessed is a fault rather than watched. */
	watch	0, NOWHERE, WATCHPOINT(0xff, LOADS | STORES, HERE)
	load	x19, NOWHERE
	try	ldr x0, [x19]
	set	sctlr_el1, 0x30d00800
	b	1f
	.ltorg
1:
#endif
	msr	dbgwcr0_el1, xzr
	msr	dbgwcr1_el1, xzr
	isb

	/* Software step: from active and pending to one instruction after the other. */
	load	x20, DATA
	.macro	step count, bits:vararg
	mov	x26, #\count
	control	KDE | SS | \bits
	.endm
	.macro	some_steps
	add	x0, x0, #1
	ldr	x1, [x20]
	bl	8f
	ldxr	x1, [x20]
	stxr	w2, x1, [x20]
	ldxp	x1, x2, [x20]
	svc	#0
	brk	#3
	.inst	0x00000000
	mrs	x1, nzcv
	cbz	xzr, 9f
8:	ret
9:	isb
	nop
	nop
	.endm
	step	14, 0
	some_steps
	msr	daifclr, #8
	some_steps
	note	x26
	/* What may not be accessed, WFI, and writes of PSTATE and system registers. */
	step	9, 0
	add	x1, x20, #4
	msr	daifclr, #8
	try	ldxr x0, [x1]
	wfi
	msr	daifclr, #2
	msr	contextidr_el1, x0
	msr	nzcv, x0
	tlbi	vmalle1
	nop
	note	x26
	/* With a breakpoint in the way, and a watchpoint. */
	break_at 0, 1f, BREAKPOINT(HERE)
	watch	0, DATA, WATCHPOINT(0xff, LOADS | STORES, HERE)
	step	8, MDE
	msr	daifclr, #8
	nop
1:	add	x0, x0, #1
	add	x0, x0, #1
	ldr	x0, [x20]
	nop
	nop
	nop
	nop
	note	x26
	/* A return that asks for a step of what is not stepped. */
	control	0
	adr	x0, 1f
	load	x1, 0x200005 + (LEVEL - 1) * 4
#if LEVEL == 1
	msr	elr_el1, x0
	msr	spsr_el1, x1
#else
	msr	elr_el2, x0
	msr	spsr_el2, x1
#endif
	eret
1:	svc	#0

#if LEVEL == 1
	/* At EL0, where nothing masks: steps at first, then the others. */
	break_at 0, 2f, BREAKPOINT(USER)
	watch	0, DATA, WATCHPOINT(0xff, LOADS | STORES, USER)
	step	12, MDE
	adr	x0, 1f
	msr	elr_el1, x0
	load	x0, 0x2003c0
	msr	spsr_el1, x0
	eret
1:	some_steps
	note	x26
	mov	x19, #3
2:	nop
	subs	x19, x19, #1
	b.ne	2b
	try	ldr x0, [x20]
	try	ldr x0, [x20, #8]
	try	str w0, [x20, #4]
#endif
	end
