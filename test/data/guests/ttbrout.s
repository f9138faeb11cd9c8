// Turns the MMU on with a page table where there is no RAM.
 .include "image.inc"
 ldr x0, =0x0000fffffffff000
 msr ttbr0_el1, x0
 ldr x3, =0x0000000480803510
 msr tcr_el1, x3
 mrs x5, sctlr_el1
 orr x5,x5,#1
 isb
 msr sctlr_el1,x5
 isb
 nop
 b .
