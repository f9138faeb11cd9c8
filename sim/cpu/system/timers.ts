/**
 * The outputs of the generic timer (Arm ARM D11.2.4): which timers have reached their times, and when the next one
 * will.
 */
import type { TimerName } from '../state/model.js';
import type { SavedTimers } from '../state/saved-cpu.js';

const ENABLE = 1n;
const IMASK = 2n;

interface TimerRegisters {
  readonly name: TimerName;
  readonly control: string;
  readonly value: string;
  readonly isVirtual: boolean;
}

const TIMERS: readonly TimerRegisters[] = [
  { name: 'virtual', control: 'CNTV_CTL_EL0', value: 'CNTV_CVAL_EL0', isVirtual: true },
  { name: 'physical', control: 'CNTP_CTL_EL0', value: 'CNTP_CVAL_EL0', isVirtual: false },
  { name: 'hypervisor', control: 'CNTHP_CTL_EL2', value: 'CNTHP_CVAL_EL2', isVirtual: false },
];

export interface TimersHost {
  readonly highestEl: 1 | 2;
  readonly stored: (register: string) => bigint;
  /** The machine's counter. */
  counter(): bigint;
  /** The output of a timer has changed. */
  setOutput(timer: TimerName, level: boolean): void;
}

export class Timers {
  readonly #high = new Set<TimerName>();
  #deadline: bigint | undefined;

  constructor(private readonly host: TimersHost) {}

  /** What the machine's counter shows when an output next goes high; undefined for never. */
  get deadline(): bigint | undefined {
    return this.#deadline;
  }

  /** Brings the outputs up to date: a register has changed, or the deadline is reached. */
  update(): void {
    const now = this.host.counter();
    this.#deadline = undefined;
    for (const timer of TIMERS) {
      const until = this.#ticksUntil(timer, now);
      this.#set(timer.name, until === 0n);
      if (until === undefined || until === 0n) continue;
      const at = now + until;
      if (this.#deadline === undefined || at < this.#deadline) this.#deadline = at;
    }
  }

  save(): SavedTimers {
    return { high: [...this.#high], deadline: this.#deadline };
  }

  /** The lines to the interrupt controller are as they are: that has been saved with their levels. */
  restore({ high, deadline }: SavedTimers): void {
    this.#high.clear();
    for (const timer of high) this.#high.add(timer);
    this.#deadline = deadline;
  }

  /** Ticks until the output is high: 0 if it is, undefined if it never will be. */
  #ticksUntil({ control, value, isVirtual }: TimerRegisters, now: bigint): bigint | undefined {
    const { stored, highestEl } = this.host;
    if ((stored(control) & (ENABLE | IMASK)) !== ENABLE) return undefined;
    const offset = isVirtual && highestEl === 2 ? stored('CNTVOFF_EL2') : 0n;
    const count = BigInt.asUintN(64, now - offset);
    const at = stored(value);
    return count >= at ? 0n : at - count;
  }

  #set(timer: TimerName, level: boolean): void {
    if (this.#high.has(timer) === level) return;
    if (level) this.#high.add(timer);
    else this.#high.delete(timer);
    this.host.setOutput(timer, level);
  }
}
