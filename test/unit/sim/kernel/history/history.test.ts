import { describe, expect, test } from '@jest/globals';
import { type Found, History, type HistoryOptions, type Scan } from '../../../../../sim/kernel/history/history.js';
import { saveMachine } from '../../../../../sim/kernel/machine/saved-machine.js';
import { TypedInput } from '../../../../../sim/kernel/run/typed-input.js';
import { Stateless } from '../../../../../sim/machine/savable.js';
import { FakeTerminal } from '../../../../support/machine/fake-terminal.js';
import { bootGuest, type SavedGuest } from '../../../../support/machine/saved-guest.js';

class NoWatch extends Stateless {}

const never = { interrupted: () => false };
/** More than any of the guests has instructions. */
const END = 10_000_000n;

interface Remembered {
  readonly guest: SavedGuest;
  readonly history: History;
}

const open = (guest: SavedGuest, more: Partial<HistoryOptions> = {}): Remembered => ({
  guest,
  history: new History({
    machine: guest.whole,
    disks: [guest.disk],
    watch: new NoWatch(),
    screen: guest.screen,
    interval: 20_000n,
    ...more,
  }),
});

/** Runs on, in slices of odd lengths. */
const runTo = async ({ history }: Remembered, end: bigint): Promise<unknown> => {
  for (;;) {
    const most = history.now + 7_919n;
    const maxInstructions = most < end ? most : end;
    const reason = await history.run(() => ({}), { maxInstructions, deadline: Infinity, ...never });
    if (reason.kind !== 'max-instructions' || history.now >= end) return reason;
  }
};

/** All that a machine is. */
const stateOf = ({ whole, disk }: SavedGuest): unknown => ({
  machine: saveMachine(whole),
  ram: [...whole.board.memory.filled()].map(({ physAddr, bytes }) => [physAddr, Buffer.from(bytes).toString('base64')]),
  disk: [...disk.written()],
});

const stateAfter = async (instructions: bigint, hotRuns?: number): Promise<unknown> => {
  const guest = bootGuest(hotRuns);
  await guest.run(instructions);
  return stateOf(guest);
};

const POWER_OFF = { kind: 'power', what: 'off' };

describe.each([
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
  ['both', undefined],
])('a machine whose code is %s', (_, hotRuns) => {
  test('goes back to any moment, and on from there as it did, and shows nothing twice', async () => {
    const unbroken = bootGuest(hotRuns);
    await unbroken.run();
    const end = stateOf(unbroken);
    const remembered = open(bootGuest(hotRuns));
    const { guest, history } = remembered;
    expect(await runTo(remembered, END)).toEqual(POWER_OFF);
    expect(stateOf(guest)).toEqual(end);
    for (const moment of [543_211n, 40n, 100_001n, 700_000n]) {
      expect(await history.goTo(moment, never)).toBe(true);
      expect(history.now).toBe(moment);
      expect(stateOf(guest)).toEqual(await stateAfter(moment, hotRuns));
    }
    expect(await runTo(remembered, END)).toEqual(POWER_OFF);
    expect(stateOf(guest)).toEqual(end);
    expect(guest.shown()).toBe(unbroken.shown());
  });
});

test('with little memory for its past, it knows less of it, and that exactly', async () => {
  const remembered = open(bootGuest(), { mostUndoBytes: 64 << 10 });
  const { guest, history } = remembered;
  expect(history.start).toBe(0n);
  await runTo(remembered, 900_000n);
  const { start } = history;
  expect(start).toBeGreaterThan(0n);
  expect(await history.goTo(start, never)).toBe(true);
  expect(stateOf(guest)).toEqual(await stateAfter(start));
  expect(await runTo(remembered, END)).toEqual(POWER_OFF);
  expect(guest.shown()).toMatch(/^[a-p]{120}\n$/);
});

test('where more changes at once than can be kept, the past begins anew', async () => {
  const remembered = open(bootGuest(), { mostUndoBytes: 1 });
  await runTo(remembered, 600_000n);
  const { guest, history } = remembered;
  expect(history.start).toBeGreaterThan(500_000n);
  expect(await history.goTo(history.start, never)).toBe(true);
  expect(stateOf(guest)).toEqual(await stateAfter(history.start));
});

test('moments that are long ago are kept in fewer places, and can all be gone to', async () => {
  const remembered = open(bootGuest(), { interval: 1000n });
  const { guest, history } = remembered;
  await runTo(remembered, 900_000n);
  await history.goTo(3_333n, never);
  expect(stateOf(guest)).toEqual(await stateAfter(3_333n));
});

