import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { Fdt } from '../../../../../kexec/device-tree/libfdt.js';
import { setChosen } from '../../../../../sim/machine/board-tree/chosen.js';
import { describeBoard } from '../../../../../sim/machine/board-tree/describe.js';
import { stringOf, treeOfBlob } from '../../../../../sim/machine/board-tree/tree.js';
import { type VirtOptions, virtTree } from '../../../../../sim/machine/boards/virt-tree.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { contents } from '../../../../support/files/fdt-support.js';
import { recordedFile } from '../../../../support/recorded.js';

const GiB = 1n << 30n;

/** What QEMU has and the invented board has not, what a boot loader changed, and which processor it was. */
const NOT_OURS =
  /^\/(platform-bus@|flash@|intc@8000000\/its@|chosen\/.)|^\/pcie@10000000\/msi-map$|^\/cpus\/cpu@\d\/compatible$/;

test.each<[string, VirtOptions]>([
  ['virt-2g', { memoryBytes: 2n * GiB, processors: 1, gic: 2, el: 1 }],
  ['virt-8g', { memoryBytes: 8n * GiB, processors: 4, gic: 3, el: 1 }],
  ['virt-el2-4g', { memoryBytes: 4n * GiB, processors: 2, gic: 3, el: 2 }],
])("is QEMU's tree of %s, but for what is not modelled", (machine, options) => {
  const real = contents(new Fdt(recordedFile(machine, '/sys/firmware/fdt'), machine));
  const wanted = [...real].filter(([path]) => !NOT_OURS.test(path));
  const ours = [...contents(new Fdt(virtTree(options), 'virt'))].filter(([path]) => !NOT_OURS.test(path));
  expect(new Map(ours.toSorted())).toEqual(new Map(wanted.toSorted()));
  expect(ours.map(([path]) => path).filter((path) => path.endsWith('/'))).toEqual(
    wanted.map(([path]) => path).filter((path) => path.endsWith('/')),
  );
});

test('is described as it was asked for', () => {
  const tree = virtTree({ memoryBytes: GiB, processors: 8, gic: 2, el: 2, seed: 7n });
  const board = describeBoard(treeOfBlob(tree));
  expect(board).toMatchObject({ conduit: 'smc', gic: { version: 2, maintenance: 25 }, timer: { virtual: 27 } });
  expect(board.processors).toHaveLength(8);
  expect(board.memory).toEqual([Range.sized(0x4000_0000n, GiB)]);
  expect(board.console?.path).toBe('/pl011@9000000');
});

describe('what a boot loader writes', () => {
  const chosenOf = (blob: Uint8Array) => treeOfBlob(blob).children.find(({ name }) => name === 'chosen')!.properties;
  const hex = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString('hex');
  const OPTIONS: VirtOptions = { memoryBytes: GiB, processors: 1, gic: 2, el: 1 };

  test('is in the tree', () => {
    const initrd = Range.sized(0x4800_0000n, 0x1234n);
    const chosen = chosenOf(virtTree({ ...OPTIONS, bootargs: 'console=ttyAMA0', initrd, seed: 1n }));
    expect(stringOf(chosen.get('bootargs'))).toBe('console=ttyAMA0');
    expect(hex(chosen.get('linux,initrd-start'))).toBe('0000000048000000');
    expect(hex(chosen.get('linux,initrd-end'))).toBe('0000000048001234');
    expect([chosen.get('rng-seed')?.length, chosen.get('kaslr-seed')?.length]).toEqual([32, 8]);
  });

  test('has the same seeds in every run, by a number', () => {
    const seedOf = (seed?: bigint) => hex(chosenOf(virtTree({ ...OPTIONS, seed })).get('kaslr-seed'));
    expect(seedOf(1n)).toBe(seedOf(1n));
    expect(seedOf(2n)).not.toBe(seedOf(1n));
    expect(seedOf()).toBeUndefined();
  });

  test('replaces what a recorded tree has', () => {
    const recorded = recordedFile('virt-2g', '/sys/firmware/fdt');
    const before = chosenOf(recorded);
    const after = chosenOf(setChosen(recorded, { bootargs: 'quiet', kaslrSeed: 0n }));
    expect(before.has('linux,initrd-start')).toBe(true);
    expect(after.has('linux,initrd-start')).toBe(false);
    expect(stringOf(after.get('bootargs'))).toBe('quiet');
    expect(hex(after.get('kaslr-seed'))).toBe('0000000000000000');
    expect(stringOf(after.get('stdout-path'))).toBe('/pl011@9000000');
    expect(stringOf(chosenOf(setChosen(recorded, {})).get('bootargs'))).toBe(stringOf(before.get('bootargs')));
  });

  test('makes /chosen where there is none, and refuses what is no tree', () => {
    const recorded = recordedFile('virt-2g', '/sys/firmware/fdt');
    const at = Buffer.from(recorded).indexOf('chosen\0');
    const renamed = recorded.slice();
    renamed.set(Buffer.from('others'), at);
    expect(stringOf(chosenOf(setChosen(renamed, { bootargs: 'x' })).get('bootargs'))).toBe('x');
    for (const blob of [new Uint8Array(), recorded.subarray(0, 5000), new Uint8Array(64)]) {
      expect(() => setChosen(blob, { bootargs: 'x' })).toThrow(MachineError);
    }
  });
});
