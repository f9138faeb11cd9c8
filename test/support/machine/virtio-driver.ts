/** A driver of virtio devices on the bus, as small as can be: one queue at a time, of eight descriptors. */
import { Range } from '../../../kexec/base/range.js';
import type { GuestRam } from '../../../sim/machine/devices/virtio/guest-ram.js';
import type { VirtioDevice } from '../../../sim/machine/devices/virtio/virtio-device.js';
import { VirtioMmio } from '../../../sim/machine/devices/virtio/virtio-mmio.js';
import { Driver } from './device-access.js';

const BASE = 0x4000_0000n;
const SIZE = 0x2_0000;
export const QUEUE = 8;

/** 128 KiB of RAM. */
export class SmallRam implements GuestRam {
  readonly bytes = new Uint8Array(SIZE);
  readonly view = new DataView(this.bytes.buffer);

  isRam(physAddr: bigint, sizeBytes: bigint): boolean {
    return Range.sized(BASE, BigInt(SIZE)).covers(Range.sized(physAddr, sizeBytes)) && physAddr + sizeBytes > physAddr;
  }

  read(physAddr: bigint, sizeBytes: number): Uint8Array {
    const at = Number(physAddr - BASE);
    return this.bytes.slice(at, at + sizeBytes);
  }

  write(physAddr: bigint, bytes: Uint8Array): void {
    this.bytes.set(bytes, Number(physAddr - BASE));
  }
}

export interface BufferOptions {
  readonly at?: bigint;
  readonly sizeBytes: number;
  readonly write?: boolean;
  readonly flags?: number;
  readonly next?: number;
}

/** Offsets in RAM of the parts of a queue: each queue has a page, and the older form's used ring the next one. */
const queueAt = (index: number): number => 0x1000 + 0x2000 * index;
/** Where data lies. */
export const DATA = 0x1_0000;
export const dataAt = (offset: number): bigint => BASE + BigInt(DATA + offset);

export class VirtioDriver {
  readonly ram: SmallRam;
  readonly slot: Driver<VirtioMmio>;
  readonly #available = [0, 0];

  constructor(
    device: VirtioDevice | undefined,
    readonly version: 1 | 2 = 2,
    ram = new SmallRam(),
  ) {
    this.ram = ram;
    this.slot = new Driver(new VirtioMmio({ version, ram, device }));
  }

  /** As 3.1.1 has it, up to DRIVER_OK. */
  start(queues: number): void {
    const { slot } = this;
    slot.write(0x70, 0);
    slot.write(0x70, 3);
    if (this.version === 2) {
      slot.write(0x24, 1);
      slot.write(0x20, 1);
      slot.write(0x70, 11);
    } else slot.write(0x28, 0x1000);
    for (let index = 0; index < queues; index++) this.#startQueue(index);
    slot.write(0x70, slot.read(0x70) | 4);
  }

  #startQueue(index: number): void {
    const { slot } = this;
    const descriptors = Number(BASE) + queueAt(index);
    slot.write(0x30, index);
    slot.write(0x38, QUEUE);
    if (this.version === 1) {
      slot.write(0x3c, 0x1000);
      slot.write(0x40, descriptors >> 12);
      return;
    }
    slot.write(0x80, descriptors);
    slot.write(0x90, descriptors + 16 * QUEUE);
    slot.write(0xa0, descriptors + 0x1000);
    slot.write(0x44, 1);
  }

  descriptor(queue: number, index: number, { at, sizeBytes, write, flags, next }: BufferOptions): void {
    const { view } = this.ram;
    const entry = queueAt(queue) + 16 * index;
    view.setBigUint64(entry, at ?? dataAt(0), true);
    view.setUint32(entry + 8, sizeBytes, true);
    view.setUint16(entry + 12, (flags ?? 0) | (write === true ? 2 : 0) | (next === undefined ? 0 : 1), true);
    view.setUint16(entry + 14, next ?? 0, true);
  }

  /** Makes a chain available. */
  offer(queue: number, head: number): void {
    const { view } = this.ram;
    const ring = queueAt(queue) + 16 * QUEUE;
    view.setUint16(ring + 4 + 2 * (this.#available[queue]! % QUEUE), head, true);
    view.setUint16(ring + 2, ++this.#available[queue]!, true);
  }

  setAvailable(queue: number, index: number): void {
    this.ram.view.setUint16(queueAt(queue) + 16 * QUEUE + 2, index, true);
  }

  refuseInterrupts(queue: number): void {
    this.ram.view.setUint16(queueAt(queue) + 16 * QUEUE, 1, true);
  }

  notify(queue: number): void {
    this.slot.write(0x50, queue);
  }

  /** What the device has handed back: heads and lengths. */
  used(queue: number): readonly (readonly [head: number, sizeBytes: number])[] {
    const { view } = this.ram;
    const ring = queueAt(queue) + 0x1000;
    return Array.from({ length: view.getUint16(ring + 2, true) }, (_, i) => {
      const entry = ring + 4 + 8 * (i % QUEUE);
      return [view.getUint32(entry, true), view.getUint32(entry + 4, true)] as const;
    });
  }
}
