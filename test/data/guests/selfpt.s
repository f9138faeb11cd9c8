// Turns the MMU on with a page table whose entries lead to itself.
 .include "image.inc"
 adr x0, 9f
 mov x2, #0x703
 orr x2, x2, x0
 str x2, [x0]
 str x2, [x0,#8]
 msr ttbr0_el1, x0
 msr ttbr1_el1, x0
 ldr x3, =0x0000000480803510
 msr tcr_el1, x3
 mov x4,#0xff
 msr mair_el1,x4
 isb
 mrs x5, sctlr_el1
 orr x5,x5,#1
 msr sctlr_el1,x5
 isb
 b .
 .ltorg
 .balign 4096
9: .space 4096
