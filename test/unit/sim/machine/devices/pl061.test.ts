import { describe, expect, test } from '@jest/globals';
import { Pl061 } from '../../../../../sim/machine/devices/pl061.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { Driver, savedOf } from '../../../../support/machine/device-access.js';

const [DIR, IS, IBE, IEV, IE, RIS, MIS, IC] = [0x400, 0x404, 0x408, 0x40c, 0x410, 0x414, 0x418, 0x41c] as const;
const ALL = 0x3fc;

const open = () => new Driver(new Pl061());

test('is known by its identification, as QEMU has it', () => {
  expect(open().id).toEqual([0x61, 0x10, 0x04, 0, 0x0d, 0xf0, 0x05, 0xb1]);
});

test('the address says which pins are meant', () => {
  const gpio = open();
  gpio.write(DIR, 0x0f);
  gpio.write(ALL, 0xff);
  expect(gpio.read(ALL)).toBe(0x0f);
  gpio.write(0x3 << 2, 0);
  expect([gpio.read(ALL), gpio.read(0x6 << 2)]).toEqual([0x0c, 0x04]);
});

test('an input is set from outside, an output is not', () => {
  const gpio = open();
  gpio.write(DIR, 0x01);
  gpio.device.setInput(0, true);
  gpio.device.setInput(3, true);
  expect(gpio.read(ALL)).toBe(0x08);
});

describe('interrupts', () => {
  test.each([
    ['a rising edge', { [IEV]: 8 }, [true, false], [8, 8]],
    ['a falling edge', {}, [true, false], [0, 8]],
    ['both edges', { [IBE]: 8 }, [true], [8]],
    ['a high level', { [IS]: 8, [IEV]: 8 }, [true, false], [8, 0]],
    ['a low level', { [IS]: 8 }, [true, false], [0, 8]],
  ])('by %s', (_, registers, levels, expected) => {
    const gpio = open();
    for (const [offset, value] of Object.entries(registers)) gpio.write(Number(offset), value);
    const seen = levels.map((level) => {
      gpio.device.setInput(3, level);
      return gpio.read(RIS);
    });
    expect(seen).toEqual(expected);
  });

  test('reach the line where the mask lets them', () => {
    const gpio = open();
    gpio.write(IEV, 8);
    gpio.device.setInput(3, true);
    expect([gpio.line, gpio.read(MIS)]).toEqual([false, 0]);
    gpio.write(IE, 8);
    expect([gpio.line, gpio.read(MIS)]).toEqual([true, 8]);
    gpio.write(IC, 8);
    expect([gpio.line, gpio.read(RIS)]).toEqual([false, 0]);
  });
});

test('goes on from what was saved', () => {
  const gpio = open();
  gpio.write(IEV, 8);
  gpio.write(IE, 8);
  gpio.device.setInput(3, true);
  const other = open();
  other.device.restore(savedOf(gpio.device));
  expect([other.line, other.read(ALL), other.read(IEV)]).toEqual([true, 8, 8]);
  expect(() => other.device.restore({ registers: [], data: 0, edges: 0 })).toThrow(MachineError);
});
