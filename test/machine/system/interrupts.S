/*
 * Interrupts at EL1 or EL2, by a GICv2 or GICv3 as on QEMU's board `virt`: when they are taken, where they come back to,
 * and what may be read of them before. Timers are put far into the past or the future, or waited for, so that nothing
 * depends on how fast the machine is.
 */
#define IRQ_HANDLER
#include "common.h"

#define GICD 0x08000000
#define GICC 0x08010000
#define GICR 0x080a0000
#define SGI_BASE (GICR + 0x10000)
#if GIC == 2
#define PER_CPU GICD
#else
#define PER_CPU SGI_BASE
#endif

#if LEVEL == 2
#define own_tval cnthp_tval_el2
#define own_ctl cnthp_ctl_el2
#define own_cval cnthp_cval_el2
#define OWN_PPI 26
#else
#define own_tval cntv_tval_el0
#define own_ctl cntv_ctl_el0
#define own_cval cntv_cval_el0
#define OWN_PPI 27
#endif
#define PHYSICAL_PPI 30

	/* 32-bit accesses to a register by its address. */
	.macro	put address, value:vararg
	load	x9, \address
	load	x10, \value
	str	w10, [x9]
	.endm

	.macro	note_at address
	load	x9, \address
	ldr	w0, [x9]
	svc	#0
	.endm

	.macro	note_register register
	mrs	x0, \register
	svc	#0
	.endm

	.macro	acknowledge register
#if GIC == 2
	load	x9, GICC + 0x0c
	ldr	\register, [x9]
#else
	mrs	x9, S3_0_C12_C12_0
	mov	\register, w9
#endif
	.endm

	/* X9 and X10 may change. */
	.macro	end_of_interrupt register
#if GIC == 2
	load	x9, GICC + 0x10
	str	\register, [x9]
#else
	uxtw	x9, \register
	msr	S3_0_C12_C12_1, x9
	isb
#endif
	.endm

	.macro	set_mask value
#if GIC == 2
	put	GICC + 0x04, \value
#else
	mov	x9, \value
	msr	S3_0_C4_C6_0, x9
	isb
#endif
	.endm

	/* An SGI to this processor. */
	.macro	send number
	dsb	ish
#if GIC == 2
	put	GICD + 0xf00, (2 << 24) | \number
#else
	load	x9, (\number << 24) | 1
	msr	S3_0_C12_C11_5, x9
	isb
#endif
	dsb	sy
	.endm

	/* What is pending, as the controller has it, and whether it reaches the processor. */
	.macro	note_pending
	note_at	PER_CPU + 0x200
	note_register isr_el1
	.endm

	begin
	/* Everything in group 1, at priority 0xa0, but SGI 2 at 0x40; all of the processor's own is enabled. */
#if GIC == 2
	put	GICD, 1
	put	GICC, 1
#else
	put	GICR + 0x14, 0
#if LEVEL == 2
	mov	x9, #0xf
	msr	S3_4_C12_C9_5, x9
#endif
	mov	x9, #7
	msr	S3_0_C12_C12_5, x9
	isb
	put	GICD, 0x12
	put	SGI_BASE + 0x80, 0xffffffff
	mov	x9, #1
	msr	S3_0_C12_C12_7, x9
#endif
	.irp	word, 0, 4, 8, 12, 16, 20, 24, 28
	put	PER_CPU + 0x400 + \word, 0xa0a0a0a0
	.endr
	put	PER_CPU + 0x400, 0xa040a0a0
	put	PER_CPU + 0x100, 0xffffffff
	set_mask 0xf0
	load	x0, HCR
#if LEVEL == 2
	msr	hcr_el2, x0
	mov	x9, #3
	msr	cnthctl_el2, x9
