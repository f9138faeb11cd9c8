/** What comes from the user's terminal or from a file, on its way to a machine's console. */
import { COUNTER_FREQUENCY } from '../../machine/counter.js';
import type { CharacterInput } from '../../machine/device.js';
import type { Keyboard, Listening } from '../../machine/terminal.js';
import type { OutsideInput } from '../machine/processors.js';

/** More is not taken before some of it is gone. */
export const MAX_WAITING = 1 << 16;

/** The longest pause of a machine that has nothing to do: others want to be asked, too. */
const MAX_PAUSE_MS = 50;

/**
 * A guest that has not been idle at so many looks, in about two seconds, is given what comes from a file all the same.
 */
const MANY_LOOKS = 40;

const NANOSECONDS_PER_TICK = 1_000_000_000n / COUNTER_FREQUENCY;
const NANOSECONDS_PER_MS = 1_000_000n;

export interface TypedInputOptions {
  readonly terminal: Keyboard;
  /** Whether keys are the machine's, but for those that begin with Ctrl-A, and time passes as the user's does. */
  readonly interactive: boolean;
  /** What is typed into; undefined where the machine has no such console. */
  readonly console: CharacterInput | undefined;
  /** Tells the user something about the keys. */
  readonly tell: (text: string) => void;
  /** What was typed before, and the console has not taken. */
  readonly earlier?: Uint8Array | undefined;
}

/** Ctrl-A begins a command to us. */
const ESCAPE = 0x01;

/** Why the run is over that the user has ended by a key. */
export const ENDED_BY_USER = 'ended by Ctrl-A x';

export const KEYS = 'Ctrl-A x ends the machine, Ctrl-A Ctrl-A sends one Ctrl-A, Ctrl-A h shows this';

export class TypedInput implements OutsideInput {
  /** Whether the user wants an end. */
  ended = false;
  /** Whether the machine has been given anything. */
  hasGiven = false;
  readonly #listening: Listening;
  readonly #options: TypedInputOptions;
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  #isOver = false;
  #escaped = false;
  #paused = false;
  #wake: () => void = () => {};
  /** At how many looks in a row the guest listened, up to the last one, since it had nothing to do. */
  #looks = 0;

  constructor(options: TypedInputOptions) {
    this.#options = options;
    this.#listening = options.terminal.listen(
      options.interactive,
      (bytes) => this.#take(options.interactive ? this.#withoutCommands(bytes) : bytes),
      () => {
        this.#isOver = true;
        this.#wake();
      },
    );
    if (options.earlier !== undefined) this.#take(options.earlier);
  }

  close(): void {
    this.#listening.close();
  }

  /** What was typed, and the console has not taken. */
  get left(): Uint8Array {
    const bytes = new Uint8Array(this.#waiting);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /**
   * A kernel's driver empties the UART when it takes it over, and wants interrupts for a moment before that: what comes
   * then is lost. So bytes wait until the guest has nothing to do, or has listened for a while. Looks come as the
   * host's time passes, idle guests do not: what comes from a file waits for these, so that a run is the same each
   * time.
   */
  deliver(isIdle: boolean): boolean {
    const { console, interactive } = this.#options;
    if (console?.listens === undefined) {
      this.#looks = 0;
      return false;
    }
    const enough = isIdle ? 0 : interactive || console.listens === 'asks' ? 1 : MANY_LOOKS;
    const isHeard = this.#looks >= enough;
    this.#looks = isIdle ? 1 : this.#looks + 1;
    if (!isHeard || this.#waiting === 0) return false;
    let taken = 0;
    while (this.#waiting > 0 && console.canReceive) {
      console.receive(this.#next());
      taken++;
    }
    this.hasGiven ||= taken > 0;
    if (this.#paused && this.#waiting < MAX_WAITING / 2) {
      this.#paused = false;
      this.#listening.resume();
    }
    return taken > 0;
  }

  async wait(ticks: bigint | undefined): Promise<bigint | undefined> {
    if (ticks === undefined) {
      if (!this.#canWake) return undefined;
      await this.#pause(MAX_PAUSE_MS);
      return 0n;
    }
    // Nobody sees the time of a machine that is fed by a file.
    if (!this.#options.interactive) return ticks;
    const before = performance.now();
    await this.#pause(Math.min(MAX_PAUSE_MS, Number((ticks * NANOSECONDS_PER_TICK) / NANOSECONDS_PER_MS)));
    const passed = (BigInt(Math.ceil((performance.now() - before) * 1000)) * 1000n) / NANOSECONDS_PER_TICK;
    return passed < ticks ? passed : ticks;
  }

  /** Whether a machine that waits for an interrupt can get one by what is typed. */
  get #canWake(): boolean {
    const { console } = this.#options;
    if (console?.listens === undefined) return false;
    return this.#waiting === 0 ? !this.#isOver : console.canReceive;
  }

  #take(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#waiting += bytes.length;
    if (this.#waiting >= MAX_WAITING && !this.#paused) {
      this.#paused = true;
      this.#listening.pause();
    }
    this.#wake();
  }

  #next(): number {
    const [chunk] = this.#chunks;
    const byte = chunk![0]!;
    this.#waiting--;
    if (chunk!.length === 1) this.#chunks = this.#chunks.slice(1);
    else this.#chunks[0] = chunk!.subarray(1);
    return byte;
  }

  #withoutCommands(bytes: Uint8Array): Uint8Array {
    return bytes.filter((byte) => {
      if (!this.#escaped) {
        this.#escaped = byte === ESCAPE;
        return !this.#escaped;
      }
      this.#escaped = false;
      if (byte === ESCAPE) return true;
      if (byte === 'x'.charCodeAt(0)) {
        this.ended = true;
        this.#wake();
      } else this.#options.tell(KEYS);
      return false;
    });
  }

  /** Until something comes, or so many milliseconds. */
  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}
