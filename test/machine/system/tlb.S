/* Mappings that change: what TLB maintenance promises to be forgotten is looked up anew. */
#include "common.h"

	/* Points the page at WINDOW to another frame. */
	.macro	remap frame
	load	x1, (\frame) | 0x703
	str	x1, [x20]
	dsb	ishst
	.endm

	.macro	look maintenance:vararg
	dsb	ish
	\maintenance
	dsb	ish
	isb
	ldr	x0, [x21]
	svc	#0
	str	x0, [x21, #8]
	.endm

	begin
	load	x0, MAIR
	load	x1, TCR
	load	x2, TTBR0
	load	x3, SCTLR
	load	x20, ENTRY
	load	x21, WINDOW
	lsr	x22, x21, #12
	/* What tells the frames from each other. */
	load	x4, FRAMES
	mov	x5, #0
1:	str	x5, [x4]
	add	x4, x4, #0x1000
	add	x5, x5, #1
	cmp	x5, #16
	b.ne	1b
	msr	mair_el1, x0
	msr	tcr_el1, x1
	msr	ttbr0_el1, x2
	tlbi	vmalle1
	dsb	ish
	isb
	msr	sctlr_el1, x3
	isb
	ldr	x0, [x21]
	svc	#0
	.irp	round, 1, 2, 3
	remap	FRAMES + 0x1000 * \round
	look	tlbi vae1, x22
	remap	FRAMES + 0x1000 * (\round + 3)
	look	tlbi vaae1is, x22
	remap	FRAMES + 0x1000 * (\round + 6)
	look	tlbi vmalle1is
	remap	FRAMES + 0x1000 * (\round + 9)
	look	tlbi vaale1, x22
	remap	FRAMES + 0x1000 * (\round + 1)
	look	tlbi aside1, xzr
	.endr
	/* Taken away, given back. */
	str	xzr, [x20]
	dsb	ish
	tlbi	vale1is, x22
	dsb	ish
	isb
	try	ldr x0, [x21]
	remap	FRAMES + 0x3000
	isb
	try	ldr x0, [x21]
	/* Read only, then writable. */
	load	x1, (FRAMES + 0x3000) | 0x783
	str	x1, [x20]
	dsb	ish
	tlbi	vae1is, x22
	dsb	ish
	isb
	try	str x1, [x21]
	remap	FRAMES + 0x3000
	dsb	ish
	tlbi	vae1is, x22
	dsb	ish
	isb
	try	str x1, [x21]
	ldr	x0, [x21]
	svc	#0
	/* Off, and on again. */
	msr	sctlr_el1, xzr
	isb
	load	x4, FRAMES + 0x3000
	ldr	x0, [x4]
	svc	#0
	msr	sctlr_el1, x3
	isb
	ldr	x0, [x21]
	svc	#0
	end
