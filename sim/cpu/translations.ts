/** What was translated in earlier runs, and in this one: for those who keep it from run to run. */

import { readHandlers, writeHandlers, type KeptHandler } from './cold/kept-handler.js';
import { readRegions, writeRegions, type KeptRegion } from './hot/kept-region.js';
import { ByteReader } from './wasm/reader.js';
import { ByteWriter } from './wasm/writer.js';

/** Bytes of functions that one run adds, at most: code that is made again and again would have no end. */
export const MAX_ADDED_BYTES = 16 * 1024 * 1024;

/** What a run begins with. */
interface Earlier {
  readonly regions: readonly KeptRegion[];
  readonly handlers: readonly KeptHandler[];
}

const NOTHING: Earlier = { regions: [], handlers: [] };

/** Regions and handlers that a machine's processors begin with, and those that they add. */
export class Translations {
  readonly #added = new Map<string, KeptRegion>();
  readonly #handlers: KeptHandler[] = [];
  #addedBytes = 0;

  private constructor(
    readonly earlier: Earlier,
    private readonly isKept: boolean,
  ) {}

  /** For a run that begins with nothing, and of which nothing is kept. */
  static none(): Translations {
    return new Translations(NOTHING, false);
  }

  /** For a run that begins with nothing. */
  static fresh(): Translations {
    return new Translations(NOTHING, true);
  }

  /**
   * What {@link toBytes} gave. The code in it is carried out as it is, so that whoever can change the bytes decides
   * what the machine does; nothing outside the machine's memory can be reached by it.
   * @throws RangeError for other bytes
   */
  static fromBytes(bytes: Uint8Array): Translations {
    const reader = new ByteReader(bytes);
    return new Translations({ regions: readRegions(reader), handlers: readHandlers(reader) }, true);
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

  /** Adds a handler that there was none of. */
  addHandler(handler: KeptHandler): void {
    if (this.isKept) this.#handlers.push(handler);
  }

  /** What there was earlier, and what was added. */
  toBytes(): Uint8Array {
    const { regions, handlers } = this.earlier;
    const writer = new ByteWriter(1 << 20);
    writeRegions(writer, [...regions, ...this.#added.values()]);
    writeHandlers(writer, [...handlers, ...this.#handlers]);
    return writer.bytes.slice();
  }
}
