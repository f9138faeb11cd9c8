import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { createCpus } from '../../../../sim/cpu/cpu.js';
import type { CpuModel } from '../../../../sim/cpu/state/model.js';
import { Board } from '../../../../sim/machine/board.js';
import { branchBy, bytesOfWords, encode } from '../../../support/processor/assemble.js';

const RAM = Range.sized(0x4000_0000n, 0x10_0000n);
const CODE = RAM.start;
const VECTORS = RAM.start + 0x1000n;
const DATA = RAM.start + 0x8000n;

const [SS, KDE, MDE] = [1n, 1n << 13n, 1n << 15n];
const EL1 = 1n << 1n;
const BREAK = (0xfn << 5n) | EL1 | 1n;
const WATCH = (0xffn << 5n) | EL1 | 1n;
const [LOADS, STORES] = [1n << 3n, 2n << 3n];
const DEBUG_MASKED = 8;

const add = (Rd: number, Rn: number, imm12: number): number =>
  encode('ADD (immediate)', { sf: 1, sh: 0, imm12, Rn, Rd });
const store = (Rt: number, Rn: number): number =>
  encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const load = (Rt: number, Rn: number): number =>
  encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const countDown = encode('SUB (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 });
const whileNotZero = (words: number): number => encode('CBZ, CBNZ', { sf: 1, op: 1, imm19: words & 0x7ffff, Rt: 0 });

/** Counts in X2 how often it goes round, stores that to X1, and goes on to the next eight bytes: X0 times. */
const LOOP = [add(2, 2, 1), store(2, 1), load(3, 1), add(1, 1, 8), countDown, whileNotZero(-5), branchBy(0)];
const END = CODE + 4n * 6n;

/** How code is carried out: never translated, or as soon as it has run once. */
const TIERS = [
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
] as const;

const start = (hotRuns: number) => {
  const board = new Board({ ram: [RAM], devices: [], highestEl: 1 });
  const cpus = createCpus(board, [0n, 1n], { hotRuns });
  board.memory.write(CODE, bytesOfWords(...LOOP));
  for (const cpu of cpus) {
    cpu.setEl(1);
    cpu.setSystemRegister('VBAR_EL1', VECTORS);
    cpu.setSystemRegister('OSLAR_EL1', 0n);
    cpu.setSystemRegister('MDSCR_EL1', MDE | KDE);
    cpu.daif = 0;
  }
  return { board, first: cpus[0]!, second: cpus[1]! };
};

/** Begins with the loop. @returns what ends it: where, and with which class of exception */
const loop = (cpu: CpuModel, times: bigint): readonly [kind: string, pc: bigint, ec?: bigint, far?: bigint] => {
  cpu.pc = CODE;
  cpu.setX(0, times);
  cpu.setX(1, DATA);
  cpu.setX(2, 0n);
  const stop = cpu.run({ stopOnException: true });
  if (stop.kind !== 'exception') return [stop.kind, cpu.pc];
  const { esr, far } = stop.exception;
  return far === undefined ? [stop.kind, stop.pc, esr >> 26n] : [stop.kind, stop.pc, esr >> 26n, far];
};

const set = (cpu: CpuModel, values: Readonly<Record<string, bigint>>): void => {
  for (const [name, value] of Object.entries(values)) cpu.setSystemRegister(name, value);
};

describe.each(TIERS)('code being %s', (_tier, hotRuns) => {
  test('a breakpoint is met in the middle of a loop that has run, and as often as it is set', () => {
    const { first } = start(hotRuns);
    expect(loop(first, 500n)).toEqual(['stuck', END]);
    for (const at of [CODE + 8n, CODE, CODE + 12n, CODE + 8n]) {
      set(first, { DBGBVR1_EL1: at, DBGBCR1_EL1: BREAK });
      expect(loop(first, 500n)).toEqual(['exception', at, 0x31n]);
      expect(first.getX(2)).toBe(at === CODE ? 0n : 1n);
      set(first, { DBGBCR1_EL1: 0n });
      expect(loop(first, 500n)).toEqual(['stuck', END]);
      expect(first.getX(2)).toBe(500n);
    }
  });

  test('a breakpoint that is masked, or another processor has, lets a loop go on', () => {
    const { first, second } = start(hotRuns);
    set(first, { DBGBVR0_EL1: CODE, DBGBCR0_EL1: BREAK });
    first.daif = DEBUG_MASKED;
    for (const cpu of [first, second]) expect(loop(cpu, 1000n)).toEqual(['stuck', END]);
    first.daif = 0;
    expect(loop(first, 1000n)).toEqual(['exception', CODE, 0x31n]);
    expect(loop(second, 1000n)).toEqual(['stuck', END]);
  });

  test('more breakpoints come and go than are kept in mind', () => {
    const { board, first } = start(hotRuns);
    const nops = Array.from({ length: 200 }, () => encode('HINT (NOP and unallocated hints)', { CRm: 0, op2: 0 }));
    board.memory.write(CODE, bytesOfWords(...nops, branchBy(0)));
    for (let n = 0; n < nops.length; n += 2) {
      const at = CODE + 4n * BigInt(n);
      set(first, { DBGBVR0_EL1: at, DBGBCR0_EL1: BREAK });
      expect(loop(first, 0n)).toEqual(['exception', at, 0x31n]);
    }
  });

  test('a watchpoint is met late in a loop, by the access that it is for, which is not done', () => {
    const { board, first } = start(hotRuns);
    const watched = DATA + 0x1008n;
    expect(loop(first, 1000n)).toEqual(['stuck', END]);
    board.memory.write64(watched, 7n);
    set(first, { DBGWVR0_EL1: watched, DBGWCR0_EL1: WATCH | STORES });
    expect(loop(first, 1000n)).toEqual(['exception', CODE + 4n, 0x35n, watched]);
    expect([first.getX(2), board.memory.read64(watched), board.memory.read64(watched - 8n)]).toEqual([514n, 7n, 513n]);
    set(first, { DBGWCR0_EL1: WATCH | LOADS });
    first.setX(3, 0n);
    expect(loop(first, 1000n)).toEqual(['exception', CODE + 8n, 0x35n, watched]);
    expect([first.getX(3), board.memory.read64(watched)]).toEqual([513n, 514n]);
    first.daif = DEBUG_MASKED;
    expect(loop(first, 1000n)).toEqual(['stuck', END]);
  });

  test('a loop is single-stepped, each instruction with an exception behind it', () => {
    const { board, first } = start(hotRuns);
    expect(loop(first, 50n)).toEqual(['stuck', END]);
    const spsr = { o0: 1, op1: 0, CRn: 4, CRm: 0, op2: 0, Rt: 10 };
    // Counts in X9, and asks for one more step.
    const setSs = encode('ORR (immediate)', { sf: 1, N: 1, immr: 64 - 21, imms: 0, Rn: 10, Rd: 10 });
    const handler = [add(9, 9, 1), encode('MRS', spsr), setSs, encode('MSR (register)', spsr), encode('ERET')];
    board.memory.write(VECTORS + 0x200n, bytesOfWords(...handler));
    set(first, { MDSCR_EL1: KDE | SS });
    first.pc = CODE;
    first.setX(0, 20n);
    first.setX(2, 0n);
    const before = first.instructions;
    expect(first.run({ stopAt: new Set([END]) }).kind).toBe('stop-at');
    // 20 times six instructions, and one exception before them: SS was 0.
    const steps = 20n * 6n;
    expect([first.getX(2), first.getX(9)]).toEqual([20n, steps]);
    expect(first.instructions - before).toBe(steps + 6n * steps);
    // Behind the last instruction, an exception is pending.
    expect(first.run({ stopOnException: true })).toMatchObject({ kind: 'exception', pc: END });
  });

  test('a run of so many instructions ends between a step and its exception', () => {
    const { board, first } = start(hotRuns);
    board.memory.write(VECTORS, bytesOfWords(encode('ERET')));
    set(first, { MDSCR_EL1: KDE | SS, SPSR_EL1: (1n << 21n) | 5n, ELR_EL1: CODE });
    first.daif = DEBUG_MASKED;
    first.setX(2, 0n);
    first.pc = VECTORS;
    const places = [CODE, CODE + 4n, VECTORS + 0x200n].map((pc) => {
      expect(first.run({ maxInstructions: 1n }).kind).toBe('max-instructions');
      return first.pc === pc;
    });
    expect([places, first.getX(2)]).toEqual([[true, true, true], 1n]);
  });
});
