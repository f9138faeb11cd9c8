/** The transport of virtio devices that lie on the bus by themselves, in its present form and in the one before. */
import type { AccessSize, Device, SetLine } from '../../device.js';
import { InterruptLine } from '../interrupt-line.js';
import type { Json } from '../../savable.js';
import { SavedState } from '../../saved-state.js';
import type { GuestRam } from './guest-ram.js';
import type { QueueAccess, VirtioDevice } from './virtio-device.js';
import { DriverFault, QUEUE_SIZE, Virtqueue } from './virtqueue.js';

/** Offsets of registers (Virtual I/O Device 1.2, 4.2.2 and, of the older form, 4.2.4). */
const REGISTER = {
  magic: 0x000,
  version: 0x004,
  deviceId: 0x008,
  vendorId: 0x00c,
  deviceFeatures: 0x010,
  deviceFeaturesSelect: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSelect: 0x024,
  /** Of the older form. */
  guestPageSize: 0x028,
  queueSelect: 0x030,
  queueSizeMax: 0x034,
  queueSize: 0x038,
  /** Of the older form. */
  queueAlign: 0x03c,
  /** Of the older form. */
  queuePage: 0x040,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAcknowledge: 0x064,
  status: 0x070,
  queueDescriptors: 0x080,
  queueAvailable: 0x090,
  queueUsed: 0x0a0,
  sharedMemoryLength: 0x0b0,
  configGeneration: 0x0fc,
} as const;

const CONFIG = 0x100;
const SIZE_BYTES = 0x200;

/** "virt". */
const MAGIC = 0x7472_6976;
/** "QEMU", as drivers know it. */
const VENDOR = 0x554d_4551;

const FEATURE_VERSION_1 = 1n << 32n;

const STATUS_DRIVER_OK = 0x04;
const STATUS_FEATURES_OK = 0x08;
const STATUS_NEEDS_RESET = 0x40;

const INTERRUPT_USED = 1;
const INTERRUPT_CONFIG = 2;

/** Cells of the addresses that the driver writes in halves: three of two for each queue. */
const HALVES = 6;

export interface VirtioMmioOptions {
  readonly version: 1 | 2;
  readonly ram: GuestRam;
  /** Undefined for an empty slot. */
  readonly device?: VirtioDevice | undefined;
}

export class VirtioMmio implements Device, QueueAccess {
  readonly sizeBytes = SIZE_BYTES;
  readonly #version: 1 | 2;
  readonly #device: VirtioDevice | undefined;
  readonly #queues: readonly Virtqueue[];
  /** The halves of each queue's addresses, in the order of the registers. */
  readonly #halves: readonly number[][];
  #driverFeatures = 0n;
  #deviceFeaturesSelect = 0;
  #driverFeaturesSelect = 0;
  #queueSelect = 0;
  #status = 0;
  #interrupts = 0;
  #pageSize = 0;
  #align = 0;
  readonly #line = new InterruptLine();

  constructor({ version, ram, device }: VirtioMmioOptions) {
    this.#version = version;
    this.#device = device;
    this.#queues = Array.from({ length: device?.queueCount ?? 0 }, () => new Virtqueue(ram));
    this.#halves = this.#queues.map(() => Array.from({ length: HALVES }, () => 0));
    device?.attach?.(this);
  }

  connect(setLine: SetLine): void {
    this.#line.connect(setLine);
  }

