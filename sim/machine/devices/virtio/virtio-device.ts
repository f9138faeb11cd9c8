/** What a virtio device is to the transport that it is behind. */
import type { Savable } from '../../savable.js';
import type { Virtqueue } from './virtqueue.js';

export interface VirtioDevice extends Savable {
  /** (Virtual I/O Device 1.2, 5: device ID.) */
  readonly id: number;
  /** What it can besides what the transport can. */
  readonly features: bigint;
  readonly queueCount: number;
  /** Its configuration space. */
  readonly config: Uint8Array;
  /** Takes what waits in a queue that the driver told of. @throws DriverFault */
  serve(index: number, queue: Virtqueue): void;
  /** Gives it the way to its queues when nobody told of them. */
  readonly attach?: (queues: QueueAccess) => void;
}

export interface QueueAccess {
  /** Does something with a queue; undefined, and nothing done, where the driver is not ready for it or broke it. */
  use<T>(index: number, action: (queue: Virtqueue) => T): T | undefined;
}
