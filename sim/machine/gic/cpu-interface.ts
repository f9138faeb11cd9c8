/** What the processors' interfaces of both versions have in common: priorities that mask, preempt and are dropped. */
import {
  type Candidate,
  intidOf,
  type Interrupts,
  lowestBit,
  NO_CANDIDATE,
  NO_PRIORITY,
  priorityOf,
} from './interrupts.js';

/** In how many words active priorities are kept: as many as 128 preemption levels need. */
const WORDS = 4;

export interface InterfaceLayout {
  /** Upper bits of a priority that decide on preemption, at most 7. */
  readonly preemptionBits: number;
  /** Bits of the control register: group 1 uses the binary point of group 0; ending does not deactivate. */
  readonly cbpr: number;
  readonly eoiMode: number;
}

/** One interface for each processor. Group 0 comes before group 1 where both have something. */
export class CpuInterfaces {
  /** The control register, without the enables of groups. */
  readonly control: Uint32Array;
  /** Bit n: interrupts of group n are signalled. */
  readonly groups: Uint8Array;
  readonly priorityMask: Uint8Array;
  readonly binaryPoint: Uint8Array;
  /** A bit for each priority, from the most urgent on, at which an interrupt of the group is being handled. */
  readonly activePriorities: Uint32Array;

  constructor(
    processors: number,
    private readonly interrupts: Interrupts,
    private readonly layout: InterfaceLayout,
  ) {
    this.control = new Uint32Array(processors);
    this.groups = new Uint8Array(processors);
    this.priorityMask = new Uint8Array(processors);
    this.binaryPoint = new Uint8Array(2 * processors);
    this.activePriorities = new Uint32Array(2 * WORDS * processors);
    for (let processor = 0; processor < processors; processor++) {
      this.setBinaryPoint(processor, 0, 0);
      this.setBinaryPoint(processor, 1, 0);
    }
  }

  /** The least binary point has all preemption bits decide; for group 1 it is one more (IHI 0048B 4.4.3). */
  setBinaryPoint(processor: number, group: 0 | 1, value: number): void {
    this.binaryPoint[2 * processor + group] = Math.max(value & 7, 7 - this.layout.preemptionBits + group);
  }

  getBinaryPoint(processor: number, group: 0 | 1): number {
    return this.binaryPoint[2 * processor + group]!;
  }

  hasCommonBinaryPoint(processor: number): boolean {
    return (this.control[processor]! & this.layout.cbpr) !== 0;
  }

  /** Whether the end of an interrupt only drops its priority. */
  splitsEnd(processor: number): boolean {
    return (this.control[processor]! & this.layout.eoiMode) !== 0;
  }

  /** Where a word of a group's active priorities is kept. */
  activeAt(processor: number, group: 0 | 1, word: number): number {
    return WORDS * (2 * processor + group) + word;
  }

  /** Bits of a priority that decide on preemption for a group (IHI 0048B 3.3.3). */
  #groupPriorityMask(processor: number, group: 0 | 1): number {
    const binaryPoint =
      group === 1 && !this.hasCommonBinaryPoint(processor)
        ? this.getBinaryPoint(processor, 1) - 1
        : this.getBinaryPoint(processor, 0);
    return -1 << (binaryPoint + 1);
  }

  /** The most urgent active priority of a group, or {@link NO_PRIORITY}. */
  #activePriority(processor: number, group: 0 | 1): number {
    for (let word = 0; word < WORDS; word++) {
      const bits = this.activePriorities[this.activeAt(processor, group, word)]!;
      if (bits !== 0) return (32 * word + lowestBit(bits)) << (8 - this.layout.preemptionBits);
    }
    return NO_PRIORITY;
  }

  /** The most urgent active priority of either group, or {@link NO_PRIORITY}. */
  runningPriority(processor: number): number {
    return Math.min(this.#activePriority(processor, 0), this.#activePriority(processor, 1));
  }

  /** The group of the running priority; undefined where none is active. */
  runningGroup(processor: number): 0 | 1 | undefined {
    const [zero, one] = [this.#activePriority(processor, 0), this.#activePriority(processor, 1)];
    if (Math.min(zero, one) === NO_PRIORITY) return undefined;
    return zero <= one ? 0 : 1;
  }

  /** Whether a candidate is urgent enough to interrupt what is running, and its group enabled. */
  signals(processor: number, candidate: Candidate): boolean {
    const priority = priorityOf(candidate);
    if (candidate === NO_CANDIDATE || priority >= this.priorityMask[processor]!) return false;
    const group = this.interrupts.groupOf(processor, intidOf(candidate));
    if (((this.groups[processor]! >>> group) & 1) === 0) return false;
    const mask = this.#groupPriorityMask(processor, group);
    return (priority & mask) < (this.runningPriority(processor) & mask);
  }

  /** Makes a candidate the running interrupt: it is active, and pending no more unless its line makes it so. */
  activate(processor: number, candidate: Candidate): void {
    const intid = intidOf(candidate);
    const group = this.interrupts.groupOf(processor, intid);
    const priority = priorityOf(candidate) & this.#groupPriorityMask(processor, group);
    const level = priority >>> (8 - this.layout.preemptionBits);
    this.activePriorities[this.activeAt(processor, group, level >>> 5)]! |= 1 << (level & 31);
    this.interrupts.set(this.interrupts.active, processor, intid, true);
    this.interrupts.set(this.interrupts.latched, processor, intid, false);
  }

  /** Ends the most urgent active priority of a group. */
  drop(processor: number, group: 0 | 1): void {
    for (let word = 0; word < WORDS; word++) {
      const at = this.activeAt(processor, group, word);
      const bits = this.activePriorities[at]!;
      if (bits === 0) continue;
      this.activePriorities[at] = bits & (bits - 1);
      return;
    }
  }
}
