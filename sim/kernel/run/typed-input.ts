/** What comes from the user's terminal or from a file, on its way to a machine's console. */
import { COUNTER_FREQUENCY } from '../../machine/counter.js';
import type { CharacterInput } from '../../machine/device.js';
import type { OutsideInput } from '../machine/processors.js';

/** The user's side of a console. */
export interface Terminal {
  /** Whether somebody sits there. */
  readonly isInteractive: boolean;
  /** Whether nobody reads what is written any more. */
  readonly isClosed: boolean;
  write(bytes: Uint8Array): void;
  /** Writes what is not the console's. */
  writeAside(bytes: Uint8Array): void;
  /** Passes on what comes until it is closed. @param raw each key by itself, where somebody sits there */
  listen(raw: boolean, onBytes: (bytes: Uint8Array) => void, onEnd: () => void): Listening;
}

export interface Listening {
  /** Lets what comes wait, so that it need not be kept. */
  pause(): void;
  resume(): void;
  /** Leaves the terminal as it was. May be called again. */
  close(): void;
}

/** More is not taken before some of it is gone. */
const MAX_WAITING = 1 << 16;

/** The longest pause of a machine that has nothing to do: others want to be asked, too. */
const MAX_PAUSE_MS = 50;

/** A guest that is silent for so long is taken to wait for input that it polls for. */
const SILENT_MS = 2000;

const NANOSECONDS_PER_TICK = 1_000_000_000n / COUNTER_FREQUENCY;
const NANOSECONDS_PER_MS = 1_000_000n;

export interface TypedInputOptions {
  readonly terminal: Terminal;
  /** Whether keys are the machine's, but for those that begin with Ctrl-A, and time passes as the user's does. */
  readonly interactive: boolean;
  /** What is typed into; undefined where the machine has no such console. */
  readonly console: CharacterInput | undefined;
  /** Bytes that the console has shown. */
  readonly shown: () => number;
  /** Tells the user something about the keys. */
  readonly tell: (text: string) => void;
  /** What was typed before, and the console has not taken. */
  readonly earlier?: Uint8Array | undefined;
}

/** Ctrl-A begins a command to us. */
const ESCAPE = 0x01;

export const KEYS = 'Ctrl-A x ends the machine, Ctrl-A Ctrl-A sends one Ctrl-A, Ctrl-A h shows this';

export class TypedInput implements OutsideInput {
  /** Whether the user wants an end. */
  ended = false;
  readonly #listening: Listening;
  readonly #options: TypedInputOptions;
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  #isOver = false;
  #escaped = false;
  #paused = false;
  #wake: () => void = () => {};
  #shown = -1;
  #silentSince = performance.now();
  /** Whether the guest was found to wait for input that it polls for. */
  #polls = false;

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

  deliver(): boolean {
    const { console } = this.#options;
    if (console === undefined || this.#waiting === 0 || !this.#isHeard(console)) return false;
    let taken = 0;
    while (this.#waiting > 0 && console.canReceive) {
      console.receive(this.#next());
      taken++;
    }
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
    if (console?.listens !== 'yes') return false;
    return this.#waiting === 0 ? !this.#isOver : console.canReceive;
  }

  /**
   * A byte is lost that comes before the kernel's driver has the UART: it empties the UART first. Who polls says nothing of
   * interrupts, and waits in silence.
   */
  #isHeard({ listens }: CharacterInput): boolean {
    if (listens !== 'unknown') return listens === 'yes';
    const shown = this.#options.shown();
    if (shown !== this.#shown) this.#silentSince = performance.now();
    this.#shown = shown;
    this.#polls ||= performance.now() - this.#silentSince >= SILENT_MS;
    return this.#polls;
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
