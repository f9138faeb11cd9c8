/** Which mappings of more than a page the TLB has pieces of. */
const PAGE = 4096;
const PAGE_SHIFT = 12n;

/**
 * The mappings of more than 4 KiB that are in the TLB, piece by piece: to forget one address of such a mapping is to
 * forget all of it.
 */
export class LargeMappings {
  /** By size in pages of 4 KiB: the numbers of the mappings. */
  readonly #bySize = new Map<number, Set<number>>();

  add(virtAddr: bigint, mappedBytes: number): void {
    if (mappedBytes <= PAGE) return;
    const pages = mappedBytes / PAGE;
    const known = this.#bySize.get(pages);
    const number = numberOf(virtAddr, pages);
    if (known === undefined) this.#bySize.set(pages, new Set([number]));
    else known.add(number);
  }

  /** The mapping that an address is in, if it is one of them: its bytes. */
  around(virtAddr: bigint): { readonly start: bigint; readonly sizeBytes: number } | undefined {
    for (const [pages, known] of this.#bySize) {
      const number = numberOf(virtAddr, pages);
      if (known.has(number)) return { start: addressOf(number * pages), sizeBytes: pages * PAGE };
    }
    return undefined;
  }

  clear(): void {
    this.#bySize.clear();
  }
}

/** The address of a page, whose bits 63 to 56 are as bit 55: so the code in it is known by the same address. */
const addressOf = (page: number): bigint => BigInt.asUintN(64, BigInt.asIntN(56, BigInt(page) << PAGE_SHIFT));

/** Bits 55 to 12 count: the others may be a tag, and TLB maintenance does not tell them. */
const numberOf = (virtAddr: bigint, pages: number): number =>
  Math.floor(Number((virtAddr >> PAGE_SHIFT) & 0xfff_ffff_ffffn) / pages);
