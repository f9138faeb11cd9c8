/* From EL2 to EL1 and EL0, and back by calls and traps. */
#include "common.h"

	begin
	svc	#0
	try	hvc #5
	mov	x0, #1 << 31			/* HCR_EL2.RW */
	msr	hcr_el2, x0
	msr	vttbr_el2, xzr
	adr	x0, vectors_el1
	msr	vbar_el1, x0
	load	x0, 0x30d00800
	msr	sctlr_el1, x0
	load	x0, STACK - 0x400
	msr	sp_el1, x0
	mrs	x0, midr_el1
	msr	vpidr_el2, x0
	load	x0, 0x80000102
	msr	vmpidr_el2, x0
	adr	x0, 1f
	msr	elr_el2, x0
	mov	x0, #0x3c5
	msr	spsr_el2, x0
	eret
1:	try	mrs x0, currentel
	try	mrs x0, mpidr_el1
	try	mrs x0, midr_el1
	try	hvc #6
	try	mrs x0, hcr_el2
	try	msr vbar_el2, x0
	try	mrs x0, sp_el1
	try	mrs x0, sp_el0
	/* Traps that HCR_EL2 asks for. */
	load	x1, (1 << 31) | (1 << 19)	/* TSC */
	bl	set_hcr
	try	smc #9
	load	x1, (1 << 31) | (1 << 26)	/* TVM */
	bl	set_hcr
	try	msr ttbr0_el1, xzr
	try	mrs x0, ttbr0_el1
	/* Among others, TRVM traps reads of ESR_EL1, which the handler needs. */
	load	x1, (1 << 31) | (1 << 30)
	bl	set_hcr
	mrs	x0, ttbr0_el1
	mrs	x0, sctlr_el1
	mrs	x0, contextidr_el1
	load	x1, 1 << 31
	bl	set_hcr
	load	x1, (1 << 31) | (1 << 25)	/* TTLB */
	bl	set_hcr
	try	tlbi vmalle1
	load	x1, (1 << 31) | (1 << 29)	/* HCD */
	bl	set_hcr
	try	hvc #7
	/* EL0 below EL1. */
	adr	x0, 2f
	msr	elr_el1, x0
	mov	x0, #0x3c0
	msr	spsr_el1, x0
	eret
2:	try	svc #8
	try	hvc #9
	try	smc #10
	try	mrs x0, vbar_el1
	end

set_hcr:
	mov	x0, x1
	hvc	#0x99
	ret
