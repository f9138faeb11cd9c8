// A load from where nothing answers, and vectors that go on no more.
 .include "image.inc"
 adr x0, vec
 msr vbar_el1, x0
 isb
 svc #1
 mov x2, #0x1000
 ldr x3, [x2]

 .balign 2048
vec:
 b .
 .balign 128
 b .
 .balign 128
 b .
 .balign 128
 b .
 .balign 128
 mrs x10, esr_el1
 lsr x10, x10, #26
 cmp x10, #0x15
 b.eq 1f
 b .
1: eret
