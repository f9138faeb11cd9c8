import { beforeAll, describe, expect, test } from '@jest/globals';
import { restoreMachine, saveMachine } from '../../../../../sim/kernel/machine/saved-machine.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { type SavedGuest, bootGuest, openMachine } from '../../../../support/machine/saved-guest.js';

/** The same machine, of what was saved. */
const copy = (guest: SavedGuest, hotRuns?: number): SavedGuest => {
  const other = openMachine(hotRuns);
  for (const { physAddr, bytes } of guest.whole.board.memory.filled()) other.whole.board.memory.write(physAddr, bytes);
  for (const block of guest.disk.written()) other.disk.putBack(block);
  restoreMachine(other.whole, JSON.parse(JSON.stringify(saveMachine(guest.whole))));
  return other;
};

interface Ended {
  readonly end: unknown;
  readonly shown: string;
  readonly instructions: bigint;
  readonly written: readonly unknown[];
}

const toEnd = async (guest: SavedGuest, before = ''): Promise<Ended> => ({
  end: await guest.run(),
  shown: before + guest.shown(),
  instructions: guest.whole.processors.instructions,
  written: [...guest.disk.written()],
});

describe.each([
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
  ['both', undefined],
])('a machine whose code is %s', (_, hotRuns) => {
  let unbroken: Ended;

  beforeAll(async () => {
    unbroken = await toEnd(bootGuest(hotRuns));
  });

  test('runs to its end', () => {
    expect(unbroken.end).toEqual({ kind: 'power', what: 'off' });
    expect(unbroken.shown).toMatch(/^[a-p]{120}\n$/);
    expect(unbroken.written).toHaveLength(1);
  });

  test.each([40n, 10_000n, 100_001n, 543_211n])(
    'goes on from what was saved after %d instructions, as it would have',
    async (instructions) => {
      const guest = bootGuest(hotRuns);
      expect(await guest.run(instructions)).toEqual({ kind: 'max-instructions' });
      expect(guest.whole.processors.instructions).toBe(instructions);
      const other = copy(guest, hotRuns);
      expect(saveMachine(other.whole)).toEqual(saveMachine(guest.whole));
      expect(await toEnd(other, guest.shown())).toEqual(unbroken);
    },
  );

  test('goes on again and again', async () => {
    let guest = bootGuest(hotRuns);
    let shown = '';
    let end = await guest.run(141_803n);
    for (; end.kind === 'max-instructions'; end = await guest.run(141_803n)) {
      shown += guest.shown();
      guest = copy(guest, hotRuns);
    }
    expect({ end, shown: shown + guest.shown() }).toEqual({ end: unbroken.end, shown: unbroken.shown });
    expect(guest.whole.processors.instructions).toBe(unbroken.instructions);
  });
});

test('what was saved of another machine, or is broken, is refused', () => {
  const { whole } = bootGuest();
  const saved = JSON.stringify(saveMachine(whole));
  const replaced: readonly (readonly [string | RegExp, string])[] = [
    [/"turns":\{[^}]*\}/, '"turns":{}'],
    [/"hung":false/, '"hung":0'],
    [/"spins":false/, '"spins":true'],
    [/"events":\[\]/, '"events":[{"quirk":"none","what":""}]'],
    [/"events":\[\]/, '"events":[{"quirk":"cpu-on-once","what":"\\u001b[2J"}]'],
    [/"processors":\[/, '"processors":[7,'],
    [/"start":\d+/, '"start":0'],
    [/"el":1/, '"el":2'],
    [/"el":1/, '"el":3'],
    [/"VBAR_EL1":/, '"VBAR_EL9":'],
    [/"enabled":\[/, '"enabled":[-1,'],
    [/"pc":"0x/, '"pc":"0x1'.padEnd(40, '0')],
    [/"controller":\{/, '"controller":7,"x":{'],
  ];
  for (const [what, by] of replaced) {
    expect(saved).toMatch(what);
    const broken: unknown = JSON.parse(saved.replace(what, by));
    expect(() => restoreMachine(openMachine().whole, broken)).toThrow(MachineError);
  }
});
