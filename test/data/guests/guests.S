// Guests that once broke us, each in a section of its own; see README.md.

// Begins a guest, with the header of an arm64 Image (Linux Documentation/arch/arm64/booting.rst) in front of its code.
 .macro guest name
 .section .guest.\name, "ax"
 b 1f
 .word 0
 .quad 0
 .quad 0x10000
 .quad 0xa
 .quad 0,0,0
 .ascii "ARM\x64"
 .word 0
1:
 .endm

// Loads from where nothing answers, without end; the vectors skip the load.
 guest abortstorm
 adr x0, vec_abortstorm
 msr vbar_el1, x0
 isb
 mov x2, #0
2: ldr x3,[x2]
 b 2b

 .balign 2048
vec_abortstorm:
 .rept 16
 mrs x10, elr_el1
 add x10, x10, #4
 msr elr_el1, x10
 eret
 .balign 128
 .endr

// Writes all ones to TCR_EL1, MAIR_EL1 and SCTLR_EL1.
 guest allones
 mov x3, #-1
 msr tcr_el1, x3
 msr mair_el1, x3
 msr sctlr_el1, x3
 isb
 nop
 b .

// An SVC whose vector is at no address that could be one.
 guest badvbar
 mov x0, #0x900
 lsl x0, x0, #48
 msr vbar_el1, x0
 isb
 svc #0

// Breakpoints without end; the vectors skip each.
 guest brkstorm
 adr x0, vec_brkstorm
 msr vbar_el1, x0
 isb
2: brk #0
 b 2b

 .balign 2048
vec_brkstorm:
 .rept 16
 mrs x10, elr_el1
 add x10, x10, #4
 msr elr_el1, x10
 eret
 .balign 128
 .endr

// A loop of 500 million rounds, then system registers are read without end.
 guest fastthenmrs
 mov x1, #0x20000000
3: subs x1, x1, #1
 b.ne 3b
2: mrs x0, cntvct_el0
 isb
 b 2b

// Sends a line without end to the console.
 guest flood
 mov x1, #0x09000000
2: mov w0, #'A'
 str w0,[x1]
 b 2b

// Sends empty lines without end to the console.
 guest floodnl
 mov x1, #0x09000000
2: mov w0, #'\n'
 str w0,[x1]
 b 2b

// An SMC and an HVC that the firmware does not know, then an SVC without vectors.
 guest mixed
 mrs x0, currentel
 hvc #1
 smc #1
 svc #0
 hlt #0
 b .

// Reads a system register without end.
 guest mrsloop
2: mrs x0, cntvct_el0
 isb
 b 2b

// Asks the firmware for a second processor without end (PSCI CPU_ON).
 guest psci_cpuon
1: ldr x0, =0xc4000003
 mov x1,#1
 adr x2,1b
 hvc #0
 b 1b

// Has the firmware reset the machine (PSCI SYSTEM_RESET).
 guest psci_reset
 ldr x0, =0x84000009
 hvc #0
 b .

// A loop of 500 million rounds, then code that rewrites one of its instructions each time round.
 guest selfmod
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

