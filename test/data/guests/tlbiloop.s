// A loop of 500 million rounds, then TLB invalidations, each before a load that is not aligned.
 .include "image.inc"
 mov x1, #0x20000000
3: subs x1, x1, #1
 b.ne 3b
 adr x2, 6f
2: tlbi vmalle1
 dsb sy
 isb
 ldr x0,[x2]
 b 2b
6: .quad 0
