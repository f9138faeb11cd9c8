import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { type SavedSession, describeSession, readSession } from '../../../../../sim/kernel/saving/saved-session.js';
import { MachineError } from '../../../../../sim/machine/error.js';

const TREE = Uint8Array.of(1, 2, 3);

const SESSION: SavedSession & { readonly machine: null; readonly console: null } = {
  setup: {
    ...{ tree: TREE, ram: [Range.sized(0x4000_0000n, 0x1000n)], el: 2, entropy: true },
    ...{ sinks: [0x900_0000n, 0x901_0000n], quirks: ['cpu-on-once', 'psci-cpu0-only'] },
  },
  places: {
    kernel: Range.sized(0x4020_0000n, 0x1000n),
    initrd: Range.sized(0x4800_0000n, 5n),
    tree: Range.inclusive(0x4900_0000n, 0xffff_ffff_ffff_ffffn),
  },
  disks: [
    { file: '/a', writes: true, sizeBytes: 2 ** 40, modifiedNs: 1_700_000_000_123_456_789n, digest: undefined },
    { file: '/b', writes: false, sizeBytes: 0, modifiedNs: 0n, digest: 'e3b0' },
  ],
  typed: '\0\xff',
  end: 'processors-off',
  machine: null,
  console: null,
};

const NOTHING_MORE: typeof SESSION = {
  ...SESSION,
  setup: { ...SESSION.setup, sinks: [], quirks: [], ram: [], entropy: false, el: 1 },
  places: { ...SESSION.places, initrd: undefined },
  disks: [],
  typed: '',
  end: undefined,
};

const throughFile = (session: typeof SESSION): unknown => JSON.parse(JSON.stringify(describeSession(session)));

test.each([
  ['all', SESSION],
  ['no more than needed', NOTHING_MORE],
])('a description of %s is understood', (_, session) => {
  expect(readSession(throughFile(session), TREE)).toEqual(session);
});

describe('a description is refused', () => {
  const described = JSON.stringify(describeSession(SESSION));

  test.each([
    ['with memory that ends before it begins', '["0x40000000","0x40000fff"]', '["0x40001000","0x40000fff"]'],
    ['with an exception level that is none', '"el":2', '"el":0'],
    ['without a kernel', '"kernel":[["0x40200000","0x40200fff"]]', '"kernel":[]'],
    ['with an end that is none', '"processors-off"', '"exploded"'],
    ['with a name that is a command to a terminal', '"/a"', '"/a\\u001b[2J"'],
    ['with a quirk that is none', '"psci-cpu0-only"', '"psci"'],
    ['with a UART that no address leads to', '"0x9000000"', '"0x1000000000000"'],
  ])('%s', (_, what, by) => {
    expect(described).toContain(what);
    expect(() => readSession(JSON.parse(described.replace(what, by)), TREE)).toThrow(MachineError);
  });
});
