import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { createCpus } from '../../../../sim/cpu/cpu.js';
import type { CpuModel } from '../../../../sim/cpu/state/model.js';
import { Board } from '../../../../sim/machine/board.js';
import { branchBy, bytesOfWords, encode } from '../../../support/processor/assemble.js';

const RAM = Range.sized(0x4000_0000n, 0x10_0000n);
const CODE = RAM.start;
/** Where the second processor starts when the two run different programs. */
const OTHER_CODE = RAM.start + 0x1000n;
const DATA = RAM.start + 0x8000n;

const store = (Rt: number, Rn: number): number =>
  encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const storeWord = (Rt: number, Rn: number): number =>
  encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 2, imm12: 0, Rn, Rt });
const load = (Rt: number, Rn: number): number =>
  encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const add = (Rd: number, Rn: number, imm12: number): number =>
  encode('ADD (immediate)', { sf: 1, sh: 0, imm12, Rn, Rd });
const loadExclusive = (Rt: number, Rn: number): number =>
  encode('LDXR, LDXRB, LDXRH, LDAXR, LDAXRB, LDAXRH', { size: 3, Rs: 31, acquire: 0, Rt2: 31, Rn, Rt });
const storeExclusive = (Rs: number, Rt: number, Rn: number): number =>
  encode('STXR, STXRB, STXRH, STLXR, STLXRB, STLXRH', { size: 3, Rs, release: 0, Rt2: 31, Rn, Rt });
const invalidateCode = (Rt: number): number => encode('IC IVAU', { Rt });
/** TLBI VAE1 for this processor, and TLBI VAE1IS for all. */
const invalidateTlb = (isForAll: boolean, Rt: number): number =>
  encode('SYS', { op1: 0, CRn: 8, CRm: isForAll ? 3 : 7, op2: 1, Rt });

interface Machine {
  readonly board: Board;
  readonly first: CpuModel;
  readonly second: CpuModel;
}

/** How code is carried out: never translated, or as soon as it has run once. */
const TIERS = [
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
] as const;

const start = (hotRuns: number, program: readonly number[], other: readonly number[] = program): Machine => {
  const board = new Board({ ram: [RAM], devices: [], highestEl: 1 });
  const cpus = createCpus(board, [0n, 1n], { hotRuns });
  const [first, second] = [cpus[0]!, cpus[1]!];
  board.memory.write(CODE, bytesOfWords(...program));
  board.memory.write(OTHER_CODE, bytesOfWords(...other));
  for (const cpu of cpus) {
    cpu.setEl(1);
    cpu.setX(1, DATA);
    cpu.pc = CODE;
  }
  return { board, first, second };
};

const step = (cpu: CpuModel, instructions: bigint): void => {
  expect(cpu.run({ maxInstructions: instructions, stopOnException: true }).kind).toBe('max-instructions');
};

/** Runs one program from its start to the `b .` in its end. */
const runFrom = (cpu: CpuModel, pc: bigint): void => {
  cpu.pc = pc;
  expect(cpu.run({ stopOnException: true }).kind).toBe('stuck');
};

const value = ({ board }: Machine, address: bigint): bigint => board.memory.read64(address);

