// Writes to each 64 KiB of RAM and of what is behind it.
 .include "image.inc"
 ldr x0, =0x80000000
 ldr x1, =0x23fffffff
1: str x0,[x0]
 add x0,x0,#0x10000
 cmp x0,x1
 b.lo 1b
 b .
