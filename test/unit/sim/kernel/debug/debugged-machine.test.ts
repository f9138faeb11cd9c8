/** A machine of two processors, debugged: where it stops, and that the guest's run is what it is without a debugger. */
import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { createCpus } from '../../../../../sim/cpu/cpu.js';
import type { CpuModel } from '../../../../../sim/cpu/state/model.js';
import { DebuggedMachine, type FirstStop, type Order } from '../../../../../sim/kernel/debug/debugged-machine.js';
import { Processors, type RunBounds, type RunEnd } from '../../../../../sim/kernel/machine/processors.js';
import { Board } from '../../../../../sim/machine/board.js';
import { branchBy, bytesOfWords, encode } from '../../../../support/processor/assemble.js';

const RAM = Range.sized(0x4000_0000n, 0x10_0000n);
const CODE = RAM.start;
const DATA = RAM.start + 0x8000n;
const FOREVER: RunBounds = { maxInstructions: undefined, deadline: Infinity, interrupted: () => false };
const CONTINUE: Order = { backwards: false, step: undefined, among: undefined };

const add = (Rd: number, Rn: number, imm12: number): number =>
  encode('ADD (immediate)', { sf: 1, sh: 0, imm12, Rn, Rd });
const load = (Rt: number, Rn: number): number =>
  encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const store = (Rt: number, Rn: number): number =>
  encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn, Rt });
