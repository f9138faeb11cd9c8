// A loop of 500 million rounds, then code that rewrites one of its instructions each time round.
 .include "image.inc"
 mov x1, #0x20000000
3: subs x1, x1, #1
 b.ne 3b
 adr x2, 4f
 ldr w3, 5f
 mov x7,#0
2: add x7,x7,#1
 and w6, w7, #0xffff
 orr w3, w8, w6, lsl #5
 ldr w8, 5f
 orr w3, w8, w6, lsl #5
 str w3, [x2]
 dc cvau, x2
 ic ivau, x2
 dsb sy
 isb
4: mov x5, #0
 b 2b
5: mov x5, #0
