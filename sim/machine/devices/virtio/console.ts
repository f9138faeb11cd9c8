/** The virtio console with one port (Virtual I/O Device 1.2, 5.3). */
import type { CharacterInput } from '../../device.js';
import { Stateless } from '../../savable.js';
import type { QueueAccess, VirtioDevice } from './virtio-device.js';
import type { Virtqueue } from './virtqueue.js';

const RECEIVE = 0;
const TRANSMIT = 1;

export class VirtioConsole extends Stateless implements VirtioDevice, CharacterInput {
  readonly id = 3;
  readonly features = 0n;
  readonly queueCount = 2;
  /** Columns, rows, ports, and the register for emergencies, none of which is offered. */
  readonly config = new Uint8Array(12);
  #queues: QueueAccess | undefined;

  /** @param onByte receives what is sent, at once */
  constructor(private readonly onByte: (byte: number) => void) {
    super();
  }

  attach(queues: QueueAccess): void {
    this.#queues = queues;
  }

  serve(index: number, queue: Virtqueue): void {
    // Buffers to receive into wait until something comes.
    if (index !== TRANSMIT) return;
    for (let chain = queue.take(); chain !== undefined; chain = queue.take()) {
      for (const byte of chain.read(0, chain.readableBytes)) this.onByte(byte);
      queue.give(chain, 0);
    }
  }

  readonly listens = 'interrupts';

  get canReceive(): boolean {
    return this.#queues?.use(RECEIVE, (queue) => queue.waiting > 0) ?? false;
  }

  receive(byte: number): void {
    this.#queues?.use(RECEIVE, (queue) => {
      const chain = queue.take();
      if (chain === undefined) return;
      const bytes = Uint8Array.of(byte).subarray(0, chain.writableBytes);
      chain.write(0, bytes);
      queue.give(chain, bytes.length);
    });
  }
}
