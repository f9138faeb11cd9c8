/** What pages of RAM were before they changed. */
import type { CpuModel } from '../../cpu/state/model.js';
import type { PhysicalMemory } from '../../machine/memory.js';

const PAGE = 4096;
const LINE = 64;

/** What a page was; undefined for one of zeros. */
type Before = Int32Array | undefined;

/** The pages of RAM that changed in some time, as they were when it began. */
export class UndoPages {
  readonly #pages = new Map<number, Before>();
  #bytes = 0;

  /** Bytes of the host's memory that this takes, but for what is the same for each page. */
  get bytes(): number {
    return this.#bytes;
  }

  has(physPage: number): boolean {
    return this.#pages.has(physPage);
  }

  /** Keeps what a page is now. Precondition: it is not known yet. */
  keep(memory: PhysicalMemory, physPage: number): void {
    const words = wordsOf(memory, physPage);
    this.#put(physPage, words === undefined || isZero(words) ? undefined : words.slice());
  }

  #put(physPage: number, before: Before): void {
    this.#pages.set(physPage, before);
    this.#bytes += before?.byteLength ?? 0;
  }

  /** Adds what changed in the time behind this one. */
  append(later: UndoPages): void {
    for (const [page, before] of later.#pages) if (!this.#pages.has(page)) this.#put(page, before);
  }

  /** Makes RAM what it was when the time began. @param cpu hears of the lines that change */
  undo(memory: PhysicalMemory, cpu: CpuModel): void {
    for (const [page, before = ZEROS] of this.#pages) {
      const now = wordsOf(memory, page) ?? ZEROS;
      let isSame = true;
      for (let line = 0; line < PAGE; line += LINE) {
        if (isSameLine(now, before, line / 4)) continue;
        cpu.receiveWrite(page + line, LINE);
        isSame = false;
      }
      if (!isSame) memory.write(BigInt(page), new Uint8Array(before.buffer));
    }
  }
}

const ZEROS = new Int32Array(PAGE / 4);

const wordsOf = (memory: PhysicalMemory, physPage: number): Int32Array | undefined => {
  const bytes = memory.pageBytes(physPage);
  return bytes && new Int32Array(bytes.buffer, bytes.byteOffset, PAGE / 4);
};

const isZero = (words: Int32Array): boolean => {
  for (let at = 0; at < PAGE / 4; at++) if (words[at] !== 0) return false;
  return true;
};

const isSameLine = (a: Int32Array, b: Int32Array, first: number): boolean => {
  for (let at = first; at < first + LINE / 4; at++) if (a[at] !== b[at]) return false;
  return true;
};
