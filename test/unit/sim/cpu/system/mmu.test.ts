import { describe, expect, test } from '@jest/globals';
import type { AccessKind } from '../../../../../sim/cpu/state/fault.js';
import { Mmu } from '../../../../../sim/cpu/system/mmu.js';
import type { ExceptionLevel } from '../../../../../sim/cpu/state/levels.js';
import { FakeBus, RAM_START } from '../../../../support/processor/fake-core.js';

const TABLE = 3n;
const PAGE = 3n;
const BLOCK = 1n;
const AF = 1n << 10n;
const USER = 1n << 6n;
const READ_ONLY = 1n << 7n;
const PXN = 1n << 53n;
const UXN = 1n << 54n;
const NORMAL = 1n << 2n;

/** Attribute 0 is Device-nGnRnE, 1 is Normal write-back, 2 is Normal and not cacheable. */
const MAIR = 0x44_ff00n;
const T0 = RAM_START;
const [T1, T2, T3] = [RAM_START + 0x1_0000, RAM_START + 0x2_0000, RAM_START + 0x3_0000];
const T0_UPPER = RAM_START + 0x4_0000;

interface Setup {
  /** TCR_EL1 without TxSZ. */
  readonly tcr?: bigint;
  readonly t0sz?: number;
  readonly t1sz?: number;
  readonly sctlr?: bigint;
  readonly ttbr0?: number;
}

/** Registers of both regimes, with the MMU on and 48-bit addresses in and out. */
const setUp = ({ tcr = 0n, t0sz = 16, t1sz = 16, sctlr = 1n, ttbr0 = T0 }: Setup = {}): {
  readonly bus: FakeBus;
  readonly mmu: Mmu;
} => {
  const bus = new FakeBus();
  const registers: Readonly<Record<string, bigint>> = {
    SCTLR_EL1: sctlr,
    TCR_EL1: tcr | (5n << 32n) | (2n << 30n) | (BigInt(t1sz) << 16n) | BigInt(t0sz),
    TTBR0_EL1: BigInt(ttbr0),
    TTBR1_EL1: BigInt(T0_UPPER),
    MAIR_EL1: MAIR,
    HCR_EL2: 0n,
    SCTLR_EL2: sctlr,
    TCR_EL2: (5n << 16n) | BigInt(t0sz),
    TTBR0_EL2: BigInt(ttbr0),
    MAIR_EL2: MAIR,
  };
  return { bus, mmu: new Mmu(bus, (name) => registers[name]!) };
};

const at = (table: number): bigint => BigInt(table);

/** One 4K page at virtual address 0x1000, four levels down; `tables` goes into each table descriptor. */
const mapPage = (bus: FakeBus, page: bigint, tables = 0n): void => {
  bus.describe(T0, 0, at(T1) | TABLE | tables);
  bus.describe(T1, 0, at(T2) | TABLE);
  bus.describe(T2, 0, at(T3) | TABLE);
  bus.describe(T3, 1, page | PAGE);
};

const fault = (faultStatus: number): unknown => ({ faultStatus });

describe('with the MMU off', () => {
  const { mmu } = setUp({ sctlr: 0n });

  test('data is Device memory where it is; code is not', () => {
    expect(mmu.walk(0x1234_5678n, 'read', 1)).toMatchObject({ page: 0x1234_5000, device: true });
    expect(mmu.walk(0x1234_5678n, 'execute', 1)).toMatchObject({ page: 0x1234_5000, device: false });
    expect(mmu.isEnabled(1)).toBe(false);
  });

  test('an address of more than 48 bits is an address size fault', () => {
    expect(mmu.walk(1n << 48n, 'write', 1)).toEqual(fault(0x00));
    expect(mmu.walk((1n << 48n) - 1n, 'write', 1)).toMatchObject({ page: 2 ** 48 - 4096 });
  });
});

