/** The PL031, the real-time clock of Arm's boards. */
import type { AccessSize, Device, SetLine } from '../device.js';
import { InterruptLine } from './interrupt-line.js';
import { PRIMECELL_BYTES, identification, isRegister } from './primecell.js';
import type { Json } from '../savable.js';
import { SavedState } from '../saved-state.js';

/** Offsets of registers (DDI 0224, PrimeCell Real Time Clock (PL031) Technical Reference Manual, 3.2). */
const REGISTER = {
  data: 0x00,
  match: 0x04,
  load: 0x08,
  control: 0x0c,
  interruptMask: 0x10,
  rawInterrupt: 0x14,
  maskedInterrupt: 0x18,
  interruptClear: 0x1c,
} as const;

const PART = 0x031;
const REVISION = 1;

export class Pl031 implements Device {
  readonly sizeBytes = PRIMECELL_BYTES;
  /** What it shows more than the seconds that it is given. */
  #ahead = 0n;
  #match = 0;
  #load = 0;
  #mask = 0;
  #raw = 0;
  /** The second at which the match comes; undefined when it came, or none is waited for. */
  #alarm: bigint | undefined;
  readonly #line = new InterruptLine();

  /** @param seconds since 1970; must not go back */
  constructor(private readonly seconds: () => bigint) {}

  connect(setLine: SetLine): void {
    this.#line.connect(setLine);
  }

  /** What `seconds` gives when {@link poll} will set the line; undefined while nothing is to come. */
  get alarm(): bigint | undefined {
    return this.#mask === 0 ? undefined : this.#alarm;
  }

  /** Looks whether the match has come. Every access does so, too. */
  poll(): void {
    if (this.#alarm !== undefined && this.seconds() >= this.#alarm) {
      this.#alarm = undefined;
      this.#raw = 1;
    }
    this.#line.set((this.#raw & this.#mask) !== 0);
  }

  read(offset: number, sizeBytes: AccessSize): bigint | undefined {
    if (!isRegister(offset, sizeBytes)) return undefined;
    this.poll();
    return BigInt.asUintN(8 * sizeBytes, BigInt(this.#read(offset)));
  }

  #read(offset: number): number {
    switch (offset) {
      case REGISTER.data:
        return this.#count;
      case REGISTER.match:
        return this.#match;
      case REGISTER.load:
        return this.#load;
      case REGISTER.control:
        // It runs for ever: what is written does not stop it.
        return 1;
      case REGISTER.interruptMask:
        return this.#mask;
      case REGISTER.rawInterrupt:
        return this.#raw;
      case REGISTER.maskedInterrupt:
        return this.#raw & this.#mask;
      default:
        return identification(PART, REVISION, offset) ?? 0;
    }
  }

  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
    if (!isRegister(offset, sizeBytes)) return false;
    this.poll();
    const number = Number(value);
    if (offset === REGISTER.match) this.#match = number;
    if (offset === REGISTER.load) {
      this.#load = number;
      this.#ahead = value - this.seconds();
    }
    if (offset === REGISTER.match || offset === REGISTER.load) this.#wait();
    if (offset === REGISTER.interruptMask) this.#mask = number & 1;
    if (offset === REGISTER.interruptClear) this.#raw &= ~number;
    this.poll();
    return true;
  }

  save(): Json {
    return {
      ahead: BigInt.asUintN(64, this.#ahead).toString(),
      match: this.#match,
      load: this.#load,
      mask: this.#mask,
      raw: this.#raw,
      alarm: this.#alarm === undefined ? [] : [Number(this.#alarm)],
    };
  }

  restore(saved: unknown): void {
    const state = new SavedState('a PL031', saved);
    const [alarm] = state.numbers('alarm', { count: 1, max: Number.MAX_SAFE_INTEGER });
    this.#ahead = BigInt.asIntN(64, state.big('ahead'));
    this.#match = state.number('match');
    this.#load = state.number('load');
    this.#mask = state.number('mask', 1);
    this.#raw = state.number('raw', 1);
    this.#alarm = alarm === undefined ? undefined : BigInt(alarm);
    this.poll();
  }

  get #count(): number {
    return Number(BigInt.asUintN(32, this.seconds() + this.#ahead));
  }

  /** The counter has 32 bits and goes round; so the match comes in any case. */
  #wait(): void {
    this.#alarm = this.seconds() + BigInt((this.#match - this.#count) >>> 0);
  }
}
