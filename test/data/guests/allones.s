// Writes all ones to TCR_EL1, MAIR_EL1 and SCTLR_EL1.
 .include "image.inc"
 mov x3, #-1
 msr tcr_el1, x3
 msr mair_el1, x3
 msr sctlr_el1, x3
 isb
 nop
 b .
