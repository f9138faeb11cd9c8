import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Range } from '../../../../kexec/base/range.js';
import { createCpu } from '../../../../sim/cpu/cpu.js';
import type { Bus } from '../../../../sim/cpu/state/bus.js';
import type { CpuModel, Jump, RunLimits } from '../../../../sim/cpu/state/model.js';
import { MAX_KEPT_BYTES, Translations } from '../../../../sim/cpu/translations.js';
import { allJumps } from '../../../../sim/cpu/state/observer.js';
import { PhysicalMemory } from '../../../../sim/machine/memory.js';
import { branchBy, bytesOfWords, encode } from '../../../support/processor/assemble.js';
import { bareHost } from '../../../support/processor/bare-processor.js';

/** Assembled by GNU as; `b .` ends a program. */
interface Program {
  readonly name: string;
  readonly source: readonly string[];
  readonly words: string;
}

const PROGRAMS = JSON.parse(readFileSync('test/data/cpu-programs.json', 'utf8')) as readonly Program[];

const CODE = 0x4000_0000n;
const STACK = 0x4000_8000n;
const RAM = Range.sized(CODE, 0x10_0000n);

const bytesOf = ({ words }: Program): Uint8Array => {
  const numbers = words.split(' ').map((word) => Number.parseInt(word, 16));
  return bytesOfWords(...numbers);
};

const addImmediate = (register: number, imm12: number): number =>
  encode('ADD (immediate)', { sf: 1, sh: 0, imm12, Rn: register, Rd: register });

const loadFrom = (base: number, register: number): number =>
  encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn: base, Rt: register });

const BRANCH_TO_X0 = bytesOfWords(encode('BR', { Rn: 0 }));

const programNamed = (name: string): Program => PROGRAMS.find((program) => program.name === name)!;

/** More often than code runs in any of the programs. */
const SELDOM = 1_000_000;

/** How code is carried out: never translated, or as soon as it has run once. */
const TIERS = { interpreted: 2 ** 31 - 1, translated: 1 } as const;

const start = (
  program: Uint8Array,
  hotRuns: number,
  device: Partial<Pick<Bus, 'read' | 'write'>> = {},
  translations = Translations.none(),
): { readonly cpu: CpuModel; readonly memory: PhysicalMemory } => {
  const memory = new PhysicalMemory([RAM]);
  memory.write(CODE, program);
  const cpu = createCpu(bareHost(memory, device), { hotRuns, translations });
  cpu.setEl(1);
  cpu.pc = CODE;
  cpu.sp = STACK;
  return { cpu, memory };
};

const stateOf = (cpu: CpuModel) => ({
  x: Array.from({ length: 31 }, (_, register) => cpu.getX(register)),
  sp: cpu.sp,
  pc: cpu.pc,
  nzcv: cpu.nzcv,
  instructions: cpu.instructions,
});

const run = (program: Program, hotRuns: number, limits: RunLimits = { stopOnException: true }) => {
  const { cpu } = start(bytesOf(program), hotRuns);
  const stop = cpu.run(limits);
  return { stop, state: stateOf(cpu), cpu };
};

