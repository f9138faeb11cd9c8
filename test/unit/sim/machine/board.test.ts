import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { MachineFiles } from '../../../../sim/kernel/recording/machine-files.js';
import { boardFacts } from '../../../../sim/kernel/facts/board.js';
import { findMachine } from '../../../../sim/kernel/recording/machines.js';
import { Board } from '../../../../sim/machine/board.js';
import { DEFAULT_UART, type PropertyReader, bootLevel, consoleUart } from '../../../../sim/machine/board-tree.js';
import type { CpuModel } from '../../../../sim/cpu/state/model.js';

const UART = 0x900_0000;
const RAM = Range.sized(0x4000_0000n, 0x10_0000n);

const openBoard = () => {
  const sent: number[] = [];
  const board = new Board({ ram: [RAM], uart: BigInt(UART), highestEl: 1, onOutput: (byte) => sent.push(byte) });
  return { board, sent };
};

describe('the console', () => {
  test('sends bytes at once, whatever the width of the access', () => {
    const { board, sent } = openBoard();
    expect(board.write(UART, 1, 0x41n)).toBe(true);
    expect(board.write(UART, 4, 0x142n)).toBe(true);
    expect(sent).toEqual([0x41, 0x42]);
  });

  test('sends nothing while it is disabled', () => {
    const { board, sent } = openBoard();
    board.write(UART + 0x30, 4, 0x300n);
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
    expect(id).toEqual([0x11n, 0x10n, 0x34n, 0n, 0x0dn, 0xf0n, 0x05n, 0xb1n]);
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
    ['PSCI_FEATURES does not know CPU_ON', 0x8400_000an, 0x8400_0003n, NOT_SUPPORTED],
    ['nothing else is supported', 0x8400_0003n, 0n, NOT_SUPPORTED],
  ])('%s', (_, functionId, argument, expected) => {
    expect(call(functionId, argument)).toBe(expected);
  });

  test('ends the run', () => {
    expect(call(0x8400_0008n)).toEqual({ kind: 'power', what: 'off' });
    expect(call(0x8400_0009n)).toEqual({ kind: 'power', what: 'reset' });
  });
});

test('the counter goes by the instructions', () => {
  const { board } = openBoard();
  expect(board.counter(0n)).toBe(0n);
  expect(board.counter(1_000_000_000n)).toBe(board.counterFrequency);
});

describe('the device tree', () => {
  const reader =
    (values: Readonly<Record<string, string>>): PropertyReader =>
    (path, property) => {
      const value = values[`${path}:${property}`];
      return value === undefined ? undefined : Uint8Array.from(value, (char) => char.charCodeAt(0));
    };
  const UART_NODE = {
    '/soc:#address-cells': '\0\0\0\x01',
    '/soc/serial@c0000:compatible': 'arm,pl011\0arm,primecell\0',
    '/soc/serial@c0000:reg': '\0\x0c\0\0\0\0\x10\0',
  };

  test.each([
    ['a path', { '/chosen:stdout-path': '/soc/serial@c0000\0' }, 0xc_0000n],
    ['a path with options', { '/chosen:stdout-path': '/soc/serial@c0000:115200n8\0' }, 0xc_0000n],
    ['an alias', { '/chosen:stdout-path': 'serial0\0', '/aliases:serial0': '/soc/serial@c0000\0' }, 0xc_0000n],
    ['an unknown alias', { '/chosen:stdout-path': 'serial0\0' }, DEFAULT_UART],
    ['nothing', {}, DEFAULT_UART],
  ])('names the console by %s', (_, chosen, expected) => {
    expect(consoleUart(reader({ ...UART_NODE, ...chosen }))).toBe(expected);
  });

  test('tells the level at which kernels are started', () => {
    expect(bootLevel(reader({ '/psci:method': 'smc\0' }))).toBe(2);
    expect(bootLevel(reader({ '/psci:method': 'hvc\0' }))).toBe(1);
    expect(bootLevel(reader({}))).toBe(1);
  });

  test.each([
    ['virt-2g', 1, 2, 0x8000_0000n],
    ['virt-el2-4g', 2, 3, 0x1_0000_0000n],
  ] as const)('of %s', (name, bootEl, gic, size) => {
    const facts = boardFacts(MachineFiles.open(findMachine(name)));
    expect(facts).toEqual({ ram: [Range.sized(0x4000_0000n, size)], uart: DEFAULT_UART, bootEl, gic });
  });
});
