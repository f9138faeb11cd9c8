/** The address space of EL1 and EL0. */

/** What EL1 and EL0 have their addresses translated by. */
export interface Space {
  /** TTBR0_EL1's table for the lower half, and in bits 63 to 48 the ASID. */
  readonly lower: bigint;
  /** TTBR1_EL1's table for the upper half. */
  readonly upper: bigint;
}
