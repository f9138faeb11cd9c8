// Asks the firmware for a second processor without end (PSCI CPU_ON).
 .include "image.inc"
1: ldr x0, =0xc4000003
 mov x1,#1
 adr x2,1b
 hvc #0
 b 1b