/** Finds where an instruction is about to be carried out. */
const scanFor =
  ({ history, guest }: Remembered, pc: bigint, interrupted = () => false): Scan<string> =>
  async (until, most) => {
    const limits = { stopAt: new Set([pc]) };
    const bounds = { deadline: Infinity, interrupted };
    let last: Found<string>['last'];
    for (let count = 0; count < most; count++) {
      const end = await history.run(() => limits, { ...bounds, maxInstructions: until });
      if (end.kind === 'interrupted') return 'interrupted';
      if (end.kind !== 'stop-at' || history.now >= until) return { last, isComplete: true };
      last = { at: history.now, what: `x0 ${guest.whole.processors.current.getX(0)}` };
      await history.run(() => ({}), { ...bounds, maxInstructions: history.now + 1n });
    }
    return { last, isComplete: false };
  };

test('what happened last before now is found, and what happened before that', async () => {
  const remembered = open(bootGuest());
  const { guest, history } = remembered;
  await runTo(remembered, 300_000n);
  const { pc } = guest.whole.processors.current;
  const moments = [history.now];
  // Forwards, what is to be found backwards.
  while (moments.length < 4) {
    await history.run(() => ({}), { maxInstructions: history.now + 1n, deadline: Infinity, ...never });
    const end = await history.run(() => ({ stopAt: new Set([pc]) }), {
      maxInstructions: END,
      deadline: Infinity,
      ...never,
    });
    expect(end.kind).toBe('stop-at');
    moments.push(history.now);
  }
  for (const moment of moments.slice(0, -1).reverse()) {
    expect(await history.back(scanFor(remembered, pc), never)).toMatch(/^x0 /);
    expect(history.now).toBe(moment);
  }
  expect(await history.back(scanFor(remembered, 0x10n), never)).toBeUndefined();
  expect(history.now).toBe(history.start);
});

test('the last of a great many finds is found', async () => {
  const remembered = open(bootGuest(), { interval: 200_000n });
  const { guest, history } = remembered;
  await runTo(remembered, 150_000n);
  // Each instruction is one.
  const everywhere: Scan<bigint> = async (until, most) => {
    const end = history.now + BigInt(most) < until ? history.now + BigInt(most) : until;
    if (!(await history.goTo(end - 1n, never))) return 'interrupted';
    const last = { at: history.now, what: history.now };
    await history.goTo(end, never);
    return { last, isComplete: end === until };
  };
  expect(await history.back(everywhere, never)).toBe(149_999n);
  expect(stateOf(guest)).toEqual(await stateAfter(149_999n));
});

test('who interrupts the way back has the machine where it was', async () => {
  const remembered = open(bootGuest());
  const { guest, history } = remembered;
  await runTo(remembered, 200_000n);
  let patience = 3;
  const interrupted = (): boolean => patience-- === 0;
  expect(await history.back(scanFor(remembered, 0x10n, interrupted), { interrupted })).toBe('interrupted');
  expect(history.now).toBe(200_000n);
  expect(stateOf(guest)).toEqual(await stateAfter(200_000n));
});

test('a machine that somebody has changed has no past before that, and another future', async () => {
  const remembered = open(bootGuest());
  const { guest, history } = remembered;
  await runTo(remembered, 300_000n);
  await history.goTo(200_000n, never);
  guest.whole.processors.current.setX(27, 7n);
  history.changed();
  expect(history.start).toBe(200_000n);
  await runTo(remembered, 200_100n);
  await history.goTo(200_000n, never);
  expect(guest.whole.processors.current.getX(27)).toBe(7n);
});

test('what was typed comes again, when the machine goes through that time once more', async () => {
  const booted = bootGuest(undefined, 'boot_typed');
  // The UART as a boot loader leaves it, and its interrupt is the first processor's.
  booted.whole.board.write(0x900_0030, 4, 0x301n);
  booted.whole.board.write(0x800_0820, 4, 0x0101_0101n);
  const { guest, history } = open(booted);
  const input = new TypedInput({
    terminal: new FakeTerminal(['a text that is longer than ', 'what a UART holds.q']),
    interactive: false,
    console: history.console,
    tell: () => {},
  });
  const bounds = { maxInstructions: END, deadline: Infinity, ...never };
  expect(
    await history.run(
      () => ({}),
      bounds,
      () => {},
      input,
    ),
  ).toEqual(POWER_OFF);
  input.close();
  const end = stateOf(guest);
  const { now } = history;
  for (const moment of [0n, now - 1n, now / 2n]) {
    expect(await history.goTo(moment, never)).toBe(true);
    expect(await history.run(() => ({}), bounds)).toEqual(POWER_OFF);
    expect(stateOf(guest)).toEqual(end);
  }
  expect(guest.shown()).toBe('a text that is longer than what a UART holds.q');
});
