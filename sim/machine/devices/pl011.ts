/** The PL011, the UART of Arm's boards. */
import type { AccessSize, CharacterInput, Device, SetLine } from '../device.js';
import { InterruptLine } from './interrupt-line.js';
import { PollWatch } from './poll-watch.js';
import { PRIMECELL_BYTES, identification, isRegister } from './primecell.js';
import type { Json } from '../savable.js';
import { SavedState } from '../saved-state.js';

/** Offsets of registers (DDI 0183, PrimeCell UART (PL011) Technical Reference Manual, 3.2). */
const REGISTER = {
  data: 0x00,
  receiveStatus: 0x04,
  flags: 0x18,
  lowPower: 0x20,
  integerBaud: 0x24,
  fractionalBaud: 0x28,
  lineControl: 0x2c,
  control: 0x30,
  fifoLevels: 0x34,
  interruptMask: 0x38,
  rawInterrupts: 0x3c,
  maskedInterrupts: 0x40,
  interruptClear: 0x44,
  dma: 0x48,
} as const;

/** As QEMU's: revision r1p1, whose FIFOs have 16 entries. */
const PART = 0x011;
const REVISION = 1;

/** Bits of the flag register. Whatever is sent is sent at once. */
const RECEIVE_EMPTY = 1 << 4;
const RECEIVE_FULL = 1 << 6;
const TRANSMIT_EMPTY = 1 << 7;

const FIFO_ENABLE = 1 << 4;
const TRANSMIT_ENABLE = 1 << 8;
const RECEIVE_ENABLE = 1 << 9;

const RECEIVE_INTERRUPT = 1 << 4;
const TRANSMIT_INTERRUPT = 1 << 5;
const TIMEOUT_INTERRUPT = 1 << 6;

const FIFO_BYTES = 16;
/**
 * Bytes at which the receive interrupt comes, by bits 5 to 3 of the FIFO level register; reserved ones as the highest.
 */
const RECEIVE_LEVELS = [2, 4, 8, 12, 14] as const;

/** Registers that hold what was written, and the bits that they have. */
const PLAIN: Readonly<Record<number, number>> = {
  [REGISTER.lowPower]: 0xff,
  [REGISTER.integerBaud]: 0xffff,
  [REGISTER.fractionalBaud]: 0x3f,
  [REGISTER.lineControl]: 0xff,
  [REGISTER.control]: 0xff87,
  [REGISTER.fifoLevels]: 0x3f,
  [REGISTER.interruptMask]: 0x7ff,
  [REGISTER.dma]: 0x7,
};

/**
 * A UART whose line is infinitely fast. It starts as after a reset, and as QEMU's works without UARTEN all the same:
 * code that runs before a kernel's driver uses it as it finds it. The receive timeout, 32 bits long on a real line, is
 * over as soon as a byte waits.
 */
