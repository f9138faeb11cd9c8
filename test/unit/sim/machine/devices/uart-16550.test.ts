import { describe, expect, test } from '@jest/globals';
import { Uart16550 } from '../../../../../sim/machine/devices/uart-16550.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { Driver, savedOf } from '../../../../support/machine/device-access.js';

const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const FCR = IIR;

const open = (wiring: Partial<ConstructorParameters<typeof Uart16550>[0]> = {}) => {
  const sent: number[] = [];
  const options = { sizeBytes: 0x100, regShift: 0, regOffset: 0, onByte: (byte: number) => sent.push(byte), ...wiring };
  const uart = new Driver(new Uart16550(options));
  const type = (count: number): void => {
    for (let i = 0; i < count; i++) uart.device.receive(0x61 + i);
  };
  return { uart, sent, type };
};

test('sends at once, and is always ready to', () => {
  const { uart, sent } = open();
  expect(uart.read(LSR, 1)).toBe(0x60);
  uart.write(RBR, 0x41, 1);
  expect(sent).toEqual([0x41]);
});

test.each([
  [2, 0, 4],
  [1, 0, 2],
  [0, 0x40, 1],
  [2, 0x20, 4],
] as const)('has its registers 1 << %i bytes apart, from %i', (regShift, regOffset, width) => {
  const { uart, sent } = open({ regShift, regOffset });
  const at = (register: number): number => regOffset + (register << regShift);
  uart.write(at(RBR), 0x42, width);
  uart.write(at(SCR), 0x55, width);
  expect([sent, uart.read(at(SCR), width), uart.read(at(LSR), width)]).toEqual([[0x42], 0x55, 0x60]);
  expect(uart.read(at(0x1f), 4)).toBe(0);
});

test('the divisor lies behind its latch', () => {
  const { uart, sent } = open();
  uart.write(LCR, 0x83, 1);
  uart.write(RBR, 0x34, 1);
  uart.write(IER, 0x12, 1);
  expect([uart.read(RBR, 1), uart.read(IER, 1), sent]).toEqual([0x34, 0x12, []]);
  uart.write(LCR, 0x03, 1);
  expect(uart.read(IER, 1)).toBe(0);
});

describe('interrupts', () => {
  test('of the transmitter are told once', () => {
    const { uart } = open();
    uart.write(IER, 2, 1);
    expect(uart.line).toBe(true);
    expect([uart.read(IIR, 1), uart.line, uart.read(IIR, 1)]).toEqual([2, false, 1]);
    uart.write(RBR, 0x41, 1);
    expect([uart.line, uart.read(IIR, 1)]).toEqual([true, 2]);
  });

  test('of the receiver come at the level, or by the timeout', () => {
    const { uart, type } = open();
    uart.write(FCR, 0x41, 1);
    uart.write(IER, 3, 1);
    type(3);
    expect(uart.read(IIR, 1)).toBe(0xcc);
    type(1);
    expect(uart.read(IIR, 1)).toBe(0xc4);
    expect(uart.read(LSR, 1)).toBe(0x61);
    for (let i = 0; i < 4; i++) uart.read(RBR, 1);
    expect([uart.read(LSR, 1), uart.read(IIR, 1)]).toEqual([0x60, 0xc2]);
    expect(uart.line).toBe(false);
  });

  test('have one place without FIFOs', () => {
    const { uart, type } = open();
    uart.write(IER, 1, 1);
    type(2);
    expect([uart.read(IIR, 1), uart.device.canReceive]).toEqual([4, false]);
    expect([uart.read(RBR, 1), uart.read(RBR, 1), uart.line]).toEqual([0x61, 0, false]);
  });
});

test('the FIFO is cleared', () => {
  const { uart, type } = open();
  uart.write(FCR, 1, 1);
  type(5);
  uart.write(FCR, 3, 1);
  expect(uart.read(LSR, 1)).toBe(0x60);
});

test('in the loop it hears itself, as autoconfig() of Linux looks for', () => {
  const { uart, sent } = open();
  expect(uart.read(MSR, 1)).toBe(0xb0);
  uart.write(MCR, 0x1a, 1);
  expect(uart.read(MSR, 1) & 0xf0).toBe(0x90);
  uart.write(RBR, 0x41, 1);
  expect([sent, uart.read(RBR, 1)]).toEqual([[], 0x41]);
});

test('goes on from what was saved', () => {
  const { uart, type } = open();
  uart.write(FCR, 1, 1);
  uart.write(IER, 1, 1);
  type(2);
  const { uart: other } = open();
  other.device.restore(savedOf(uart.device));
  expect([other.line, other.read(RBR, 1), other.read(RBR, 1)]).toEqual([true, 0x61, 0x62]);
  expect(() => other.device.restore({})).toThrow(MachineError);
});
