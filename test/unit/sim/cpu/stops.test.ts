/** Where a debugger outside of the machine has a processor stop, of which the guest sees nothing. */
import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { createCpus } from '../../../../sim/cpu/cpu.js';
import type { AccessWatch, CpuModel } from '../../../../sim/cpu/state/model.js';
import { Board } from '../../../../sim/machine/board.js';
import { branchBy, bytesOfWords, encode } from '../../../support/processor/assemble.js';

const RAM = Range.sized(0x4000_0000n, 0x10_0000n);
/** Two functions that are alike, in pages of their own, and what calls both. */
const [FIRST, SECOND, CALLER] = [RAM.start, RAM.start + 0x1000n, RAM.start + 0x2000n];
const DATA = RAM.start + 0x8000n;

const add = (Rd: number, Rn: number, imm12: number): number =>
  encode('ADD (immediate)', { sf: 1, sh: 0, imm12, Rn, Rd });
const store = (Rt: number, Rn: number): number =>
  encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const load = (Rt: number, Rn: number): number =>
  encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const countDown = encode('SUB (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 });
const whileNotZero = (words: number): number => encode('CBZ, CBNZ', { sf: 1, op: 1, imm19: words & 0x7ffff, Rt: 0 });
const call = (words: number): number => encode('BL', { imm26: words & 0x3ff_ffff });
const ret = encode('RET', { Rn: 30 });

/** Adds one to X2, stores that to X1, and loads it. */
const FUNCTION = [add(2, 2, 1), store(2, 1), load(3, 1), ret];
const START_OF_CALLER = [call(-0x800), call(-0x401), countDown, whileNotZero(-3), branchBy(0)];
const END = CALLER + 16n;

const TIERS = [
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
] as const;

const start = (hotRuns: number) => {
  const board = new Board({ ram: [RAM], devices: [], highestEl: 1 });
  const [cpu] = createCpus(board, [0n], { hotRuns });
  if (cpu === undefined) throw new Error('no processor');
  for (const at of [FIRST, SECOND]) board.memory.write(at, bytesOfWords(...FUNCTION));
  board.memory.write(CALLER, bytesOfWords(...START_OF_CALLER));
  cpu.setEl(1);
  return { board, cpu };
};

const begin = (cpu: CpuModel, times: bigint): void => {
  cpu.pc = CALLER;
  cpu.setX(0, times);
  cpu.setX(1, DATA);
  cpu.setX(2, 0n);
};

/** Goes on as gdb does, over what it stands at. @returns where it stopped, up to the end */
const stops = (cpu: CpuModel, times: bigint, stopAt: ReadonlySet<bigint>): readonly bigint[] => {
  begin(cpu, times);
  const places: bigint[] = [];
  for (let passesFirst = false; ; passesFirst = true) {
    const stop = cpu.run({ stopAt, passesFirst });
    if (stop.kind !== 'stop-at') return [...places, cpu.pc];
    places.push(stop.pc);
  }
};

const watch = (first: bigint, kind: 'read' | 'write' | 'access', size = 1n): readonly AccessWatch[] => [
  { first, last: first + size - 1n, isPhysical: false, onRead: kind !== 'write', onWrite: kind !== 'read' },
];

describe.each(TIERS)('code being %s', (_tier, hotRuns) => {
  test('is stopped at an address as often as it comes there, and gone on from over it', () => {
    const { cpu } = start(hotRuns);
    expect(stops(cpu, 3n, new Set([SECOND + 4n]))).toEqual([SECOND + 4n, SECOND + 4n, SECOND + 4n, END]);
    // The last one is a branch to itself.
    expect([cpu.getX(2), cpu.instructions]).toEqual([6n, 3n * 12n + 1n]);
    expect(stops(cpu, 2n, new Set([CALLER]))).toEqual([CALLER, CALLER, END]);
  });

  test('is stopped where it runs again and again, and not any more when that is not wanted', () => {
    const { cpu } = start(hotRuns);
    expect(stops(cpu, 1000n, new Set())).toEqual([END]);
    expect(stops(cpu, 1n, new Set([FIRST + 8n, SECOND]))).toEqual([FIRST + 8n, SECOND, END]);
    expect(stops(cpu, 5000n, new Set())).toEqual([END]);
    expect(stops(cpu, 1n, new Set([FIRST + 8n]))).toEqual([FIRST + 8n, END]);
  });

  test('carries out its first instruction alone where the next one is to be stopped at', () => {
    const { cpu } = start(hotRuns);
    begin(cpu, 1n);
    const stopAt = new Set([CALLER, FIRST, FIRST + 4n]);
    const places = [true, true, true].map((passesFirst) => (cpu.run({ stopAt, passesFirst }), cpu.pc));
    expect(places).toEqual([FIRST, FIRST + 4n, END]);
  });

  test('stops before an access that is watched, and goes on over it', () => {
    const { board, cpu } = start(hotRuns);
    begin(cpu, 600n);
    expect(cpu.run().kind).toBe('stuck');
    begin(cpu, 1n);
    const before = cpu.instructions;
    const watches = watch(DATA + 3n, 'write');
    const stop = { kind: 'watchpoint', virtAddr: DATA + 3n, isWrite: true };
    expect(cpu.run({ watches })).toEqual({ ...stop, pc: FIRST + 4n });
    expect([cpu.instructions - before, board.memory.read64(DATA), cpu.getX(2)]).toEqual([2n, 1200n, 1n]);
    expect(cpu.run({ watches, passesFirst: true })).toEqual({ ...stop, pc: SECOND + 4n });
    expect([board.memory.read64(DATA), cpu.getX(3)]).toEqual([1n, 1n]);
    expect(cpu.run({ watches, passesFirst: true }).kind).toBe('stuck');
    expect(cpu.instructions - before).toBe(12n + 1n);
  });

  test('tells reads, writes and either apart, and does not see bytes beside those that are watched', () => {
    const { cpu } = start(hotRuns);
    const firstStop = (watches: readonly AccessWatch[]): readonly unknown[] => {
      begin(cpu, 1n);
      const stop = cpu.run({ watches });
      return stop.kind === 'watchpoint' ? [stop.pc, stop.virtAddr, stop.isWrite] : [stop.kind];
    };
    expect(firstStop(watch(DATA, 'read', 16n))).toEqual([FIRST + 8n, DATA, false]);
    expect(firstStop(watch(DATA - 4n, 'access', 8n))).toEqual([FIRST + 4n, DATA, true]);
    expect(firstStop(watch(DATA + 8n, 'access', 8n))).toEqual(['stuck']);
    expect(firstStop([])).toEqual(['stuck']);
  });
});

describe('an address to stop at', () => {
  /** What was translated since it was asked last. */
  const counting = (cpu: CpuModel) => {
    let before = cpu.statistics.regions;
    return (): number => {
      const { regions } = cpu.statistics;
      const made = regions - before;
      before = regions;
      return made;
    };
  };

  test('has the code of its page alone translated anew, once, however often it comes and goes', () => {
    const { board, cpu } = start(1);
    const loops = Array.from({ length: 8 }, (_, i) => RAM.start + 0x1_0000n + 0x1000n * BigInt(i));
    const loop = bytesOfWords(add(2, 2, 1), countDown, whileNotZero(-2), branchBy(0));
    for (const at of loops) board.memory.write(at, loop);
    const runAll = (stopAt: ReadonlySet<bigint>): void => {
      for (const at of loops) {
        cpu.pc = at;
        cpu.setX(0, 1000n);
        expect(cpu.run({ stopAt }).kind).toBe('stuck');
      }
    };
    const made = counting(cpu);
    runAll(new Set());
    expect(made()).toBeGreaterThanOrEqual(loops.length);
    // Nobody comes there: it is in the page of the first loop, which is translated anew.
    const stop = new Set([loops[0]! + 0x800n]);
    runAll(stop);
    const again = made();
    expect(again).toBeGreaterThanOrEqual(1);
    expect(again).toBeLessThanOrEqual(2);
    for (let i = 0; i < 5; i++) {
      runAll(new Set());
      runAll(stop);
    }
    expect(made()).toBe(0);
  });

  test('that is not wanted any more costs nothing when code has come there often', () => {
    const { cpu } = start(1);
    const stopAt = new Set([FIRST + 4n]);
    begin(cpu, 1n);
    expect(cpu.run({ stopAt })).toMatchObject({ kind: 'stop-at' });
    const milliseconds = (): number => {
      begin(cpu, 300_000n);
      const started = performance.now();
      expect(cpu.run().kind).toBe('stuck');
      return performance.now() - started;
    };
    const first = milliseconds();
    const later = Math.min(milliseconds(), milliseconds());
    // Three million instructions, of which 300,000 would leave translated code, and take a microsecond each or more.
    expect(later).toBeLessThan(Math.max(100, 2 * first));
    begin(cpu, 1n);
    expect(cpu.run({ stopAt })).toMatchObject({ kind: 'stop-at', pc: FIRST + 4n });
  });
});
