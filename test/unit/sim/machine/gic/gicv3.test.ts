import { beforeEach, describe, expect, test } from '@jest/globals';
import { GicV3 } from '../../../../../sim/machine/gic/gicv3.js';

const PPI = 27;
const SPI = 40;

class Machine {
  /** Two clusters of two. */
  readonly affinities = [0n, 1n, 0x100n, 0x1_0000_0101n];
  readonly changes: string[] = [];
  readonly gic = new GicV3(this, { lines: 288 });

  current(): number {
    return 0;
  }

  setInterrupt(processor: number, input: 'irq' | 'fiq', level: boolean): void {
    this.changes.push(`${processor} ${input} ${level ? 'high' : 'low'}`);
  }

  changed(): readonly string[] {
    return this.changes.splice(0);
  }

  get(name: string, processor = 0): number {
    return Number(this.gic.registers.read(processor, name));
  }

  put(name: string, value: bigint | number, processor = 0): void {
    this.gic.registers.write(processor, name, BigInt(value));
  }

  set(offset: number, value: bigint | number, sizeBytes: 1 | 4 | 8 = 4): void {
    this.gic.distributor.write(offset, sizeBytes, BigInt.asUintN(8 * sizeBytes, BigInt(value)));
  }

  /** Enables an SPI of group 1 whose processor is the first. */
  enable(intid: number, priority: number): void {
    const word = 4 * (intid >>> 5);
    this.set(0x080 + word, -1);
    this.set(0x100 + word, 1 << (intid & 31));
    this.set(0x400 + intid, priority, 1);
  }

  /** Enables a private interrupt of a processor, in group 1. */
  enablePrivate(processor: number, intid: number): void {
    const frame = 0x2_0000 * processor + 0x1_0000;
    this.gic.redistributors.write(frame + 0x080, 4, 0xffff_ffffn);
    this.gic.redistributors.write(frame + 0x100, 4, 1n << BigInt(intid));
  }
}

let machine: Machine;

beforeEach(() => {
  machine = new Machine();
  machine.set(0, 3);
  for (let processor = 0; processor < 4; processor++) {
    machine.put('ICC_PMR_EL1', 0xff, processor);
    machine.put('ICC_IGRPEN1_EL1', 1, processor);
  }
});

describe('redistributors', () => {
  test('name their processors, and the last', () => {
    const types = [0, 1, 2, 3].map((n) => machine.gic.redistributors.read(0x2_0000 * n + 8, 8));
    expect(types).toEqual([0x0100_0000n, 0x1_0100_0100n, 0x100_0100_0200n, 0x0100_0101_0100_0310n]);
    expect(machine.gic.redistributors.read(0x6_000c, 4)).toBe(0x0100_0101n);
  });

  test('are woken by the handshake', () => {
    expect(machine.gic.redistributors.read(0x14, 4)).toBe(6n);
    machine.gic.redistributors.write(0x14, 4, 0n);
    expect(machine.gic.redistributors.read(0x14, 4)).toBe(0n);
  });

  test("have their processors' private lines", () => {
    machine.enablePrivate(1, PPI);
    machine.gic.raisePrivate(1, PPI, true);
    expect(machine.changed()).toEqual(['1 irq high']);
    expect(machine.get('ICC_IAR1_EL1', 0)).toBe(1023);
    expect(machine.get('ICC_IAR1_EL1', 1)).toBe(PPI);
    machine.gic.raisePrivate(1, PPI, false);
    machine.put('ICC_EOIR1_EL1', PPI, 1);
    expect(machine.get('ICC_IAR1_EL1', 1)).toBe(1023);
  });
});

test('an SPI goes where its register says', () => {
  machine.enable(SPI, 0xa0);
  machine.gic.raise(SPI, true);
  expect(machine.changed()).toEqual(['0 irq high']);
  machine.set(0x6000 + 8 * SPI, 0x1_0000_0101n, 8);
  expect(machine.changed()).toEqual(['0 irq low', '3 irq high']);
  machine.set(0x6000 + 8 * SPI, 0x55);
  expect(machine.changed()).toEqual(['3 irq low']);
  expect(machine.gic.distributor.read(0x6000 + 8 * SPI, 8)).toBe(0x1_0000_0055n);
});

