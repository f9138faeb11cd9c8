import { beforeEach, describe, expect, test } from '@jest/globals';
import { MachineError } from '../../../../../sim/machine/error.js';
import { GicV2 } from '../../../../../sim/machine/gic/gicv2.js';
import { GicV2m } from '../../../../../sim/machine/gic/gicv2m.js';

const PPI = 27;
const SPI = 40;
const [CTLR, PMR, BPR, IAR, EOIR, RPR, HPPIR, DIR] = [0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1000] as const;

class Machine {
  readonly affinities = [0n, 1n];
  readonly changes: string[] = [];
  processor = 0;
  readonly gic = new GicV2(this, { lines: 288 });

  current(): number {
    return this.processor;
  }

  setInterrupt(processor: number, input: 'irq' | 'fiq', level: boolean): void {
    this.changes.push(`${processor} ${input} ${level ? 'high' : 'low'}`);
  }

  /** What has changed since the last call. */
  changed(): readonly string[] {
    return this.changes.splice(0);
  }

  get(offset: number): number {
    return Number(this.gic.cpuInterface.read(offset, 4));
  }

  put(offset: number, value: number): void {
    this.gic.cpuInterface.write(offset, 4, BigInt(value >>> 0));
  }

  set(offset: number, value: number, sizeBytes: 1 | 4 = 4): void {
    this.gic.distributor.write(offset, sizeBytes, BigInt(value >>> 0));
  }

  look(offset: number): number {
    return Number(this.gic.distributor.read(offset, 4));
  }

  enable(intid: number, priority: number): void {
    this.set(0x100 + 4 * (intid >>> 5), 1 << (intid & 31));
    this.set(0x400 + intid, priority, 1);
    if (intid >= 32) this.set(0x800 + intid, 1, 1);
  }
}

describe("a hypervisor's interface", () => {
  const [HCR, VTR, VMCR, EISR, ELRSR, LR1] = [0x00, 0x04, 0x08, 0x20, 0x30, 0x104] as const;
  const get = (gic: GicV2, offset: number): number => Number(gic.hypervisorInterface.read(offset, 4));
  const put = (gic: GicV2, offset: number, value: number): boolean =>
    gic.hypervisorInterface.write(offset, 4, BigInt(value >>> 0));

  test('has four list registers, which are free in the beginning', () => {
    const { gic } = new Machine();
    expect([VTR, VMCR, EISR, ELRSR].map((offset) => get(gic, offset))).toEqual([0x9000_0003, 0x4c_0000, 0, 0xf]);
  });

  test('keeps what is written, for each processor, as far as registers have those bits', () => {
    const one = new Machine();
    put(one.gic, HCR, -1);
    one.processor = 1;
    put(one.gic, HCR, 1);
    expect(get(one.gic, HCR)).toBe(1);
    one.processor = 0;
    expect(get(one.gic, HCR)).toBe(0xf800_00ff);
  });

  test('tells which list registers are in use, and which have ended and are to be told of', () => {
    const { gic } = new Machine();
    put(gic, LR1, 0x1000_0000);
    expect([get(gic, ELRSR), get(gic, EISR)]).toEqual([0b1101, 0]);
    put(gic, LR1, 0x0008_0000);
    expect([get(gic, ELRSR), get(gic, EISR)]).toEqual([0b1101, 0b10]);
  });

  test('goes on from what was saved, and takes nothing else', () => {
    const [one, other] = [new Machine().gic, new Machine().gic];
    put(one, LR1, 0x1000_0001);
    other.hypervisorInterface.restore(JSON.parse(JSON.stringify(one.hypervisorInterface.save())));
    expect(get(other, LR1)).toBe(0x1000_0001);
    expect(() => other.hypervisorInterface.restore({ registers: [1] })).toThrow(MachineError);
  });
});

let machine: Machine;

beforeEach(() => {
  machine = new Machine();
  machine.set(0, 1);
  for (const processor of [1, 0]) {
    machine.processor = processor;
    machine.put(PMR, 0xf0);
    machine.put(CTLR, 1);
  }
});

describe('a line', () => {
  test('makes a level-sensitive interrupt pending for as long as it is high', () => {
    machine.enable(SPI, 0xa0);
    machine.gic.raise(SPI, true);
    expect(machine.get(IAR)).toBe(SPI);
    expect(machine.changed()).toEqual(['0 irq high', '0 irq low']);
    machine.put(EOIR, SPI);
    expect(machine.changed()).toEqual(['0 irq high']);
    machine.gic.raise(SPI, false);
    expect(machine.changed()).toEqual(['0 irq low']);
    expect(machine.get(IAR)).toBe(1023);
  });

  test('makes an edge-triggered interrupt pending once', () => {
    machine.enable(SPI, 0xa0);
    machine.set(0xc00 + SPI / 4, 2, 1);
    machine.gic.raise(SPI, true);
    machine.gic.raise(SPI, false);
    expect(machine.get(IAR)).toBe(SPI);
    machine.put(EOIR, SPI);
    expect(machine.get(IAR)).toBe(1023);
  });

  test('that is private goes to its processor', () => {
    machine.enable(PPI, 0xa0);
    machine.gic.raisePrivate(1, PPI, true);
    expect(machine.changed()).toEqual([]);
    machine.gic.raisePrivate(0, PPI, true);
    expect(machine.changed()).toEqual(['0 irq high']);
  });

  test('that does not exist is none', () => {
    machine.gic.raise(288, true);
    machine.gic.raisePrivate(0, 3, true);
    expect(machine.look(0x200)).toBe(0);
  });
});

