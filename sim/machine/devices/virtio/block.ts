/** The virtio block device (Virtual I/O Device 1.2, 5.2). */
import { Stateless } from '../../savable.js';
import type { Disk } from './disk.js';
import type { VirtioDevice } from './virtio-device.js';
import { type Chain, DriverFault, type Virtqueue } from './virtqueue.js';

const SECTOR = 512;

const FEATURE_SEGMENTS_MAX = 1n << 2n;
const FEATURE_FLUSH = 1n << 9n;

/** Segments of a request, so that it fits into a queue with its header and its status. */
const SEGMENTS_MAX = 126;

/** Types of requests (5.2.6). */
const TYPE = { read: 0, write: 1, flush: 4, id: 8 } as const;
const STATUS = { ok: 0, ioError: 1, unsupported: 2 } as const;

const HEADER_BYTES = 16;
const ID_BYTES = 20;

/** The status of a request, and bytes for the driver before it. */
interface Answer {
  readonly status: number;
  readonly bytes?: Uint8Array;
}

/** What was written to the disk is saved with the disk, and not here. */
export class VirtioBlock extends Stateless implements VirtioDevice {
  readonly id = 2;
  readonly features = FEATURE_SEGMENTS_MAX | FEATURE_FLUSH;
  readonly queueCount = 1;
  readonly config: Uint8Array;
  readonly #sectors: number;

  /** @param name what the driver may read as the serial number, of which 20 characters count */
  constructor(
    private readonly disk: Disk,
    private readonly name = '',
  ) {
    super();
    this.#sectors = Math.floor(disk.sizeBytes / SECTOR);
    this.config = new Uint8Array(24);
    const view = new DataView(this.config.buffer);
    view.setBigUint64(0, BigInt(this.#sectors), true);
    view.setUint32(12, SEGMENTS_MAX, true);
    view.setUint32(20, SECTOR, true);
  }

  serve(_index: number, queue: Virtqueue): void {
    for (let chain = queue.take(); chain !== undefined; chain = queue.take()) {
      if (chain.readableBytes < HEADER_BYTES || chain.writableBytes < 1) {
        throw new DriverFault('a request has no header, or no room for its status');
      }
      const { status, bytes } = this.#answer(chain);
      if (bytes !== undefined) chain.write(0, bytes);
      chain.write(chain.writableBytes - 1, Uint8Array.of(status));
      queue.give(chain, (bytes?.length ?? 0) + 1);
    }
  }

  #answer(chain: Chain): Answer {
    const header = new DataView(chain.read(0, HEADER_BYTES).buffer);
    const sector = header.getBigUint64(8, true);
    switch (header.getUint32(0, true)) {
      case TYPE.read:
        return this.#read(sector, chain.writableBytes - 1);
      case TYPE.write:
        return this.#write(sector, chain);
      case TYPE.flush:
        return { status: this.disk.flush() ? STATUS.ok : STATUS.ioError };
      case TYPE.id: {
        const bytes = new Uint8Array(Math.min(ID_BYTES, chain.writableBytes - 1));
        return { status: STATUS.ok, bytes: bytes.map((_, i) => (this.name.charCodeAt(i) || 0) & 0xff) };
      }
      default:
        return { status: STATUS.unsupported };
    }
  }

  #read(sector: bigint, sizeBytes: number): Answer {
    if (!this.#has(sector, sizeBytes)) return { status: STATUS.ioError };
    const bytes = this.disk.read(Number(sector) * SECTOR, sizeBytes);
    return bytes === undefined ? { status: STATUS.ioError } : { status: STATUS.ok, bytes };
  }

  #write(sector: bigint, chain: Chain): Answer {
    const sizeBytes = chain.readableBytes - HEADER_BYTES;
    if (!this.#has(sector, sizeBytes)) return { status: STATUS.ioError };
    const written = this.disk.write(Number(sector) * SECTOR, chain.read(HEADER_BYTES, sizeBytes));
    return { status: written ? STATUS.ok : STATUS.ioError };
  }

  #has(sector: bigint, sizeBytes: number): boolean {
    return sizeBytes % SECTOR === 0 && sector + BigInt(sizeBytes / SECTOR) <= BigInt(this.#sectors);
  }
}
