// Breakpoints without end; the vectors skip each.
 .include "image.inc"
 adr x0, vec
 msr vbar_el1, x0
 isb
2: brk #0
 b 2b

 .balign 2048
vec:
 .rept 16
 mrs x10, elr_el1
 add x10, x10, #4
 msr elr_el1, x10
 eret
 .balign 128
 .endr
