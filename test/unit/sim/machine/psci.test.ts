import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { Firmware } from '../../../../sim/machine/psci.js';
import { type Quirk, parseQuirks } from '../../../../sim/machine/quirks.js';
import { FakeCpu } from '../../../support/processor/fake-cpu.js';
import { Board } from '../../../../sim/machine/board.js';

const VERSION = 0x8400_0000n;
const CPU_OFF = 0x8400_0002n;
const CPU_ON = 0xc400_0003n;
const AFFINITY_INFO = 0xc400_0004n;
const [SUCCESS, NOT_SUPPORTED, INVALID_PARAMETERS, ALREADY_ON, INVALID_ADDRESS] = [0n, -1n, -2n, -4n, -9n];

const machine = (...quirks: readonly Quirk[]) => {
  const board = new Board({ ram: [], devices: [], highestEl: 2 });
  const cpus = [0n, 1n, 0x100n].map((affinity) => Object.assign(new FakeCpu(board, []), { affinity }));
  const firmware = new Firmware(cpus, { quirks });
  const call = (from: number, ...registers: readonly bigint[]) => {
    const cpu = cpus[from]!;
    registers.forEach((value, register) => cpu.setX(register, value));
    return firmware.call(cpu) ?? BigInt.asIntN(64, cpu.getX(0));
  };
  return { cpus, firmware, call };
};

