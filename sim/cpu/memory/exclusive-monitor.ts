/**
 * The exclusive monitor of a machine (Arm ARM B2.9): what processors have marked by load-exclusives while others run.
 *
 * A processor that runs keeps its own mark, and compares memory with what it loaded. When another one runs, the marked
 * line of 64 bytes is one whose stores must be seen, as those to code are: one to it takes the mark away.
 */

import type { RegisterBank } from '../state/registers.js';

const LINE_SHIFT = 6;

interface Mark {
  readonly physPage: number;
  /** The number of the line in its page. */
  readonly line: number;
  readonly onLost: () => void;
}

export class ExclusiveMonitor {
  readonly #marks = new Map<RegisterBank, Mark>();

  /**
   * Watches a mark from now on.
   * @param inPage where in the physical page the processor marked bytes of one line
   * @param onLost called when the mark is taken away: that is an event for WFE (Arm ARM D1.16.1)
   */
  watch(registers: RegisterBank, physPage: number, inPage: number, onLost: () => void): void {
    this.#marks.set(registers, { physPage, line: inPage >> LINE_SHIFT, onLost });
  }

  /** The processor runs again, and keeps its mark itself. */
  unwatch(registers: RegisterBank): void {
    this.#marks.delete(registers);
  }

  /** The physical page in which a mark is watched; undefined for none. */
  pageOf(registers: RegisterBank): number | undefined {
    return this.#marks.get(registers)?.physPage;
  }

  /** The lines of a physical page that are watched, one bit for each 64 bytes. */
  linesOf(physPage: number): bigint {
    let lines = 0n;
    for (const mark of this.#marks.values()) if (mark.physPage === physPage) lines |= 1n << BigInt(mark.line);
    return lines;
  }

  /** Takes away the marks of a line some bytes of which are about to change. The bytes are in one page. */
  overwrite(physPage: number, inPage: number, sizeBytes: number): void {
    for (const [registers, mark] of this.#marks) {
      const isHit = mark.line >= inPage >> LINE_SHIFT && mark.line <= (inPage + sizeBytes - 1) >> LINE_SHIFT;
      if (mark.physPage !== physPage || !isHit) continue;
      registers.exclusiveAddress = undefined;
      this.#marks.delete(registers);
      mark.onLost();
    }
  }
}