const countDown = encode('SUB (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 });
const whileNotZero = (words: number): number => encode('CBZ, CBNZ', { sf: 1, op: 1, imm19: words & 0x7ffff, Rt: 0 });

/** Both add to one number in memory, and take what they find there into X2: it shows in which order they have run. */
const LOOP = [load(3, 1), add(3, 3, 1), store(3, 1), add(2, 3, 0), countDown, whileNotZero(-5), branchBy(0)];
const [STORE, END] = [CODE + 8n, CODE + 24n];
const TIMES = 70_000n;

const start = ({ times = TIMES, first }: { readonly times?: bigint; readonly first?: FirstStop } = {}) => {
  const board = new Board({ ram: [RAM], devices: [], highestEl: 1 });
  const cpus = createCpus(board, [0n, 1n], { hotRuns: 20 });
  const [one, other] = cpus as readonly [CpuModel, CpuModel];
  board.firmware.hasStarted([other]);
  board.memory.write(CODE, bytesOfWords(...LOOP));
  for (const cpu of cpus) {
    cpu.setEl(1);
    cpu.pc = CODE;
    cpu.setX(0, times);
    cpu.setX(1, DATA);
  }
  const processors = new Processors(board, one, other);
  let isReady = (): void => {};
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const machine = new DebuggedMachine({ processors, first, onReady: () => isReady() });
  const state = (): readonly unknown[] => [
    board.memory.read64(DATA),
    ...cpus.map(({ pc, instructions }) => [pc, instructions]),
    ...cpus.map((cpu) => cpu.getX(2)),
  ];
  const run = (bounds: Partial<RunBounds> = {}): Promise<RunEnd> => machine.run(() => ({}), { ...FOREVER, ...bounds });
  return { board, cpus, one, other, processors, machine, ready, state, run };
};

/** What the machine comes to by itself. */
const undisturbed = async (): Promise<readonly unknown[]> => {
  const { processors, state } = start();
  expect((await processors.run(() => ({}), FOREVER)).kind).toBe('stuck');
  return state();
};

describe('a debugged machine', () => {
  test('does what it does without a debugger, however often it is stopped', async () => {
    const { one, other, machine, ready, state, run } = start();
    const over = run();
    await ready;
    machine.stops.addBreakpoint(STORE);
    const seen = new Set<CpuModel>();
    for (let i = 0; i < 200; i++) {
      const told = await machine.resume(CONTINUE);
      if (told.kind !== 'breakpoint') throw new Error(told.kind);
      seen.add(told.cpu);
      expect(told.cpu.pc).toBe(STORE);
      for (let step = 0; step < i % 4; step++) {
        const before = told.cpu.instructions;
        expect(await machine.resume({ ...CONTINUE, step: told.cpu })).toEqual({ kind: 'step', cpu: told.cpu });
        expect(told.cpu.instructions).toBe(before + 1n);
      }
    }
    machine.stops.clear();
    machine.stops.addWatchpoint('write', DATA, 8n, false);
    for (let i = 0; i < 20; i++) expect((await machine.resume(CONTINUE)).kind).toBe('watchpoint');
    machine.stops.clear();
    machine.stops.addBreakpoint(END);
    for (const cpu of [one, other]) expect(await machine.resume(CONTINUE)).toEqual({ kind: 'breakpoint', cpu });
    machine.stops.clear();
    expect((await machine.resume(CONTINUE)).kind).toBe('end');
    expect(state()).toEqual(await undisturbed());
    void machine.resume(CONTINUE);
    expect((await over).kind).toBe('stuck');
    // Turns are long: it was the first one alone that came there so often.
    expect([...seen]).toEqual([one]);
  });

  test('steps one processor while the others have their turns, and not without them', async () => {
    const { one, other, machine, ready, run, state } = start();
    const over = run();
    await ready;
    // The other one's turn is yet to come.
    expect(await machine.resume({ ...CONTINUE, step: other })).toEqual({ kind: 'step', cpu: other });
    expect([one.instructions, other.instructions]).toEqual([100_000n, 1n]);
    expect(await machine.resume(CONTINUE)).toMatchObject({ kind: 'end' });
    expect(state()).toEqual(await undisturbed());
    void machine.resume(CONTINUE);
    await over;
  });

  test('steps one that alone may run', async () => {
    const { one, other, machine, ready, run } = start();
    const over = run();
    await ready;
    expect(await machine.resume({ ...CONTINUE, step: other, among: new Set([other]) })).toMatchObject({ kind: 'step' });
    expect([one.instructions, other.instructions]).toEqual([0n, 1n]);
    machine.kill();
    expect(await over).toEqual({ kind: 'interrupted' });
    expect(machine.isKilled).toBe(true);
  });

  test('tells of an access before it is made, and makes it when it goes on', async () => {
    const { board, one, machine, ready, run } = start();
    const over = run();
    await ready;
    machine.stops.addWatchpoint('access', DATA, 8n, false);
    const at = { kind: 'watchpoint', cpu: one, virtAddr: DATA };
    expect(await machine.resume(CONTINUE)).toEqual({ ...at, isWrite: false });
    expect(await machine.resume(CONTINUE)).toEqual({ ...at, isWrite: true });
    expect(board.memory.read64(DATA)).toBe(0n);
    expect(await machine.resume({ ...CONTINUE, step: one })).toMatchObject({ kind: 'step' });
    expect(board.memory.read64(DATA)).toBe(1n);
    machine.kill();
    await over;
  });

  test('is stopped while it runs, and runs on when it is let go', async () => {
    const { machine, ready, run, state } = start();
    const over = run();
    await ready;
    const stopped = machine.resume(CONTINUE);
    machine.interrupt();
    expect(await stopped).toEqual({ kind: 'interrupted' });
    machine.release();
    expect((await over).kind).toBe('stuck');
    expect(state()).toEqual(await undisturbed());
  });

  test('that was let go is there again for somebody else', async () => {
    const { machine, ready, run } = start({ times: 1n << 40n });
    const over = run();
    await ready;
    machine.release();
    await machine.halt();
    machine.stops.addBreakpoint(STORE);
    expect(await machine.resume(CONTINUE)).toMatchObject({ kind: 'breakpoint' });
    machine.kill();
    await over;
  });

  test('ends when its user wants that, also while it stands', async () => {
    const { machine, ready, run } = start();
    let wantsEnd = false;
    const over = run({ interrupted: () => wantsEnd });
    await ready;
    wantsEnd = true;
    expect(await over).toEqual({ kind: 'interrupted' });
    const told = machine.resume(CONTINUE);
    machine.close();
    expect(await told).toEqual({ kind: 'gone' });
  });

  test('goes to where its debugger is awaited by itself', async () => {
    const first: FirstStop = {
      stopAt: new Set([STORE]),
      isThere: (cpu) => cpu.getX(0) === TIMES - 3n,
      then: () => ({ stopAt: new Set([CODE + 16n]) }),
    };
    const { one, machine, ready, run } = start({ first });
    const over = run();
    await ready;
    expect([one.pc, one.getX(0), one.instructions]).toEqual([CODE + 16n, TIMES - 3n, 22n]);
    machine.kill();
    await over;
  });

  test('that never comes there ends as it does', async () => {
    const { run } = start({ first: { stopAt: new Set([RAM.start + 0x100n]) } });
    expect((await run()).kind).toBe('stuck');
  });

  test('goes from one of its runs to the next, and is told of once', async () => {
    const { one, machine, ready } = start();
    const stopAt = new Set([CODE + 12n]);
    const run = machine.run(() => ({ stopAt }), FOREVER);
    await ready;
    machine.stops.addBreakpoint(CODE + 12n);
    expect(await machine.resume(CONTINUE)).toEqual({ kind: 'breakpoint', cpu: one });
    const told = machine.resume(CONTINUE);
    expect(await run).toEqual({ kind: 'stop-at', pc: CODE + 12n });
    expect([one.pc, one.instructions]).toEqual([CODE + 12n, 3n]);
    const next = machine.run(() => ({}), FOREVER);
    expect(await told).toEqual({ kind: 'breakpoint', cpu: one });
    expect(one.instructions).toBe(9n);
    machine.kill();
    await next;
  });
});
