/** The address space of EL1 and EL0. */

/** Whether an address is in the upper half: bit 55 tells (Arm ARM D5.2.1). */
export const isUpper = (virtAddr: bigint): boolean => (virtAddr & (1n << 55n)) !== 0n;

/** What EL1 and EL0 have their addresses translated by. */
export interface Space {
  /** TTBR0_EL1's table for the lower half, and in bits 63 to 48 the ASID. */
  readonly lower: bigint;
  /** TTBR1_EL1's table for the upper half. */
  readonly upper: bigint;
}
