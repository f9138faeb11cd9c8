import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { MachineFiles } from '../../../../sim/kernel/recording/machine-files.js';
import { DEFAULT_UART, boardFacts } from '../../../../sim/kernel/facts/board-arm64.js';
import { findMachine } from '../../../../sim/kernel/recording/machines.js';
import { Board } from '../../../../sim/machine/board.js';
import { MachineError } from '../../../../sim/machine/error.js';
import type { AccessSize, Device, SetLine } from '../../../../sim/machine/device.js';
import { Stateless } from '../../../../sim/machine/savable.js';
import { Pl011 } from '../../../../sim/machine/devices/pl011.js';
import { FakeCpu } from '../../../support/processor/fake-cpu.js';
import type { CpuModel } from '../../../../sim/cpu/state/model.js';

const UART = 0x900_0000;
const RAM = Range.sized(0x4000_0000n, 0x10_0000n);

const openBoard = () => {
  const sent: number[] = [];
  const raised: [line: number, level: boolean][] = [];
  const board = new Board({
    ram: [RAM],
    devices: [{ physAddr: BigInt(UART), device: new Pl011((byte) => sent.push(byte)), line: 33 }],
    interrupts: () => ({
      controller: Object.assign(new Stateless(), {
        raise: (line: number, level: boolean) => void raised.push([line, level]),
        raisePrivate: () => {},
      }),
      devices: [],
      timerLines: {},
    }),
    highestEl: 1,
  });
  return { board, sent, raised };
};

describe('the console', () => {
  test('sends bytes at once, whatever the width of the access', () => {
    const { board, sent } = openBoard();
    expect(board.write(UART, 1, 0x41n)).toBe(true);
    expect(board.write(UART, 4, 0x142n)).toBe(true);
    expect(sent).toEqual([0x41, 0x42]);
  });

  test('sends nothing while its transmitter is off', () => {
    const { board, sent } = openBoard();
    board.write(UART + 0x30, 4, 0x201n);
    board.write(UART, 4, 0x41n);
    expect(sent).toEqual([]);
    board.write(UART + 0x30, 4, 0x301n);
    board.write(UART, 4, 0x42n);
    expect(sent).toEqual([0x42]);
  });

  test('never has anything to receive, and room to send', () => {
    expect(openBoard().board.read(UART + 0x18, 4)).toBe(0x90n);
  });

  test('is known by its identification', () => {
    const { board } = openBoard();
    const id = Array.from({ length: 8 }, (_, i) => board.read(UART + 0xfe0 + 4 * i, 4));
    expect(id).toEqual([0x11n, 0x10n, 0x14n, 0n, 0x0dn, 0xf0n, 0x05n, 0xb1n]);
  });

  test('keeps the bits that its registers have', () => {
    const { board } = openBoard();
    for (const [offset, kept] of [
      [0x24, 0xffffn],
      [0x28, 0x3fn],
      [0x2c, 0xffn],
      [0x38, 0x7ffn],
    ] as const) {
      board.write(UART + offset, 4, 0xffff_ffffn);
      expect(board.read(UART + offset, 4)).toBe(kept);
    }
  });

  test('has an interrupt to tell once it has sent, until that is cleared', () => {
    const { board } = openBoard();
    board.write(UART, 1, 0x41n);
    expect([board.read(UART + 0x3c, 4), board.read(UART + 0x40, 4)]).toEqual([0x20n, 0n]);
    board.write(UART + 0x38, 4, 0x20n);
    expect(board.read(UART + 0x40, 4)).toBe(0x20n);
    board.write(UART + 0x44, 4, 0x20n);
    expect(board.read(UART + 0x40, 4)).toBe(0n);
  });
});

