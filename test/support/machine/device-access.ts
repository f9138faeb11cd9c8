/** A device as its driver sees it: 32-bit registers, and the level of its line. */
import type { Device } from '../../../sim/machine/device.js';

export class Driver<D extends Device> {
  /** The level of the line, and each level that it was set to. */
  line = false;
  readonly levels: boolean[] = [];

  constructor(readonly device: D) {
    device.connect?.((level) => {
      this.line = level;
      this.levels.push(level);
    });
  }

  read(offset: number, sizeBytes: 1 | 2 | 4 = 4): number {
    return Number(this.device.read(offset, sizeBytes));
  }

  write(offset: number, value: number, sizeBytes: 1 | 2 | 4 = 4): void {
    this.device.write(offset, sizeBytes, BigInt(value));
  }

  /** The eight registers of a PrimeCell's identification. */
  get id(): readonly number[] {
    return Array.from({ length: 8 }, (_, i) => this.read(0xfe0 + 4 * i));
  }
}

/** What a device saves, after it went through a file. */
export const savedOf = (device: Device): unknown => JSON.parse(JSON.stringify(device.save()));
