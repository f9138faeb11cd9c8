import { describe, expect, test } from '@jest/globals';
import { readChunk } from '../../../../../sim/kernel/trace/chunk.js';
import type { TraceEvent } from '../../../../../sim/kernel/trace/events.js';
import { Tracer } from '../../../../../sim/kernel/trace/tracer.js';
import { parseWanted } from '../../../../../sim/kernel/trace/wanted.js';
import { bootGuest, type SavedGuest } from '../../../../support/machine/saved-guest.js';

interface Traced {
  readonly guest: SavedGuest;
  readonly tracer: Tracer;
  readonly events: readonly TraceEvent[];
}

const traced = async (what: string, hotRuns?: number): Promise<Traced> => {
  const guest = bootGuest(hotRuns);
  const wanted = parseWanted(what);
  if (wanted === undefined) throw new Error(`"${what}" cannot be traced`);
  const tracer = new Tracer(guest.whole, wanted);
  expect(await guest.run()).toEqual({ kind: 'power', what: 'off' });
  return { guest, tracer, events: tracer.chunks.flatMap((chunk) => [...readChunk(chunk)]) };
};

const isA =
  <Kind extends TraceEvent['kind']>(kind: Kind) =>
  (event: TraceEvent): event is TraceEvent & { readonly kind: Kind } =>
    event.kind === kind;

describe.each([
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
])('the trace of a machine whose code is %s', (_, hotRuns) => {
  test('does not change what the machine does', async () => {
    const unbroken = bootGuest(hotRuns);
    await unbroken.run();
    for (const what of ['registers,exceptions', 'devices', 'memory=0x41000000+0x1000']) {
      const { guest } = await traced(what, hotRuns);
      expect(guest.shown()).toBe(unbroken.shown());
      expect(guest.whole.processors.instructions).toBe(unbroken.whole.processors.instructions);
    }
  });

  test('has all that its devices were told, which includes what the console shows', async () => {
    const { guest, events } = await traced('devices', hotRuns);
    const sent = events.filter(isA('device')).filter(({ physAddr, isWrite }) => physAddr === 0x900_0000n && isWrite);
    expect(String.fromCharCode(...sent.map(({ value }) => Number(value)))).toBe(guest.shown());
  });

  test('has each exception with its return, on both processors', async () => {
    const { events } = await traced('exceptions', hotRuns);
    for (const processor of [0, 1]) {
      const own = events.filter((event) => event.processor === processor);
      const taken = own.filter(isA('exception'));
      expect(taken.length).toBeGreaterThan(10);
      const open = taken.length - own.filter(isA('return')).length;
      expect(open === 0 || open === 1).toBe(true);
    }
    expect(events.filter(isA('exception')).some(({ vector }) => vector === 'irq')).toBe(true);
    expect(events.filter(isA('return')).every(({ word }) => word === 0xd69f_03e0)).toBe(true);
  });

  test('has registers by their names, and instructions of the system', async () => {
    const { events } = await traced('registers', hotRuns);
    const names = new Set(events.filter(isA('register')).map(({ name, access }) => `${access} ${name}`));
    expect([...names]).toEqual(expect.arrayContaining(['write VBAR_EL1', 'write CNTV_TVAL_EL0']));
  });
});

test('memory that is traced shows each access, and what it was last written is what is there', async () => {
  const { guest, events } = await traced('memory=0x41000000+0x1000', 1);
  const accesses = events.filter(isA('memory'));
  expect(accesses.length).toBeGreaterThan(100);
  const { memory } = guest.whole.board;
  const last = new Map(accesses.filter(({ isWrite }) => isWrite).map((access) => [access.physAddr, access]));
  expect(last.size).toBeGreaterThan(0);
  for (const { physAddr, sizeBytes, value } of last.values()) {
    const bytes = memory.read(physAddr, sizeBytes);
    expect(BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)).toBe(value);
  }
});

test('branches are told one by one, and lead from one to the next', async () => {
  const guest = bootGuest();
  const tracer = new Tracer(guest.whole, parseWanted('branches,exceptions')!);
  await guest.run(30_000n);
  const events = tracer.chunks.flatMap((chunk) => [...readChunk(chunk)]).filter(({ processor }) => processor === 0);
  expect(events.length).toBeGreaterThan(100);
  events.forEach((event, i) => {
    const next = events[i + 1];
    if (next === undefined || !('to' in event)) return;
    // Between two of them, instructions follow each other; those that wait may be counted more than once.
    const bytes = next.pc - event.to;
    expect(bytes >= 0n && bytes <= 4n * (next.instructions - event.instructions)).toBe(true);
  });
});

test('where there is no room, the oldest are dropped', async () => {
  const guest = bootGuest();
  const tracer = new Tracer(guest.whole, { kinds: new Set(['device', 'branch']), memory: [], mostBytes: 1 << 17 });
  await guest.run();
  const kept = tracer.chunks.flatMap((chunk) => [...readChunk(chunk)]);
  expect(tracer.chunks.length).toBeLessThanOrEqual(2);
  expect(tracer.dropped).toBeGreaterThan(0);
  expect(tracer.events).toBe(kept.length);
  // The last of all is the call that switches the machine off.
  expect(kept.at(-1)!.instructions).toBeGreaterThan(100_000n);
});

test.each([
  '',
  'branch',
  'memory=1',
  'memory=0+0',
  'memory=0x1000000000000+1',
  'size=0',
  'size=4096',
  'size=8',
  'a,devices',
])('"%s" is nothing that can be traced', (text) => {
  expect(parseWanted(text)).toBeUndefined();
});
