/** What was translated in earlier runs, and in this one: for those who keep it from run to run. */

import { decodeRegions, encodeRegions, type KeptRegion } from './hot/kept-region.js';

/** Bytes of functions that one run adds, at most: code that is made again and again would have no end. */
export const MAX_ADDED_BYTES = 16 * 1024 * 1024;

/** Regions that a machine's processors begin with, and those that they add. */
export class Translations {
  readonly #added = new Map<string, KeptRegion>();
  #addedBytes = 0;

  private constructor(
    readonly earlier: readonly KeptRegion[],
    private readonly isKept: boolean,
  ) {}

  /** For a run that begins with nothing, and of which nothing is kept. */
  static none(): Translations {
    return new Translations([], false);
  }

  /** For a run that begins with nothing. */
  static fresh(): Translations {
    return new Translations([], true);
  }

  /**
   * What {@link toBytes} gave. The code in it is carried out as it is, so that whoever can change the bytes decides what
   * the machine does; nothing outside the machine's memory can be reached by it.
   * @throws RangeError for other bytes
   */
  static fromBytes(bytes: Uint8Array): Translations {
    return new Translations(decodeRegions(bytes), true);
  }

  /** How many regions were added. */
  get added(): number {
    return this.#added.size;
  }

  /** Adds what was translated; of the same region, the last one stays. */
  add(region: KeptRegion): void {
    if (!this.isKept || this.#addedBytes > MAX_ADDED_BYTES) return;
    this.#added.set(`${region.start} ${region.words[0]?.words.join() ?? ''} ${region.context}`, region);
    this.#addedBytes += region.body.length;
  }

  /** Those of earlier runs, and those that were added. */
  toBytes(): Uint8Array {
    return encodeRegions([...this.earlier, ...this.#added.values()]);
  }
}