describe('a walk', () => {
  test('goes through four levels of 4K tables', () => {
    const { bus, mmu } = setUp();
    mapPage(bus, 0x8_7654_3000n | AF | NORMAL);
    expect(mmu.walk(0x1abcn, 'read', 1)).toEqual({
      page: 0x8_7654_3000,
      device: false,
      writable: true,
      attributes: 0xff,
      shareability: 0,
      mappedBytes: 4096,
      notGlobal: false,
    });
  });

  test.each<[who: string, el: 0 | 1, permissions: bigint, writable: boolean]>([
    ['EL1', 1, 0n, true],
    ['EL1', 1, READ_ONLY, false],
    ['EL0', 0, USER, true],
    ['EL0', 0, USER | READ_ONLY, false],
  ])('for reading tells %s (EL%i) with permissions 0x%x that it might write: %s', (_who, el, permissions, writable) => {
    const { bus, mmu } = setUp();
    mapPage(bus, 0x8_7654_3000n | AF | NORMAL | permissions);
    expect(mmu.walk(0x1abcn, 'read', el)).toMatchObject({ writable });
  });

  test.each<[granule: string, tg0: bigint, t0sz: number, level: number, blockBytes: number]>([
    ['4K', 0n, 16, 1, 2 ** 30],
    ['4K', 0n, 25, 2, 2 ** 21],
    ['4K', 0n, 39, 2, 2 ** 21],
    ['16K', 2n, 16, 2, 2 ** 25],
    ['16K', 2n, 28, 2, 2 ** 25],
    ['64K', 1n, 16, 2, 2 ** 29],
    ['64K', 1n, 22, 2, 2 ** 29],
  ])('%s pages: TG0 %d, T0SZ %d: a block at level %d has %d bytes', (_granule, tg0, t0sz, level, blockBytes) => {
    const { bus, mmu } = setUp({ tcr: tg0 << 14n, t0sz });
    const granuleBits = [12, 16, 14][Number(tg0)]!;
    const stride = granuleBits - 3;
    const start = 4 - Math.ceil((64 - t0sz - granuleBits) / stride);
    const tables = [T0, T1, T2];
    for (let at = start; at < level; at++)
      bus.describe(tables[at - start]!, 0, BigInt(tables[at - start + 1]!) | TABLE);
    const table = tables[level - start]!;
    bus.describe(table, 1, BigInt(blockBytes * 3) | BLOCK | AF);
    const inside = blockBytes - 4096;
    const virtAddr = BigInt(blockBytes + inside);
    expect(mmu.walk(virtAddr, 'read', 1)).toMatchObject({
      page: blockBytes * 3 + inside,
      device: true,
      mappedBytes: blockBytes,
    });
    expect(mmu.walk(0n, 'read', 1)).toEqual(fault(0x04 | level));
  });

  test.each<[granule: string, tg0: bigint, bits: number]>([
    ['16K', 2n, 14],
    ['64K', 1n, 16],
  ])('%s pages are larger than the pages it gives', (_granule, tg0, bits) => {
    // Addresses of 25 bits: one level more than the page itself at most.
    const { bus, mmu } = setUp({ tcr: tg0 << 14n, t0sz: 39 });
    bus.describe(T0, 1, (5n << BigInt(bits)) | PAGE | AF);
    expect(mmu.walk((1n << BigInt(bits)) + 0x2345n, 'read', 1)).toMatchObject({
      page: 5 * 2 ** bits + 0x2000,
      mappedBytes: 2 ** bits,
    });
  });

  test('the upper half has its own tables', () => {
    const { bus, mmu } = setUp({ t1sz: 25 });
    // 39-bit addresses start at level 1: 0xffffff80_00000000.
    bus.describe(T0_UPPER, 1, (7n << 30n) | BLOCK | AF | NORMAL);
    expect(mmu.walk(0xffff_ff80_4000_5000n, 'read', 1)).toMatchObject({ page: 7 * 2 ** 30 + 0x5000 });
    expect(mmu.walk(0xffff_ff7f_ffff_f000n, 'read', 1)).toEqual(fault(0x04));
    expect(mmu.walk(0xffff_ff80_4000_5000n, 'read', 2)).toEqual(fault(0x04));
  });

  test('TTBR0 covers what T0SZ says and no more', () => {
    const { bus, mmu } = setUp({ t0sz: 25 });
    bus.describe(T0, 511, (7n << 30n) | BLOCK | AF);
    expect(mmu.walk(0x7f_ffff_f000n, 'read', 1)).toMatchObject({ mappedBytes: 2 ** 30 });
    expect(mmu.walk(0x80_0000_0000n, 'read', 1)).toEqual(fault(0x04));
  });

  test('EPD forbids walks', () => {
    const { bus, mmu } = setUp({ tcr: 1n << 7n });
    mapPage(bus, 0x5000n | AF);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x04));
  });

  test('the top byte counts unless TBI ignores it', () => {
    const tagged = 0x7f00_0000_0000_1000n;
    const strict = setUp();
    mapPage(strict.bus, 0x5000n | AF);
    expect(strict.mmu.walk(tagged, 'read', 1)).toEqual(fault(0x04));
    const lax = setUp({ tcr: 1n << 37n });
    mapPage(lax.bus, 0x5000n | AF);
    expect(lax.mmu.walk(tagged, 'read', 1)).toMatchObject({ page: 0x5000 });
    expect(lax.mmu.isTopIgnored(tagged, 1)).toBe(true);
    expect(lax.mmu.isTopIgnored(0xff80_0000_0000_0000n, 1)).toBe(false);
  });

  test('an odd base of the first table is rounded down to its size', () => {
    const { bus, mmu } = setUp({ t0sz: 16, ttbr0: T0 + 0x800 });
    mapPage(bus, 0x5000n | AF);
    expect(mmu.walk(0x1000n, 'read', 1)).toMatchObject({ page: 0x5000 });
  });

  test('shareability is outer for what cannot be cached', () => {
    const { bus, mmu } = setUp();
    mapPage(bus, 0x5000n | AF | (2n << 2n) | (3n << 8n));
    expect(mmu.walk(0x1000n, 'read', 1)).toMatchObject({ device: false, attributes: 0x44, shareability: 2 });
    bus.describe(T3, 1, 0x5000n | PAGE | AF | NORMAL | (3n << 8n));
    expect(mmu.walk(0x1000n, 'read', 1)).toMatchObject({ shareability: 3 });
  });

  test('changed tables are seen, changed registers when it is told', () => {
    const registers: Record<string, bigint> = {
      SCTLR_EL2: 1n,
      TCR_EL2: (5n << 16n) | 25n,
      TTBR0_EL2: BigInt(T0),
      MAIR_EL2: MAIR,
    };
    const bus = new FakeBus();
    const mmu = new Mmu(bus, (name) => registers[name]!);
    bus.describe(T0, 0, BLOCK | AF);
    expect(mmu.walk(0x1000n, 'read', 2)).toMatchObject({ page: 0x1000 });
    bus.describe(T0, 0, (1n << 30n) | BLOCK | AF);
    expect(mmu.walk(0x1000n, 'read', 2)).toMatchObject({ page: 2 ** 30 + 0x1000 });
    registers['SCTLR_EL2'] = 0n;
    mmu.registersChanged();
    expect(mmu.walk(0x1000n, 'read', 2)).toMatchObject({ page: 0x1000 });
  });

  test('looks for the RAM of a table once', () => {
    const { bus, mmu } = setUp();
    mapPage(bus, 0x5000n | AF);
    for (let i = 0; i < 10; i++) mmu.walk(0x1000n, 'read', 1);
    expect(bus.lookups).toBe(4);
  });
});