test('priorities preempt by five bits', () => {
  for (const [intid, priority] of [
    [40, 0xa7],
    [41, 0xa0],
    [42, 0x98],
  ] as const) {
    machine.enable(intid, priority);
  }
  machine.gic.raise(40, true);
  expect(machine.get('ICC_IAR1_EL1')).toBe(40);
  machine.gic.raise(41, true);
  expect(machine.get('ICC_IAR1_EL1')).toBe(1023);
  machine.gic.raise(42, true);
  expect(machine.get('ICC_IAR1_EL1')).toBe(42);
  expect(machine.get('ICC_RPR_EL1')).toBe(0x98);
  machine.put('ICC_EOIR1_EL1', 42);
  expect(machine.get('ICC_RPR_EL1')).toBe(0xa0);
  machine.put('ICC_EOIR1_EL1', 40);
  expect(machine.get('ICC_RPR_EL1')).toBe(0xff);
});

describe('the groups', () => {
  test('have their inputs and registers', () => {
    machine.enable(SPI, 0xa0);
    machine.gic.raise(SPI, true);
    machine.set(0x084, 0);
    expect(machine.changed()).toEqual(['0 irq high', '0 irq low']);
    machine.put('ICC_IGRPEN0_EL1', 1);
    expect(machine.changed()).toEqual(['0 fiq high']);
    expect(machine.get('ICC_IAR1_EL1')).toBe(1023);
    expect(machine.get('ICC_IAR0_EL1')).toBe(SPI);
    machine.put('ICC_EOIR1_EL1', SPI);
    expect(machine.get('ICC_RPR_EL1')).toBe(0xa0);
    machine.put('ICC_EOIR0_EL1', SPI);
    expect(machine.get('ICC_RPR_EL1')).toBe(0xff);
  });

  test('share a binary point on demand', () => {
    machine.put('ICC_BPR0_EL1', 4);
    machine.put('ICC_CTLR_EL1', 1);
    machine.put('ICC_BPR1_EL1', 7);
    expect([machine.get('ICC_BPR1_EL1'), machine.get('ICC_CTLR_EL1')]).toEqual([5, 0x8c01]);
    machine.put('ICC_CTLR_EL1', 0);
    expect(machine.get('ICC_BPR1_EL1')).toBe(3);
  });
});

test('an SGI goes to the list of a cluster, or to all others', () => {
  for (let processor = 0; processor < 4; processor++) machine.enablePrivate(processor, 5);
  machine.put('ICC_SGI1R_EL1', (5n << 24n) | 3n);
  machine.put('ICC_SGI1R_EL1', (5n << 24n) | (1n << 16n) | 3n);
  expect(machine.changed()).toEqual(['0 irq high', '1 irq high', '2 irq high']);
  machine.put('ICC_SGI1R_EL1', (1n << 40n) | (5n << 24n), 1);
  expect(machine.changed()).toEqual(['3 irq high']);
  expect([machine.get('ICC_IAR1_EL1', 3), machine.get('ICC_IAR1_EL1', 3)]).toEqual([5, 1023]);
});

test('ends of interrupts are split from their deactivation by EOImode', () => {
  machine.enable(SPI, 0xa0);
  machine.put('ICC_CTLR_EL1', 2);
  machine.gic.raise(SPI, true);
  machine.get('ICC_IAR1_EL1');
  machine.put('ICC_EOIR1_EL1', SPI);
  expect([machine.get('ICC_RPR_EL1'), machine.get('ICC_IAR1_EL1')]).toEqual([0xff, 1023]);
  machine.put('ICC_DIR_EL1', SPI);
  expect(machine.get('ICC_IAR1_EL1')).toBe(SPI);
});

// What qemu-system-aarch64 7.2 has on the board virt with virtualization on.
test('registers of a hypervisor read as those of QEMU', () => {
  const reset = ['ICC_SRE_EL2', 'ICH_VTR_EL2', 'ICH_MISR_EL2', 'ICH_EISR_EL2', 'ICH_ELRSR_EL2', 'ICH_VMCR_EL2'];
  expect(reset.map((name) => machine.get(name))).toEqual([0xf, 0x90b8_0003, 0, 0, 0xf, 0x4c_0008]);
  for (const name of ['ICH_VMCR_EL2', 'ICH_HCR_EL2', 'ICH_LR0_EL2', 'ICH_VTR_EL2']) machine.put(name, (1n << 64n) - 1n);
  expect(machine.gic.registers.read(0, 'ICH_LR0_EL2')).toBe(0xfff8_ffff_ffff_ffffn);
  const written = ['ICH_VMCR_EL2', 'ICH_HCR_EL2', 'ICH_ELRSR_EL2', 'ICH_VTR_EL2', 'ICH_NONE'];
  expect(written.map((name) => machine.get(name))).toEqual([0xfffc_021b, 0xf800_7cff, 0xe, 0x90b8_0003, 0]);
  expect(machine.get('ICH_LR0_EL2', 1)).toBe(0);
});
