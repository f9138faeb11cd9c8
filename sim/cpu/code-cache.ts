/** What code there is for which addresses, and from which bytes it came. */

/** A page that code was fetched from. */
export interface FetchedPage {
  readonly virtPage: bigint;
  readonly physPage: number;
}

interface CodeBase {
  readonly start: bigint;
  readonly pages: readonly FetchedPage[];
  /** What the code depends on beside its bytes. */
  readonly context: string;
}

/** Code that was made ready to run, as it is found again and as it is forgotten. */
export type Code =
  /** Translated. */
  | (CodeBase & {
      readonly kind: 'region';
      /** Index in the table of functions. */
      readonly index: number;
      /** Addresses where it may be entered; what the function is called with is their number. */
      readonly entries: readonly bigint[];
      readonly instructions: number;
    })
  /** Predecoded: where the block is. */
  | (CodeBase & { readonly kind: 'block'; readonly block: number });

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

const entriesOf = (code: Code): readonly bigint[] => (code.kind === 'region' ? code.entries : [code.start]);

/** What was translated or predecoded: by address and context, and by the physical pages that it came from. */
export class CodeCache {
  readonly #entries = new Map<string, Map<bigint, Code>>();
  readonly #pages = new Map<number, CodePage>();
  /** Physical pages by how often code in them was overwritten. */
  readonly #rewritten = new Map<number, number>();

  find(context: string, address: bigint): Code | undefined {
    return this.#entries.get(context)?.get(address);
  }

  /** Adds code, whose bytes are to be noted by {@link addBytes}. */
  add(code: Code): void {
    let entries = this.#entries.get(code.context);
    if (entries === undefined) {
      entries = new Map();
      this.#entries.set(code.context, entries);
    }
    for (const address of entriesOf(code)) {
      if (address === code.start || entries.get(address)?.kind !== 'region') entries.set(address, code);
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

  /** Whether code in one of its pages is overwritten again and again. */
  isUnsteady({ pages }: Code): boolean {
    return pages.some(({ physPage }) => (this.#rewritten.get(physPage) ?? 0) > UNSTEADY);
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

  remove(code: Code): void {
    const entries = this.#entries.get(code.context);
    for (const address of entriesOf(code)) if (entries?.get(address) === code) entries.delete(address);
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
