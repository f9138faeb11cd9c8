// An SVC whose vector is at no address that could be one.
 .include "image.inc"
 mov x0, #0x900
 lsl x0, x0, #48
 msr vbar_el1, x0
 isb
 svc #0
