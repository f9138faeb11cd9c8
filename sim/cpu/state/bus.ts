/** What the processor asks of the memory and the devices around it. */

import type { LinearMemory } from '../wasm/host.js';

/** What the processor knows of the board: physical addresses lead to RAM, to a device, or nowhere. */
export interface Bus {
  /**
   * The WebAssembly memory that guest RAM is in, of which the bytes below {@link FIRST_RAM_OFFSET} are the processors'
   * own.
   */
  readonly linear: LinearMemory;
  /**
   * Offset in `linear` of the 4 KiB of RAM at a physical address; RAM that was never touched gets its place now.
   * @param page multiple of 4096; at most 2^48
   * @returns undefined where there is no RAM
   */
  ramPage(page: number): number | undefined;
  /** Reads a device's register. @returns undefined where nothing answers: an external abort */
  read(physAddr: number, sizeBytes: number): bigint | undefined;
  /** Writes a device's register. @returns false where nothing answers */
  write(physAddr: number, sizeBytes: number, value: bigint): boolean;
}

/** The processors' state, TLBs and decoded words lie below (layout.ts); guest RAM lies above. */
export const FIRST_RAM_OFFSET = 0x400_0000;
