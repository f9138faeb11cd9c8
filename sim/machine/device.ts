/** Registers at a place on the bus. */
export interface Device {
  /** Bytes of the bus that it answers at. */
  readonly sizeBytes: number;
  /** A 32-bit register. @param offset multiple of 4 @returns undefined where there is none */
  read(offset: number): number | undefined;
  /** @returns false where there is none */
  write(offset: number, value: number): boolean;
}
