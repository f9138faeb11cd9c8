/**
 * GICv2m: a frame that makes SPIs of the messages that PCI devices send as interrupts (Arm SBSA, DEN0029, appendix E).
 */
import type { InterruptController } from '../device.js';
import { RegisterBlock, type RegisterRow } from './register-block.js';

/** MSI_IIDR: the product is QEMU's, without an implementer. */
const IIDR = 0x51 << 20;

export class GicV2m extends RegisterBlock {
  /** @param firstSpi INTID of the first SPI that messages may raise @param count how many may */
  constructor(firstSpi: number, count: number, controller: InterruptController) {
    const rows: readonly RegisterRow[] = [
      { at: 0x008, read: () => (firstSpi << 16) | count }, // MSI_TYPER
      {
        at: 0x040, // MSI_SETSPI_NS
        write: (_processor, _index, value) => {
          const spi = value & 0x3ff;
          if (spi < firstSpi || spi >= firstSpi + count) return;
          controller.raise(spi, true);
          controller.raise(spi, false);
        },
      },
      { at: 0xfcc, read: () => IIDR },
    ];
    super(
      0x1000,
      rows,
      () => 0,
      () => {},
    );
  }
}