describe('faults name their level', () => {
  test('an invalid descriptor', () => {
    const { bus, mmu } = setUp();
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x04));
    bus.describe(T0, 0, at(T1) | TABLE);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x05));
    bus.describe(T1, 0, at(T2) | TABLE);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x06));
    bus.describe(T2, 0, at(T3) | TABLE);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x07));
  });

  test('a block where only pages or tables are allowed', () => {
    const { bus, mmu } = setUp();
    mapPage(bus, AF);
    bus.describe(T3, 1, BLOCK | AF);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x07));
    bus.describe(T0, 0, BLOCK | AF);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x04));
  });

  test('the access flag', () => {
    const { bus, mmu } = setUp();
    mapPage(bus, 0x5000n);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x0b));
  });

  test('an output address that is too large', () => {
    const { bus, mmu } = setUp();
    const small = new Mmu(bus, (name) =>
      name === 'TCR_EL1'
        ? (2n << 30n) | (16n << 16n) | 16n
        : name === 'MAIR_EL1'
          ? MAIR
          : name === 'SCTLR_EL1'
            ? 1n
            : BigInt(T0),
    );
    mapPage(bus, 0x1_0000_0000n | AF);
    expect(mmu.walk(0x1000n, 'read', 1)).toMatchObject({ page: 0x1_0000_0000 });
    expect(small.walk(0x1000n, 'read', 1)).toEqual(fault(0x03));
    bus.describe(T1, 0, 0x1_0000_0000n | TABLE);
    expect(small.walk(0x1000n, 'read', 1)).toEqual(fault(0x01));
  });

  test('tables where there is no RAM', () => {
    const { bus, mmu } = setUp();
    bus.describe(T0, 0, 0x9000_0000n | TABLE);
    expect(mmu.walk(0x1000n, 'read', 1)).toEqual(fault(0x15));
  });
});

