/** The 16550, the UART of PCs and of many a board, with its registers as far apart as the board has them. */
import type { AccessSize, CharacterInput, Device, SetLine } from '../device.js';
import { InterruptLine } from './interrupt-line.js';
import { PollWatch } from './poll-watch.js';
import type { Json } from '../savable.js';
import { SavedState } from '../saved-state.js';

/** Numbers of registers (National Semiconductor PC16550D data sheet, 8.0, table II). */
const REGISTER = {
  /** Read: receiver buffer; written: transmitter holding. With the divisor latch open, its lower half. */
  data: 0,
  /** With the divisor latch open, its upper half. */
  interruptEnable: 1,
  /** Read: interrupt identification; written: FIFO control. */
  interruptOrFifo: 2,
  lineControl: 3,
  modemControl: 4,
  lineStatus: 5,
  modemStatus: 6,
  scratch: 7,
} as const;

const DIVISOR_LATCH = 0x80;

const ENABLE_RECEIVED = 0x1;
const ENABLE_TRANSMITTED = 0x2;
const INTERRUPT_ENABLES = 0xf;

/** Interrupt identification, by priority (8.6, table IV). */
const ID_NONE = 0x1;
const ID_TIMEOUT = 0xc;
const ID_RECEIVED = 0x4;
const ID_TRANSMITTED = 0x2;
const ID_FIFOS = 0xc0;

const FIFO_ENABLE = 0x1;
const FIFO_CLEAR_RECEIVED = 0x2;
const FIFO_BYTES = 16;
/** Bytes at which the interrupt comes, by bits 7 and 6 of FIFO control (8.5). */
const RECEIVE_LEVELS = [1, 4, 8, 14] as const;

/** Line status: a byte waits; the transmitter and its FIFO are empty, always. */
const DATA_READY = 0x01;
const TRANSMITTER_EMPTY = 0x60;

const LOOP = 0x10;
/** Modem status: carrier, data set ready, clear to send. */
const MODEM_READY = 0xb0;

export interface Uart16550Options {
  readonly sizeBytes: number;
  /** Its registers lie `1 << regShift` bytes apart. */
  readonly regShift: number;
  /** Where the first lies. */
  readonly regOffset: number;
  /** Receives what is sent, at once. */
  readonly onByte: (byte: number) => void;
}

/** A UART whose line is infinitely fast. Beyond its eight registers, where some have more, it reads as zero. */
export class Uart16550 implements Device, CharacterInput {
  readonly sizeBytes: number;
  #divisor = 0x0c;
  #enabled = 0;
  #fifoControl = 0;
  #lineControl = 0;
  #modemControl = 0x08;
  #scratch = 0;
  #received: number[] = [];
  /** Whether somebody is still to be told that the transmitter is empty. */
  #transmitted = false;
  readonly #watch = new PollWatch();
  readonly #line = new InterruptLine();

  constructor(private readonly options: Uart16550Options) {
    this.sizeBytes = options.sizeBytes;
  }

  connect(setLine: SetLine): void {
    this.#line.connect(setLine);
  }

  get canReceive(): boolean {
    return this.#received.length < this.#fifoBytes && (this.#modemControl & LOOP) === 0;
  }

  get listens(): 'interrupts' | 'asks' | undefined {
    if ((this.#enabled & ENABLE_RECEIVED) !== 0) return 'interrupts';
    return this.#watch.polls ? 'asks' : undefined;
  }

  receive(byte: number): void {
    if (!this.canReceive) return;
    this.#received.push(byte & 0xff);
    this.#update();
  }

  /** An access as wide as a register, or narrower or wider, has the register in its lowest byte. */
  read(offset: number, sizeBytes: AccessSize): bigint | undefined {
    if (sizeBytes > 4) return undefined;
    const register = this.#registerAt(offset);
    const value = register === undefined ? 0 : this.#read(register);
    this.#update();
    return BigInt(value);
  }

  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
    if (sizeBytes > 4) return false;
    const register = this.#registerAt(offset);
    if (register !== undefined) this.#write(register, Number(value & 0xffn));
    this.#update();
    return true;
  }

  #registerAt(offset: number): number | undefined {
    const { regOffset, regShift } = this.options;
    const register = (offset - regOffset) / (1 << regShift);
    return Number.isInteger(register) && register >= 0 && register <= REGISTER.scratch ? register : undefined;
  }

