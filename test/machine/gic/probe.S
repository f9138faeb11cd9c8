// Carries out a list of accesses to an interrupt controller, each on the processor that it names, and sends what came
// of them through the UART: 8 bytes an access. An access that is refused gives 1 << 63 and the exception's class.

	.set	LIST, 0x48000000
	.set	UART, 0x09000000

	.text
	.global _start
_start:
	mov	x20, #0			// this processor
	mov	x21, #1
start_others:
	ldr	x0, =0xc4000003		// CPU_ON
	mov	x1, x21
	adr	x2, other
	mov	x3, x21
	hvc	#0
	add	x21, x21, #1
	cmp	x21, #8
	b.ne	start_others
	b	run
other:
	mov	x20, x0
run:
	adr	x0, vectors
	msr	vbar_el1, x0
	msr	daifset, #15
	msr	cntv_cval_el0, xzr
	msr	cntp_cval_el0, xzr
	isb
	ldr	x22, =LIST
	adr	x23, turn

	// An entry: processor, what, width or number of a register, address, value, result; 8 bytes each but for the first
	// three, which are a byte each. What was done before this processor started is not its own.
next:
	ldar	x0, [x23]
	cmp	x0, x22
	b.lo	next
	b.ne	done
	ldrb	w1, [x22]
	ldrb	w2, [x22, #1]
	ldrb	w4, [x22, #2]
	cbz	w2, finish
	cmp	w1, w20
	b.ne	skip
	ldr	x5, [x22, #8]
	ldr	x6, [x22, #16]
	mov	x3, #0
	adr	x7, kinds
	lsl	w2, w2, #4
	add	x7, x7, x2
	lsl	w4, w4, #4
	blr	x7
	isb
	str	x3, [x22, #24]
	add	x22, x22, #32
	stlr	x22, [x23]
	b	next
	// Another processor's turn: wait for its end.
skip:
	ldar	x0, [x23]
	cmp	x0, x22
	b.eq	skip
done:
	add	x22, x22, #32
	b	next

finish:
	cbnz	x20, .
	ldr	x1, =LIST
	ldr	x5, =UART
send:
	ldrb	w2, [x1, #1]
	cbz	w2, off
	mov	x6, #8
	ldr	x3, [x1, #24]
byte:
	strb	w3, [x5]
	lsr	x3, x3, #8
	subs	x6, x6, #1
	b.ne	byte
	add	x1, x1, #32
	b	send
off:
	ldr	x0, =0x84000008
	hvc	#0
	b	.

	.balign	16
kinds:
	ret
	.balign 16
	adr	x7, reads		// 1: read memory
	add	x7, x7, x4
	br	x7
	.balign 16
	adr	x7, writes		// 2: write memory
	add	x7, x7, x4
	br	x7
	.balign 16
	adr	x7, mrs_stubs		// 3: read a system register
	add	x7, x7, x4
	br	x7
	.balign 16
	adr	x7, msr_stubs		// 4: write one
	add	x7, x7, x4
	br	x7

	.macro	stub insn:vararg
	.balign	16
	\insn
	ret
	.endm

	.balign	16
reads:					// by bytes: 0 is none
	stub	nop
	stub	ldrb w3, [x5]
	stub	ldrh w3, [x5]
	stub	nop
	stub	ldr w3, [x5]
	stub	nop
	stub	nop
	stub	nop
	stub	ldr x3, [x5]
	.balign 16
writes:
	stub	nop
	stub	strb w6, [x5]
	stub	strh w6, [x5]
	stub	nop
	stub	str w6, [x5]
	stub	nop
	stub	nop
	stub	nop
	stub	str x6, [x5]

	// In the order of REGISTERS in record.ts.
	.macro	registers do:vararg
	\do	isr_el1
	\do	cntv_ctl_el0
	\do	cntp_ctl_el0
	\do	S3_0_C4_C6_0		// ICC_PMR_EL1
	\do	S3_0_C12_C8_0		// ICC_IAR0_EL1
	\do	S3_0_C12_C8_1		// ICC_EOIR0_EL1
	\do	S3_0_C12_C8_2		// ICC_HPPIR0_EL1
	\do	S3_0_C12_C8_3		// ICC_BPR0_EL1
	\do	S3_0_C12_C8_4		// ICC_AP0R0_EL1
	\do	S3_0_C12_C9_0		// ICC_AP1R0_EL1
	\do	S3_0_C12_C11_1		// ICC_DIR_EL1
	\do	S3_0_C12_C11_3		// ICC_RPR_EL1
	\do	S3_0_C12_C11_5		// ICC_SGI1R_EL1
	\do	S3_0_C12_C11_6		// ICC_ASGI1R_EL1
	\do	S3_0_C12_C11_7		// ICC_SGI0R_EL1
	\do	S3_0_C12_C12_0		// ICC_IAR1_EL1
	\do	S3_0_C12_C12_1		// ICC_EOIR1_EL1
	\do	S3_0_C12_C12_2		// ICC_HPPIR1_EL1
	\do	S3_0_C12_C12_3		// ICC_BPR1_EL1
	\do	S3_0_C12_C12_4		// ICC_CTLR_EL1
	\do	S3_0_C12_C12_5		// ICC_SRE_EL1
	\do	S3_0_C12_C12_6		// ICC_IGRPEN0_EL1
	\do	S3_0_C12_C12_7		// ICC_IGRPEN1_EL1
	.endm
	.macro	read_stub name
	stub	mrs x3, \name
	.endm
	.macro	write_stub name
	stub	msr \name, x6
	.endm
	.balign	16
mrs_stubs:
	registers read_stub
	.balign	16
msr_stubs:
	registers write_stub

	.balign	0x800
vectors:
	.rept	16
	.balign	0x80
	b	refused
	.endr
	.balign	0x80
refused:
	mrs	x3, esr_el1
	lsr	x3, x3, #26
	orr	x3, x3, #0x8000000000000000
	mrs	x0, elr_el1
	add	x0, x0, #4
	msr	elr_el1, x0
	eret

	.balign	8
turn:	.quad	LIST