/** What is allowed, as letters: r, w and x. */
const allowed = (mmu: Mmu, el: ExceptionLevel): string => {
  const kinds: readonly (readonly [AccessKind, string])[] = [
    ['read', 'r'],
    ['write', 'w'],
    ['execute', 'x'],
  ];
  return kinds
    .filter(([kind]) => {
      const walk = mmu.walk(0x1000n, kind, el);
      if ('faultStatus' in walk) expect(walk.faultStatus).toBe(0x0f);
      return !('faultStatus' in walk);
    })
    .map(([, letter]) => letter)
    .join('');
};

describe('permissions', () => {
  const WXN = 1n << 19n;
  const UXN_TABLE = 1n << 60n;
  const PXN_TABLE = 1n << 59n;
  const NO_WRITE_TABLE = 1n << 62n;
  const NO_USER_TABLE = 1n << 61n;

  test.each<[page: string, descriptor: bigint, tables: bigint, sctlr: bigint, el0: string, el1: string, el2: string]>([
    ['kernel data', 0n, 0n, 0n, 'x', 'rwx', 'rwx'],
    ['kernel data, never executable', UXN | PXN, 0n, 0n, '', 'rw', 'rw'],
    ['kernel code', READ_ONLY | UXN, 0n, 0n, '', 'rx', 'r'],
    ['user data', USER | UXN, 0n, 0n, 'rw', 'rw', 'rw'],
    ['user data and code', USER, 0n, 0n, 'rwx', 'rw', 'rwx'],
    ['user code', USER | READ_ONLY, 0n, 0n, 'rx', 'rx', 'rx'],
    ['user code, not for the kernel', USER | READ_ONLY | PXN, 0n, 0n, 'rx', 'r', 'rx'],
    ['WXN takes execution from what can be written', 0n, 0n, WXN, 'x', 'rw', 'rw'],
    ['WXN and user data', USER, 0n, WXN, 'rw', 'rw', 'rw'],
    ['WXN and code', USER | READ_ONLY, 0n, WXN, 'rx', 'rx', 'rx'],
    ['a table that forbids writes', USER, NO_WRITE_TABLE, 0n, 'rx', 'rx', 'rx'],
    ['a table that forbids EL0', USER, NO_USER_TABLE, 0n, 'x', 'rwx', 'rwx'],
    ['a table that forbids execution at EL0', USER | READ_ONLY, UXN_TABLE, 0n, 'r', 'rx', 'r'],
    ['a table that forbids execution at EL1', USER | READ_ONLY, PXN_TABLE, 0n, 'rx', 'r', 'rx'],
  ])('%s', (_name, descriptor, tables, sctlr, el0, el1, el2) => {
    const { bus, mmu } = setUp({ sctlr: 1n | sctlr });
    mapPage(bus, 0x5000n | AF | descriptor, tables);
    expect([allowed(mmu, 0), allowed(mmu, 1), allowed(mmu, 2)]).toEqual([el0, el1, el2]);
  });
});