describe('what an earlier run translated', () => {
  const [one, other] = [addImmediate(1, 1), addImmediate(1, 2)];
  const programOf = (word: number): Uint8Array => bytesOfWords(word, branchBy(0));
  const earlier = (): Translations => {
    const translations = Translations.fresh();
    start(programOf(one), TIERS.translated, {}, translations).cpu.run({ stopOnException: true });
    return translations;
  };
  const runWith = (bytes: Uint8Array, word: number) => {
    const { cpu } = start(programOf(word), SELDOM, {}, Translations.fromBytes(bytes));
    cpu.run({ stopOnException: true });
    return { x1: cpu.getX(1), regions: cpu.statistics.takenIn };
  };

  test('is not kept twice, and what was not used goes first when there is no more room', () => {
    const words = (address: bigint) => [{ address, words: [1] }];
    const region = (start: bigint, bytes: number) => ({
      ...{ context: '', start, entries: [start], instructions: 1, words: words(start), body: new Uint8Array(bytes) },
    });
    const first = Translations.fresh();
    first.add(region(0n, 10));
    first.add(region(4n, 10));
    first.addHandler({ context: '', shape: 's', ends: true, body: Uint8Array.of(1) });
    const second = Translations.fromBytes(first.toBytes());
    second.add(region(0n, 20));
    second.addHandler({ context: '', shape: 's', ends: true, body: Uint8Array.of(1) });
    expect(second.added).toBe(0);
    second.add(region(8n, MAX_KEPT_BYTES - 30));
    second.noteUse(second.earlier.regions[1]!);
    const { regions, handlers } = Translations.fromBytes(second.toBytes()).earlier;
    expect(regions.map(({ start, body }) => [start, body.length])).toEqual([
      [0n, 20],
      [8n, MAX_KEPT_BYTES - 30],
      [4n, 10],
    ]);
    expect(handlers).toHaveLength(1);
    const third = Translations.fromBytes(second.toBytes());
    third.add(region(12n, 10));
    expect(Translations.fromBytes(third.toBytes()).earlier.regions.map(({ start }) => start)).toEqual([12n, 0n, 8n]);
  });

  test('has chains of calls through many pages, of which each is looked at once', () => {
    const [region] = Translations.fromBytes(earlier().toBytes()).earlier.regions;
    const chain = Translations.fresh();
    for (let start = CODE; start < RAM.end - 0x1000n; start += 0x1000n) {
      const words = [start, start + 0x1000n].map((address) => ({ address, words: [one, branchBy(0)] }));
      chain.add({ ...region!, start, entries: [start], words });
    }
    expect(runWith(chain.toBytes(), one)).toEqual({ x1: 1n, regions: 0 });
  });

  test('is used where the same code is', () => {
    expect(runWith(earlier().toBytes(), one)).toEqual({ x1: 1n, regions: 1 });
  });

  test('is not used where other code is', () => {
    expect(runWith(earlier().toBytes(), other)).toEqual({ x1: 2n, regions: 0 });
  });

  test('is not used where it is no code at all', () => {
    const { regions, handlers } = Translations.fromBytes(earlier().toBytes()).earlier;
    const translations = Translations.fresh();
    const body = Uint8Array.of(1, 2, 3);
    for (const region of regions) translations.add({ ...region, body });
    for (const handler of handlers) translations.addHandler({ ...handler, body });
    const broken = translations.toBytes();
    expect(runWith(broken, one)).toEqual({ x1: 1n, regions: 0 });
  });

  test('is forgotten by a run of which nothing is kept', () => {
    const translations = Translations.none();
    start(programOf(one), TIERS.translated, {}, translations).cpu.run({ stopOnException: true });
    expect(translations.added).toBe(0);
  });
});

describe.each(PROGRAMS)('$name', (program) => {
  const { stop, state } = run(program, TIERS.interpreted);

  test('does the same interpreted and translated', () => {
    const translated = run(program, TIERS.translated);
    expect(translated.stop).toEqual(stop);
    expect(translated.state).toEqual(state);
    expect(['stuck', 'exception']).toContain(stop.kind);
  });

  test('does the same with what an earlier run translated, and by that', () => {
    const earlier = Translations.fresh();
    start(bytesOf(program), TIERS.translated, {}, earlier).cpu.run({ stopOnException: true });
    expect(earlier.added).toBeGreaterThan(0);
    const later = Translations.fromBytes(earlier.toBytes());
    const { cpu } = start(bytesOf(program), SELDOM, {}, later);
    expect(cpu.run({ stopOnException: true })).toEqual(stop);
    expect(stateOf(cpu)).toEqual(state);
    expect(cpu.statistics.takenIn).toBeGreaterThan(0);
    expect(cpu.statistics.regions).toBe(0);
    expect(later.added).toBe(0);
  });

  test('does the same in steps', () => {
    const { cpu } = start(bytesOf(program), TIERS.interpreted);
    let last = cpu.run({ maxInstructions: 1n, stopOnException: true });
    while (last.kind === 'max-instructions') last = cpu.run({ maxInstructions: 1n, stopOnException: true });
    expect(last).toEqual(stop);
    expect(stateOf(cpu)).toEqual(state);
  });

  test('stops after any number of instructions', () => {
    for (const fraction of [3n, 7n, 10n]) {
      const maxInstructions = (state.instructions * fraction) / 11n;
      const { cpu: stepped } = start(bytesOf(program), TIERS.interpreted);
      for (let done = 0n; done < maxInstructions; done += 1000n) {
        stepped.run({ maxInstructions: maxInstructions - done < 1000n ? maxInstructions - done : 1000n });
      }
      const { cpu, stop: end } = run(program, TIERS.translated, { maxInstructions });
      expect(end.kind).toBe('max-instructions');
      expect(stateOf(cpu)).toEqual(stateOf(stepped));
      expect(cpu.instructions).toBe(maxInstructions);
    }
  });
});

