/** A block of registers as a device: tables say what there is, and accesses of other widths are made of words. */
import type { AccessSize, Device } from '../device.js';
import { Stateless } from '../savable.js';

/** Registers of 32 bits, one after another. What has no `read` reads as zero, what has no `write` ignores writes. */
export interface RegisterRow {
  /** Offset of the first. */
  readonly at: number;
  /** How many there are; one by default. */
  readonly count?: number;
  /** Narrowest access; 4 by default. */
  readonly narrowest?: 1 | 4;
  /** Widest access; 4 by default. */
  readonly widest?: 4 | 8;
  /** @param processor whose access it is @param index of the register in the row @returns 32 bits, signed or not */
  readonly read?: (processor: number, index: number) => number;
  /** @param value has zeros where `mask` has @param mask the bits that are written */
  readonly write?: (processor: number, index: number, value: number, mask: number) => void;
}

/**
 * Whatever is not in the table is reserved: reads as zero, and ignores writes (IHI 0048B 4.1.4), as do accesses of a
 * width that a register does not have. Accesses across registers are no accesses. What the registers hold is of who
 * made the table.
 */
export class RegisterBlock extends Stateless implements Device {
  readonly #rows: (RegisterRow | undefined)[];
  readonly #frameBytes: number;

  /**
   * @param sizeBytes of the whole block
   * @param processorAt the processor whose registers are at an offset, or for the accessing one
   * @param afterWrite is called when registers were written
   */
  constructor(
    readonly sizeBytes: number,
    rows: readonly RegisterRow[],
    private readonly processorAt: (offset: number) => number,
    private readonly afterWrite: () => void,
    frameBytes = sizeBytes,
  ) {
    super();
    this.#frameBytes = frameBytes;
    this.#rows = new Array<RegisterRow | undefined>(frameBytes / 4).fill(undefined);
    for (const row of rows) this.#rows.fill(row, row.at / 4, row.at / 4 + (row.count ?? 1));
  }

  read(offset: number, sizeBytes: AccessSize): bigint | undefined {
    if (offset % sizeBytes !== 0) return undefined;
    const low = this.#readWord(offset, sizeBytes);
    if (sizeBytes === 8) return (BigInt(this.#readWord(offset + 4, sizeBytes)) << 32n) | BigInt(low);
    return BigInt.asUintN(8 * sizeBytes, BigInt(low >>> (8 * (offset % 4))));
  }

  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
    if (offset % sizeBytes !== 0) return false;
    const shift = 8 * (offset % 4);
    const mask = sizeBytes >= 4 ? -1 : ((1 << (8 * sizeBytes)) - 1) << shift;
    this.#writeWord(offset, sizeBytes, Number(BigInt.asIntN(32, value)) << shift, mask);
    if (sizeBytes === 8) this.#writeWord(offset + 4, sizeBytes, Number(BigInt.asIntN(32, value >> 32n)), -1);
    this.afterWrite();
    return true;
  }

  #rowAt(at: number, sizeBytes: AccessSize): RegisterRow | undefined {
    const row = this.#rows[at >>> 2];
    if (row === undefined || sizeBytes < (row.narrowest ?? 4) || sizeBytes > (row.widest ?? 4)) return undefined;
    return row;
  }

  #readWord(offset: number, sizeBytes: AccessSize): number {
    const at = offset % this.#frameBytes;
    const row = this.#rowAt(at, sizeBytes);
    return (row?.read?.(this.processorAt(offset), (at - row.at) >>> 2) ?? 0) >>> 0;
  }

  #writeWord(offset: number, sizeBytes: AccessSize, value: number, mask: number): void {
    const at = offset % this.#frameBytes;
    const row = this.#rowAt(at, sizeBytes);
    row?.write?.(this.processorAt(offset), (at - row.at) >>> 2, value & mask, mask);
  }
}

/** A register whose written bits replace what is there. */
export const merged = (old: number, value: number, mask: number): number => (old & ~mask) | (value & mask);
