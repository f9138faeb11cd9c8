/** Split virtqueues (Virtual I/O Device 1.2, 2.7): what a driver and a device hand each other in the guest's RAM. */
import type { Json } from '../../savable.js';
import { SavedState } from '../../saved-state.js';
import type { GuestRam } from './guest-ram.js';

/** Descriptors of a queue at most. */
export const QUEUE_SIZE = 256;
/**
 * Bytes that the buffers of one notification may have, so that a driver which repeats them does not stop the machine.
 */
const MAX_BYTES = 64 << 20;

const DESCRIPTOR_BYTES = 16n;
const FLAG_NEXT = 1;
const FLAG_WRITE = 2;
const FLAG_INDIRECT = 4;
const AVAILABLE_NO_INTERRUPT = 1;

/** What the driver laid down makes no sense. Does not leave the transport: the device then needs a reset. */
export class DriverFault extends Error {}

interface Buffer {
  readonly physAddr: bigint;
  readonly sizeBytes: number;
}

/** Where the parts of a queue lie. */
export interface Rings {
  readonly descriptors: bigint;
  readonly available: bigint;
  readonly used: bigint;
}

export class Virtqueue {
  #size = QUEUE_SIZE;
  #rings: Rings | undefined;
  /** The next entries of the two rings, modulo 2^16. */
  #nextAvailable = 0;
  #nextUsed = 0;
  #bytes = 0;

  constructor(private readonly ram: GuestRam) {}

  get isReady(): boolean {
    return this.#rings !== undefined;
  }

  get size(): number {
    return this.#size;
  }

  /** How much the device has handed back; grows with each chain, modulo 2^16. */
  get usedIndex(): number {
    return this.#nextUsed;
  }

  /** One that is no power of two, or too large, is ignored, and so is one that comes when the queue is in use. */
  setSize(size: number): void {
    if (!this.isReady && size > 0 && size <= QUEUE_SIZE && (size & (size - 1)) === 0) this.#size = size;
  }

  start(rings: Rings): void {
    this.#rings = rings;
  }

  reset(): void {
    this.#rings = undefined;
    this.#nextAvailable = 0;
    this.#nextUsed = 0;
  }

  /** Says that a notification begins. */
  begin(): void {
    this.#bytes = 0;
  }

  get #ready(): Rings {
    if (this.#rings === undefined) throw new DriverFault('the queue is not ready');
    return this.#rings;
  }

