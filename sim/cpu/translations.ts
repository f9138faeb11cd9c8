/** What was translated in earlier runs, and in this one: for those who keep it from run to run. */

import { readHandlers, writeHandlers, type KeptHandler } from './cold/kept-handler.js';
import { readRegions, writeRegions, type KeptRegion } from './hot/kept-region.js';
import { ByteReader } from './wasm/reader.js';
import { ByteWriter } from './wasm/writer.js';

/** Bytes of functions that are kept, at most: code that is at other addresses in each run would have no end. */
export const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** What a run begins with. */
interface Earlier {
  readonly regions: readonly KeptRegion[];
  readonly handlers: readonly KeptHandler[];
}

const NOTHING: Earlier = { regions: [], handlers: [] };

const nameOfRegion = ({ context, start, words }: KeptRegion): string =>
  `${start} ${words[0]?.words.join() ?? ''} ${context}`;

const nameOfHandler = ({ context, shape }: KeptHandler): string => `${context}\n${shape}`;

/** Regions and handlers that a machine's processors begin with, and those that they add. */
export class Translations {
  /** Regions of earlier runs by what they are, the last one that was in use first. */
  readonly #regions: Map<string, KeptRegion>;
  readonly #handlers: Map<string, KeptHandler>;
  /** Those that this run added, or made use of. */
  readonly #recent = new Map<string, KeptRegion>();
  #recentBytes = 0;
  #added = 0;

  private constructor(
    readonly earlier: Earlier,
    private readonly isKept: boolean,
  ) {
    this.#regions = new Map(earlier.regions.map((region) => [nameOfRegion(region), region]));
    this.#handlers = new Map(earlier.handlers.map((handler) => [nameOfHandler(handler), handler]));
  }

  /** For a run that begins with nothing, and of which nothing is kept. */
  static none(): Translations {
    return new Translations(NOTHING, false);
  }

  /** For a run that begins with nothing. */
  static fresh(): Translations {
    return new Translations(NOTHING, true);
  }

  /**
   * What {@link toBytes} gave. The code in it is carried out as it is: whoever can change the bytes decides what the
   * machine does, and may have the run never end or end in a trap. Nothing outside the machine's memory is reached.
   * @throws RangeError for other bytes
   */
  static fromBytes(bytes: Uint8Array): Translations {
    const reader = new ByteReader(bytes);
    const earlier = { regions: readRegions(reader), handlers: readHandlers(reader) };
    reader.expectEnd();
    return new Translations(earlier, true);
  }

  /** How many regions were added that there were none of. */
  get added(): number {
    return this.#added;
  }

  /** Adds what was translated; of the same region, the last one stays. */
  add(region: KeptRegion): void {
    if (!this.isKept) return;
    const name = nameOfRegion(region);
    if (!this.#regions.has(name) && !this.#recent.has(name)) this.#added++;
    this.#note(name, region);
  }

  /** A region of an earlier run is in use in this one. */
  noteUse(region: KeptRegion): void {
    this.#note(nameOfRegion(region), region);
  }

  #note(name: string, region: KeptRegion): void {
    if (this.#recentBytes > MAX_KEPT_BYTES) return;
    this.#recentBytes += region.body.length - (this.#recent.get(name)?.body.length ?? 0);
    this.#recent.set(name, region);
  }

  /** Adds a handler that was made. */
  addHandler(handler: KeptHandler): void {
    if (this.isKept) this.#handlers.set(nameOfHandler(handler), handler);
  }

  /** What earlier runs left is no good, and is not to be kept. */
  forgetEarlier(): void {
    this.#regions.clear();
    this.#handlers.clear();
  }

  /** What this run added or used, and what there was earlier, as far as there is room. */
  toBytes(): Uint8Array {
    const regions: KeptRegion[] = [];
    let bytes = 0;
    const older = [...this.#regions].flatMap(([name, region]) => (this.#recent.has(name) ? [] : [region]));
    for (const region of [...this.#recent.values(), ...older]) {
      bytes += region.body.length;
      if (bytes > MAX_KEPT_BYTES) break;
      regions.push(region);
    }
    const writer = new ByteWriter(1 << 20);
    writeRegions(writer, regions);
    writeHandlers(writer, [...this.#handlers.values()]);
    return writer.bytes.slice();
  }
}