test('the results are those of the programs', () => {
  const result = (name: string, register: number): bigint =>
    run(programNamed(name), TIERS.translated).state.x[register]!;
  // Sum over i of 9 * i, and two Fibonacci numbers.
  expect(result('recursion, and calls of several functions', 19)).toBe(233n + (9n * 200n * 201n) / 2n + 34n);
  // The immediate grows by one each time.
  expect(result('code that rewrites itself', 0)).toBe((40n * 41n) / 2n);
  expect(result('data in the line of code', 0)).toBe(7n + (900n * 901n) / 2n);
});

test('a fault is precise: what stands behind it did not happen', () => {
  const { stop, state } = run(programNamed('a store that faults in the end'), TIERS.translated);
  expect(stop).toMatchObject({ kind: 'exception', pc: CODE + 12n, exception: { far: CODE + 0x10_0000n } });
  const stores = (RAM.end - STACK) / 4096n;
  expect(state.x[0]).toBe(stores + 1n);
  expect(state.x[1]).toBe(CODE + 0x10_0000n);
  expect(state.x[2]).toBe(2n * stores);
});

describe('a run', () => {
  const program = programNamed('nested loops');

  test('stops at an address each time it gets there', () => {
    const { cpu } = start(bytesOf(program), TIERS.translated);
    const outer = CODE + 8n;
    for (let i = 0n; i < 5n; i++) {
      expect(cpu.run({ stopAt: new Set([outer]) })).toEqual({ kind: 'stop-at', pc: outer });
      expect(cpu.getX(1)).toBe(i);
      cpu.run({ maxInstructions: 1n });
    }
  });

  test('stops nowhere else, though another page has a stop at the same place', () => {
    const { cpu } = start(bytesOf(program), TIERS.translated);
    const { state } = run(program, TIERS.interpreted);
    const elsewhere = [1n, 2n, 3n, 4n].map((i) => CODE + 0x1000n + 4n * i);
    expect(cpu.run({ stopAt: new Set([CODE + 0xffcn, ...elsewhere]) })).toMatchObject({ kind: 'stuck' });
    expect(stateOf(cpu)).toEqual(state);
  });

  test.each(Object.entries(TIERS))('ends a turn with its last instruction, code being %s', (_tier, hotRuns) => {
    const { cpu } = start(bytesOf(program), hotRuns);
    const { cpu: stepped } = start(bytesOf(program), hotRuns);
    for (const turn of [1, 7, 100, 3071, 3072, 3073, 5000]) {
      const before = cpu.instructions;
      const { kind } = cpu.run({ turn });
      if (kind !== 'turn-over') break;
      expect(cpu.instructions - before).toBe(BigInt(turn));
      while (stepped.instructions < cpu.instructions) stepped.run({ maxInstructions: 1n });
      expect(stateOf(cpu)).toEqual(stateOf(stepped));
    }
  });

  test.each(Object.entries(TIERS))('calls what returns to somewhere else, code being %s', (_tier, hotRuns) => {
    const callX5 = encode('BLR', { Rn: 5 });
    const returnFromCall = encode('RET', { Rn: 30 });
    // The function skips the instruction behind its call each second time.
    const skip = encode('ADD (shifted register)', { sf: 1, shift: 0, Rm: 6, imm6: 0, Rn: 30, Rd: 30 });
    const flip = encode('EOR (shifted register)', { sf: 1, shift: 0, Rm: 7, imm6: 0, Rn: 6, Rd: 6 });
    const words = [callX5, addImmediate(0, 1), addImmediate(1, 1), branchBy(-3), skip, flip, returnFromCall];
    const { cpu } = start(bytesOfWords(...words), hotRuns);
    cpu.setX(5, CODE + 16n);
    cpu.setX(7, 4n);
    cpu.run({ maxInstructions: 13n * 1000n });
    expect([cpu.getX(0), cpu.getX(1), cpu.pc]).toEqual([1000n, 2000n, CODE]);
  });

  test.each(Object.entries(TIERS))('calls itself deeper than the host could, code being %s', (_tier, hotRuns) => {
    const push = encode('STR, STRB, STRH (immediate, pre-index)', { size: 3, imm9: -16 & 0x1ff, Rn: 31, Rt: 30 });
    const pop = encode('LDR, LDRB, LDRH (immediate, post-index)', { size: 3, imm9: 16, Rn: 31, Rt: 30 });
    const countDown = encode('SUB (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 });
    const untilZero = encode('CBZ, CBNZ', { sf: 1, op: 0, imm19: 2, Rt: 0 });
    const words = [encode('BLR', { Rn: 5 }), branchBy(0), push, countDown, untilZero, encode('BLR', { Rn: 5 })];
    const { cpu } = start(bytesOfWords(...words, pop, addImmediate(1, 1), encode('RET', { Rn: 30 })), hotRuns);
    cpu.sp = CODE + 0x10_0000n;
    cpu.setX(0, 50_000n);
    cpu.setX(5, CODE + 8n);
    expect(cpu.run({ stopOnException: true })).toMatchObject({ kind: 'stuck', pc: CODE + 4n });
    expect([cpu.getX(0), cpu.getX(1), cpu.sp]).toEqual([0n, 50_000n, CODE + 0x10_0000n]);
  });

  test('meets more words than it keeps', () => {
    const load = (i: number): number => encode('MOVZ', { sf: 1, hw: i >> 16, imm16: i & 0xffff, Rd: i % 8 });
    const count = 150_000;
    const program = Buffer.concat(Array.from({ length: count }, (_, i) => bytesOfWords(load(i))));
    const { cpu } = start(program, TIERS.interpreted);
    for (const last of [count - 1, 70_000]) {
      cpu.pc = CODE;
      cpu.run({ maxInstructions: BigInt(last + 1) });
      const found = Array.from({ length: 8 }, (_, i) => cpu.getX((last - i) % 8));
      const expected = Array.from(
        { length: 8 },
        (_, i) => BigInt((last - i) & 0xffff) << (16n * BigInt((last - i) >> 16)),
      );
      expect(found).toEqual(expected);
    }
  });

  test('is interrupted', () => {
    const { cpu } = start(bytesOfWords(addImmediate(0, 1), branchBy(-1)), TIERS.translated);
    let asked = 0;
    expect(cpu.run({ interrupted: () => ++asked === 3 })).toEqual({ kind: 'interrupted' });
    expect(cpu.getX(0)).toBeGreaterThan(1_000_000n);
  });

  describe('asks whether it is to end, whatever the guest does', () => {
    /** So many instructions that leave translated code take some milliseconds; a run of others has millions. */
    const MOST_INSTRUCTIONS = 20_000n;
    const load = loadFrom(1, 0);
    const readCounter = encode('MRS', { o0: 1, op1: 3, CRn: 14, CRm: 0, op2: 2, Rt: 0 });
    const rewrite = encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 2, imm12: 0, Rn: 0, Rt: 2 });
    const isb = encode('ISB', { CRm: 15 });

    test.each([
      ['system instructions', bytesOfWords(readCounter, branchBy(-1))],
      ['exceptions', bytesOfWords(encode('BRK', { imm16: 0 }))],
      ['accesses to a device', bytesOfWords(load, load, load, branchBy(-3))],
      ['code that is rewritten', bytesOfWords(rewrite, isb, addImmediate(1, 1), branchBy(-3))],
    ])('%s', (_, program) => {
      const { cpu } = start(program, TIERS.translated, { read: () => 0n });
      cpu.setX(0, CODE);
      cpu.setX(1, 0x900_0000n);
      cpu.setX(2, BigInt(rewrite));
      cpu.setSystemRegister('VBAR_EL1', CODE);
      const asked = [0n];
      cpu.run({ interrupted: () => asked.push(cpu.instructions) > 5 });
      const between = asked.slice(1).map((instructions, i) => instructions - asked[i]!);
      expect(between.filter((instructions) => instructions > MOST_INSTRUCTIONS)).toEqual([]);
    });
  });

  test('does an access once, though it may be put off', () => {
    let reads = 0n;
    const program = bytesOfWords(loadFrom(1, 2), branchBy(-1));
    const { cpu } = start(program, TIERS.translated, { read: () => ++reads });
    cpu.setX(1, 0x900_0000n);
    expect(cpu.run({ maxInstructions: 100_000n })).toEqual({ kind: 'max-instructions' });
    expect([cpu.instructions, cpu.getX(2), reads]).toEqual([100_000n, 50_000n, 50_000n]);
  });

  test('puts off no access that follows another of its instruction to a device', () => {
    const log: bigint[] = [];
    const store = encode('STP (signed offset)', { wide: 1, imm7: 0, Rt: 0, Rt2: 1, Rn: 2 });
    const program = bytesOfWords(store, addImmediate(0, 2), addImmediate(1, 2), branchBy(-3));
    const { cpu } = start(program, TIERS.translated, { write: (_, __, value) => log.push(value) > 0 });
    cpu.setX(1, 1n);
    cpu.setX(2, 0x900_0000n);
    cpu.run({ maxInstructions: 80_000n });
    expect(log).toEqual(Array.from({ length: 40_000 }, (_, i) => BigInt(i)));
  });

  test('tells taken branches', () => {
    const { cpu } = start(bytesOf(programNamed('a loop that is entered in the middle')), TIERS.translated);
    const branches: string[] = [];
    cpu.observe(allJumps(({ from, to }) => branches.push(`${from - CODE}>${to - CODE}`)));
    cpu.run({ maxInstructions: 11n });
    expect(branches).toEqual(['8>28', '32>12', '32>12']);
  });

  test('tells exceptions, and returns from them', () => {
    // svc #0, whose vector is eret
    const { cpu, memory } = start(Uint8Array.from([0x01, 0x00, 0x00, 0xd4]), TIERS.translated);
    memory.write(CODE + 0xa00n, Uint8Array.from([0xe0, 0x03, 0x9f, 0xd6]));
    cpu.setSystemRegister('VBAR_EL1', CODE + 0x800n);
    const jumps: Jump[] = [];
    cpu.observe(allJumps((jump) => jumps.push(jump)));
    cpu.run({ maxInstructions: 2n });
    expect(jumps).toMatchObject([
      { from: CODE, to: CODE + 0xa00n, by: { target: 1, esr: 0x5600_0000n, elr: CODE + 4n } },
      { from: CODE + 0xa00n, to: CODE + 4n, by: 'return' },
    ]);
  });

  test('ends where exceptions lead to nothing but themselves', () => {
    const { cpu } = start(BRANCH_TO_X0, TIERS.translated);
    expect(cpu.run()).toMatchObject({ kind: 'stuck', pc: 0x200n });
  });

  test('ends at a jump to an odd address, and to nowhere', () => {
    for (const [target, esr] of [
      [CODE + 2n, 0x8a00_0000n],
      [0x1000n, 0x8600_0010n],
    ] as const) {
      const { cpu } = start(BRANCH_TO_X0, TIERS.translated);
      cpu.setX(0, target);
      expect(cpu.run({ stopOnException: true })).toMatchObject({
        kind: 'exception',
        pc: target,
        exception: { esr, far: target },
      });
    }
  });
});
