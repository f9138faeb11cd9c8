/* Code that is written while it runs: new instructions are seen after the barriers that make it so. */
#include "common.h"

	begin
	mov	x19, #0
	load	x20, RECORDS + 0x20000
	load	x21, 0x52800000			/* mov w0, #0 */
	load	x22, 0xd65f03c0			/* ret */
	load	x23, 3000
1:	and	x1, x19, #0xffff
	orr	w0, w21, w1, lsl #5
	stp	w0, w22, [x20]
	dc	cvau, x20
	dsb	ish
	ic	ivau, x20
	dsb	ish
	isb
	blr	x20
	eor	x24, x0, x24, ror #7
	add	x19, x19, #1
	cmp	x19, x23
	b.ne	1b
	note	x24

	/* A loop that changes an instruction of its own, behind and before the store. */
	mov	x19, #500
	mov	x25, #0
2:	adr	x1, 3f
	adr	x2, 4f
	load	x3, 0x91000739			/* add x25, x25, #1 */
	tst	x19, #3
	add	w3, w3, #0x400			/* #2 */
	csel	w3, w3, w3, eq
	and	w4, w19, #7
	add	w3, w3, w4, lsl #10
	str	w3, [x1]
	dc	cvau, x1
	ic	ivau, x1
	dsb	ish
	isb
3:	add	x25, x25, #1
	str	w3, [x2]
	dc	cvau, x2
	ic	ivau, x2
	dsb	ish
	isb
4:	nop
	subs	x19, x19, #1
	b.ne	2b
	note	x25

	/* Code in many pages, written and run in turns. */
	mov	x19, #0
	mov	x24, #0
5:	and	x1, x19, #15
	add	x2, x20, x1, lsl #12
	orr	w0, w21, w19, lsl #5
	stp	w0, w22, [x2, #64]
	add	x3, x2, #64
	dc	cvau, x3
	ic	iallu
	dsb	ish
	isb
	blr	x3
	eor	x24, x0, x24, ror #3
	sub	x4, x19, #8
	tbnz	x4, #63, 6f
	and	x4, x4, #15
	add	x4, x20, x4, lsl #12
	add	x4, x4, #64
	blr	x4
	eor	x24, x24, x0
6:	add	x19, x19, #1
	cmp	x19, #2000
	b.ne	5b
	note	x24
	end