  /**
   * As QEMU has it: registers of a device are read whole, and give nothing otherwise. Configuration is read as it
   * comes.
   */
  read(offset: number, sizeBytes: AccessSize): bigint {
    if (offset >= CONFIG) return this.#readConfig(offset - CONFIG, sizeBytes);
    if (sizeBytes !== 4 && this.#device !== undefined) return 0n;
    return BigInt.asUintN(8 * sizeBytes, BigInt(this.#read(offset) >>> 0));
  }

  #readConfig(offset: number, sizeBytes: AccessSize): bigint {
    const config = this.#device?.config ?? new Uint8Array();
    if (this.#device === undefined) return 0n;
    if (offset + sizeBytes > config.length) return BigInt.asUintN(8 * sizeBytes, -1n);
    return config.slice(offset, offset + sizeBytes).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  #read(offset: number): number {
    if (offset === REGISTER.magic) return MAGIC;
    if (offset === REGISTER.version) return this.#version;
    if (offset === REGISTER.vendorId) return VENDOR;
    if (this.#device === undefined) return 0;
    const queue = this.#queues[this.#queueSelect];
    switch (offset) {
      case REGISTER.deviceId:
        return this.#device.id;
      case REGISTER.deviceFeatures:
        return halfOf(this.#features, this.#deviceFeaturesSelect);
      case REGISTER.queueSizeMax:
        return queue === undefined ? 0 : QUEUE_SIZE;
      case REGISTER.queuePage:
        return this.#version === 1 ? (this.#halves[this.#queueSelect]?.[0] ?? 0) : 0;
      case REGISTER.queueReady:
        return this.#version === 2 && queue?.isReady === true ? 1 : 0;
      case REGISTER.interruptStatus:
        return this.#interrupts;
      case REGISTER.status:
        return this.#status;
      case REGISTER.sharedMemoryLength:
      case REGISTER.sharedMemoryLength + 4:
        // A region that does not exist has a length of all ones (4.2.2, SHMLenLow).
        return this.#version === 2 ? -1 : 0;
      default:
        return 0;
    }
  }

  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
    if (this.#device !== undefined && sizeBytes === 4 && offset < CONFIG) this.#write(offset, Number(value));
    this.#line.set(this.#interrupts !== 0);
    return true;
  }

  #write(offset: number, value: number): void {
    switch (offset) {
      case REGISTER.deviceFeaturesSelect:
        this.#deviceFeaturesSelect = value;
        break;
      case REGISTER.driverFeaturesSelect:
        this.#driverFeaturesSelect = value;
        break;
      case REGISTER.driverFeatures:
        this.#chooseFeatures(value);
        break;
      case REGISTER.queueSelect:
        this.#queueSelect = value;
        break;
      case REGISTER.queueSize:
        this.#queues[this.#queueSelect]?.setSize(value);
        break;
      case REGISTER.queueNotify:
        this.use(value, (queue) => this.#device!.serve(value, queue));
        break;
      case REGISTER.interruptAcknowledge:
        this.#interrupts &= ~value;
        break;
      case REGISTER.status:
        this.#setStatus(value & 0xff);
        break;
      default:
        if (this.#version === 1) this.#writeOlder(offset, value);
        else this.#writeNewer(offset, value);
    }
  }

  #writeNewer(offset: number, value: number): void {
    const queue = this.#queues[this.#queueSelect];
    const halves = this.#halves[this.#queueSelect];
    if (queue === undefined || halves === undefined) return;
    const half = [0, 4].flatMap((more) =>
      [REGISTER.queueDescriptors, REGISTER.queueAvailable, REGISTER.queueUsed].map((first) => first + more),
    );
    const index = half.indexOf(offset);
    if (index >= 0) halves[index] = value;
    if (offset !== REGISTER.queueReady) return;
    if ((value & 1) === 0) queue.reset();
    else if (!queue.isReady) {
      const address = (i: number): bigint => (BigInt(halves[i + 3]!) << 32n) | BigInt(halves[i]!);
      queue.start({ descriptors: address(0), available: address(1), used: address(2) });
    }
  }

  /** The parts of a queue lie one behind the other, the last at a multiple of its alignment (2.7.2). */
  #writeOlder(offset: number, value: number): void {
    if (offset === REGISTER.guestPageSize) this.#pageSize = value;
    if (offset === REGISTER.queueAlign) this.#align = value;
    const queue = this.#queues[this.#queueSelect];
    const halves = this.#halves[this.#queueSelect];
    if (offset !== REGISTER.queuePage || queue === undefined || halves === undefined) return;
    halves[0] = value;
    queue.reset();
    if (value === 0) return;
    const descriptors = BigInt(value) * BigInt(this.#pageSize);
    const available = descriptors + 16n * BigInt(queue.size);
    const align = BigInt(Math.max(this.#align, 1));
    const end = available + 6n + 2n * BigInt(queue.size);
    queue.start({ descriptors, available, used: ((end + align - 1n) / align) * align });
  }

  get #features(): bigint {
    return this.#device!.features | (this.#version === 2 ? FEATURE_VERSION_1 : 0n);
  }

  #chooseFeatures(value: number): void {
    if (this.#driverFeaturesSelect > 1 || (this.#status & STATUS_FEATURES_OK) !== 0) return;
    const shift = 32n * BigInt(this.#driverFeaturesSelect);
    this.#driverFeatures = (this.#driverFeatures & ~(0xffff_ffffn << shift)) | (BigInt(value) << shift);
  }

  /** Features that were not offered, or without the one of this form, are not accepted (3.1.1, step 6). */
  #setStatus(value: number): void {
    if (value === 0) return this.#reset();
    const unknown = this.#driverFeatures & ~this.#features;
    const accepted = unknown === 0n && (this.#driverFeatures & FEATURE_VERSION_1) !== 0n;
    const refused = this.#version === 2 && !accepted ? STATUS_FEATURES_OK : 0;
    this.#status = (value & ~(refused | STATUS_NEEDS_RESET)) | (this.#status & STATUS_NEEDS_RESET);
  }

  #reset(): void {
    for (const queue of this.#queues) queue.reset();
    for (const halves of this.#halves) halves.fill(0);
    this.#status = 0;
    this.#interrupts = 0;
    this.#driverFeatures = 0n;
    this.#deviceFeaturesSelect = 0;
    this.#driverFeaturesSelect = 0;
    this.#queueSelect = 0;
  }

  use<T>(index: number, action: (queue: Virtqueue) => T): T | undefined {
    const queue = this.#queues[index];
    const isLive = this.#version === 1 || (this.#status & STATUS_DRIVER_OK) !== 0;
    if (queue?.isReady !== true || !isLive || (this.#status & STATUS_NEEDS_RESET) !== 0) return undefined;
    try {
      queue.begin();
      const before = queue.usedIndex;
      const result = action(queue);
      if (queue.usedIndex !== before && queue.wantsInterrupt) this.#interrupts |= INTERRUPT_USED;
      return result;
    } catch (fault) {
      if (!(fault instanceof DriverFault)) throw fault;
      this.#status |= STATUS_NEEDS_RESET;
      this.#interrupts |= INTERRUPT_CONFIG;
      return undefined;
    } finally {
      this.#line.set(this.#interrupts !== 0);
    }
  }

  save(): Json {
    return {
      driverFeatures: String(this.#driverFeatures),
      selects: [this.#deviceFeaturesSelect, this.#driverFeaturesSelect, this.#queueSelect],
      status: this.#status,
      interrupts: this.#interrupts,
      pageSize: this.#pageSize,
      align: this.#align,
      halves: this.#halves.flat(),
      queues: this.#queues.map((queue) => queue.save()),
      device: this.#device?.save() ?? null,
    };
  }

  restore(saved: unknown): void {
    const state = new SavedState('a virtio device', saved);
    const selects = state.numbers('selects', { count: 3, exact: true });
    const halves = state.numbers('halves', { count: HALVES * this.#queues.length, exact: true });
    const queues = state.list('queues');
    if (queues.length !== this.#queues.length) throw state.broken('queues');
    this.#queues.forEach((queue, i) => queue.restore(queues[i]));
    this.#halves.forEach((own, i) => own.splice(0, HALVES, ...halves.slice(i * HALVES, (i + 1) * HALVES)));
    [this.#deviceFeaturesSelect, this.#driverFeaturesSelect, this.#queueSelect] = selects as [number, number, number];
    this.#driverFeatures = state.big('driverFeatures');
    this.#status = state.number('status', 0xff);
    this.#interrupts = state.number('interrupts', 3);
    this.#pageSize = state.number('pageSize');
    this.#align = state.number('align');
    this.#device?.restore(state.part('device'));
    this.#line.set(this.#interrupts !== 0);
  }
}

const halfOf = (features: bigint, select: number): number =>
  select > 1 ? 0 : Number((features >> (32n * BigInt(select))) & 0xffff_ffffn);
