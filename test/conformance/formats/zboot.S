/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The headers of an EFI program that unpacks the kernel in it, as Linux lays them out
 * (drivers/firmware/efi/libstub/zboot-header.S), without the program.
 */

	.section .head, "a"
start:	.ascii	"MZ\0\0zimg"
	.long	_binary_payload_start - start
	.long	_binary_payload_size - SIZE_LENGTH
	.quad	0
	.asciz	TYPE
	.org	start + 0x38
	.long	0x818223cd
	.long	pe - start

pe:	.ascii	"PE\0\0"
	.short	0xaa64
	.short	1			/* sections */
	.long	0, 0, 0
	.short	sections - optional
	.short	0x206
optional:
	.short	0x20b
	.fill	106, 1, 0
	.long	(sections - directories) / 8
directories:
	.fill	6 * 8, 1, 0
sections:
	.ascii	".data\0\0\0"
	.long	_binary_payload_size
	.long	_binary_payload_start - start
	.long	_binary_payload_size
	.long	_binary_payload_start - start
	.fill	12, 1, 0
	.long	0x40000040
	.org	start + 0x1000
