import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Range } from '../../../../../kexec/base/range.js';
import { boardDescription } from '../../../../../sim/kernel/facts/board-arm64.js';
import { MachineFiles } from '../../../../../sim/kernel/recording/machine-files.js';
import { findMachine } from '../../../../../sim/kernel/recording/machines.js';
import { describeBoard } from '../../../../../sim/machine/board-tree/describe.js';
import { type TreeNode, treeOfBlob } from '../../../../../sim/machine/board-tree/tree.js';
import { MachineError } from '../../../../../sim/machine/error.js';
import { recordedFile } from '../../../../support/recorded.js';
import { treeNode } from '../../../../support/files/tree-builder.js';

const blobOf = (machine: string): Uint8Array => recordedFile(machine, '/sys/firmware/fdt');
const ofBlob = (machine: string) => describeBoard(treeOfBlob(blobOf(machine)));

const GIC = treeNode('intc@8000000', {
  compatible: 'arm,gic-400',
  'interrupt-controller': true,
  '#interrupt-cells': [3],
  reg: [0, 0x800_0000, 0, 0x1_0000, 0, 0x801_0000, 0, 0x1_0000],
  phandle: [1],
});

/** A board of two cells for addresses and sizes, with a GIC. */
const board = (...children: readonly TreeNode[]): TreeNode =>
  treeNode('', { '#address-cells': [2], '#size-cells': [2], 'interrupt-parent': [1] }, GIC, ...children);

const deviceAt = (root: TreeNode, path: string) => describeBoard(root).devices.find((device) => device.path === path);

describe('recorded boards', () => {
  test('virt with a GICv2', () => {
    const { devices, ...rest } = ofBlob('virt-2g');
    expect(rest).toEqual({
      memory: [Range.sized(0x4000_0000n, 0x8000_0000n)],
      // QEMU tells how to start processors only where there are several.
      processors: [{ path: '/cpus/cpu@0', affinity: 0n, enableMethods: [], start: undefined }],
      conduit: 'hvc',
      hasCpuOff: true,
      gates: [],
      compatible: ['linux,dummy-virt'],
      timer: {
        securePhysical: 29,
        physical: 30,
        virtual: 27,
        hypervisor: 26,
        hypervisorVirtual: undefined,
        clockFrequency: undefined,
      },
      gic: {
        path: '/intc@8000000',
        version: 2,
        distributor: Range.sized(0x800_0000n, 0x1_0000n),
        cpuInterface: Range.sized(0x801_0000n, 0x1_0000n),
        maintenance: undefined,
        v2mFrames: [{ registers: Range.sized(0x802_0000n, 0x1000n), firstSpi: 80, spiCount: 64 }],
      },
      console: {
        path: '/pl011@9000000',
        compatible: ['arm,pl011', 'arm,primecell'],
        physAddr: 0x900_0000n,
        sizeBytes: 0x1000n,
        more: [],
        interrupts: [{ intid: 33, trigger: 'level' }],
        regShift: 0,
        regIoWidth: 1,
        regOffset: 0,
      },
    });
    expect(devices.map(({ path }) => path).filter((path) => !path.startsWith('/virtio_mmio'))).toEqual([
      '/fw-cfg@9020000',
      '/pl061@9030000',
      '/pcie@10000000',
      '/pl031@9010000',
      '/pl011@9000000',
      '/flash@0',
    ]);
    const slots = devices.filter(({ compatible }) => compatible.includes('virtio,mmio'));
    expect(slots.map(({ physAddr }) => physAddr)).toEqual(
      Array.from({ length: 32 }, (_, i) => 0xa00_0000n + BigInt(i) * 0x200n),
    );
    expect(slots.at(-1)!.interrupts).toEqual([{ intid: 79, trigger: 'edge' }]);
  });

  test('virt with a GICv3, four processors or EL2', () => {
    const { processors, gic } = ofBlob('virt-8g');
    expect(processors.map(({ affinity }) => affinity)).toEqual([0n, 1n, 2n, 3n]);
    expect(processors[3]!.start).toEqual({ method: 'psci' });
    expect(gic).toEqual({
      path: '/intc@8000000',
      version: 3,
      distributor: Range.sized(0x800_0000n, 0x1_0000n),
      redistributors: [Range.sized(0x80a_0000n, 0xf6_0000n)],
      redistributorStride: undefined,
      maintenance: undefined,
      its: [Range.sized(0x808_0000n, 0x2_0000n)],
    });
    expect(ofBlob('virt-el2-4g')).toMatchObject({ conduit: 'smc', gic: { version: 3, maintenance: 25 } });
  });

  test.each(['virt-2g', 'virt-8g', 'virt-el2-4g', 'virt-file-2g'])('%s is the same as a directory', (machine) => {
    const byPath = (devices: readonly { readonly path: string }[]) =>
      devices.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    const directory = boardDescription(MachineFiles.open(findMachine(machine)));
    const blob = ofBlob(machine);
    expect({ ...directory, devices: byPath(directory.devices) }).toEqual({ ...blob, devices: byPath(blob.devices) });
  });
});

