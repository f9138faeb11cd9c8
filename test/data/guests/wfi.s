// Waits for an interrupt.
 .include "image.inc"
1: wfi
 b 1b
