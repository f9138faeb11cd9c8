import { describe, expect, test } from '@jest/globals';
import { Uart16550 } from '../../../../../sim/machine/devices/uart-16550.js';
import { Pl011 } from '../../../../../sim/machine/devices/pl011.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { Driver, savedOf } from '../../../../support/machine/device-access.js';

const [DR, FR, IBRD, FBRD, LCRH, CR] = [0, 0x18, 0x24, 0x28, 0x2c, 0x30] as const;
const [IFLS, IMSC, RIS, MIS, ICR] = [0x34, 0x38, 0x3c, 0x40, 0x44] as const;
const [RX, TX, RT] = [0x10, 0x20, 0x40] as const;

/** One that a driver has set up. */
const open = () => {
  const sent: number[] = [];
  const uart = new Driver(new Pl011((byte) => sent.push(byte)));
  uart.write(LCRH, 0x70);
  const type = (count: number): void => {
    for (let i = 0; i < count; i++) uart.device.receive(0x61 + i);
  };
  return { uart, sent, type };
};

test('is known by its identification, as QEMU has it', () => {
  expect(open().uart.id).toEqual([0x11, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1]);
});

test('starts as QEMU has it: disabled, without FIFOs and speed, but working', () => {
  const sent: number[] = [];
  const uart = new Driver(new Pl011((byte) => sent.push(byte)));
  expect([IBRD, FBRD, LCRH, CR, IFLS, IMSC].map((register) => uart.read(register))).toEqual([0, 0, 0, 0x300, 0x12, 0]);
  uart.write(DR, 0x41);
  uart.device.receive(0x61);
  expect([sent, uart.read(FR), uart.read(DR)]).toEqual([[0x41], 0xc0, 0x61]);
});

describe('what is typed', () => {
  test('is read in order', () => {
    const { uart, type } = open();
    expect(uart.read(FR)).toBe(0x90);
    type(3);
    expect(uart.read(FR)).toBe(0x80);
    expect([uart.read(DR), uart.read(DR), uart.read(DR), uart.read(DR)]).toEqual([0x61, 0x62, 0x63, 0]);
    expect(uart.read(FR)).toBe(0x90);
  });

  test('fills sixteen places, or one without FIFOs', () => {
    const { uart, type } = open();
    type(20);
    expect([uart.read(FR), uart.device.canReceive]).toEqual([0xc0, false]);
    uart.write(LCRH, 0x60);
    expect([uart.read(FR), uart.read(RIS)]).toEqual([0x90, 0]);
    type(2);
    expect([uart.read(FR), uart.read(DR), uart.device.canReceive]).toEqual([0xc0, 0x61, true]);
  });

  test('is not received while the receiver is off', () => {
    const { uart, type } = open();
    uart.write(CR, 0x101);
    type(1);
    expect([uart.read(FR), uart.device.canReceive]).toEqual([0x90, false]);
  });
});

describe('interrupts', () => {
  test.each([
    [0, 2],
    [1, 4],
    [2, 8],
    [3, 12],
    [4, 14],
  ])('come at level %i with %i bytes, and below by the timeout', (level, count) => {
    const { uart, type } = open();
    uart.write(IFLS, level << 3);
    type(count - 1);
    expect(uart.read(RIS)).toBe(RT);
    type(1);
    expect(uart.read(RIS)).toBe(RX | RT);
    uart.read(DR);
    expect(uart.read(RIS)).toBe(RT);
    for (let i = 1; i < count; i++) uart.read(DR);
    expect(uart.read(RIS)).toBe(0);
  });

  test('of one place come with its byte', () => {
    const { uart, type } = open();
    uart.write(LCRH, 0);
    type(1);
    expect(uart.read(RIS)).toBe(RX);
    uart.read(DR);
    expect(uart.read(RIS)).toBe(0);
  });

  test('come again after they were cleared, as long as bytes wait', () => {
    const { uart, type } = open();
    uart.write(IMSC, RX | RT);
    type(3);
    uart.write(ICR, RX | RT);
    expect([uart.read(MIS), uart.line]).toEqual([0, false]);
    uart.read(DR);
    expect([uart.read(MIS), uart.line]).toEqual([RT, true]);
  });

  test('reach the line where the mask lets them', () => {
    const { uart, type } = open();
    type(1);
    expect(uart.line).toBe(false);
    uart.write(IMSC, RT);
    expect([uart.line, uart.read(MIS)]).toEqual([true, RT]);
    uart.write(IMSC, TX);
    expect(uart.line).toBe(false);
    uart.write(DR, 0x41);
    expect(uart.line).toBe(true);
    uart.write(ICR, TX);
    expect(uart.levels).toEqual([true, false, true, false]);
  });
});

describe('saved', () => {
  test('it goes on from there', () => {
    const { uart, type } = open();
    uart.write(IMSC, RT);
    uart.write(0x24, 0x123);
    type(2);
    const other = open().uart;
    other.device.restore(savedOf(uart.device));
    expect([other.line, other.read(0x24), other.read(DR), other.read(DR)]).toEqual([true, 0x123, 0x61, 0x62]);
  });

  test.each([undefined, 7, {}, { registers: [1], raw: -1, received: [] }, { registers: [], raw: 0, received: [256] }])(
    'and broken, it is refused: %j',
    (saved) => {
      expect(() => open().uart.device.restore(saved)).toThrow(MachineError);
    },
  );
});

test.each([
  ['a PL011', () => ({ device: new Pl011(() => {}), status: 0x18, mask: 0x38, receive: 0x50 })],
  [
    'a 16550',
    () => ({
      device: new Uart16550({ sizeBytes: 8, regShift: 0, regOffset: 0, onByte: () => {} }),
      status: 5,
      mask: 1,
      receive: 1,
    }),
  ],
] as const)('%s is listened to by who wants interrupts, or asks again and again', (_, make) => {
  const { device, status, mask, receive } = make();
  const ask = (times: number): void => {
    for (let i = 0; i < times; i++) device.read(status, 1);
  };
  expect(device.listens).toBeUndefined();
  device.write(mask, 1, BigInt(receive));
  expect(device.listens).toBe('interrupts');
  device.write(mask, 1, 0n);
  expect(device.listens).toBeUndefined();
  // As one that writes line by line does.
  for (let i = 0; i < 100; i++) {
    ask(3);
    device.write(0, 1, 0x41n);
  }
  expect(device.listens).toBeUndefined();
  ask(16);
  device.write(0, 1, 0x41n);
  expect(device.listens).toBe('asks');
  const other = make().device;
  other.restore(JSON.parse(JSON.stringify(device.save())));
  expect(other.listens).toBe('asks');
  device.write(mask, 1, 0n);
  expect(device.listens).toBeUndefined();
});
