/** A debugged machine that is gone back: where it stops then, and that it goes on from there as it did. */
import { afterEach, expect, test } from '@jest/globals';
import { DebuggedMachine, type Order } from '../../../../../sim/kernel/debug/debugged-machine.js';
import { MachinePast } from '../../../../../sim/kernel/debug/machine-past.js';
import { Stateless } from '../../../../../sim/machine/savable.js';
import { bootGuest } from '../../../../support/machine/saved-guest.js';

class NoWatch extends Stateless {}

const CONTINUE: Order = { backwards: false, step: undefined, among: undefined };
const BACK: Order = { ...CONTINUE, backwards: true };
/** What both processors count up. */
const SHARED = 0x4100_0000n;

let end: () => Promise<void>;
afterEach(() => end());

const start = async () => {
  const guest = bootGuest();
  const { whole, disk, screen } = guest;
  const past = new MachinePast({ machine: whole, disks: [disk], watch: new NoWatch(), screen });
  const { processors } = whole;
  let isReady = (): void => {};
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const machine = new DebuggedMachine({ processors, past, run: past.run, onReady: () => isReady() });
  const bounds = { maxInstructions: undefined, deadline: Infinity, interrupted: () => false };
  const over = machine.run(() => ({}), bounds);
  end = async () => {
    machine.kill();
    await over;
  };
  await ready;
  const at = (): readonly unknown[] => [processors.instructions, processors.current.pc, processors.current.getX(9)];
  return { machine, processors, at, shown: () => guest.shown() };
};

test('what is watched is found backwards where it was forwards, and forwards again', async () => {
  const { machine, at, processors } = await start();
  machine.stops.addWatchpoint('write', SHARED, 8n, true);
  const places: unknown[] = [];
  for (let i = 0; i < 5; i++) {
    expect((await machine.resume(CONTINUE)).kind).toBe('watchpoint');
    places.push(at());
  }
  for (const place of places.slice(0, -1).reverse()) {
    // As gdb does: the access has been made, and is taken back.
    expect((await machine.resume(BACK)).kind).toBe('watchpoint');
    await machine.resume({ ...BACK, step: processors.current });
    expect(at()).toEqual(place);
  }
  expect(await machine.resume(BACK)).toEqual({ kind: 'history-end' });
  expect(at()[0]).toBe(0n);
  for (const place of places) {
    expect((await machine.resume(CONTINUE)).kind).toBe('watchpoint');
    expect(at()).toEqual(place);
  }
});

test('steps are taken back one by one, up to where the machine began', async () => {
  const { machine, at, processors } = await start();
  const step = processors.current;
  const places = [at()];
  for (let i = 0; i < 4; i++) {
    expect((await machine.resume({ ...CONTINUE, step })).kind).toBe('step');
    places.push(at());
  }
  for (const place of places.slice(0, -1).reverse()) {
    expect((await machine.resume({ ...BACK, step })).kind).toBe('step');
    expect(at()).toEqual(place);
  }
  expect(await machine.resume({ ...BACK, step })).toEqual({ kind: 'history-end' });
});

test('a machine that has come to its end is gone back, and comes to the same end', async () => {
  const { machine, at, processors, shown } = await start();
  expect(await machine.resume(CONTINUE)).toMatchObject({ kind: 'end', end: { kind: 'power' } });
  const [last, text] = [at(), shown()];
  expect((await machine.resume({ ...BACK, step: processors.current })).kind).toBe('step');
  expect(await machine.resume(CONTINUE)).toMatchObject({ kind: 'end', end: { kind: 'power' } });
  expect([at(), shown()]).toEqual([last, text]);
});

test('what gdb has changed is where the past begins', async () => {
  const { machine, processors } = await start();
  const step = processors.current;
  await machine.resume({ ...CONTINUE, step });
  processors.current.setX(27, 5n);
  machine.changed();
  expect(await machine.resume({ ...BACK, step })).toEqual({ kind: 'history-end' });
  expect(processors.current.getX(27)).toBe(5n);
});
