/** What Arm's PrimeCell peripherals have in common: 4 KiB of 32-bit registers, with identification at the end. */
import type { AccessSize } from '../device.js';

export const PRIMECELL_BYTES = 0x1000;

/** Registers are 32 bits wide, and answer to nothing wider; narrower accesses have their lower bits. */
export const isRegister = (offset: number, sizeBytes: AccessSize): boolean => sizeBytes <= 4 && offset % 4 === 0;

/** PCellID, the same in all. */
const PRIMECELL_ID = [0x0d, 0xf0, 0x05, 0xb1];
const FIRST_ID = 0xfe0;

/**
 * The register at an offset of the identification, a byte a register: PeriphID0 to 3, PCellID0 to 3; undefined for
 * another offset.
 * @param part PeriphID0 and the lower half of PeriphID1: the part number
 * @param revision the upper half of PeriphID2
 */
export const identification = (part: number, revision: number, offset: number): number | undefined =>
  // The designer is 0x41, Arm: half of it in PeriphID1, half in PeriphID2.
  [part & 0xff, 0x10 | (part >> 8), (revision << 4) | 0x4, 0x00, ...PRIMECELL_ID][(offset - FIRST_ID) / 4];
