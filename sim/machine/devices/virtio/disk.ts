/** What is behind a block device: an image, and what was written over it. */
import { SavedState } from '../saved-state.js';
import { fromBase64, toBase64 } from './base64.js';

/** An image that is only read. */
export interface DiskImage {
  readonly sizeBytes: number;
  /** Precondition: it is within the size. @returns undefined when the host cannot read it */
  read(offset: number, sizeBytes: number): Uint8Array | undefined;
}

export interface Disk extends DiskImage {
  /** Precondition: it is within the size. @returns false when the host cannot write it */
  write(offset: number, bytes: Uint8Array): boolean;
  /** @returns false when the host cannot */
  flush(): boolean;
  readonly save?: () => unknown;
  readonly restore?: (saved: unknown) => void;
}

const BLOCK = 4096;

/** Keeps what is written, in memory, and the image as it was. */
export class OverlayDisk implements Disk {
  readonly sizeBytes: number;
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(private readonly image: DiskImage) {
    this.sizeBytes = image.sizeBytes;
  }

  read(offset: number, sizeBytes: number): Uint8Array | undefined {
    const bytes = this.image.read(offset, sizeBytes);
    if (bytes === undefined || this.#blocks.size === 0) return bytes;
    const changed = bytes.slice();
    for (let at = 0; at < sizeBytes;) {
      const inBlock = (offset + at) % BLOCK;
      const length = Math.min(BLOCK - inBlock, sizeBytes - at);
      const block = this.#blocks.get(Math.floor((offset + at) / BLOCK));
      if (block !== undefined) changed.set(block.subarray(inBlock, inBlock + length), at);
      at += length;
    }
    return changed;
  }

  write(offset: number, bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      const inBlock = (offset + at) % BLOCK;
      const length = Math.min(BLOCK - inBlock, bytes.length - at);
      const block = this.#blockToWrite(Math.floor((offset + at) / BLOCK));
      if (block === undefined) return false;
      block.set(bytes.subarray(at, at + length), inBlock);
      at += length;
    }
    return true;
  }

  flush(): boolean {
    return true;
  }

  #blockToWrite(index: number): Uint8Array | undefined {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    const start = index * BLOCK;
    const original = this.image.read(start, Math.min(BLOCK, this.sizeBytes - start));
    if (original === undefined) return undefined;
    const block = new Uint8Array(BLOCK);
    block.set(original);
    this.#blocks.set(index, block);
    return block;
  }

  save(): unknown {
    const numbers = [...this.#blocks.keys()].sort((a, b) => a - b);
    return { numbers, blocks: numbers.map((index) => toBase64(this.#blocks.get(index)!)) };
  }

  restore(saved: unknown): void {
    const state = new SavedState('a disk', saved);
    const count = Math.ceil(this.sizeBytes / BLOCK);
    const numbers = state.numbers('numbers', { count, max: count - 1 });
    const blocks = state.list('blocks').map((text) => (typeof text === 'string' ? fromBase64(text) : undefined));
    if (blocks.length !== numbers.length || blocks.some((block) => block?.length !== BLOCK))
      throw state.broken('blocks');
    this.#blocks.clear();
    numbers.forEach((index, i) => this.#blocks.set(index, blocks[i]!));
  }
}
