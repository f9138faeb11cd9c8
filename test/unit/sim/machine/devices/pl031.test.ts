import { expect, test } from '@jest/globals';
import { Pl031 } from '../../../../../sim/machine/devices/pl031.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { Driver, savedOf } from '../../../../support/machine/device-access.js';

const [DR, MR, LR, CR, IMSC, RIS, MIS, ICR] = [0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c] as const;

const open = (start = 1_700_000_000n) => {
  let now = start;
  const clock = new Driver(new Pl031(() => now));
  const pass = (seconds: bigint): void => {
    now += seconds;
    clock.device.poll();
  };
  return { clock, pass };
};

test('shows the seconds', () => {
  const { clock, pass } = open();
  expect(clock.read(DR)).toBe(1_700_000_000);
  pass(5n);
  expect(clock.read(DR)).toBe(1_700_000_005);
});

test('is set', () => {
  const { clock, pass } = open();
  clock.write(LR, 100);
  pass(7n);
  expect([clock.read(DR), clock.read(LR)]).toEqual([107, 100]);
});

test('runs for ever, and is known by its identification, as QEMU has them', () => {
  const { clock } = open();
  clock.write(CR, 0);
  expect(clock.read(CR)).toBe(1);
  expect(clock.id).toEqual([0x31, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1]);
});

test('interrupts when the match comes', () => {
  const { clock, pass } = open(1000n);
  clock.write(MR, 1010);
  expect(clock.device.alarm).toBeUndefined();
  clock.write(IMSC, 1);
  expect(clock.device.alarm).toBe(1010n);
  pass(9n);
  expect([clock.line, clock.read(RIS)]).toEqual([false, 0]);
  pass(1n);
  expect([clock.line, clock.read(RIS), clock.read(MIS), clock.device.alarm]).toEqual([true, 1, 1, undefined]);
  clock.write(ICR, 1);
  expect([clock.line, clock.read(RIS)]).toEqual([false, 0]);
});

test('keeps a masked interrupt', () => {
  const { clock, pass } = open(1000n);
  clock.write(MR, 1001);
  pass(2n);
  expect([clock.line, clock.read(RIS), clock.read(MIS)]).toEqual([false, 1, 0]);
  clock.write(IMSC, 1);
  expect(clock.line).toBe(true);
});

test('waits until the counter has gone round for a match that is over', () => {
  const { clock } = open(1000n);
  clock.write(IMSC, 1);
  clock.write(MR, 999);
  expect(clock.device.alarm).toBe(999n + (1n << 32n));
});

test('goes on from what was saved', () => {
  const { clock } = open(1000n);
  clock.write(LR, 50);
  clock.write(MR, 60);
  clock.write(IMSC, 1);
  const { clock: other, pass } = open(1000n);
  other.device.restore(savedOf(clock.device));
  expect([other.read(DR), other.device.alarm]).toEqual([50, 1010n]);
  pass(10n);
  expect(other.line).toBe(true);
  expect(() => other.device.restore({ ahead: 1 })).toThrow(MachineError);
});
