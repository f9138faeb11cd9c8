import { describe, expect, test } from '@jest/globals';
import type { RunLimits, StopReason } from '../../../../../sim/cpu/state/model.js';
import { type MachineOfProcessors, Processors, type RunBounds } from '../../../../../sim/kernel/machine/processors.js';
import { instructionsAt } from '../../../../../sim/machine/counter.js';
import { Pl031 } from '../../../../../sim/machine/devices/pl031.js';
import { Board } from '../../../../../sim/machine/board.js';
import { FakeCpu, type FakeStep } from '../../../../support/processor/fake-cpu.js';

const FOREVER: RunBounds = { maxInstructions: undefined, deadline: Infinity, interrupted: () => false };
const OFF: StopReason = { kind: 'power', what: 'off' };
const WAITS: StopReason = { kind: 'stuck', pc: 0n, why: 'WFE, and no event can come', until: 'event' };
const ALL_ON: MachineOfProcessors = {
  isOn: () => true,
  counter: () => 0n,
  advanceTo: () => {},
  alarm: undefined,
  instructionsUntil: () => 0,
  poll: () => {},
};

/** Machines of one processor a script. */
const machine = (...scripts: readonly (readonly FakeStep[])[]) => {
  const board = new Board({ ram: [], devices: [], highestEl: 1 });
  const [first, ...others] = scripts.map((script) => new FakeCpu(board, script));
  if (first === undefined) throw new Error('no processor');
  return { cpus: [first, ...others], processors: new Processors(ALL_ON, first, ...others) };
};

const run = (processors: Processors, bounds: Partial<RunBounds> = {}) =>
  processors.run(() => ({}), { ...FOREVER, ...bounds });

describe('processors', () => {
  test('take turns of as many instructions', async () => {
    const log: string[] = [];
    const step = (name: string, instructions: bigint, stop?: StopReason): FakeStep => ({
      instructions,
      act: () => (log.push(name), stop),
    });
    const { processors, cpus } = machine(
      [step('a1', 60_000n), step('a2', 60_000n), step('a3', 70_000n), step('a4', 500_000n)],
      [step('b1', 90_000n), step('b2', 20_000n), step('b3', 150_000n, OFF)],
    );
    expect(await run(processors)).toEqual(OFF);
    expect(log).toEqual(['a1', 'b1', 'a2', 'a3', 'b2', 'b3']);
    expect(cpus.map(({ instructions }) => instructions)).toEqual([300_000n, 260_000n]);
    expect(processors.current).toBe(cpus[1]);
    expect(processors.instructions).toBe(560_000n);
  });

  test('go on with the turn where a limit ended the run', async () => {
    const endless: FakeStep = { instructions: 10_000_000n, act: () => OFF };
    const { processors, cpus } = machine([endless], [endless]);
    const counts = (): readonly bigint[] => cpus.map(({ instructions }) => instructions);
    expect(await run(processors, { maxInstructions: 130_000n })).toEqual({ kind: 'max-instructions' });
    expect(counts()).toEqual([100_000n, 30_000n]);
    expect(await run(processors, { maxInstructions: 210_000n })).toEqual({ kind: 'max-instructions' });
    expect(counts()).toEqual([110_000n, 100_000n]);
  });

  test('that wait let the others go on, and end the run when all of them wait', async () => {
    const wait = (instructions: bigint): FakeStep => ({ instructions, act: () => WAITS });
    const { processors, cpus } = machine(
      [wait(10n), wait(0n), wait(0n), wait(0n)],
      [{ instructions: 150_000n, act: () => undefined }, wait(5n), wait(0n)],
    );
    expect(await run(processors)).toEqual(WAITS);
    expect(cpus.map(({ instructions }) => instructions)).toEqual([10n, 150_005n]);
  });

  test('that carry out a WFI anew wait on, though that is counted', async () => {
    const wait = (instructions: bigint): FakeStep => ({ instructions, act: () => WAITS });
    const { processors, cpus } = machine([wait(10n), wait(1n), wait(1n)], [wait(5n), wait(1n), wait(1n)]);
    expect(await run(processors)).toEqual(WAITS);
    expect(cpus.map(({ instructions }) => instructions)).toEqual([11n, 5n]);
  });

  test('are told apart by what stops them', async () => {
    const asked: unknown[] = [];
    const { processors, cpus } = machine(
      [{ instructions: 200_000n, act: () => OFF }],
      [{ instructions: 300_000n, act: () => OFF }],
    );
    await processors.run((cpu) => (asked.push(cpu), {}), FOREVER);
    expect(asked).toEqual([cpus[0], cpus[1], cpus[0]]);
  });

  test('that are alone have no turns', async () => {
    const limits: (bigint | undefined)[] = [];
    class Witness extends FakeCpu {
      override run(given: RunLimits): StopReason {
        limits.push(given.maxInstructions);
        return super.run(given);
      }
    }
    const board = new Board({ ram: [], devices: [], highestEl: 1 });
    const alone = new Witness(board, [{ instructions: 1_000_000n, act: () => OFF }]);
    expect(await run(new Processors(ALL_ON, alone))).toEqual(OFF);
    expect(limits).toEqual([undefined]);
  });

  test('give the host time however short the turns are', async () => {
    let pressed = false;
    setTimeout(() => (pressed = true), 20);
    const endless: FakeStep = { instructions: 1_000_000_000_000n, act: () => OFF };
    const { processors } = machine([endless], [endless]);
    expect(await run(processors, { interrupted: () => pressed })).toEqual({ kind: 'interrupted' });
    expect(await run(processors, { deadline: performance.now() + 20 })).toEqual({ kind: 'timeout' });
  });
});