export class Pl011 implements Device, CharacterInput {
  readonly sizeBytes = PRIMECELL_BYTES;
  readonly #registers = new Map<number, number>([
    [REGISTER.control, TRANSMIT_ENABLE | RECEIVE_ENABLE],
    [REGISTER.fifoLevels, 0x12],
  ]);
  #raw = 0;
  #received: number[] = [];
  readonly #watch = new PollWatch();
  readonly #line = new InterruptLine();

  /** @param onByte receives what is sent, at once */
  constructor(private readonly onByte: (byte: number) => void) {}

  /** The line is UARTINTR, all of the interrupts as one (DDI 0183, 2.8). */
  connect(setLine: SetLine): void {
    this.#line.connect(setLine);
  }

  get canReceive(): boolean {
    return this.#isOn(RECEIVE_ENABLE) && this.#received.length < this.#fifoBytes;
  }

  get listens(): 'interrupts' | 'asks' | undefined {
    const mask = this.#register(REGISTER.interruptMask);
    if ((mask & (RECEIVE_INTERRUPT | TIMEOUT_INTERRUPT)) !== 0) return 'interrupts';
    return this.#watch.polls ? 'asks' : undefined;
  }

  receive(byte: number): void {
    if (!this.canReceive) return;
    this.#received.push(byte & 0xff);
    this.#tellOfReceived();
    this.#update();
  }

  read(offset: number, sizeBytes: AccessSize): bigint | undefined {
    if (!isRegister(offset, sizeBytes)) return undefined;
    const value = this.#read(offset);
    this.#update();
    return BigInt.asUintN(8 * sizeBytes, BigInt(value));
  }

  #read(offset: number): number {
    switch (offset) {
      case REGISTER.data:
        return this.#take();
      case REGISTER.receiveStatus:
      case REGISTER.interruptClear:
        return 0;
      case REGISTER.flags:
        if (this.#received.length === 0) this.#watch.ask();
        return this.#flags;
      case REGISTER.rawInterrupts:
        return this.#raw;
      case REGISTER.maskedInterrupts:
        return this.#maskedInterrupts;
      default:
        return offset in PLAIN ? this.#register(offset) : (identification(PART, REVISION, offset) ?? 0);
    }
  }

  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
    if (!isRegister(offset, sizeBytes)) return false;
    this.#write(offset, Number(value));
    this.#update();
    return true;
  }

  #write(offset: number, value: number): void {
    if (offset === REGISTER.interruptMask) this.#watch.forget();
    else this.#watch.write();
    const bits = PLAIN[offset];
    if (offset === REGISTER.data) this.#send(value & 0xff);
    else if (offset === REGISTER.interruptClear) this.#raw &= ~value;
    else if (bits !== undefined) {
      const changed = this.#register(offset) ^ value;
      this.#registers.set(offset, value & bits);
      if (offset === REGISTER.lineControl && (changed & FIFO_ENABLE) !== 0) this.#empty();
    }
  }

  save(): Json {
    return {
      registers: [...this.#registers].flat(),
      raw: this.#raw,
      received: this.#received,
      asked: this.#watch.asked,
    };
  }

  restore(saved: unknown): void {
    const state = new SavedState('a PL011', saved);
    const registers = state.numbers('registers', { count: 2 * Object.keys(PLAIN).length });
    const raw = state.number('raw', 0x7ff);
    this.#received = state.numbers('received', { count: FIFO_BYTES, max: 0xff });
    this.#watch.asked = state.number('asked');
    this.#raw = raw;
    this.#registers.clear();
    for (let i = 0; i + 1 < registers.length; i += 2) {
      this.#registers.set(registers[i]!, registers[i + 1]! & (PLAIN[registers[i]!] ?? 0));
    }
    this.#update();
  }

  #update(): void {
    this.#line.set(this.#maskedInterrupts !== 0);
  }

  get #maskedInterrupts(): number {
    return this.#raw & this.#register(REGISTER.interruptMask);
  }

  get #flags(): number {
    const empty = this.#received.length === 0 ? RECEIVE_EMPTY : 0;
    const full = this.#received.length >= this.#fifoBytes ? RECEIVE_FULL : 0;
    return TRANSMIT_EMPTY | empty | full;
  }

  get #hasFifo(): boolean {
    return (this.#register(REGISTER.lineControl) & FIFO_ENABLE) !== 0;
  }

  get #fifoBytes(): number {
    return this.#hasFifo ? FIFO_BYTES : 1;
  }

  get #receiveLevel(): number {
    if (!this.#hasFifo) return 1;
    return RECEIVE_LEVELS[(this.#register(REGISTER.fifoLevels) >> 3) & 0x7] ?? RECEIVE_LEVELS[4];
  }

  #register(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  #isOn(bits: number): boolean {
    return (this.#register(REGISTER.control) & bits) === bits;
  }

  #send(byte: number): void {
    if (!this.#isOn(TRANSMIT_ENABLE)) return;
    this.onByte(byte);
    this.#raw |= TRANSMIT_INTERRUPT;
  }

  #take(): number {
    const byte = this.#received.shift() ?? 0;
    if (this.#received.length < this.#receiveLevel) this.#raw &= ~RECEIVE_INTERRUPT;
    if (this.#received.length === 0) this.#raw &= ~TIMEOUT_INTERRUPT;
    else this.#tellOfReceived();
    return byte;
  }

  /** Bytes that the level has not come to would wait for ever, were there no timeout (DDI 0183, 2.8.2 and 2.8.4). */
  #tellOfReceived(): void {
    this.#raw |= this.#received.length >= this.#receiveLevel ? RECEIVE_INTERRUPT : TIMEOUT_INTERRUPT;
  }

  #empty(): void {
    this.#received = [];
    this.#raw &= ~(RECEIVE_INTERRUPT | TIMEOUT_INTERRUPT);
  }
}