describe('priorities', () => {
  test('decide which comes first, and the INTID among equals', () => {
    for (const intid of [41, 42, 43]) {
      machine.enable(intid, intid === 42 ? 0x80 : 0xa0);
      machine.gic.raise(intid, true);
    }
    machine.put(CTLR, 0x201);
    const order = [0, 1, 2].map(() => {
      const intid = machine.get(IAR);
      machine.put(EOIR, intid);
      return intid;
    });
    expect(order).toEqual([42, 41, 43]);
  });

  test('preempt by the bits that the binary point leaves', () => {
    machine.enable(40, 0xa4);
    machine.enable(41, 0xa0);
    machine.enable(42, 0x98);
    machine.put(BPR, 2);
    machine.gic.raise(40, true);
    machine.get(IAR);
    machine.changed();
    machine.gic.raise(41, true);
    expect(machine.changed()).toEqual([]);
    expect(machine.get(HPPIR)).toBe(41);
    machine.gic.raise(42, true);
    expect(machine.changed()).toEqual(['0 irq high']);
    expect(machine.get(IAR)).toBe(42);
    expect(machine.get(RPR)).toBe(0x98);
    machine.put(EOIR, 42);
    expect(machine.get(RPR)).toBe(0xa0);
  });

  test('are masked', () => {
    machine.enable(SPI, 0xf0);
    machine.gic.raise(SPI, true);
    expect(machine.changed()).toEqual([]);
    machine.put(PMR, 0xf1);
    expect(machine.changed()).toEqual(['0 irq high']);
  });
});

describe('an SGI', () => {
  test('is acknowledged once for each processor that sent it', () => {
    machine.set(0xf00, (1 << 16) | 5);
    machine.processor = 1;
    machine.set(0xf00, (1 << 24) | 5);
    machine.processor = 0;
    expect(machine.look(0xf14)).toBe(0x300);
    expect([machine.get(IAR)]).toEqual([5]);
    machine.put(EOIR, 5);
    expect([machine.get(IAR)]).toEqual([0x405]);
    machine.put(EOIR, 0x405);
    expect(machine.get(IAR)).toBe(1023);
  });

  test('goes to the sender alone by the filter', () => {
    machine.set(0xf00, (2 << 24) | (0xff << 16) | 1);
    expect(machine.changed()).toEqual(['0 irq high']);
  });
});

test('ends of interrupts are split from their deactivation by EOImode', () => {
  machine.enable(SPI, 0xa0);
  machine.put(CTLR, 0x201);
  machine.gic.raise(SPI, true);
  machine.get(IAR);
  machine.put(EOIR, SPI);
  expect(machine.get(RPR)).toBe(0xff);
  expect(machine.look(0x304)).toBe(1 << (SPI - 32));
  expect(machine.get(IAR)).toBe(1023);
  machine.put(DIR, SPI);
  expect(machine.get(IAR)).toBe(SPI);
});

test('group 0 is signalled as FIQ on demand, and group 1 wants AckCtl', () => {
  machine.set(0, 3);
  machine.put(CTLR, 0xb);
  machine.enable(SPI, 0xa0);
  machine.gic.raise(SPI, true);
  expect(machine.changed()).toEqual(['0 fiq high']);
  machine.set(0x84, 1 << (SPI - 32));
  expect(machine.changed()).toEqual(['0 irq high', '0 fiq low']);
  expect(machine.get(IAR)).toBe(1022);
  machine.put(CTLR, 0xf);
  expect(machine.get(IAR)).toBe(SPI);
});

test('targets of private interrupts are the reader', () => {
  machine.processor = 1;
  expect(machine.look(0x81c)).toBe(0x0202_0202);
  machine.set(0x820, 0xffff_ffff);
  expect(machine.look(0x820)).toBe(0x0303_0303);
});

test('a frame for messages raises its SPIs as edges', () => {
  const frame = new GicV2m(80, 64, machine.gic);
  expect(frame.read(0x008, 4)).toBe(0x50_0040n);
  machine.enable(81, 0xa0);
  machine.set(0xc14, 8);
  for (const spi of [79n, 144n, 81n]) expect(frame.write(0x040, 4, spi)).toBe(true);
  expect(machine.get(IAR)).toBe(81);
  machine.put(EOIR, 81);
  expect(machine.get(IAR)).toBe(1023);
});

test('accesses across registers are not answered', () => {
  expect(machine.gic.distributor.read(0x402, 4)).toBeUndefined();
  expect(machine.gic.distributor.write(0x401, 2, 0n)).toBe(false);
});

test('a broken saved state changes nothing', () => {
  const saved = machine.gic.save() as Record<string, number[]>;
  for (const broken of [undefined, {}, { ...saved, sources: [1] }, { ...saved, groups: [256, 0] }]) {
    expect(() => machine.gic.restore(broken)).toThrow('the saved state of an interrupt controller is broken');
  }
  expect(machine.gic.save()).toEqual(saved);
});
