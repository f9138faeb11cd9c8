import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DeviceDescription } from '../../../../sim/machine/board-tree/description.js';
import { DEVICE_MODELS, VIRTIO_MODELS, takesInput } from '../../../../sim/machine/boards/device-models.js';
import type { AccessSize, Device } from '../../../../sim/machine/device.js';
import { VirtioBlock } from '../../../../sim/machine/devices/virtio/block.js';
import { VirtioConsole } from '../../../../sim/machine/devices/virtio/console.js';
import { OverlayDisk } from '../../../../sim/machine/devices/virtio/disk.js';
import { VirtioEntropy } from '../../../../sim/machine/devices/virtio/entropy.js';
import type { VirtioDevice } from '../../../../sim/machine/devices/virtio/virtio-device.js';
import { MachineError } from '../../../../sim/machine/error.js';
import { SavedState } from '../../../../sim/machine/saved-state.js';
import { savedOf } from '../../../support/machine/device-access.js';
import { SmallRam } from '../../../support/machine/virtio-driver.js';

const DESCRIPTION: DeviceDescription = {
  path: '/device',
  compatible: [],
  physAddr: 0x900_0000n,
  sizeBytes: 0x1000n,
  more: [],
  interrupts: [],
  regShift: 2,
  regIoWidth: 4,
  regOffset: 0,
};

const DISK = { sizeBytes: 8192, read: (_offset: number, sizeBytes: number) => new Uint8Array(sizeBytes) };

/** What can be in a slot, by the names of the table. */
const VIRTIO: Readonly<Record<string, (onByte: (byte: number) => void) => VirtioDevice>> = {
  block: () => new VirtioBlock(new OverlayDisk(DISK), 'disk0'),
  console: (onByte) => new VirtioConsole(onByte),
  entropy: () => new VirtioEntropy(7n),
};

/** A device, and all that it does to its surroundings. */
interface Watched {
  readonly device: Device;
  readonly seen: unknown[];
  /** The level of its line. */
  line: boolean;
}

type MakeWatched = (ram: SmallRam) => Watched;

const watched =
  (model: (typeof DEVICE_MODELS)[number], virtio?: string): MakeWatched =>
  (ram) => {
    const seen: unknown[] = [];
    const onByte = (byte: number): void => void seen.push(byte);
    const device = model.make(DESCRIPTION, {
      onByte,
      seconds: () => 1_000_000n,
      ram,
      virtioVersion: 2,
      virtio: virtio === undefined ? undefined : VIRTIO[virtio]!(onByte),
    });
    const result: Watched = { device, seen, line: false };
    device.connect?.((level) => {
      result.line = level;
      seen.push(`line ${level}`);
    });
    return result;
  };

const CASES: readonly (readonly [name: string, make: MakeWatched])[] = DEVICE_MODELS.flatMap((model) =>
  model.kind === 'virtio slot'
    ? [undefined, ...VIRTIO_MODELS.map(({ name }) => name)].map(
        (name) => [`${model.name}: ${name ?? 'empty'}`, watched(model, name)] as const,
      )
    : [[model.name, watched(model)] as const],
);

type Action = readonly [what: 'read' | 'write' | 'receive', offset: number, sizeBytes: AccessSize, value: bigint];

/** Registers mostly lie near the start, and configuration behind 0x100. */
const action: fc.Arbitrary<Action> = fc.tuple(
  fc.constantFrom('read' as const, 'write' as const, 'write' as const, 'receive' as const),
  fc.oneof(
    fc.nat(0x3f).map((index) => 4 * index),
    fc.nat(0x3ff).map((index) => 4 * index),
  ),
  fc.constantFrom<AccessSize>(4, 4, 4, 1, 2, 8),
  fc.oneof(fc.bigInt({ min: 0n, max: 0xffn }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
);

const act = ({ device, seen }: Watched, actions: readonly Action[]): void => {
  for (const [what, offset, sizeBytes, value] of actions) {
    if (what === 'read') seen.push(device.read(offset, sizeBytes));
    else if (what === 'write') seen.push(device.write(offset, sizeBytes, BigInt.asUintN(8 * sizeBytes, value)));
    else if (takesInput(device)) device.receive(Number(value & 0xffn));
  }
};

describe.each(CASES)('%s', (_, make) => {
  test('goes on from what was saved, as it would have', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.array(action, { maxLength: 30 }), (before, after) => {
        const ram = new SmallRam();
        const first = make(ram);
        act(first, before);
        const other = new SmallRam();
        other.bytes.set(ram.bytes);
        const second = make(other);
        second.device.restore(savedOf(first.device));
        expect(savedOf(second.device)).toEqual(savedOf(first.device));
        expect(second.line).toBe(first.line);
        for (const { seen } of [first, second]) seen.length = 0;
        act(first, after);
        act(second, after);
        expect(second.seen).toEqual(first.seen);
        expect(savedOf(second.device)).toEqual(savedOf(first.device));
      }),
    );
  });

  test.each([1n, 0xffff_ffffn])('has in each register what was there when %s was written to it', (value) => {
    const differing: unknown[] = [];
    for (let offset = 0; offset < 0x1000; offset += 4) {
      const [first, second] = [make(new SmallRam()), make(new SmallRam())];
      first.device.write(offset, 4, value);
      second.device.restore(savedOf(first.device));
      const [was, is] = [first, second].map(({ device }) => device.read(offset, 4));
      if (is !== was) differing.push({ offset, was, is });
    }
    expect(differing).toEqual([]);
  });

  test('refuses what was never saved', () => {
    const saved = savedOf(make(new SmallRam()).device);
    for (const broken of [undefined, 7, 'text', [], saved === null ? {} : null]) {
      expect(() => make(new SmallRam()).device.restore(broken)).toThrow(MachineError);
    }
    if (typeof saved !== 'object' || saved === null) return;
    for (const name of Object.keys(saved)) {
      // The state of what is in the slot may be none.
      if (name === 'device') continue;
      const device = make(new SmallRam()).device;
      expect(() => device.restore({ ...saved, [name]: { nothing: name } })).toThrow(MachineError);
    }
  });
});

test('a state is read with suspicion', () => {
  const state = new SavedState('a part', { number: 3, list: [1, 2], text: 'on', big: '18446744073709551615' });
  expect([state.number('number', 3), state.numbers('list', { count: 2 }), state.big('big')]).toEqual([
    3,
    [1, 2],
    0xffff_ffff_ffff_ffffn,
  ]);
  expect([state.oneOf('text', ['off', 'on']), state.names]).toEqual(['on', ['number', 'list', 'text', 'big']]);
  const broken: readonly (() => unknown)[] = [
    () => state.number('number', 2),
    () => state.numbers('list', { count: 1 }),
    () => state.numbers('list', { count: 2, max: 1 }),
    () => state.oneOf('text', ['off']),
    () => state.oneOf('number', ['3']),
    () => state.big('text'),
    () => state.flag('toString'),
    () => new SavedState('a part', [1]),
  ];
  for (const read of broken) expect(read).toThrow(/^simulated machine: the saved state of a part is broken/);
});
