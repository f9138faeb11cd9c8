/** What code there is for which addresses, and from which bytes it came. */

/** A page that code was fetched from. */
export interface FetchedPage {
  readonly virtPage: bigint;
  readonly physPage: number;
}

/** Translated code, as it is found again and as it is forgotten. */
export interface Code {
  readonly start: bigint;
  readonly pages: readonly FetchedPage[];
  /** What the code depends on beside its bytes. */
  readonly context: number;
  /** Index in the table of functions. */
  readonly index: number;
  /** Addresses where it may be entered; what the function is called with is their number. */
  readonly entries: readonly bigint[];
  readonly instructions: number;
}

interface CodePage {
  /** One bit for each 64 bytes, in two halves: set where code came from. */
  low: number;
  high: number;
  readonly users: Set<Code>;
}

const PAGE = 4096;
const LINE_SHIFT = 6;
/** Code in a page that was overwritten more often than this is not worth translating. */
const UNSTEADY = 16;

/** How well code suits an entry: what was translated for it, what may be entered there too, or not at all. */
const rankOf = ({ start, entries }: Code, address: bigint): number => {
  if (start === address) return 2;
  return entries.includes(address) ? 1 : 0;
};

/**
 * So many pieces of code are known at most for one place: its page is mapped at several addresses, or beside others.
 */
const MAX_ALIKE = 6;

/** Physical addresses of where code may be entered. */
export const placesOf = ({ entries, pages }: Code): readonly number[] =>
  entries.map((address) => {
    const inPage = address & 0xfffn;
    const page = pages.find(({ virtPage }) => virtPage === address - inPage);
    if (page === undefined) throw new Error(`code at 0x${address.toString(16)} without its page`);
    return page.physPage + Number(inPage);
  });

/** What was translated: by physical address and context, and by the physical pages that it came from. */
export class CodeCache {
  /** By context, and by the physical address where it may be entered. */
  readonly #entries = new Map<number, Map<number, Code[]>>();
  readonly #pages = new Map<number, CodePage>();
  /** Physical pages by how often code in them was overwritten. */
  readonly #rewritten = new Map<number, number>();

  /**
   * The code to enter at an address whose instruction is at a physical address.
   * @param isInPlace says whether a page of the code is where it was
   */
  find(
    context: number,
    address: bigint,
    physAddr: number,
    isInPlace: (page: FetchedPage) => boolean,
  ): Code | undefined {
    let found: Code | undefined;
    for (const code of this.#entries.get(context)?.get(physAddr) ?? []) {
      const isBetter = rankOf(code, address) >= (found === undefined ? 1 : rankOf(found, address));
      if (isBetter && code.pages.every(isInPlace)) found = code;
    }
    return found;
  }

  /** Adds code, whose bytes are to be noted by {@link addBytes}. */
  add(code: Code): void {
    let entries = this.#entries.get(code.context);
    if (entries === undefined) {
      entries = new Map();
      this.#entries.set(code.context, entries);
    }
    for (const place of placesOf(code)) {
      const alike = entries.get(place);
      if (alike === undefined) entries.set(place, [code]);
      else entries.set(place, [...alike.slice(1 - MAX_ALIKE), code]);
    }
  }

  /** Notes bytes of one physical page that code came from. @param last inclusive */
  addBytes(code: Code, first: number, last: number): void {
    const physPage = first - (first % PAGE);
    let page = this.#pages.get(physPage);
    if (page === undefined) {
      page = { low: 0, high: 0, users: new Set() };
      this.#pages.set(physPage, page);
    }
    for (let line = (first % PAGE) >> LINE_SHIFT; line <= (last % PAGE) >> LINE_SHIFT; line++) {
      if (line < 32) page.low |= 1 << line;
      else page.high |= 1 << (line - 32);
    }
    page.users.add(code);
  }

  /** The lines of a physical page that hold code, one bit for each 64 bytes. */
  linesOf(physPage: number): bigint {
    const page = this.#pages.get(physPage);
    return page === undefined ? 0n : (BigInt(page.high >>> 0) << 32n) | BigInt(page.low >>> 0);
  }

  /** Whether code in a page is overwritten again and again. */
  isUnsteady(physPage: number): boolean {
    return (this.#rewritten.get(physPage) ?? 0) > UNSTEADY;
  }

  /** Forgets the code that came from a physical page, since some of it was overwritten. @returns what that was */
  removePage(physPage: number): readonly Code[] {
    const page = this.#pages.get(physPage);
    if (page === undefined) return [];
    this.#pages.delete(physPage);
    this.#rewritten.set(physPage, (this.#rewritten.get(physPage) ?? 0) + 1);
    const removed = [...page.users];
    for (const code of removed) this.remove(code);
    return removed;
  }

  /** Forgets the code that came from some virtual pages, whose bytes are as they were. @returns what that was */
  removeVirtual(isOf: (virtPage: bigint) => boolean): readonly Code[] {
    const all = new Set([...this.#pages.values()].flatMap(({ users }) => [...users]));
    const removed = [...all].filter(({ pages }) => pages.some(({ virtPage }) => isOf(virtPage)));
    for (const code of removed) this.remove(code);
    return removed;
  }

  remove(code: Code): void {
    const entries = this.#entries.get(code.context);
    for (const place of placesOf(code)) {
      const others = entries?.get(place)?.filter((other) => other !== code) ?? [];
      if (others.length === 0) entries?.delete(place);
      else entries?.set(place, others);
    }
    for (const { physPage } of code.pages) this.#pages.get(physPage)?.users.delete(code);
  }

  /** Forgets everything. @returns what that was */
  clear(): readonly Code[] {
    const all = new Set([...this.#pages.values()].flatMap(({ users }) => [...users]));
    this.#entries.clear();
    this.#pages.clear();
    this.#rewritten.clear();
    return [...all];
  }
}