  /** How many chains wait. @throws DriverFault */
  get waiting(): number {
    const count = (this.#u16(this.#ready.available + 2n) - this.#nextAvailable) & 0xffff;
    if (count > this.#size) throw new DriverFault('more is available than there are descriptors');
    return count;
  }

  /** Whether the driver wants to be told when something is used. @throws DriverFault */
  get wantsInterrupt(): boolean {
    return (this.#u16(this.#ready.available) & AVAILABLE_NO_INTERRUPT) === 0;
  }

  /** The next chain; undefined when none waits. @throws DriverFault */
  take(): Chain | undefined {
    if (this.waiting === 0) return undefined;
    const entry = BigInt(this.#nextAvailable % this.#size);
    const head = this.#u16(this.#ready.available + 4n + 2n * entry);
    this.#nextAvailable = (this.#nextAvailable + 1) & 0xffff;
    return this.#chainAt(head);
  }

  /** Hands a chain back. @param writtenBytes how much of it was written @throws DriverFault */
  give({ head }: Chain, writtenBytes: number): void {
    const { used } = this.#ready;
    const entry = new Uint8Array(8);
    const view = new DataView(entry.buffer);
    view.setUint32(0, head, true);
    view.setUint32(4, writtenBytes, true);
    this.#write(used + 4n + 8n * BigInt(this.#nextUsed % this.#size), entry);
    this.#nextUsed = (this.#nextUsed + 1) & 0xffff;
    this.#write(used + 2n, Uint8Array.of(this.#nextUsed & 0xff, this.#nextUsed >> 8));
  }

  #chainAt(head: number): Chain {
    const readable: Buffer[] = [];
    const writable: Buffer[] = [];
    for (let index = head, count = 0; ; count++) {
      if (index >= this.#size) throw new DriverFault('a descriptor is outside of the table');
      if (count === this.#size) throw new DriverFault('a chain has no end');
      const bytes = this.#read(this.#ready.descriptors + DESCRIPTOR_BYTES * BigInt(index), 16);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const buffer = { physAddr: view.getBigUint64(0, true), sizeBytes: view.getUint32(8, true) };
      const flags = view.getUint16(12, true);
      if ((flags & FLAG_INDIRECT) !== 0) throw new DriverFault('a descriptor is indirect, which was not offered');
      if (buffer.sizeBytes === 0) throw new DriverFault('a buffer has no bytes');
      this.#requireRam(buffer.physAddr, buffer.sizeBytes);
      this.#bytes += buffer.sizeBytes;
      if (this.#bytes > MAX_BYTES) throw new DriverFault('the buffers are too large');
      if ((flags & FLAG_WRITE) !== 0) writable.push(buffer);
      else if (writable.length === 0) readable.push(buffer);
      else throw new DriverFault('a buffer to read comes behind one to write');
      if ((flags & FLAG_NEXT) === 0) return new Chain(this.ram, head, readable, writable);
      index = view.getUint16(14, true);
    }
  }

  #requireRam(physAddr: bigint, sizeBytes: number): void {
    if (!this.ram.isRam(physAddr, BigInt(sizeBytes))) throw new DriverFault('something is not in RAM');
  }

  #read(physAddr: bigint, sizeBytes: number): Uint8Array {
    this.#requireRam(physAddr, sizeBytes);
    return this.ram.read(physAddr, sizeBytes);
  }

  #write(physAddr: bigint, bytes: Uint8Array): void {
    this.#requireRam(physAddr, bytes.length);
    this.ram.write(physAddr, bytes);
  }

  #u16(physAddr: bigint): number {
    const bytes = this.#read(physAddr, 2);
    return bytes[0]! | (bytes[1]! << 8);
  }

  save(): Json {
    const rings = this.#rings;
    return {
      size: this.#size,
      ready: rings !== undefined,
      descriptors: String(rings?.descriptors ?? 0n),
      available: String(rings?.available ?? 0n),
      used: String(rings?.used ?? 0n),
      nextAvailable: this.#nextAvailable,
      nextUsed: this.#nextUsed,
    };
  }

  /** @throws MachineError */
  restore(saved: unknown): void {
    const state = new SavedState('a virtqueue', saved);
    const size = state.number('size', QUEUE_SIZE);
    const rings = { descriptors: state.big('descriptors'), available: state.big('available'), used: state.big('used') };
    this.reset();
    this.setSize(size);
    this.#rings = state.flag('ready') ? rings : undefined;
    this.#nextAvailable = state.number('nextAvailable', 0xffff);
    this.#nextUsed = state.number('nextUsed', 0xffff);
  }
}

/** Buffers that belong together: first what the device reads, then what it writes. */
export class Chain {
  readonly readableBytes: number;
  readonly writableBytes: number;

  constructor(
    private readonly ram: GuestRam,
    readonly head: number,
    private readonly readable: readonly Buffer[],
    private readonly writable: readonly Buffer[],
  ) {
    this.readableBytes = sizeOf(readable);
    this.writableBytes = sizeOf(writable);
  }

  /** Bytes from an offset of what the device reads. Precondition: they are there. */
  read(offset: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    each(this.readable, offset, sizeBytes, (at, physAddr, length) => {
      bytes.set(this.ram.read(physAddr, length), at);
    });
    return bytes;
  }

  /** Writes at an offset of what the device writes. Precondition: there is room. */
  write(offset: number, bytes: Uint8Array): void {
    each(this.writable, offset, bytes.length, (at, physAddr, length) => {
      this.ram.write(physAddr, bytes.subarray(at, at + length));
    });
  }
}

const sizeOf = (buffers: readonly Buffer[]): number => buffers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/** Calls `action` with each piece of memory that has bytes from `offset`; `at` counts from there. */
const each = (
  buffers: readonly Buffer[],
  offset: number,
  sizeBytes: number,
  action: (at: number, physAddr: bigint, length: number) => void,
): void => {
  let start = 0;
  for (const buffer of buffers) {
    const first = Math.max(offset, start);
    const end = Math.min(offset + sizeBytes, start + buffer.sizeBytes);
    if (first < end) action(first - offset, buffer.physAddr + BigInt(first - start), end - first);
    start += buffer.sizeBytes;
  }
};
