/** One R_<arch>_* relocation. */
export interface RelocationRule {
  readonly type: number;
  /** As the debug log names it. */
  readonly name: string;
  /** Bytes that it writes. */
  readonly size: 4 | 8;
  /**
   * Changes the bytes at the relocation's place.
   * @param place the bytes from the place on: at least `size`
   * @param address the place's address
   * @param value symbol + addend
   * @param littleEndian the byte order of the object's data; instructions are little-endian in any object
   * @throws KexecError
   */
  apply(place: DataView, address: bigint, value: bigint, littleEndian: boolean): void;
}