#endif
	msr	own_ctl, xzr
	msr	cntp_ctl_el0, xzr
	isb
	msr	daifset, #2
	note_pending

	/* Pending while masked, taken when not, once for each. */
	send	1
	note_pending
	msr	daifclr, #2
	nop
	nop
	note_pending
	send	3
	nop
	note_pending
	/* Two at once: by priority, the other one behind it. */
	msr	daifset, #2
	send	1
	send	2
	note_pending
	msr	daifclr, #2
	nop
	nop
	note_pending

	/* Below the mask nothing comes through, and when it is lowered, it does. */
	set_mask 0x80
	send	1
	nop
	note_pending
	send	2
	nop
	set_mask 0xf0
	nop
	note_pending

	/* By hand: acknowledged, another of a higher priority meanwhile, ended in order. */
	msr	daifset, #2
	send	1
	acknowledge w20
	note	x20
	note_register isr_el1
	send	2
	note_register isr_el1
	acknowledge w21
	note	x21
	send	3
	note_register isr_el1
	acknowledge w22
	note	x22
	end_of_interrupt w21
	note_register isr_el1
	end_of_interrupt w20
	note_register isr_el1
	acknowledge w22
	note	x22
	end_of_interrupt w22
	note_pending

	/* A timer whose time has long been: its line follows enable, mask and the time. */
	msr	own_cval, xzr
	note_register own_ctl
	mov	x1, #1
	msr	own_ctl, x1
	isb
	note_register own_ctl
	note_pending
	mov	x1, #3
	msr	own_ctl, x1
	isb
	note_register own_ctl
	note_pending
	mov	x1, #-1
	lsr	x1, x1, #2
	msr	own_cval, x1
	mov	x1, #1
	msr	own_ctl, x1
	isb
	note_register own_ctl
	note_pending
	msr	own_cval, xzr
	isb
	msr	daifclr, #2
	nop
	nop
	note_pending

	/* One whose time comes while the processor waits: WFI ends although interrupts are masked. */
	msr	daifset, #2
	mov	x1, #20000
	msr	own_tval, x1
	mov	x1, #1
	msr	own_ctl, x1
	isb
	wfi
	note_register own_ctl
	note_register isr_el1
	msr	daifclr, #2
	nop
	note_pending

	/* The physical timer, polled. */
	msr	daifset, #2
	mov	x1, #3000
	msr	cntp_tval_el0, x1
	mov	x1, #1
	msr	cntp_ctl_el0, x1
	isb
1:	mrs	x1, isr_el1
	cbz	x1, 1b
	note	x1
	note_register cntp_ctl_el0
	acknowledge w20
	note	x20
	msr	cntp_ctl_el0, xzr
	isb
	end_of_interrupt w20
	note_pending

	/* Taken out of a loop that waits for it, wherever that is; only that it came is noted. */
	mov	x24, xzr
	mov	x25, #1
	mov	x1, #5000
	msr	own_tval, x1
	mov	x1, #1
	msr	own_ctl, x1
	isb
	msr	daifclr, #2
2:	cbz	x24, 2b
	msr	daifset, #2
	note	x24
	mov	x24, xzr
	mov	x25, xzr
	note_pending
	mov	x1, xzr
	mov	x9, xzr
	mov	x10, xzr
	end

	/*
	 * Ends the interrupt at hand, switches the timers off, and notes the vector, the number and ISR_EL1, then where it came
	 * from, unless X25 is set: then it counts in X24. X9 and X10 are kept, since SVC #0 stands between any two instructions.
	 */
	.macro	irq_handler el
irq_el\el:
	stp	x9, x10, [sp, #-16]!
	mrs	x17, isr_el1
	acknowledge w16
	msr	own_ctl, xzr
	isb
	end_of_interrupt w16
	ldp	x9, x10, [sp], #16
	cbnz	x25, 1f
	stp	x18, x16, [x28], #16
	mrs	x18, elr_el\el
	stp	x17, x18, [x28], #16
	mrs	x18, spsr_el\el
	stp	x18, x0, [x28], #16
	eret
1:	mov	x24, x16
	eret
	.endm
	irq_handler 1
	irq_handler 2
