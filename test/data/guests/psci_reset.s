// Has the firmware reset the machine (PSCI SYSTEM_RESET).
 .include "image.inc"
 ldr x0, =0x84000009
 hvc #0
 b .
