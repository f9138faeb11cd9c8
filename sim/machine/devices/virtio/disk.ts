/** What is behind a block device: an image, and what was written over it. */
import { MachineError } from '../../error.js';

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
  /** The blocks that it has in memory, and the image has not. */
  written(): Iterable<DiskBlock>;
  /** Takes a block that {@link written} gave. @throws MachineError where it can have none such */
  putBack(block: DiskBlock): void;
  /** Goes back and forth in time; undefined for one whose host keeps what is written. */
  readonly past?: DiskPast;
}

/** What a disk in memory was at some time. It does not change any more. */
export type DiskState = ReadonlyMap<number, Uint8Array>;

/** What a disk was, and can be again. */
export interface DiskPast {
  state(): DiskState;
  restore(state: DiskState): void;
}

/** A block that was written to. */
export interface DiskBlock {
  /** It lies {@link BLOCK_BYTES} times as many bytes from the start. */
  readonly index: number;
  /** {@link BLOCK_BYTES} of them, of which those behind the disk's end do not count. */
  readonly bytes: Uint8Array;
}

export const BLOCK_BYTES = 4096;

/** Keeps what is written, in memory, and the image as it was. */
export class OverlayDisk implements Disk {
  readonly sizeBytes: number;
  #blocks = new Map<number, Uint8Array>();
  /** The blocks that no {@link DiskState} has: they may change. */
  readonly #own = new Set<number>();
  #state: DiskState | undefined;

  constructor(private readonly image: DiskImage) {
    this.sizeBytes = image.sizeBytes;
  }

  readonly past: DiskPast = {
    state: () => {
      this.#state ??= new Map(this.#blocks);
      this.#own.clear();
      return this.#state;
    },
    restore: (state) => {
      this.#blocks = new Map(state);
      this.#own.clear();
      this.#state = state;
    },
  };

  read(offset: number, sizeBytes: number): Uint8Array | undefined {
    const bytes = this.image.read(offset, sizeBytes);
    if (bytes === undefined || this.#blocks.size === 0) return bytes;
    const changed = bytes.slice();
    for (let at = 0; at < sizeBytes;) {
      const inBlock = (offset + at) % BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - inBlock, sizeBytes - at);
      const block = this.#blocks.get(Math.floor((offset + at) / BLOCK_BYTES));
      if (block !== undefined) changed.set(block.subarray(inBlock, inBlock + length), at);
      at += length;
    }
    return changed;
  }

  write(offset: number, bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      const inBlock = (offset + at) % BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - inBlock, bytes.length - at);
      const block = this.#blockToWrite(Math.floor((offset + at) / BLOCK_BYTES));
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
    if (known !== undefined && this.#own.has(index)) return known;
    const start = index * BLOCK_BYTES;
    const original = known ?? this.image.read(start, Math.min(BLOCK_BYTES, this.sizeBytes - start));
    if (original === undefined) return undefined;
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(original);
    this.#put(index, block);
    return block;
  }

  *written(): Generator<DiskBlock> {
    for (const [index, bytes] of this.#blocks) yield { index, bytes };
  }

  putBack({ index, bytes }: DiskBlock): void {
    const isThere = Number.isInteger(index) && index >= 0 && index * BLOCK_BYTES < this.sizeBytes;
    if (!isThere || bytes.length !== BLOCK_BYTES) throw new MachineError('what was written to a disk is broken');
    this.#put(index, bytes.slice());
  }

  #put(index: number, block: Uint8Array): void {
    this.#blocks.set(index, block);
    this.#own.add(index);
    this.#state = undefined;
  }
}
