// A loop of 500 million rounds, then system registers are read without end.
 .include "image.inc"
 mov x1, #0x20000000
3: subs x1, x1, #1
 b.ne 3b
2: mrs x0, cntvct_el0
 isb
 b 2b
