/** The PL061, eight pins for general purposes; on QEMU's `virt` the power button is one of them. */
import type { AccessSize, Device, SetLine } from '../device.js';
import { InterruptLine } from './interrupt-line.js';
import { PRIMECELL_BYTES, identification, isRegister } from './primecell.js';
import type { Json } from '../savable.js';
import { SavedState } from '../saved-state.js';

/** Offsets of registers (DDI 0190, PrimeCell General Purpose Input/Output (PL061) Technical Reference Manual, 3.2). */
const REGISTER = {
  direction: 0x400,
  senseLevel: 0x404,
  bothEdges: 0x408,
  event: 0x40c,
  interruptMask: 0x410,
  rawInterrupts: 0x414,
  maskedInterrupts: 0x418,
  interruptClear: 0x41c,
  hardwareControl: 0x420,
} as const;

/** The data register lies at 256 addresses: bits 9 to 2 of the address say which pins are meant (DDI 0190, 3.3.1). */
const DATA_END = 0x400;

const PART = 0x061;
const REVISION = 0;

/** Registers that hold what was written, all of eight bits. */
const PLAIN: readonly number[] = [
  REGISTER.direction,
  REGISTER.senseLevel,
  REGISTER.bothEdges,
  REGISTER.event,
  REGISTER.interruptMask,
  REGISTER.hardwareControl,
];

export class Pl061 implements Device {
  readonly sizeBytes = PRIMECELL_BYTES;
  readonly #registers = new Map<number, number>();
  /** Of all pins, whichever way they lead. Inputs are low at the start. */
  #data = 0;
  /** Edges that were seen. */
  #edges = 0;
  readonly #line = new InterruptLine();

  connect(setLine: SetLine): void {
    this.#line.connect(setLine);
  }

  /** Sets the level of a pin from outside; of one that is an output, nothing comes of it. @param pin 0 to 7 */
  setInput(pin: number, level: boolean): void {
    const bit = 1 << pin;
    if ((bit & 0xff & ~this.#register(REGISTER.direction)) === 0) return;
    const changed = ((this.#data & bit) !== 0) !== level;
    this.#data = level ? this.#data | bit : this.#data & ~bit;
    const isEdge = (this.#register(REGISTER.senseLevel) & bit) === 0;
    const isWanted =
      (this.#register(REGISTER.bothEdges) & bit) !== 0 || ((this.#register(REGISTER.event) & bit) !== 0) === level;
    if (changed && isEdge && isWanted) this.#edges |= bit;
    this.#update();
  }

  read(offset: number, sizeBytes: AccessSize): bigint | undefined {
    if (!isRegister(offset, sizeBytes)) return undefined;
    return BigInt.asUintN(8 * sizeBytes, BigInt(this.#read(offset)));
  }

  #read(offset: number): number {
    if (offset < DATA_END) return this.#data & (offset >> 2);
    if (offset === REGISTER.rawInterrupts) return this.#raw;
    if (offset === REGISTER.maskedInterrupts) return this.#raw & this.#register(REGISTER.interruptMask);
    return PLAIN.includes(offset) ? this.#register(offset) : (identification(PART, REVISION, offset) ?? 0);
  }

  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
    if (!isRegister(offset, sizeBytes)) return false;
    const byte = Number(value & 0xffn);
    if (offset < DATA_END) {
      const pins = (offset >> 2) & this.#register(REGISTER.direction);
      this.#data = (this.#data & ~pins) | (byte & pins);
    } else if (offset === REGISTER.interruptClear) this.#edges &= ~byte;
    else if (PLAIN.includes(offset)) this.#registers.set(offset, byte);
    this.#update();
    return true;
  }

  save(): Json {
    return { registers: PLAIN.map((offset) => this.#register(offset)), data: this.#data, edges: this.#edges };
  }

  restore(saved: unknown): void {
    const state = new SavedState('a PL061', saved);
    const registers = state.numbers('registers', { count: PLAIN.length, max: 0xff, exact: true });
    this.#data = state.number('data', 0xff);
    this.#edges = state.number('edges', 0xff);
    PLAIN.forEach((offset, i) => this.#registers.set(offset, registers[i]!));
    this.#update();
  }

  #register(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  /** Edges are kept, levels are as the pins are (DDI 0190, 2.3.2). */
  get #raw(): number {
    const levels = ~(this.#data ^ this.#register(REGISTER.event)) & this.#register(REGISTER.senseLevel);
    return (this.#edges | levels) & 0xff;
  }

  #update(): void {
    this.#line.set((this.#raw & this.#register(REGISTER.interruptMask)) !== 0);
  }
}
