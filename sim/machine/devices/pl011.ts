/** The PL011, the UART of Arm's boards. */
import type { AccessSize, Device, SetLine } from '../device.js';

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

/** Peripheral and PrimeCell identification, a byte a register (DDI 0183, 3.3.14 and 3.3.15): revision r1p4. */
const FIRST_ID = 0xfe0;
const IDENTIFICATION = [0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;

/** Bits of the flag register: nothing to receive, everything sent. */
const RECEIVE_EMPTY = 1 << 4;
const TRANSMIT_EMPTY = 1 << 7;
const UART_ENABLE = 1 << 0;
const TRANSMIT_ENABLE = 1 << 8;
const RECEIVE_ENABLE = 1 << 9;
const TRANSMIT_INTERRUPT = 1 << 5;

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

/** Registers are 32 bits wide, and answer to nothing wider; narrower accesses have their lower bits. */
const isRegister = (offset: number, sizeBytes: AccessSize): boolean => sizeBytes <= 4 && offset % 4 === 0;

/**
 * A UART whose line is infinitely fast and whose other end never sends. It starts as the kernel that ran before left it:
 * enabled, eight bits, FIFOs on.
 */
export class Pl011 implements Device {
  readonly sizeBytes = 0x1000;
  readonly #registers = new Map<number, number>([
    [REGISTER.lineControl, 0x70],
    [REGISTER.control, UART_ENABLE | TRANSMIT_ENABLE | RECEIVE_ENABLE],
    [REGISTER.fifoLevels, 0x12],
  ]);
  #raw = 0;
  #setLine: SetLine = () => {};
  #level = false;

  /** @param onByte receives what is sent, at once */
  constructor(private readonly onByte: (byte: number) => void) {}

  /** The line is UARTINTR, all of the interrupts as one (DDI 0183, 2.8). */
  connect(setLine: SetLine): void {
    this.#setLine = setLine;
  }

  read(offset: number, sizeBytes: AccessSize): bigint | undefined {
    return isRegister(offset, sizeBytes) ? BigInt.asUintN(8 * sizeBytes, BigInt(this.#read(offset))) : undefined;
  }

  #read(offset: number): number {
    switch (offset) {
      case REGISTER.data:
      case REGISTER.receiveStatus:
      case REGISTER.interruptClear:
        return 0;
      case REGISTER.flags:
        return TRANSMIT_EMPTY | RECEIVE_EMPTY;
      case REGISTER.rawInterrupts:
        return this.#raw;
      case REGISTER.maskedInterrupts:
        return this.#maskedInterrupts;
      default:
        if (offset in PLAIN) return this.#register(offset);
        return IDENTIFICATION[(offset - FIRST_ID) / 4] ?? 0;
    }
  }

  write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
    if (!isRegister(offset, sizeBytes)) return false;
    this.#write(offset, Number(value));
    const level = this.#maskedInterrupts !== 0;
    if (level !== this.#level) this.#setLine(level);
    this.#level = level;
    return true;
  }

  #write(offset: number, value: number): void {
    const bits = PLAIN[offset];
    if (offset === REGISTER.data) this.#send(value & 0xff);
    else if (offset === REGISTER.interruptClear) this.#raw &= ~value;
    else if (bits !== undefined) this.#registers.set(offset, value & bits);
  }

  get #maskedInterrupts(): number {
    return this.#raw & this.#register(REGISTER.interruptMask);
  }

  #register(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  #send(byte: number): void {
    const needed = UART_ENABLE | TRANSMIT_ENABLE;
    if ((this.#register(REGISTER.control) & needed) !== needed) return;
    this.onByte(byte);
    this.#raw |= TRANSMIT_INTERRUPT;
  }
}
