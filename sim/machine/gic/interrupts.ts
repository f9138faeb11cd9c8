/** The interrupts of a controller: what each of them is set to, and which is the most urgent for a processor. */

/** INTIDs below are private to a processor (IHI 0048B 2.2.1): SGIs, then PPIs. */
export const FIRST_PPI = 16;
export const FIRST_SPI = 32;

/** What stands for an interrupt where there is none (IHI 0048B 3.2.5). */
export const SPURIOUS = 1023;

/** Above every priority, of which the lowest value is the most urgent. */
export const NO_PRIORITY = 0x100;

/** An interrupt and its priority in one number, so that the smaller is the one to take first. */
export type Candidate = number;
const INTID_BITS = 10;
export const NO_CANDIDATE: Candidate = (NO_PRIORITY << INTID_BITS) | SPURIOUS;
export const intidOf = (candidate: Candidate): number => candidate & SPURIOUS;
export const priorityOf = (candidate: Candidate): number => candidate >>> INTID_BITS;

/** Number of the lowest bit that is set; 32 where none is. */
export const lowestBit = (bits: number): number => (bits === 0 ? 32 : 31 - Math.clz32(bits & -bits));

/**
 * Words have one bit for each of 32 interrupts, as the registers have them. Word 0 has the private interrupts, and
 * there is one for each processor: a slot is the place of a word among all of them.
 */
export class Interrupts {
  /** Words that a processor sees, its own word 0 with them. */
  readonly words: number;
  readonly enabled: Uint32Array;
  /** Pending until acknowledged: edges, and what software made pending. */
  readonly latched: Uint32Array;
  /** The lines that are high. */
  readonly level: Uint32Array;
  readonly active: Uint32Array;
  readonly group: Uint32Array;
  /** Edge-triggered, else level-sensitive. SGIs always are. */
  readonly edge: Uint32Array;
  /** A byte for each interrupt of each slot. */
  readonly priority: Uint8Array;
  /** SPIs that may go to a processor: all words from 1 on of processor 0, then of the next. */
  readonly routed: Uint32Array;

  /** @param lines INTIDs that there are, a multiple of 32 */
  constructor(
    readonly processors: number,
    readonly lines: number,
  ) {
    this.words = lines / 32;
    const slots = processors + this.words - 1;
    const word = () => new Uint32Array(slots);
    [this.enabled, this.latched, this.level] = [word(), word(), word()];
    [this.active, this.group, this.edge] = [word(), word(), word()];
    this.priority = new Uint8Array(32 * slots);
    this.routed = new Uint32Array(processors * (this.words - 1));
    this.edge.fill((1 << FIRST_PPI) - 1, 0, processors);
  }

  /** The place of a processor's word. */
  slot(processor: number, word: number): number {
    return word === 0 ? processor : this.processors + word - 1;
  }

  /** Pending interrupts of a slot: level-sensitive ones also while their line is high (IHI 0048B 4.3.7). */
  pending(slot: number): number {
    return this.latched[slot]! | (this.level[slot]! & ~this.edge[slot]!);
  }

  isIn(bits: Uint32Array, processor: number, intid: number): boolean {
    return ((bits[this.slot(processor, intid >>> 5)]! >>> (intid & 31)) & 1) !== 0;
  }

  set(bits: Uint32Array, processor: number, intid: number, value: boolean): void {
    const slot = this.slot(processor, intid >>> 5);
    const bit = 1 << (intid & 31);
    bits[slot] = value ? bits[slot]! | bit : bits[slot]! & ~bit;
  }

  groupOf(processor: number, intid: number): 0 | 1 {
    return this.isIn(this.group, processor, intid) ? 1 : 0;
  }

  /** Whether an SPI may go to a processor. */
  isRouted(processor: number, intid: number): boolean {
    return ((this.routed[this.#routedAt(processor, intid >>> 5)]! >>> (intid & 31)) & 1) !== 0;
  }

  route(processor: number, intid: number, value: boolean): void {
    const at = this.#routedAt(processor, intid >>> 5);
    const bit = 1 << (intid & 31);
    this.routed[at] = value ? this.routed[at]! | bit : this.routed[at]! & ~bit;
  }

  #routedAt(processor: number, word: number): number {
    return processor * (this.words - 1) + word - 1;
  }

  /** Sets the level of a line; a rising edge stays pending where edges count. */
  setLevel(processor: number, intid: number, level: boolean): void {
    if (level && !this.isIn(this.level, processor, intid) && this.isIn(this.edge, processor, intid)) {
      this.set(this.latched, processor, intid, true);
    }
    this.set(this.level, processor, intid, level);
  }

  /**
   * The most urgent interrupt that is pending, enabled and not active; the lowest INTID among equals (IHI 0048B 3.3).
   * @param groups bit n: interrupts of group n take part
   */
  best(processor: number, groups: number): Candidate {
    let best = NO_CANDIDATE;
    for (let word = 0; word < this.words; word++) {
      const slot = this.slot(processor, word);
      let bits = this.pending(slot) & this.enabled[slot]! & ~this.active[slot]! & this.#inGroups(slot, groups);
      if (bits !== 0 && word !== 0) bits &= this.routed[this.#routedAt(processor, word)]!;
      while (bits !== 0) {
        const bit = lowestBit(bits);
        const candidate = (this.priority[32 * slot + bit]! << INTID_BITS) | (32 * word + bit);
        if (candidate < best) best = candidate;
        bits &= bits - 1;
      }
    }
    return best;
  }

  #inGroups(slot: number, groups: number): number {
    const group = this.group[slot]!;
    return (groups & 1 ? ~group : 0) | (groups & 2 ? group : 0);
  }
}
