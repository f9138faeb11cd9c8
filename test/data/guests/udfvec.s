// Undefined instructions, in the vectors, too.
 .include "image.inc"
 adr x0, vec
 msr vbar_el1, x0
 isb
 udf #0
 .balign 2048
vec:
 .rept 16
 udf #0
 .balign 128
 .endr
