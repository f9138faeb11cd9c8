/** Regions of earlier runs: which of them are in use, and which wait for their code to be in memory. */

import type { Functions } from './emit/functions.js';
import { firstPageOf, pagesOf, type KeptRegion } from './hot/kept-region.js';

/**
 * How often a region is compared with what is in memory before it is given up: a kernel patches itself when it starts.
 */
const MAX_ATTEMPTS = 8;

/** A region that is in the table of functions. */
export interface StoredRegion {
  readonly kept: KeptRegion;
  /** In the table. */
  readonly index: number;
  readonly pages: readonly bigint[];
  attempts: number;
  inUse: boolean;
}

export class StoredRegions {
  /** Whether their bodies were functions at all. */
  readonly isValid: boolean;
  /** By context, and by the page that they begin in. */
  readonly #regions = new Map<string, Map<bigint, StoredRegion[]>>();
  readonly #byIndex = new Map<number, StoredRegion>();

  /**
   * All of them are one module, whose functions V8 compiles as they are called first; where it is none, there are no
   * regions.
   */
  constructor(regions: readonly KeptRegion[], functions: Pick<Functions, 'addIfValid'>) {
    const indexes = functions.addIfValid(
      'region',
      regions.map(({ body }) => body),
    );
    this.isValid = indexes !== undefined;
    const stored = (indexes ?? []).map((index, i): StoredRegion => {
      const region = regions[i]!;
      return { kept: region, index, pages: pagesOf(region), attempts: 0, inUse: false };
    });
    for (const region of stored) {
      this.#byIndex.set(region.index, region);
      const { context } = region.kept;
      const page = firstPageOf(region.kept);
      const ofContext = this.#regions.get(context) ?? new Map<bigint, StoredRegion[]>();
      this.#regions.set(context, ofContext);
      const alike = ofContext.get(page);
      if (alike === undefined) ofContext.set(page, [region]);
      else alike.push(region);
    }
  }

  /** Has those used that begin in a page, as far as they can be. @param use says whether it could */
  useIn(context: string, virtPage: bigint, use: (region: StoredRegion) => boolean): void {
    for (const region of this.#regions.get(context)?.get(virtPage) ?? []) {
      if (region.inUse || region.attempts >= MAX_ATTEMPTS) continue;
      region.attempts++;
      region.inUse = use(region);
    }
  }

  /** A function is not used any more. @returns whether it is one of these, which stay where they are */
  release(index: number): boolean {
    const region = this.#byIndex.get(index);
    if (region !== undefined) region.inUse = false;
    return region !== undefined;
  }
}