describe('the firmware of several processors', () => {
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

describe('the spin table', () => {
  const [FIRST, SECOND] = [0x4000_1000n, 0x4000_2000n];
  const table = (releaseAddrs: readonly (bigint | undefined)[]) => {
    const board = new Board({ ram: [Range.sized(0x4000_0000n, 0x10_0000n)], devices: [], highestEl: 2, releaseAddrs });
    const cpus = [0n, 1n, 2n].map((affinity) => Object.assign(new FakeCpu(board, []), { affinity }));
    const write = (physAddr: bigint, value: bigint): void => {
      board.memory.write(physAddr, new Uint8Array(BigUint64Array.of(value).buffer));
    };
    return { board, cpus, write, on: () => cpus.map((cpu) => board.isOn(cpu)) };
  };

  test('has processors wait until their address is written, and an event comes', () => {
    const { board, cpus, write, on } = table([undefined, FIRST, SECOND]);
    const [, second, third] = cpus;
    board.sendEvent();
    expect(on()).toEqual([true, false, false]);
    second!.setX(0, 5n);
    second!.setX(3, 5n);
    write(FIRST, 0x4008_0000n);
    expect(on()).toEqual([true, false, false]);
    board.sendEvent();
    expect(on()).toEqual([true, true, false]);
    expect([second!.pc, ...[0, 1, 2, 3].map((register) => second!.getX(register))]).toEqual([
      0x4008_0000n,
      0n,
      0n,
      0n,
      0n,
    ]);
    expect(second!.received).toContain('reset');
    write(SECOND, 0x4009_0000n);
    board.sendEvent();
    expect(third!.pc).toBe(0x4009_0000n);
    // It waits there once.
    second!.pc = 0x4008_0010n;
    board.sendEvent();
    expect(second!.pc).toBe(0x4008_0010n);
  });

  test('wakes all that wait at one address', () => {
    const { board, write, on } = table([FIRST, FIRST, FIRST]);
    write(FIRST, 0x4008_0000n);
    board.sendEvent();
    expect(on()).toEqual([true, true, true]);
  });

  test.each([[0xffff_0000n], [0x400f_fffcn]])('where there is no memory, 0x%x, nobody is woken', (releaseAddr) => {
    const { board, on } = table([undefined, releaseAddr]);
    board.sendEvent();
    expect(on()).toEqual([true, false, false]);
  });

  test('has nobody in it any more once a kernel has had them', () => {
    const { board, write, on } = table([undefined, FIRST]);
    board.firmware.tookDownOthers();
    write(FIRST, 0x4008_0000n);
    board.sendEvent();
    expect(on()).toEqual([true, false, false]);
  });
});

describe('quirks of firmware', () => {
  test('psci-cpu0-only: a call hangs unless it comes from the processor with MPIDR 0', () => {
    const { cpus, firmware, call } = machine('psci-cpu0-only');
    expect(call(0, CPU_ON, 1n, 0x4020_0000n, 0n)).toBe(SUCCESS);
    // What is no call of PSCI comes back.
    expect(call(1, 0x8000_0000n)).toBe(NOT_SUPPORTED);
    expect(call(1, AFFINITY_INFO, 0n)).toEqual({ kind: 'processor-off' });
    expect(cpus.map((cpu) => firmware.isOn(cpu))).toEqual([true, false, false]);
    expect(cpus.map((cpu) => firmware.hangs(cpu))).toEqual([false, true, false]);
    expect(call(0, AFFINITY_INFO, 1n)).toBe(0n);
    expect(call(0, CPU_ON, 1n, 0x4020_0000n, 0n)).toBe(ALREADY_ON);
    expect(firmware.events).toEqual([
      { quirk: 'psci-cpu0-only', what: 'processor 1 hangs in its call of AFFINITY_INFO' },
    ]);
  });

  test('psci-cpu0-only: also a call that firmware does not know', () => {
    const { firmware, call } = machine('psci-cpu0-only');
    call(0, CPU_ON, 1n, 0x4020_0000n, 0n);
    expect(call(1, 0xc400_001fn)).toEqual({ kind: 'processor-off' });
    expect(firmware.events).toMatchObject([{ what: 'processor 1 hangs in its call of 0xc400001f' }]);
  });

  test('cpu-on-below-1g: CPU_ON refuses an entry above 1 GiB', () => {
    const { cpus, firmware, call } = machine('cpu-on-below-1g');
    expect(call(0, CPU_ON, 1n, 0x4000_0000n, 0n)).toBe(INVALID_ADDRESS);
    expect(firmware.isOn(cpus[1]!)).toBe(false);
    expect(call(0, CPU_ON, 1n, 0x3fff_fffcn, 0n)).toBe(SUCCESS);
    expect(firmware.events).toEqual([
      { quirk: 'cpu-on-below-1g', what: 'CPU_ON of processor 1 is refused: its entry is 0x40000000' },
    ]);
  });

  test('cpu-on-once: CPU_ON refuses a processor after its CPU_OFF', () => {
    const { firmware, call } = machine('cpu-on-once');
    expect(call(0, CPU_ON, 1n, 0x4020_0000n, 0n)).toBe(SUCCESS);
    expect(call(1, CPU_OFF)).toEqual({ kind: 'processor-off' });
    expect(call(0, CPU_ON, 1n, 0x4020_0000n, 0n)).toBe(INVALID_PARAMETERS);
    expect(call(0, CPU_ON, 0x100n, 0x4020_0000n, 0n)).toBe(SUCCESS);
    expect(firmware.events).toEqual([
      { quirk: 'cpu-on-once', what: 'CPU_ON of processor 1 is refused: it has been switched off before' },
    ]);
  });

  test('cpu-on-once: a kernel before may have switched them off', () => {
    const { firmware, call } = machine('cpu-on-once');
    firmware.tookDownOthers();
    expect([1n, 0x100n].map((target) => call(0, CPU_ON, target, 0x4020_0000n, 0n))).toEqual([
      INVALID_PARAMETERS,
      INVALID_PARAMETERS,
    ]);
  });

  test('of a guest that calls again and again the first ones are told', () => {
    const { firmware, call } = machine('cpu-on-below-1g');
    for (let i = 0; i < 100; i++) call(0, CPU_ON, 1n, 0x4000_0000n, 0n);
    expect(firmware.events).toHaveLength(16);
  });

  test('change nothing where they are not asked for', () => {
    const { firmware, call } = machine();
    firmware.tookDownOthers();
    expect(call(0, CPU_ON, 1n, 0x4020_0000n, 0n)).toBe(SUCCESS);
    expect(call(1, VERSION)).toBe(0x1_0001n);
    expect(firmware.events).toEqual([]);
  });

  test('have names, between commas or white space', () => {
    expect(parseQuirks(' cpu-on-once,psci-cpu0-only\n', 'x')).toEqual(['cpu-on-once', 'psci-cpu0-only']);
    expect(parseQuirks('', 'x')).toEqual([]);
    for (const [name, shown] of [
      ['toString', 'toString'],
      ['cpu', 'cpu'],
      ['\u001b[2J', '\\x1b[2J'],
    ] as const)
      expect(() => parseQuirks(name, 'x')).toThrow(
        `x: "${shown}" is not one of psci-cpu0-only, cpu-on-below-1g, cpu-on-once`,
      );
  });
});
