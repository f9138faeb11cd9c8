// Reads a system register without end.
 .include "image.inc"
2: mrs x0, cntvct_el0
 isb
 b 2b