describe('addresses', () => {
  const uart = (reg: readonly number[]): TreeNode => treeNode('uart', { compatible: 'ns16550a', reg });
  const bus = (ranges: readonly number[] | true | undefined, ...children: readonly TreeNode[]): TreeNode =>
    treeNode(
      'bus',
      { '#address-cells': [1], '#size-cells': [1], ...(ranges === undefined ? {} : { ranges }) },
      ...children,
    );

  test.each<[string, TreeNode, string, bigint | undefined]>([
    ['at the root', uart([1, 0x1000, 0, 0x100]), '/uart', 0x1_0000_1000n],
    ['on a bus that changes nothing', bus(true, uart([0x1000, 0x100])), '/bus/uart', 0x1000n],
    ['on a bus', bus([0x1000, 2, 0x8000, 0x1000], uart([0x1800, 0x100])), '/bus/uart', 0x2_0000_8800n],
    ['in the second range', bus([0, 0, 0, 0x10, 0x1000, 0, 0x8000, 0x1000], uart([0x1000, 1])), '/bus/uart', 0x8000n],
    ['on two buses', bus([0, 0, 0x8000, 0x1000], bus([0x40, 0x100, 0x40], uart([0x41, 1]))), '/bus/bus/uart', 0x8101n],
    ['beyond the range', bus([0x1000, 0, 0x8000, 0x1000], uart([0x1f80, 0x100])), '/bus/uart', undefined],
    ['on a bus that is not addressed', bus(undefined, uart([0x1000, 0x100])), '/bus/uart', undefined],
    ['of no bytes', uart([0, 0x1000, 0, 0]), '/uart', undefined],
    ['round the end of all addresses', uart([0xffff_ffff, 0xffff_ff00, 0, 0x101]), '/uart', undefined],
    ['cut off', uart([0, 0x1000, 0]), '/uart', undefined],
  ])('%s', (_, node, path, expected) => {
    expect(deviceAt(board(node), path)?.physAddr).toBe(expected);
  });

  test('of a 16550 that is wired in its own way', () => {
    const node = treeNode('uart', {
      compatible: 'snps,dw-apb-uart',
      reg: [0, 0x1000, 0, 0x100],
      'reg-shift': [2],
      'reg-io-width': [4],
      'reg-offset': [0x40],
    });
    expect(deviceAt(board(node), '/uart')).toMatchObject({ regShift: 2, regIoWidth: 4, regOffset: 0x40 });
  });

  test('of what is disabled, or in what is disabled, count for nothing', () => {
    const disabled = treeNode('soc', { ranges: true, status: 'disabled' }, uart([0, 0x1000, 0, 0x100]));
    expect(deviceAt(board(disabled), '/soc/uart')).toBeUndefined();
    const okay = treeNode('soc', { ranges: true, status: 'okay', '#size-cells': [2] }, uart([0, 0x1000, 0, 0x100]));
    expect(deviceAt(board(okay), '/soc/uart')).toBeDefined();
  });
});