describe("the console's interrupt line", () => {
  const MASK = UART + 0x38;
  const CLEAR = UART + 0x44;

  test('is high while an interrupt is there that is not masked', () => {
    const { board, raised } = openBoard();
    board.write(UART, 1, 0x41n);
    expect(raised).toEqual([]);
    board.write(MASK, 4, 0x20n);
    board.write(UART, 1, 0x42n);
    expect(raised).toEqual([[33, true]]);
    board.write(CLEAR, 4, 0x7ffn);
    expect(raised).toEqual([
      [33, true],
      [33, false],
    ]);
    board.write(UART, 1, 0x43n);
    board.write(MASK, 4, 0n);
    expect(raised.slice(2)).toEqual([
      [33, true],
      [33, false],
    ]);
  });

  test('is not moved by interrupts that are masked, nor by the clearing of others', () => {
    const { board, raised } = openBoard();
    board.write(MASK, 4, 0x7dfn);
    board.write(UART, 1, 0x41n);
    board.write(MASK, 4, 0x20n);
    board.write(CLEAR, 4, 0x7dfn);
    expect(raised).toEqual([[33, true]]);
  });
});

describe('devices', () => {
  /** Takes accesses of any size, and tells of them. */
  class Witness extends Stateless implements Device {
    readonly sizeBytes = 0x10;
    readonly seen: [offset: number, sizeBytes: AccessSize, value?: bigint][] = [];
    setLine: SetLine | undefined;

    readonly connect = (setLine: SetLine): void => void (this.setLine = setLine);

    read(offset: number, sizeBytes: AccessSize): bigint {
      this.seen.push([offset, sizeBytes]);
      return 0x11n;
    }

    write(offset: number, sizeBytes: AccessSize, value: bigint): boolean {
      this.seen.push([offset, sizeBytes, value]);
      return offset !== 8;
    }
  }

  const openWith = (...lines: readonly (number | undefined)[]) => {
    const raised: [line: number, level: boolean][] = [];
    const witnesses = lines.map(() => new Witness());
    const board = new Board({
      ram: [RAM],
      devices: witnesses.map((device, i) => {
        const line = lines[i];
        return { physAddr: BigInt(0x1000 * (i + 1)), device, ...(line === undefined ? {} : { line }) };
      }),
      interrupts: () => ({
        controller: Object.assign(new Stateless(), {
          raise: (line: number, level: boolean) => void raised.push([line, level]),
          raisePrivate: () => {},
        }),
        devices: [],
        timerLines: {},
      }),
      highestEl: 1,
    });
    return { board, witnesses, raised };
  };

  test('see accesses of 1, 2, 4 and 8 bytes, and say what they answer', () => {
    const { board, witnesses } = openWith(undefined);
    for (const size of [1, 2, 4, 8]) expect(board.read(0x1004, size)).toBe(0x11n);
    expect(board.write(0x1001, 2, 0x1_2345n)).toBe(true);
    expect(board.write(0x1008, 8, 0xffff_ffff_ffff_fffen)).toBe(false);
    expect(witnesses[0]!.seen).toEqual([
      [4, 1],
      [4, 2],
      [4, 4],
      [4, 8],
      [1, 2, 0x2345n],
      [8, 8, 0xffff_ffff_ffff_fffen],
    ]);
  });

  test('do not see accesses that go over their end, or have another size', () => {
    const { board, witnesses } = openWith(undefined);
    expect([board.read(0x100c, 8), board.read(0x1000, 3), board.write(0x100f, 2, 0n)]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    expect(witnesses[0]!.seen).toEqual([]);
  });

  test('are told apart by where they are, and raise the lines that they have', () => {
    const { board, witnesses, raised } = openWith(40, 41, undefined);
    board.read(0x2000, 4);
    expect(witnesses.map(({ seen }) => seen.length)).toEqual([0, 1, 0]);
    witnesses[1]!.setLine?.(true);
    witnesses[0]!.setLine?.(true);
    witnesses[1]!.setLine?.(false);
    expect(raised).toEqual([
      [41, true],
      [40, true],
      [41, false],
    ]);
    expect(witnesses[2]!.setLine).toBeUndefined();
  });
});

describe('the bus', () => {
  test('answers nowhere else, nor to what a device does not understand', () => {
    const { board } = openBoard();
    for (const [physAddr, size] of [
      [UART - 4, 4],
      [UART + 0x1000, 4],
      [UART, 8],
      [UART + 1, 1],
    ] as const) {
      expect(board.read(physAddr, size)).toBeUndefined();
      expect(board.write(physAddr, size, 0n)).toBe(false);
    }
  });

  test('names the address where there is no RAM', () => {
    const { board } = openBoard();
    for (const access of [() => board.memory.read(0x10n, 16), () => board.memory.write(0x10n, new Uint8Array(16))]) {
      expect(access).toThrow(new MachineError('no RAM at 0x10 (16 bytes)'));
    }
  });

  test('has RAM where the machine has', () => {
    const { board } = openBoard();
    expect(board.ramPage(0x4000_0000)).toBeDefined();
    expect(board.ramPage(0x4010_0000)).toBeUndefined();
    expect(board.ramPage(UART)).toBeUndefined();
  });
});

describe('the firmware', () => {
  const call = (functionId: bigint, argument = 0n) => {
    const registers = new Map([
      [0, functionId],
      [1, argument],
    ]);
    const cpu = { getX: (i: number) => registers.get(i), setX: (i: number, value: bigint) => registers.set(i, value) };
    const end = openBoard().board.firmwareCall('hvc', cpu as unknown as CpuModel);
    return end ?? registers.get(0);
  };
  const NOT_SUPPORTED = 0xffff_ffff_ffff_ffffn;

  test.each([
    ['PSCI_VERSION is 1.1', 0x8400_0000n, 0n, 0x1_0001n],
    ['only the lower half of the function counts', 0xffff_0000_8400_0000n, 0n, 0x1_0001n],
    ['PSCI_FEATURES knows SYSTEM_OFF', 0x8400_000an, 0x8400_0008n, 0n],
    ['PSCI_FEATURES knows CPU_ON', 0x8400_000an, 0xc400_0003n, 0n],
    ['PSCI_FEATURES does not know STAT_COUNT', 0x8400_000an, 0x8400_0011n, NOT_SUPPORTED],
    ['MIGRATE_INFO_TYPE says that nothing has to be moved', 0x8400_0006n, 0n, 2n],
    ['nothing else is supported', 0x8400_0011n, 0n, NOT_SUPPORTED],
  ])('%s', (_, functionId, argument, expected) => {
    expect(call(functionId, argument)).toBe(expected);
  });

  test('ends the run', () => {
    expect(call(0x8400_0008n)).toEqual({ kind: 'power', what: 'off' });
    expect(call(0x8400_0009n)).toEqual({ kind: 'power', what: 'reset' });
  });
});

describe('the processors', () => {
  const openWithTwo = () => {
    const { board } = openBoard();
    return { board, cpus: [new FakeCpu(board, []), new FakeCpu(board, [])] as const };
  };

  test('share a counter, which goes by the instructions of all', () => {
    const { board, cpus } = openWithTwo();
    expect(board.counter()).toBe(0n);
    cpus[0].instructions = 400_000_000n;
    cpus[1].instructions = 600_000_000n;
    expect(board.counter()).toBe(board.counterFrequency);
  });

  test('receive events and TLB invalidations that one of them sends', () => {
    const { board, cpus } = openWithTwo();
    board.sendEvent();
    board.broadcastTlbi(0x4000_0000n);
    board.broadcastTlbi('all');
    for (const { received } of cpus) expect(received).toEqual(['event', 'tlbi 40000000', 'tlbi all']);
  });
});

test.each([
  ['virt-2g', 1, 2, 0x8000_0000n],
  ['virt-el2-4g', 2, 3, 0x1_0000_0000n],
] as const)('the board of %s', (name, bootEl, gic, size) => {
  const facts = boardFacts(MachineFiles.open(findMachine(name)));
  expect(facts).toMatchObject({ ram: [Range.sized(0x4000_0000n, size)], uart: DEFAULT_UART, bootEl, gic });
});
