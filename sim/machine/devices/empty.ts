/** Devices that are there, with nothing in them. */
import type { AccessSize, Device } from '../device.js';
import { Stateless } from '../savable.js';

/**
 * The configuration space of a PCI Express bus without functions: what nobody answers reads as all ones (PCI Express
 * Base Specification, 2.3.2, Configuration Request with Unsupported Request).
 */
export class EmptyEcam extends Stateless implements Device {
  constructor(readonly sizeBytes: number) {
    super();
  }

  read(_offset: number, sizeBytes: AccessSize): bigint {
    return BigInt.asUintN(8 * sizeBytes, -1n);
  }

  write(): boolean {
    return true;
  }
}

/**
 * QEMU's fw_cfg without its signature: who asks for "QEMU" reads zeros, and goes away (QEMU's docs/specs/fw_cfg.txt,
 * Signature).
 */
export class EmptyFwCfg extends Stateless implements Device {
  constructor(readonly sizeBytes: number) {
    super();
  }

  read(): bigint {
    return 0n;
  }

  write(): boolean {
    return true;
  }
}
