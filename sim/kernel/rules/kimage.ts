/**
 * `struct kimage` (include/linux/kexec.h): what kexec_load(2) makes of its segments, and what the last code of the old
 * kernel works from. The rules are those of kernel/kexec_core.c; the same segments and the same order of free pages
 * give the same image.
 *
 * A list of entries says what is to be copied where. An entry is the physical address of a page, and a flag in its low
 * bits that tells what the page is.
 */
import type { Range } from '../../../kexec/base/range.js';
import type { PhysicalMemory } from '../../machine/memory.js';
import type { PageAllocator } from '../facts/page-allocator.js';

/** The page at which copying goes on. */
export const IND_DESTINATION = 1;
/** The page where the list goes on. */
export const IND_INDIRECTION = 2;
/** The end of the list. */
export const IND_DONE = 4;
/** A page to be copied; the destination moves on behind it. */
export const IND_SOURCE = 8;

const FLAGS = 0xf;
const ENTRY_BYTES = 8;

/** Where a segment goes, in whole pages. */
export interface KimageSegment {
  /** Physical address. */
  readonly mem: bigint;
  /** Bytes; a multiple of the page size. */
  readonly memsz: bigint;
  /** Whether its bytes lie there from the beginning, in contiguous memory, and are not copied. */
  readonly contiguous?: boolean | undefined;
}

/** A segment and its bytes; those behind them, up to `memsz`, are zero. */
export interface FilledSegment extends KimageSegment {
  readonly data: Uint8Array;
}

/** The page lists of an image, without the bytes. Pages are numbers: physical addresses, of at most 52 bits. */
export interface Kimage {
  readonly type: 'normal' | 'crash';
  readonly pageSize: number;
  /** The first entry. Its page is the first page of the list, unless the list is empty. */
  readonly head: number;
  /** The pages that hold the list, in its order. */
  readonly listPages: readonly number[];
  /** The list's entries in order, without those that lead from one of its pages to the next, and without the last. */
  readonly entries: readonly number[];
  /** Receives the code that copies; no segment goes there. */
  readonly controlCodePage: number;
  /** Is reserved for exchanging source and destination, which kexec_load's images never need. */
  readonly swapPage: number | undefined;
  /** Takes another page where no segment goes. @returns undefined when none is left */
  readonly allocateControlPage: () => number | undefined;
}

/** What kimage_alloc_init() or the loading of a segment had no page for. */
export interface Shortage {
  readonly lacks: 'control code page' | 'swap page' | 'page';
}

export const addressOf = (entry: number): number => entry - (entry % (FLAGS + 1));
export const flagOf = (entry: number): number => entry % (FLAGS + 1);

/**
 * The page lists for segments that will be copied into place at the reboot.
 * @param allocator is what the image's pages are taken from; what is not used is given back
 */
export const layOutKimage = (
  segments: readonly KimageSegment[],
  allocator: PageAllocator,
  pageSizeBytes: bigint,
): Kimage | Shortage => {
  const pageSize = Number(pageSizeBytes);
  const targets = segments.map(({ mem, memsz }) => ({ start: Number(mem), end: Number(mem + memsz) }));
  const isDestination = (page: number): boolean => targets.some(({ start, end }) => start <= page && page < end);
  const allocateControlPage = (): number | undefined => takeControlPage(allocator, isDestination);

  const controlCodePage = allocateControlPage();
  if (controlCodePage === undefined) return { lacks: 'control code page' };
  const swapPage = allocateControlPage();
  if (swapPage === undefined) return { lacks: 'swap page' };

  const list = new PageList(allocator, isDestination, pageSize);
  for (const [index, { start, end }] of targets.entries()) {
    // kimage_load_cma_segment() makes no entries.
    if (segments[index]!.contiguous === true) continue;
    if (!list.add(start + IND_DESTINATION)) return { lacks: 'page' };
    for (let page = start; page < end; page += pageSize) {
      if (!list.addSource(page)) return { lacks: 'page' };
    }
  }
  list.freeExtraPages();
  const head = list.pages[0] === undefined ? IND_DONE : list.pages[0] + IND_INDIRECTION;
  const { pages: listPages, entries } = list;
  return { type: 'normal', pageSize, head, listPages, entries, controlCodePage, swapPage, allocateControlPage };
};

/** kimage_alloc_normal_control_pages(): pages that segments go to are held back until another one is found. */
const takeControlPage = (allocator: PageAllocator, isDestination: (page: number) => boolean): number | undefined => {
  const extra: number[] = [];
  let page = allocator.allocate();
  while (page !== undefined && isDestination(page)) {
    extra.push(page);
    page = allocator.allocate();
  }
  for (const one of extra.reverse()) allocator.free(one);
  return page;
};

/** The list while it is made: kimage_add_entry() and kimage_alloc_page(). */
class PageList {
  readonly pages: number[] = [];
  readonly entries: number[] = [];
  readonly #entriesPerPage: number;
  /** Pages in hand that a later part of a segment goes to: they become its source, and need no copying. */
  readonly #waiting = new Set<number>();
  /** The index of the entry that is copied to a page. */
  readonly #sourceOf = new Map<number, number>();

  constructor(
    private readonly allocator: PageAllocator,
    private readonly isDestination: (page: number) => boolean,
    pageSize: number,
  ) {
    // The last place of a page leads to the next one.
    this.#entriesPerPage = pageSize / ENTRY_BYTES - 1;
  }

  /** @returns false when no page is left */
  add(entry: number): boolean {
    if (this.entries.length === this.pages.length * this.#entriesPerPage) {
      const page = this.#allocate(undefined);
      if (page === undefined) return false;
      this.pages.push(page);
    }
    this.entries.push(entry);
    return true;
  }

