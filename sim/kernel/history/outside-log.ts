/** What came to a machine from outside, so that it comes again when the machine goes through that time once more. */
import type { CharacterInput } from '../../machine/device.js';
import { MachineError } from '../../machine/error.js';
import type { OutsideInput } from '../machine/processors.js';

/** A moment of a machine: each of the two stands still at times, while the other one goes on. */
export interface Moment {
  /** Instructions of all processors. */
  readonly instructions: bigint;
  /** What the counter shows. */
  readonly count: bigint;
}

type Event = Moment &
  (
    | { readonly kind: 'typed'; readonly isIdle: boolean; readonly bytes: readonly number[] }
    /** So many ticks passed while no processor had anything to do, before a timer would have woken one. */
    | { readonly kind: 'waited'; readonly ticks: bigint }
  );

/**
 * Stands between who types and a machine, and writes down what comes. Where the machine goes through a time once more,
 * it gives what was written down, and asks nobody.
 */
export class OutsideLog implements OutsideInput {
  #events: Event[] = [];
  /** How many events before the first of these have been forgotten. */
  #forgotten = 0;
  /** Index of the one that comes next. */
  #next = 0;
  #typed: number[] = [];

  /** Who is asked where nothing is written down; undefined for nobody. */
  live: OutsideInput | undefined;

  /** What is to be typed into in place of the console; undefined where there is none. */
  readonly console: CharacterInput | undefined;

  constructor(
    private readonly now: () => Moment,
    private readonly machineConsole: CharacterInput | undefined,
  ) {
    if (machineConsole === undefined) return;
    const typed = (byte: number): void => {
      this.#typed.push(byte);
      machineConsole.receive(byte);
    };
    this.console = {
      get listens() {
        return machineConsole.listens;
      },
      get canReceive() {
        return machineConsole.canReceive;
      },
      receive: typed,
    };
  }

  /** How many events there have been up to the machine's moment. */
  get position(): number {
    return this.#forgotten + this.#next;
  }

  /** The machine is where it was when there had been so many events, which are not forgotten. */
  goTo(position: number): void {
    this.#next = position - this.#forgotten;
  }

  /** Forgets what came before there had been so many events. */
  forgetBefore(position: number): void {
    const count = position - this.#forgotten;
    this.#events = this.#events.slice(count);
    this.#forgotten += count;
    this.#next -= count;
  }

  /** Forgets what came after the machine's moment. */
  forgetLater(): void {
    this.#events.length = this.#next;
  }

  /** How many are written down. */
  get size(): number {
    return this.#events.length;
  }

  /** Instructions after which something comes that the machine does not wait for; undefined for nothing. */
  get nextStop(): bigint | undefined {
    const event = this.#events[this.#next];
    return event?.kind === 'typed' && !event.isIdle ? event.instructions : undefined;
  }

  deliver(isIdle: boolean): boolean {
    const event = this.#events[this.#next];
    if (event !== undefined) {
      if (!this.#isDue(event) || event.kind !== 'typed' || event.isIdle !== isIdle) return false;
      this.#next++;
      for (const byte of event.bytes) this.machineConsole?.receive(byte);
      return true;
    }
    this.#typed = [];
    const isTaken = this.live?.deliver(isIdle) ?? false;
    if (this.#typed.length > 0) this.#add({ kind: 'typed', ...this.now(), isIdle, bytes: this.#typed });
    return isTaken;
  }

  async wait(ticks: bigint | undefined): Promise<bigint | undefined> {
    const event = this.#events[this.#next];
    if (event !== undefined) {
      if (!this.#isDue(event) || event.kind !== 'waited') return ticks;
      this.#next++;
      return event.ticks;
    }
    if (this.live === undefined) return undefined;
    const before = this.now();
    const passed = await this.live.wait(ticks);
    // Where none has passed, the processors still wait anew, which may be counted.
    if (passed !== undefined && passed !== ticks) this.#add({ kind: 'waited', ...before, ticks: passed });
    return passed;
  }

  #add(event: Event): void {
    this.#events.push(event);
    this.#next = this.#events.length;
  }

  /** @throws MachineError when its moment is over: the machine is not what it was */
  #isDue({ instructions, count }: Event): boolean {
    const now = this.now();
    if (now.instructions > instructions || (now.instructions === instructions && now.count > count)) {
      throw new MachineError(`the machine does not go the way that it went after ${instructions} instructions`);
    }
    return now.instructions === instructions && now.count === count;
  }
}
