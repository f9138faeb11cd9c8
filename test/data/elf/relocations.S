/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One of every relocation that the loader knows, in both directions, for test/unit/kexec-elf-rel.test.ts.
 * aarch64-linux-gnu-gcc -c relocations.S && aarch64-linux-gnu-strip --strip-debug relocations.o
 */
	.text
	.globl	entry
	.type	entry, %function
entry:
	ldr	x0, word			/* LD_PREL_LO19 */
	adr	x1, word			/* ADR_PREL_LO21 */
	adrp	x2, word			/* ADR_PREL_PG_HI21 */
	add	x2, x2, :lo12:word		/* ADD_ABS_LO12_NC */
	ldr	x3, [x2, :lo12:word]		/* LDST64_ABS_LO12_NC */
	ldr	q4, [x2, :lo12:quad]		/* LDST128_ABS_LO12_NC */
	movz	x5, #:abs_g3:word
	movk	x5, #:abs_g2_nc:word
	movk	x5, #:abs_g1_nc:word
	movk	x5, #:abs_g0_nc:word + 40
	bl	other				/* CALL26 */
	b	other				/* JUMP26 */
	.size	entry, . - entry

	.section .text.other, "ax", %progbits
	.balign	64
	.globl	other
	.type	other, %function
other:
	adrp	x0, bss_word
	add	x0, x0, :lo12:bss_word
	bl	entry
	b	entry + 4
	ret
	.size	other, . - other

	.section .rodata, "a", %progbits
	.balign	16
	.globl	quad
	.type	quad, %object
quad:
	.xword	entry, other + 8		/* ABS64 */
	.size	quad, . - quad
	.word	entry - .			/* PREL32 */
	.word	bss_word - .

	.data
	.balign	8
	.globl	word
	.type	word, %object
word:
	.xword	bss_word + 16
	.size	word, 8
	.globl	bytes
	.type	bytes, %object
bytes:
	.fill	32, 1, 0x5a
	.size	bytes, 32
	.word	quad - .			/* the last four bytes of the image */

	.bss
	.balign	256
	.globl	bss_word
	.type	bss_word, %object
bss_word:
	.space	8
	.size	bss_word, 8
	.space	100
