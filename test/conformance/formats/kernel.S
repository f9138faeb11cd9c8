/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel that does nothing, laid out as arm64's is: an Image header, text, data and a note. */

	.section .head.text, "ax"
	.global _text
_text:
	b	start
	nop
	.quad	TEXT_OFFSET
	.quad	_end - _text
	.quad	0xa			/* little endian, 4 KiB pages, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

start:	wfi
	b	start

	.text
	.global _stext
_stext:
	.fill	0x2345, 1, 0x5a

	.data
	.quad	_text
	.fill	0x1001, 1, 0xa5

	.bss
	.skip	0x4321

	.section .notes, "a", %note
	.long	4, 4, 1
	.asciz	"GNU"
	.long	0