describe('interrupts', () => {
  const device = (properties: Parameters<typeof treeNode>[1]): TreeNode =>
    treeNode('device', { compatible: 'x', reg: [0, 0x1000, 0, 0x100], ...properties });
  const nexus = treeNode('nexus', {
    phandle: [7],
    '#interrupt-cells': [1],
    '#address-cells': [0],
    'interrupt-map-mask': [0x3],
    'interrupt-map': [0, 1, 0, 0, 0, 40, 4, 1, 1, 0, 0, 0, 41, 4],
  });
  const other = treeNode('other', { phandle: [9], '#interrupt-cells': [2] });
  const gicWithAddresses = treeNode('intc', {
    ...{ compatible: 'arm,gic-400', '#interrupt-cells': [3], '#address-cells': [2], phandle: [1] },
    reg: [0, 0x800_0000, 0, 0x1000, 0, 0x801_0000, 0, 0x2000],
  });
  const root = (node: TreeNode): TreeNode =>
    treeNode(
      '',
      { '#address-cells': [2], '#size-cells': [2], 'interrupt-parent': [1] },
      gicWithAddresses,
      nexus,
      other,
      node,
    );

  test.each<[string, Parameters<typeof treeNode>[1], readonly [number, string][]]>([
    [
      'shared',
      { interrupts: [0, 5, 4, 0, 6, 1] },
      [
        [37, 'level'],
        [38, 'edge'],
      ],
    ],
    ['private', { interrupts: [1, 9, 0xf08] }, [[25, 'level']]],
    [
      'extended',
      { interrupts: [2, 3, 1, 3, 4, 2] },
      [
        [4099, 'edge'],
        [1060, 'edge'],
      ],
    ],
    ['too high', { interrupts: [1, 16, 4, 0, 988, 4, 9, 0, 4] }, []],
    ['of another controller', { 'interrupt-parent': [9], interrupts: [1, 2] }, []],
    ['of nobody', { 'interrupt-parent': [99], interrupts: [0, 1, 4] }, []],
    [
      'of several controllers',
      { 'interrupts-extended': [9, 1, 2, 1, 0, 3, 4], interrupts: [0, 1, 4] },
      [[35, 'level']],
    ],
    ['through a nexus', { 'interrupt-parent': [7], interrupts: [5] }, [[73, 'level']]],
    ['that no row of a nexus has', { 'interrupt-parent': [7], interrupts: [3] }, []],
  ])('%s', (_, properties, expected) => {
    const { interrupts } = deviceAt(root(device(properties)), '/device')!;
    expect(interrupts.map(({ intid, trigger }) => [intid, trigger])).toEqual(expected);
  });

  test('of timers go by their names', () => {
    const timer = treeNode('timer', {
      compatible: 'arm,armv8-timer',
      'interrupt-names': 'phys\0virt\0hyp-virt',
      interrupts: [1, 14, 4, 1, 11, 4, 1, 12, 4],
      'clock-frequency': [1_000_000],
    });
    expect(describeBoard(board(timer)).timer).toEqual({
      securePhysical: undefined,
      physical: 30,
      virtual: 27,
      hypervisor: undefined,
      hypervisorVirtual: 28,
      clockFrequency: 1_000_000,
    });
  });
});

test('processors are started by PSCI, by a table, or in no way that we know', () => {
  const cpu = (name: string, properties: Parameters<typeof treeNode>[1]): TreeNode =>
    treeNode(name, { device_type: 'cpu', ...properties });
  const cpus = treeNode(
    'cpus',
    { '#address-cells': [2], '#size-cells': [0] },
    cpu('cpu@0', { reg: [0, 0x100], 'enable-method': 'spin-table', 'cpu-release-addr': [0, 0xd8] }),
    cpu('cpu@1', { reg: [1, 0x8000_0101], 'enable-method': 'psci' }),
    cpu('cpu@2', { reg: [0, 2], 'enable-method': 'vendor,way' }),
    cpu('cpu@3', { reg: [0, 3], status: 'disabled' }),
    treeNode('cpu-map', {}),
  );
  expect(describeBoard(board(cpus)).processors).toEqual([
    {
      path: '/cpus/cpu@0',
      affinity: 0x100n,
      enableMethods: ['spin-table'],
      start: { method: 'spin-table', releaseAddr: 0xd8n },
    },
    { path: '/cpus/cpu@1', affinity: 0x1_0000_0101n, enableMethods: ['psci'], start: { method: 'psci' } },
    { path: '/cpus/cpu@2', affinity: 2n, enableMethods: ['vendor,way'], start: undefined },
  ]);
});