// Turns the MMU on with a page table whose entries lead to itself.
 guest selfpt
 adr x0, 9f
 mov x2, #0x703
 orr x2, x2, x0
 str x2, [x0]
 str x2, [x0,#8]
 msr ttbr0_el1, x0
 msr ttbr1_el1, x0
 ldr x3, =0x0000000480803510
 msr tcr_el1, x3
 mov x4,#0xff
 msr mair_el1,x4
 isb
 mrs x5, sctlr_el1
 orr x5,x5,#1
 msr sctlr_el1,x5
 isb
 b .
 .ltorg
 .balign 4096
9: .space 4096

// System calls without end.
 guest storm
 adr x0, vec_storm
 msr vbar_el1, x0
 isb
2: svc #0
 b 2b
 .balign 2048
vec_storm:
 .balign 2048
 .rept 16
 eret
 .balign 128
 .endr

// A load from where nothing answers, and vectors that go on no more.
 guest stuckvec
 adr x0, vec_stuckvec
 msr vbar_el1, x0
 isb
 svc #1
 mov x2, #0x1000
 ldr x3, [x2]

 .balign 2048
vec_stuckvec:
 b .
 .balign 128
 b .
 .balign 128
 b .
 .balign 128
 b .
 .balign 128
 mrs x10, esr_el1
 lsr x10, x10, #26
 cmp x10, #0x15
 b.eq 1f
 b .
1: eret

// A loop of 500 million rounds, then TLB invalidations, each before a load that is not aligned.
 guest tlbiloop
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

// Writes to each 64 KiB of RAM and of what is behind it.
 guest touch
 ldr x0, =0x80000000
 ldr x1, =0x23fffffff
1: str x0,[x0]
 add x0,x0,#0x10000
 cmp x0,x1
 b.lo 1b
 b .

// Turns the MMU on with a page table where there is no RAM.
 guest ttbrout
 ldr x0, =0x0000fffffffff000
 msr ttbr0_el1, x0
 ldr x3, =0x0000000480803510
 msr tcr_el1, x3
 mrs x5, sctlr_el1
 orr x5,x5,#1
 isb
 msr sctlr_el1,x5
 isb
 nop
 b .

// Two branches that lead to each other.
 guest twobranch
2: b 3f
3: b 2b

// Undefined instructions, in the vectors, too.
 guest udfvec
 adr x0, vec_udfvec
 msr vbar_el1, x0
 isb
 udf #0
 .balign 2048
vec_udfvec:
 .rept 16
 udf #0
 .balign 128
 .endr

// Waits for an event.
 guest wfe
1: wfe
 b 1b

// Waits for an interrupt.
 guest wfi
1: wfi
 b 1b

// What follows is booted on a whole machine; see boot.test.ts.

// Prints the text behind the call, and goes on behind that.
 .macro say text
 adr x9, 9f
 b 10f
9: .asciz "\text"
 .balign 4
10: ldr x10, =0x9000000
11: ldrb w11, [x9], #1
 cbz w11, 12f
 strb w11, [x10]
 b 11b
12:
 .endm

// Calls the firmware.
 .macro firmware function
 ldr w0, =\function
 hvc #0
 b .
 .endm

// Lets an interrupt through to the processor, which masks it: it only ends a WFI.
 .macro gic intid
 ldr x12, =0x8000000
 mov w13, #1
 str w13, [x12]
 mov w14, #1 << (\intid & 31)
 str w14, [x12, #0x100 + 4 * (\intid / 32)]
 ldr x12, =0x8010000
 mov w14, #0xff
 str w14, [x12, #4]
 str w13, [x12]
 .endm

// Tells the level that it starts at, and whether x0 has a device tree.
 guest boot_hello
 ldr w1, [x0]
 rev w1, w1
 ldr w2, =0xd00dfeed
 cmp w1, w2
 mrs x3, currentel
 b.ne 4f
 cmp x3, #8
 b.eq 5f
 say "hello from EL1\n"
 firmware 0x84000008
5: say "hello from EL2\n"
 ldr w0, =0x84000008
 smc #0
4: say "no device tree\n"
 b .
 .ltorg

// Gives back what it reads by asking for it again and again, until there is a q.
 guest boot_echo
 ldr x1, =0x9000000
1: ldr w2, [x1, #0x18]
 tbnz w2, #4, 1b
 ldr w3, [x1]
 strb w3, [x1]
 cmp w3, #'q'
 b.ne 1b
 firmware 0x84000008
 .ltorg

// The same by interrupts, with nothing else that could wake it.
 guest boot_typed
 gic 33
 ldr x1, =0x9000000
 mov w2, #0x50
 str w2, [x1, #0x38]
1: wfi
2: ldr w2, [x1, #0x18]
 tbnz w2, #4, 3f
 ldr w3, [x1]
 strb w3, [x1]
 cmp w3, #'q'
 b.ne 2b
 firmware 0x84000008
3: ldr w4, [x12, #0xc]
 str w4, [x12, #0x10]
 b 1b
 .ltorg

// Waits for a timer for an hour.
 guest boot_timer
 gic 27
 mrs x1, cntfrq_el0
 mov x2, #3600
 mul x1, x1, x2
 mrs x3, cntvct_el0
 add x1, x1, x3
 msr cntv_cval_el0, x1
 mov x1, #1
 msr cntv_ctl_el0, x1
 isb
 wfi
 ldr w4, [x12, #0xc]
 cmp w4, #27
 b.ne .
 say "an hour later\n"
 firmware 0x84000008
 .ltorg

// Panics as Linux does, and does nothing any more.
 guest boot_panic
 say "[    0.5] Internal error: Oops: 96000004 [#1] SMP\n"
 say "[    0.6] Kernel panic - not syncing: no init\n[    0.6] ---[ end Kernel panic - not syncing: no init ]---\n"
1: mrs x0, cntvct_el0
 b 1b
 .ltorg

// Shows the panic of another kernel, waits a little, and goes on.
 guest boot_dump
 say "Kernel panic - not syncing: before\n---[ end Kernel panic - not syncing: before ]---\n"
 gic 27
 mrs x1, cntvct_el0
 add x1, x1, #1, lsl #12
 msr cntv_cval_el0, x1
 mov x1, #1
 msr cntv_ctl_el0, x1
 isb
 wfi
 say "saved\n"
 firmware 0x84000009
 .ltorg

// Panics, and resets the machine.
 guest boot_reset
 say "Kernel panic - not syncing: again\nRebooting in 1 seconds..\n"
 firmware 0x84000009
 .ltorg

// Switches the second processor on, which switches the machine off.
 guest boot_second
 ldr w0, =0xc4000003
 mov x1, #1
 adr x2, 1f
 mov x3, #7
 hvc #0
2: wfe
 b 2b
1: cmp x0, #7
 b.ne .
 say "second\n"
 firmware 0x84000008
 .ltorg

// Adds to a number that two processors have in common, x8, by exclusive accesses.
 .macro add_shared amount
13: ldxr x9, [x8]
 add x9, x9, #\amount
 stxr w10, x9, [x8]
 cbnz w10, 13b
 .endm

// Interrupts of this processor's timer, every so many ticks of the counter.
 .macro ticking ticks
 gic 27
 adr x9, vec_boot_saved
 msr vbar_el1, x9
 mov x22, #\ticks
 msr cntv_tval_el0, x22
 mov x9, #1
 msr cntv_ctl_el0, x9
 isb
 msr daifclr, #2
 .endm

// Sleeps until an interrupt, which comes behind it.
 .macro sleep
 msr daifset, #2
 wfi
 msr daifclr, #2
 .endm

// Two processors count together, woken and interrupted by their timers; the first writes the count to a virtio disk at
// each tick, reads back an older one, and shows a letter that is made of all of these. So each letter depends on all that
// happened before.
 guest boot_saved
 ldr x8, =0x41000000
 ldr w0, =0xc4000003
 mov x1, #1
 adr x2, 5f
 mov x3, #0
 hvc #0
 // The disk: reset, driver, features, queue 0, driver ready (Virtual I/O Device 1.2, 3.1.1).
 ldr x1, =0xa000000
 str wzr, [x1, #0x70]
 mov w2, #3
 str w2, [x1, #0x70]
 mov w2, #1
 str w2, [x1, #0x24]
 str w2, [x1, #0x20]
 mov w2, #11
 str w2, [x1, #0x70]
 mov w2, #8
 str w2, [x1, #0x38]
 ldr x3, =0x41001000
 str w3, [x1, #0x80]
 add w2, w3, #0x100
 str w2, [x1, #0x90]
 add w2, w3, #0x200
 str w2, [x1, #0xa0]
 mov w2, #1
 str w2, [x1, #0x44]
 mov w2, #15
 str w2, [x1, #0x70]
 // Three buffers: the header, a sector, the status.
 add x2, x3, #0x300
 ldr x4, =0x0001000100000010
 stp x2, x4, [x3]
 add x2, x3, #0x400
 str x2, [x3, #0x10]
 add x2, x3, #0x600
 ldr x4, =0x0000000200000001
 stp x2, x4, [x3, #0x20]
 ticking 3000
 mov x19, #0
 mov x20, #0
1: sleep
 .rept 3
 add_shared 1
 .endr
 mov x21, #300
2: add_shared 3
 subs x21, x21, #1
 b.ne 2b
 // Write to the sector of the tick.
 and x5, x19, #7
 str x9, [x3, #0x400]
 mov w6, #1
 ldr x7, =0x0002000100000200
 bl 4f
 // Read the one of five ticks before.
 add x5, x19, #3
 and x5, x5, #7
 mov w6, #0
 ldr x7, =0x0002000300000200
 bl 4f
 ldr x9, [x3, #0x400]
 eor x20, x20, x9
 mrs x9, cntvct_el0
 ror x20, x20, #7
 add x20, x20, x9
 and x9, x20, #15
 add x9, x9, #'a'
 ldr x10, =0x9000000
 strb w9, [x10]
 add x19, x19, #1
 cmp x19, #120
 b.ne 1b
 say "\n"
 firmware 0x84000008
 // A request of type w6 for sector x5, whose data is buffer x7.
4: str x7, [x3, #0x18]
 str w6, [x3, #0x300]
 str x5, [x3, #0x308]
 ldrh w9, [x3, #0x102]
 and w10, w9, #7
 add x10, x3, x10, lsl #1
 strh wzr, [x10, #0x104]
 add w9, w9, #1
 strh w9, [x3, #0x102]
 dsb sy
 str wzr, [x1, #0x50]
 ldr w10, [x1, #0x60]
 str w10, [x1, #0x64]
 ret
 // The second processor.
5: ldr x8, =0x41000000
 mov x9, #3 << 20
 msr cpacr_el1, x9
 ticking 1700
 fmov d0, #1.0
6: sleep
 mov x21, #500
7: add_shared 1
 fadd d0, d0, d0
 subs x21, x21, #1
 b.ne 7b
 b 6b
 .ltorg
 .balign 2048
vec_boot_saved:
 .rept 5
 b .
 .balign 128
 .endr
 // IRQ at EL1: the timer's, which is set anew, and counted.
 mrs x23, cntvct_el0
 ldr w24, [x12, #0xc]
 msr cntv_tval_el0, x22
 isb
 ldr x25, [x8, #8]
 add x25, x25, x23
 str x25, [x8, #8]
 str w24, [x12, #0x10]
 eret
// Writes an address into the spin table, for the second processor, which looks at how it is started.
 guest boot_spin
 ldr x0, =0x40001000
 adr x1, 1f
 str x1, [x0]
 dsb sy
 sev
2: wfe
 b 2b
1: orr x0, x0, x1
 orr x0, x0, x2
 orr x0, x0, x3
 cbnz x0, .
 mrs x0, sctlr_el1
 tbnz x0, #0, .
 say "out of the spin table\n"
 firmware 0x84000008
 .ltorg

// Sets the alarm of the clock to the next second but one, and waits for its interrupt with nothing else that could wake it.
 guest boot_alarm
 gic 34
 ldr x1, =0x9010000
 ldr w2, [x1]
 add w2, w2, #2
 str w2, [x1, #4]
 mov w3, #1
 str w3, [x1, #0x10]
 wfi
 ldr w4, [x12, #0xc]
 cmp w4, #34
 b.ne .
 ldr w4, [x1]
 cmp w4, w2
 b.ne .
 say "in time\n"
 firmware 0x84000008
 .ltorg

// The same with the next second, but it does not wait: it asks now and then whether the interrupt is pending.
 guest boot_alarm_busy
 gic 34
 ldr x1, =0x9010000
 ldr w2, [x1]
 add w2, w2, #1
 str w2, [x1, #4]
 mov w3, #1
 str w3, [x1, #0x10]
 ldr x12, =0x8000000
1: mov w5, #1 << 16
2: subs w5, w5, #1
 b.ne 2b
 ldr w4, [x12, #0x204]
 tbz w4, #2, 1b
 say "in time\n"
 firmware 0x84000008
 .ltorg
