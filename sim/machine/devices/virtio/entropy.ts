/** The virtio entropy device (Virtual I/O Device 1.2, 5.4), which gives the same in every run. */
import { Random } from '../../random.js';
import type { Json } from '../../savable.js';
import { SavedState } from '../../saved-state.js';
import type { VirtioDevice } from './virtio-device.js';
import type { Virtqueue } from './virtqueue.js';

/** The device may give less than there is room for. */
const MAX_BYTES = 4096;

export class VirtioEntropy implements VirtioDevice {
  readonly id = 4;
  readonly features = 0n;
  readonly queueCount = 1;
  readonly config = new Uint8Array();
  readonly #random: Random;

  constructor(seed: bigint) {
    this.#random = new Random(seed);
  }

  serve(_index: number, queue: Virtqueue): void {
    for (let chain = queue.take(); chain !== undefined; chain = queue.take()) {
      const bytes = this.#random.bytes(Math.min(chain.writableBytes, MAX_BYTES));
      chain.write(0, bytes);
      queue.give(chain, bytes.length);
    }
  }

  save(): Json {
    return { state: this.#random.state };
  }

  restore(saved: unknown): void {
    const state = new SavedState('a virtio entropy device', saved);
    this.#random.state = state.numbers('state', { count: 4, exact: true });
  }
}