  /** @param destination the page that the source will be copied to @returns false when no page is left */
  addSource(destination: number): boolean {
    const page = this.#allocate(destination);
    if (page === undefined || !this.add(page + IND_SOURCE)) return false;
    this.#sourceOf.set(destination, this.entries.length - 1);
    return true;
  }

  freeExtraPages(): void {
    for (const page of this.#waiting) this.allocator.free(page);
    this.#waiting.clear();
  }

  /** A page that may hold bytes for `destination`: no other copy is made to it before it is read. */
  #allocate(destination: number | undefined): number | undefined {
    if (destination !== undefined && this.#waiting.delete(destination)) return destination;
    for (;;) {
      const page = this.allocator.allocate();
      if (page === undefined || page === destination || !this.isDestination(page)) return page;
      const index = this.#sourceOf.get(page);
      if (index !== undefined) {
        const old = addressOf(this.entries[index]!);
        this.entries[index] = page + IND_SOURCE;
        return old;
      }
      this.#waiting.add(page);
    }
  }
}

/** An entry; `list` is the address at which the list holds it, or undefined for the head. */
export interface KimageEntry {
  readonly list: number | undefined;
  readonly entry: number;
}

/** All entries as the kernel walks them, from the head to the end (for_each_kimage_entry()). */
export function* kimageEntries({ head, listPages, entries, pageSize }: Kimage): Generator<KimageEntry> {
  yield { list: undefined, entry: head };
  const perPage = pageSize / ENTRY_BYTES - 1;
  for (const [number, page] of listPages.entries()) {
    const here = entries.slice(number * perPage, (number + 1) * perPage);
    for (const [i, entry] of here.entries()) yield { list: page + i * ENTRY_BYTES, entry };
    const next = listPages[number + 1];
    yield { list: page + here.length * ENTRY_BYTES, entry: next === undefined ? IND_DONE : next + IND_INDIRECTION };
  }
}

export interface PageCopy {
  readonly from: number;
  readonly to: number;
}

/** The copies that the list asks for, in order. */
export function* kimageCopies({ entries, pageSize }: Kimage): Generator<PageCopy> {
  let to = 0;
  for (const entry of entries) {
    if (flagOf(entry) === IND_DESTINATION) {
      to = addressOf(entry);
    } else {
      yield { from: addressOf(entry), to };
      to += pageSize;
    }
  }
}

/**
 * A crash image: the segments are where they go from the beginning, so that there is nothing to copy. Its control page
 * is the first one of the region that is in no segment (kimage_alloc_crash_control_pages()).
 * @param region first and last address of the crash kernel's memory
 */
export const layOutCrashImage = (
  segments: readonly KimageSegment[],
  region: Pick<Range, 'start' | 'last'>,
  pageSizeBytes: bigint,
): Kimage | Shortage => {
  const holes = crashHoles(segments, region, pageSizeBytes);
  const controlCodePage = holes.next().value;
  if (controlCodePage === undefined) return { lacks: 'control code page' };
  return {
    type: 'crash',
    pageSize: Number(pageSizeBytes),
    head: IND_DONE,
    listPages: [],
    entries: [],
    controlCodePage,
    swapPage: undefined,
    allocateControlPage: () => holes.next().value,
  };
};

function* crashHoles(
  segments: readonly KimageSegment[],
  region: Pick<Range, 'start' | 'last'>,
  pageSize: bigint,
): Generator<number, undefined> {
  const end = region.last + 1n;
  for (let page = region.start; page + pageSize <= end;) {
    const inside = segments.find(({ mem, memsz }) => mem < page + pageSize && page < mem + memsz);
    if (inside === undefined) yield Number(page);
    page = inside === undefined ? page + pageSize : inside.mem + inside.memsz;
  }
  return undefined;
}

/**
 * Writes an image into memory: the list, and the bytes of each segment into its source pages, the rest of them zero.
 * @param segments those that the image was laid out for
 * @throws KexecError where a page is no RAM
 */
export const storeKimage = (image: Kimage, segments: readonly FilledSegment[], memory: PhysicalMemory): void => {
  if (image.type === 'crash') return storeInPlace(segments, memory);
  const copied = segments.filter(({ contiguous }) => contiguous !== true);
  storeInPlace(
    segments.filter(({ contiguous }) => contiguous === true),
    memory,
  );
  const { pageSize, entries } = image;
  storeList(image, memory);
  let segment = -1;
  let at = 0;
  for (const entry of entries) {
    if (flagOf(entry) === IND_DESTINATION) {
      segment++;
      at = 0;
      continue;
    }
    const bytes = copied[segment]!.data.subarray(at, at + pageSize);
    if (bytes.length < pageSize) memory.clear(BigInt(addressOf(entry)), pageSize);
    memory.write(BigInt(addressOf(entry)), bytes);
    at += pageSize;
  }
};

const storeList = ({ listPages, entries, pageSize }: Kimage, memory: PhysicalMemory): void => {
  const perPage = pageSize / ENTRY_BYTES - 1;
  listPages.forEach((page, number) => {
    const words = new DataView(new ArrayBuffer(pageSize));
    const here = entries.slice(number * perPage, (number + 1) * perPage);
    const next = listPages[number + 1];
    here.push(next === undefined ? IND_DONE : next + IND_INDIRECTION);
    here.forEach((entry, i) => words.setBigUint64(i * ENTRY_BYTES, BigInt(entry), true));
    memory.write(BigInt(page), new Uint8Array(words.buffer));
  });
};

const storeInPlace = (segments: readonly FilledSegment[], memory: PhysicalMemory): void => {
  for (const { mem, memsz, data } of segments) {
    memory.clear(mem, Number(memsz));
    memory.write(mem, data);
  }
};
