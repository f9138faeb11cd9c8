/** Reads numbers and lists as WebAssembly's binary format has them. */

/** What a `ByteWriter` wrote, piece by piece; all throw RangeError where there is something else. */
export class ByteReader {
  #at = 0;

  constructor(private readonly source: Uint8Array) {}

  #byte(): number {
    const byte = this.source[this.#at++];
    if (byte === undefined) throw new RangeError('bytes that are cut off');
    return byte;
  }

  u32(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number of more than 32 bits');
  }

  s64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (byte & 0x40) === 0 ? value : value | (-1n << (shift + 7n)));
    }
    throw new RangeError('a number of more than 64 bits');
  }

  name(): string {
    return String.fromCharCode(...this.bytes(this.u32()));
  }

  /** @throws RangeError where there is more */
  expectEnd(): void {
    if (this.#at !== this.source.length) throw new RangeError('bytes behind the end');
  }

  /** A copy of so many bytes. */
  bytes(count: number): Uint8Array {
    if (count > this.source.length - this.#at) throw new RangeError('bytes that are cut off');
    this.#at += count;
    return this.source.slice(this.#at - count, this.#at);
  }

  /** As many as a number says that comes first: each takes a byte at least. */
  list<T>(read: () => T): readonly T[] {
    const count = this.u32();
    if (count > this.source.length - this.#at) throw new RangeError('bytes that are cut off');
    return Array.from({ length: count }, read);
  }
}
