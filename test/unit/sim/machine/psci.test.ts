import { describe, expect, test } from '@jest/globals';
import { Firmware } from '../../../../sim/machine/psci.js';
import { FakeCpu } from '../../../support/fake-cpu.js';
import { Board } from '../../../../sim/machine/board.js';

const CPU_OFF = 0x8400_0002n;
const CPU_ON = 0xc400_0003n;
const AFFINITY_INFO = 0xc400_0004n;
const [SUCCESS, INVALID_PARAMETERS, ALREADY_ON, INVALID_ADDRESS] = [0n, -2n, -4n, -9n];

describe('the firmware of several processors', () => {
  const machine = () => {
    const board = new Board({ ram: [], devices: [], highestEl: 2 });
    const cpus = [0n, 1n, 0x100n].map((affinity) => Object.assign(new FakeCpu(board, []), { affinity }));
    const firmware = new Firmware(cpus);
    const call = (from: number, ...registers: readonly bigint[]) => {
      const cpu = cpus[from]!;
      registers.forEach((value, register) => cpu.setX(register, value));
      return firmware.call(cpu) ?? BigInt.asIntN(64, cpu.getX(0));
    };
    return { cpus, firmware, call };
  };

  test('has all but the first one off at first', () => {
    const { cpus, firmware, call } = machine();
    expect(cpus.map((cpu) => firmware.isOn(cpu))).toEqual([true, false, false]);
    expect([0n, 1n, 0x100n, 2n].map((target) => call(0, AFFINITY_INFO, target))).toEqual([
      0n,
      1n,
      1n,
      INVALID_PARAMETERS,
    ]);
  });

  test('switches one on where it is told, with what it is told, after a reset', () => {
    const { cpus, firmware, call } = machine();
    expect(call(0, CPU_ON, 0x100n, 0x4020_0000n, 7n)).toBe(SUCCESS);
    const [, , third] = cpus;
    expect([third!.pc, third!.getX(0), third!.received]).toEqual([0x4020_0000n, 7n, ['reset']]);
    expect(firmware.isOn(third!)).toBe(true);
    expect(call(0, CPU_ON, 0x100n, 0x4020_0000n, 7n)).toBe(ALREADY_ON);
  });

  test('refuses what it cannot do', () => {
    const { call } = machine();
    expect(call(0, CPU_ON, 5n, 0x4020_0000n, 0n)).toBe(INVALID_PARAMETERS);
    expect(call(0, CPU_ON, 1n, 0x4020_0002n, 0n)).toBe(INVALID_ADDRESS);
  });

  test('switches one off that asks for it, and on again', () => {
    const { cpus, firmware, call } = machine();
    call(0, CPU_ON, 1n, 0x4020_0000n, 0n);
    expect(call(1, CPU_OFF)).toEqual({ kind: 'processor-off' });
    expect(firmware.isOn(cpus[1]!)).toBe(false);
    expect(call(0, CPU_ON, 1n, 0x4020_0000n, 0n)).toBe(SUCCESS);
  });
});