  #read(register: number): number {
    const latch = (this.#lineControl & DIVISOR_LATCH) !== 0;
    switch (register) {
      case REGISTER.data:
        return latch ? this.#divisor & 0xff : (this.#received.shift() ?? 0);
      case REGISTER.interruptEnable:
        return latch ? this.#divisor >> 8 : this.#enabled;
      case REGISTER.interruptOrFifo:
        return this.#identify();
      case REGISTER.lineControl:
        return this.#lineControl;
      case REGISTER.modemControl:
        return this.#modemControl;
      case REGISTER.lineStatus:
        if (this.#received.length === 0) this.#watch.ask();
        return TRANSMITTER_EMPTY | (this.#received.length > 0 ? DATA_READY : 0);
      case REGISTER.modemStatus:
        return this.#modemStatus;
      default:
        return this.#scratch;
    }
  }

  #write(register: number, value: number): void {
    const latch = (this.#lineControl & DIVISOR_LATCH) !== 0;
    this.#watch.write();
    switch (register) {
      case REGISTER.data:
        if (latch) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#send(value);
        break;
      case REGISTER.interruptEnable:
        if (latch) this.#divisor = (value << 8) | (this.#divisor & 0xff);
        else this.#enable(value & INTERRUPT_ENABLES);
        break;
      case REGISTER.interruptOrFifo:
        this.#controlFifo(value);
        break;
      case REGISTER.lineControl:
        this.#lineControl = value;
        break;
      case REGISTER.modemControl:
        this.#modemControl = value & 0x1f;
        break;
      case REGISTER.scratch:
        this.#scratch = value;
        break;
      default:
    }
  }

  #send(byte: number): void {
    if ((this.#modemControl & LOOP) === 0) this.options.onByte(byte);
    else if (this.#received.length < this.#fifoBytes) this.#received.push(byte);
    this.#transmitted = true;
  }

  /** To enable the transmitter's interrupt while it is empty raises it. */
  #enable(value: number): void {
    if ((value & ~this.#enabled & ENABLE_TRANSMITTED) !== 0) this.#transmitted = true;
    this.#enabled = value;
    this.#watch.forget();
  }

  /** Without FIFOs, its other bits cannot be written (8.5). */
  #controlFifo(value: number): void {
    const toggled = ((value ^ this.#fifoControl) & FIFO_ENABLE) !== 0;
    if (toggled || (value & FIFO_CLEAR_RECEIVED) !== 0) this.#received = [];
    this.#fifoControl = (value & FIFO_ENABLE) === 0 ? 0 : value & 0xc9;
  }

  /** Reading tells of the transmitter once (8.6). */
  #identify(): number {
    const id = this.#pending;
    if (id === ID_TRANSMITTED) this.#transmitted = false;
    return id | (this.#hasFifo ? ID_FIFOS : 0);
  }

  /** Bytes that the level has not come to would wait for ever, were there no timeout: it is over at once. */
  get #pending(): number {
    if ((this.#enabled & ENABLE_RECEIVED) !== 0 && this.#received.length > 0) {
      const level = this.#hasFifo ? RECEIVE_LEVELS[(this.#fifoControl >> 6) as 0 | 1 | 2 | 3] : 1;
      return this.#received.length >= level ? ID_RECEIVED : ID_TIMEOUT;
    }
    return (this.#enabled & ENABLE_TRANSMITTED) !== 0 && this.#transmitted ? ID_TRANSMITTED : ID_NONE;
  }

  /** In the loop, the modem's outputs are its inputs (8.7): out2, out1, RTS, DTR as DCD, RI, CTS, DSR. */
  get #modemStatus(): number {
    const out = this.#modemControl;
    if ((out & LOOP) === 0) return MODEM_READY;
    return ((out & 0xc) << 4) | ((out & 0x2) << 3) | ((out & 0x1) << 5);
  }

  get #hasFifo(): boolean {
    return (this.#fifoControl & FIFO_ENABLE) !== 0;
  }

  get #fifoBytes(): number {
    return this.#hasFifo ? FIFO_BYTES : 1;
  }

  #update(): void {
    this.#line.set(this.#pending !== ID_NONE);
  }

  save(): Json {
    return {
      divisor: this.#divisor,
      enabled: this.#enabled,
      fifoControl: this.#fifoControl,
      lineControl: this.#lineControl,
      modemControl: this.#modemControl,
      scratch: this.#scratch,
      received: this.#received,
      transmitted: this.#transmitted,
      asked: this.#watch.asked,
    };
  }

  restore(saved: unknown): void {
    const state = new SavedState('a 16550', saved);
    this.#divisor = state.number('divisor', 0xffff);
    this.#enabled = state.number('enabled', INTERRUPT_ENABLES);
    this.#fifoControl = state.number('fifoControl', 0xff);
    this.#lineControl = state.number('lineControl', 0xff);
    this.#modemControl = state.number('modemControl', 0x1f);
    this.#scratch = state.number('scratch', 0xff);
    this.#received = state.numbers('received', { count: FIFO_BYTES, max: 0xff });
    this.#transmitted = state.flag('transmitted');
    this.#watch.asked = state.number('asked');
    this.#update();
  }
}