test('the firmware is called as the tree says', () => {
  const psci = (method: string): TreeNode =>
    treeNode('firmware', {}, treeNode('psci', { compatible: 'arm,psci-0.2', method }));
  expect(describeBoard(board(psci('smc'))).conduit).toBe('smc');
  expect(describeBoard(board(psci('hvc'))).conduit).toBe('hvc');
  expect(describeBoard(board(psci('call'))).conduit).toBeUndefined();
  expect(describeBoard(board()).conduit).toBeUndefined();
});

test.each([
  ['arm,psci-1.0\0arm,psci-0.2\0arm,psci', {}, true],
  ['arm,psci', { cpu_off: [0x8400_0002] }, true],
  ['arm,psci', { cpu_on: [0x8400_0003] }, false],
  ['vendor,psci', {}, false],
])('whether firmware switches processors off: %j, %j', (compatible, calls, hasCpuOff) => {
  const psci = treeNode('psci', { compatible, method: 'smc', ...calls });
  expect(describeBoard(board(psci)).hasCpuOff).toBe(hasCpuOff);
});

test('what switches clocks or power of others is told; a clock without a choice is not', () => {
  const nodes = [
    treeNode('clock', { '#clock-cells': [0] }),
    treeNode('cru', { '#clock-cells': [1] }),
    treeNode('soc', {}, treeNode('power', { '#power-domain-cells': [0] })),
    treeNode('off', { '#clock-cells': [1], status: 'disabled' }),
  ];
  expect(describeBoard(board(...nodes)).gates).toEqual(['/cru', '/soc/power']);
});

describe('the console', () => {
  const uart = treeNode('serial@c0000', { compatible: 'arm,pl011', reg: [0, 0xc_0000, 0, 0x1000] });
  const aliases = treeNode('aliases', { serial0: '/serial@c0000' });

  test.each<[string, Parameters<typeof treeNode>[1], bigint | undefined]>([
    ['a path', { 'stdout-path': '/serial@c0000' }, 0xc_0000n],
    ['a path with options', { 'stdout-path': '/serial@c0000:115200n8' }, 0xc_0000n],
    ['an alias', { 'stdout-path': 'serial0' }, 0xc_0000n],
    ['its older name', { 'linux,stdout-path': 'serial0' }, 0xc_0000n],
    ['an unknown alias', { 'stdout-path': 'serial1' }, undefined],
    ['nothing', {}, undefined],
  ])('is named by %s', (_, chosen, expected) => {
    expect(describeBoard(board(uart, aliases, treeNode('chosen', chosen))).console?.physAddr).toBe(expected);
  });
});

describe('a hostile tree', () => {
  test('that is too deep is refused', () => {
    let node = treeNode('x', {});
    for (let i = 0; i < 100; i++) node = treeNode('x', {}, node);
    expect(() => describeBoard(node)).toThrow(
      new MachineError('the device tree has more than 64 nodes one in the other'),
    );
  });

  test('that asks for much work is refused', () => {
    const many = Array.from({ length: 3000 }, (_, i) => [i, 0, i, 1]).flat();
    const uarts = Array.from({ length: 3000 }, (_, i) => treeNode(`u${i}`, { compatible: 'x', reg: [9999, 1] }));
    const bus = treeNode('bus', { '#address-cells': [1], '#size-cells': [1], ranges: many }, ...uarts);
    expect(() => describeBoard(board(bus))).toThrow(MachineError);
  });

  test('that is cut off, or no tree, is refused', () => {
    for (const bytes of [new Uint8Array(), new Uint8Array(100), blobOf('virt-2g').subarray(0, 2000)]) {
      expect(() => treeOfBlob(bytes)).toThrow(MachineError);
    }
  });

  test('has one kind of error', () => {
    const seed = blobOf('virt-2g').slice(0, 0x2000);
    const change = fc.tuple(fc.nat(seed.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (changes) => {
        const blob = seed.slice();
        for (const [at, byte] of changes) blob[at] = byte;
        try {
          describeBoard(treeOfBlob(blob));
        } catch (error) {
          if (!(error instanceof MachineError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});