describe('a device whose time comes', () => {
  const SECOND = 1_000_000_000n;

  /**
   * A machine with a clock whose alarm is to come after so many seconds. @returns with what it did, and after how many
   * instructions
   */
  const withClock = (seconds: number, ...scripts: readonly (readonly FakeStep[])[]) => {
    const clock = new Pl031(() => board.seconds);
    const board: Board = new Board({ ram: [], devices: [{ physAddr: 0x1000n, device: clock }], highestEl: 1 });
    const raised: bigint[] = [];
    clock.connect((level) => level && raised.push(instructionsAt(board.counter())));
    const set = (): void => {
      board.write(0x1004, 4, BigInt(seconds));
      board.write(0x1010, 4, 1n);
    };
    const [first, ...others] = scripts.map((script) => new FakeCpu(board, script));
    if (first === undefined) throw new Error('no processor');
    return { processors: new Processors(board, first, ...others), board, raised, set };
  };
  const go = (instructions: bigint): FakeStep => ({ instructions, act: () => undefined });
  const off: FakeStep = { instructions: 1n, act: () => OFF };

  test('is polled after the very instruction', async () => {
    const { processors, raised, set } = withClock(2, [go((5n * SECOND) / 2n), off]);
    set();
    expect(await run(processors)).toEqual(OFF);
    expect(raised).toEqual([2n * SECOND]);
    expect(processors.instructions).toBe((5n * SECOND) / 2n + 1n);
  });

  test('is polled in the midst of turns, after the instructions of all', async () => {
    const { processors, raised, set } = withClock(1, [go(2n * SECOND), off], [go(2n * SECOND), off]);
    set();
    expect(await run(processors)).toEqual(OFF);
    expect(raised).toEqual([SECOND]);
  });

  test('ends the wait of all processors', async () => {
    const wait: FakeStep = { instructions: 0n, act: () => WAITS };
    const { processors, raised, board, set } = withClock(3600, [wait, off]);
    set();
    expect(await run(processors)).toEqual(OFF);
    expect([raised, board.seconds]).toEqual([[3600n * SECOND], 3600n]);
  });

  test('does not keep a run from its limit', async () => {
    const { processors, raised, set } = withClock(2, [go((5n * SECOND) / 2n), off]);
    set();
    expect(await run(processors, { maxInstructions: SECOND })).toEqual({ kind: 'max-instructions' });
    expect([processors.instructions, raised]).toEqual([SECOND, []]);
    expect(await run(processors, { maxInstructions: 2n * SECOND })).toEqual({ kind: 'max-instructions' });
    expect(await run(processors)).toEqual(OFF);
    expect(raised).toEqual([2n * SECOND]);
  });
});