describe.each(TIERS)('two processors, code being %s', (_tier, hotRuns) => {
  test('have registers of their own, and memory in common', () => {
    // Adds its own number to what both count, a hundred times.
    const loop = [load(0, 1), encode('ADD (shifted register)', { sf: 1, shift: 0, Rm: 2, imm6: 0, Rn: 0, Rd: 0 })];
    const program = [...loop, store(0, 1), add(3, 3, 1), branchBy(-4)];
    const machine = start(hotRuns, program);
    const { first, second } = machine;
    first.setX(2, 1n);
    second.setX(2, 1000n);
    for (let turn = 0; turn < 100; turn++) {
      step(first, 5n);
      step(second, 5n);
    }
    expect(value(machine, DATA)).toBe(100n * 1001n);
    expect([first.getX(3), second.getX(3)]).toEqual([100n, 100n]);
    expect([first.getX(2), second.getX(2)]).toEqual([1n, 1000n]);
    expect(first.getSystemRegister('MPIDR_EL1')).not.toBe(second.getSystemRegister('MPIDR_EL1'));
  });

  test('share code, and one sees it when the other has changed it', () => {
    const writer = [storeWord(0, 1), invalidateCode(1), branchBy(0)];
    const runner = [add(2, 2, 1), branchBy(0)];
    const { first, second } = start(hotRuns, writer, runner);
    for (let i = 0; i < 3; i++) runFrom(second, OTHER_CODE);
    expect(second.getX(2)).toBe(3n);
    first.setX(0, BigInt(add(2, 2, 100)));
    first.setX(1, OTHER_CODE);
    runFrom(first, CODE);
    runFrom(second, OTHER_CODE);
    expect(second.getX(2)).toBe(103n);
  });

  test('hand the turn over by YIELD, and where the event stream is what wakes them', () => {
    const spin = (hint: 'YIELD' | 'WFE'): readonly number[] => [encode(hint), branchBy(-1)];
    for (const hint of ['YIELD', 'WFE'] as const) {
      const { first } = start(hotRuns, spin(hint));
      first.setSystemRegister('CNTKCTL_EL1', 4n);
      for (const instructions of [1n, 3n, 5n]) {
        expect(first.run({ turn: 1000 })).toEqual({ kind: 'turn-over' });
        expect([first.pc, first.instructions]).toEqual([CODE + 4n, instructions]);
      }
      // Who gives no turns runs it as before.
      step(first, 100n);
    }
  });

  describe('marks of load-exclusives', () => {
    const PROGRAM = [loadExclusive(0, 1), add(0, 0, 1), storeExclusive(4, 0, 1), branchBy(0)];
    const OTHER = [store(5, 6), branchBy(0)];

    /** The first processor is interrupted by a store of the second one. @returns what its store-exclusive gives */
    const interrupt = (address: bigint, stored: bigint): { readonly status: bigint; readonly result: bigint } => {
      const machine = start(hotRuns, PROGRAM, OTHER);
      const { first, second } = machine;
      // Both know the page already, and have the code.
      runFrom(first, CODE);
      expect(first.getX(4)).toBe(0n);
      second.setX(6, DATA + 0x800n);
      runFrom(second, OTHER_CODE);
      first.pc = CODE;
      step(first, 2n);
      second.setX(5, stored);
      second.setX(6, address);
      runFrom(second, OTHER_CODE);
      step(first, 1n);
      return { status: first.getX(4), result: value(machine, DATA) };
    };

    test('are broken by a store of the other, even of the same value', () => {
      expect(interrupt(DATA, 1n)).toEqual({ status: 1n, result: 1n });
      expect(interrupt(DATA, 9n)).toEqual({ status: 1n, result: 9n });
      expect(interrupt(DATA + 8n, 9n).status).toBe(1n);
    });

    test('stay when it stores elsewhere', () => {
      expect(interrupt(DATA + 64n, 9n)).toEqual({ status: 0n, result: 2n });
      expect(interrupt(DATA + 0x1000n, 9n)).toEqual({ status: 0n, result: 2n });
    });

    test('stay when the TLB is emptied, and memory is only written by the store', () => {
      const program = [loadExclusive(0, 1), add(0, 0, 1), load(7, 8), storeExclusive(4, 0, 1), branchBy(0)];
      const machine = start(hotRuns, program, [invalidateTlb(true, 2), branchBy(0)]);
      const { board, first, second } = machine;
      board.memory.write64(DATA, 5n);
      first.setX(8, DATA + 0x2000n);
      step(first, 3n);
      second.setX(2, DATA >> 12n);
      runFrom(second, OTHER_CODE);
      step(first, 1n);
      expect([first.getX(4), value(machine, DATA)]).toEqual([0n, 6n]);
    });

    test('that are broken are an event for a processor that waits for one', () => {
      const machine = start(hotRuns, [loadExclusive(0, 1), encode('WFE'), branchBy(0)], OTHER);
      const { first, second } = machine;
      expect(runFrom(first, CODE)).toBeUndefined();
      expect(first.pc).toBe(CODE + 4n);
      second.setX(6, DATA);
      runFrom(second, OTHER_CODE);
      first.run();
      expect(first.pc).toBe(CODE + 8n);
    });

    test('stay with their processor: the other has none', () => {
      const { first, second } = start(hotRuns, PROGRAM);
      step(first, 2n);
      second.pc = CODE + 8n;
      step(second, 1n);
      expect(second.getX(4)).toBe(1n);
      step(first, 1n);
      expect(first.getX(4)).toBe(0n);
    });
  });

  describe('a walk that one has cached', () => {
    const TABLES = RAM.start + 0x1_0000n;
    const OLD_PAGE = RAM.start + 0x2_0000n;
    const NEW_PAGE = RAM.start + 0x3_0000n;
    const VIRTUAL = 0x8000_0000n;
    const TABLE = 3n;
    const PAGE = 3n | (1n << 10n);
    const BLOCK = 1n | (1n << 10n);
    const entryOf = (level: number, table: bigint, address: bigint): bigint =>
      table + 8n * ((address >> BigInt(39 - 9 * level)) & 511n);

    /** The RAM is where it is, and a page of it at VIRTUAL. */
    const mapped = (isForAll: boolean): Machine => {
      const changeEntry = [store(0, 1), invalidateTlb(isForAll, 2), branchBy(0)];
      const machine = start(hotRuns, changeEntry, [load(3, 4), branchBy(0)]);
      const { memory } = machine.board;
      const [level0, level1, level2, level3] = [0n, 1n, 2n, 3n].map((i) => TABLES + 0x1000n * i) as [
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      memory.write64(entryOf(0, level0, RAM.start), level1 | TABLE);
      memory.write64(entryOf(1, level1, RAM.start), RAM.start | BLOCK);
      memory.write64(entryOf(1, level1, VIRTUAL), level2 | TABLE);
      memory.write64(entryOf(2, level2, VIRTUAL), level3 | TABLE);
      memory.write64(entryOf(3, level3, VIRTUAL), OLD_PAGE | PAGE);
      memory.write64(OLD_PAGE, 111n);
      memory.write64(NEW_PAGE, 222n);
      for (const cpu of [machine.first, machine.second]) {
        cpu.setSystemRegister('MAIR_EL1', 0xffn);
        cpu.setSystemRegister('TCR_EL1', 16n | (1n << 23n) | (2n << 32n));
        cpu.setSystemRegister('TTBR0_EL1', level0);
        cpu.setSystemRegister('SCTLR_EL1', cpu.getSystemRegister('SCTLR_EL1') | 1n);
      }
      machine.first.setX(0, NEW_PAGE | PAGE);
      machine.first.setX(1, entryOf(3, level3, VIRTUAL));
      machine.first.setX(2, VIRTUAL >> 12n);
      machine.second.setX(4, VIRTUAL);
      return machine;
    };

    test('is forgotten when the other broadcasts TLBI ...IS', () => {
      const { first, second } = mapped(true);
      runFrom(second, OTHER_CODE);
      expect(second.getX(3)).toBe(111n);
      runFrom(first, CODE);
      runFrom(second, OTHER_CODE);
      expect(second.getX(3)).toBe(222n);
    });

    test('is kept when the other invalidates only its own TLB', () => {
      const { first, second } = mapped(false);
      runFrom(second, OTHER_CODE);
      runFrom(first, CODE);
      runFrom(second, OTHER_CODE);
      expect(second.getX(3)).toBe(111n);
    });
  });
});

test('what one processor had translated the other finds', () => {
  const { first, second } = start(1, [add(2, 2, 1), branchBy(0)]);
  for (let i = 0; i < 3; i++) runFrom(first, CODE);
  const { regions } = first.statistics;
  expect(regions).toBeGreaterThan(0);
  for (let i = 0; i < 3; i++) runFrom(second, CODE);
  expect(second.getX(2)).toBe(3n);
  expect(second.statistics.regions).toBe(regions);
});

test('one that is alone has nobody to hand its turn to', () => {
  const board = new Board({ ram: [RAM], devices: [], highestEl: 1 });
  const [cpu] = createCpus(board, [0n]);
  board.memory.write(CODE, bytesOfWords(encode('YIELD'), branchBy(-1)));
  cpu!.setEl(1);
  cpu!.pc = CODE;
  expect(cpu!.run({ turn: 1000 })).toEqual({ kind: 'turn-over' });
  expect(cpu!.instructions).toBe(1000n);
});

test('there is room for eight processors', () => {
  const board = new Board({ ram: [RAM], devices: [], highestEl: 1 });
  const affinities = Array.from({ length: 9 }, (_, i) => BigInt(i));
  expect(createCpus(board, affinities.slice(0, 8))).toHaveLength(8);
  expect(() => createCpus(board, affinities)).toThrow('no room for more than 8 processors');
});
