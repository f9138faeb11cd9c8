import { expect, test } from '@jest/globals';
import { describeBoard } from '../../../../../sim/machine/board-tree/describe.js';
import { type TreeNode, treeOfBlob } from '../../../../../sim/machine/board-tree/tree.js';
import { type DeviceOptions, makeDevices } from '../../../../../sim/machine/boards/make-devices.js';
import { virtTree } from '../../../../../sim/machine/boards/virt-tree.js';
import { VirtioEntropy } from '../../../../../sim/machine/devices/virtio/entropy.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { recordedFile } from '../../../../support/recorded.js';
import { treeNode } from '../../../../support/files/tree-builder.js';
import { SmallRam } from '../../../../support/machine/virtio-driver.js';

const make = (tree: TreeNode, more: Partial<DeviceOptions> = {}) => {
  const sent: (number | string)[] = [];
  const made = makeDevices(describeBoard(tree), {
    onConsole: (byte) => sent.push(byte),
    onOther: (path, byte) => sent.push(`${path} ${byte}`),
    seconds: () => 1000n,
    ram: new SmallRam(),
    ...more,
  });
  return { ...made, sent };
};

const VIRT = treeOfBlob(virtTree({ memoryBytes: 1n << 30n, processors: 1, gic: 2, el: 1 }));

const uart = (name: string, address: number, compatible = 'ns16550a'): TreeNode =>
  treeNode(name, { compatible, reg: [address, 0x100], interrupts: [0, 9, 4] });

const board = (...children: readonly TreeNode[]): TreeNode =>
  treeNode('', { '#address-cells': [1], '#size-cells': [1], 'interrupt-parent': [1] }, ...children);

test('all of an invented board is made', () => {
  const { devices, leftOut } = make(VIRT);
  expect(leftOut).toEqual([]);
  expect(devices.filter(({ name }) => name === 'virtio slot')).toHaveLength(32);
  expect(
    devices.filter(({ name }) => name !== 'virtio slot').map(({ name, physAddr, line }) => [name, physAddr, line]),
  ).toEqual([
    ['fw_cfg', 0x902_0000n, undefined],
    ['PL061', 0x903_0000n, 39],
    ['PCI Express', 0x40_1000_0000n, undefined],
    ['PL031', 0x901_0000n, 34],
    ['PL011', 0x900_0000n, 33],
  ]);
});

test('of a recorded one, what has no model is left out and told of', () => {
  const { leftOut } = make(treeOfBlob(recordedFile('virt-8g', '/sys/firmware/fdt')));
  expect(leftOut).toEqual([{ path: '/flash@0', compatible: ['cfi-flash'], why: 'no model' }]);
});

test('virtio devices are in the slots from the lowest address on', () => {
  const virtio = [new VirtioEntropy(1n), new VirtioEntropy(2n)];
  const ids = make(VIRT, { virtio }).devices.filter(({ name }) => name === 'virtio slot');
  expect(ids.slice(0, 3).map(({ device }) => device.read(8, 4))).toEqual([4n, 4n, 0n]);
  expect(() => make(board(), { virtio })).toThrow(
    new MachineError('the board has 0 virtio slots, and 2 devices are to be in them'),
  );
});

test('the console is what the tree calls so, or the first UART', () => {
  const two = [uart('a', 0x1000), uart('b', 0x2000, 'arm,pl011')];
  const named = make(board(...two, treeNode('chosen', { 'stdout-path': '/b' })));
  for (const { device } of named.devices) device.write(0, 4, 0x41n);
  expect(named.sent).toEqual(['/a 65', 65]);
  expect(named.input).toBe(named.devices[1]!.device);
  const unnamed = make(board(...two));
  expect(unnamed.input).toBe(unnamed.devices[0]!.device);
  expect(make(board()).input).toBeUndefined();
});

test('no two devices are at one address, and none is over RAM or out of reach', () => {
  const memory = treeNode('memory', { device_type: 'memory', reg: [0x4000_0000, 0x1000_0000] });
  const soc = treeNode('soc', { '#address-cells': [2], '#size-cells': [1], ranges: true });
  const far = treeNode('far', { compatible: 'ns16550a', reg: [0x1_0000, 0, 0x100] });
  const tree = board(memory, uart('a', 0x1000), uart('b', 0x1080), uart('c', 0x4800_0000), { ...soc, children: [far] });
  const { devices, leftOut } = make(tree, { sinks: [0x1040n] });
  expect(devices.map(({ path }) => path)).toEqual(['/a']);
  expect(leftOut.map(({ path, why }) => [path, why])).toEqual([
    ['/b', 'something else is there'],
    ['/c', 'something else is there'],
    ['/soc/far', 'out of reach'],
  ]);
});

test('a sink is where nothing else is', () => {
  const { devices, sent } = make(board(uart('a', 0x1000)), { sinks: [0x3000n, 0x3002n, 0x3000n] });
  expect(devices).toHaveLength(2);
  expect(devices.at(-1)).toMatchObject({ name: 'byte sink', physAddr: 0x3000n });
  devices.at(-1)!.device.write(0, 1, 0x42n);
  expect(sent).toEqual([0x42]);
});
