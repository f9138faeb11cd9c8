// An SMC and an HVC that the firmware does not know, then an SVC without vectors.
 .include "image.inc"
 mrs x0, currentel
 hvc #1
 smc #1
 svc #0
 hlt #0
 b .
