/** A register that sends the bytes that are written to it, as kexec's purgatory knows any UART (`--serial`). */
import type { AccessSize, Device } from '../device.js';
import { Stateless } from '../savable.js';

export class ByteSink extends Stateless implements Device {
  readonly sizeBytes = 4;

  /** @param onByte receives what is sent, at once */
  constructor(private readonly onByte: (byte: number) => void) {
    super();
  }

  read(): bigint {
    return 0n;
  }

  write(offset: number, _sizeBytes: AccessSize, value: bigint): boolean {
    if (offset === 0) this.onByte(Number(value & 0xffn));
    return true;
  }
}
