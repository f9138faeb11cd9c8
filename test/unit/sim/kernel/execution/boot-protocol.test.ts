import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { PhysicalMemory } from '../../../../../sim/machine/memory.js';
import type { Arrival, LoadedSegment } from '../../../../../sim/kernel/execution/arrival.js';
import { checkBootProtocol, formatRuleResults } from '../../../../../sim/kernel/execution/boot-protocol.js';
import { type TreeNode, deviceTree } from '../../../../support/files/kernel-files.js';

const MIB = 1n << 20n;
const BASE = 0x4000_0000n;
const KERNEL = BASE + 2n * MIB;
const TREE = BASE + 32n * MIB;
const INITRD = BASE + 16n * MIB;
const PURGATORY = BASE + 40n * MIB;

const segment = (start: bigint, data: Uint8Array, size = 0x1000n): LoadedSegment => ({
  memory: Range.sized(start, size),
  data,
});

const image = (textOffset: bigint, imageSize: bigint): Uint8Array => {
  const bytes = new Uint8Array(100).fill(0x11);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, textOffset, true);
  view.setBigUint64(16, imageSize, true);
  bytes.set([0x41, 0x52, 0x4d, 0x64], 56);
  return bytes;
};

/** A tree with memory, a console, and the two ends of an initrd. */
const tree = (
  initrd: Range | undefined,
  more: TreeNode = {},
  reserve: readonly (readonly [bigint, bigint])[] = [],
): Uint8Array => {
  const cells = (value: bigint): readonly number[] => [Number(value >> 32n), Number(value & 0xffff_ffffn)];
  const ends = initrd && { 'linux,initrd-start': cells(initrd.start), 'linux,initrd-end': cells(initrd.end) };
  return deviceTree(
    {
      '#address-cells': [2],
      '#size-cells': [2],
      chosen: { bootargs: 'console=ttyAMA0', ...ends },
      memory: { device_type: 'memory', reg: [0, Number(BASE), 0x10, 0] },
      ...more,
    },
    reserve,
  );
};

interface Changes {
  readonly x?: Readonly<Record<number, bigint>>;
  readonly el?: 0 | 1 | 2;
  readonly daif?: number;
  readonly pc?: bigint;
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly highestEl?: 1 | 2;
  readonly kernel?: Uint8Array;
  readonly kernelSize?: bigint;
  readonly tree?: Uint8Array;
  readonly ram?: readonly Range[];
  readonly segments?: readonly LoadedSegment[];
  readonly running?: Partial<Arrival['running']>;
  /** What memory is given after the segments. */
  readonly then?: (memory: PhysicalMemory) => void;
}

const arrive = (changes: Changes): Arrival => {
  const registers: Readonly<Record<string, bigint>> = {
    SCTLR_EL1: 0x30d0_0800n,
    SCTLR_EL2: 0x30c5_0830n,
    CNTFRQ_EL0: 62_500_000n,
    CNTHCTL_EL2: 3n,
    ...changes.registers,
  };
  const x: Readonly<Record<number, bigint>> = { 0: TREE, ...changes.x };
  const memory = new PhysicalMemory(changes.ram ?? [Range.sized(BASE, 64n * MIB)]);
  const purgatory = segment(PURGATORY, Uint8Array.of(1, 2, 3));
  const segments = changes.segments ?? [
    segment(KERNEL, changes.kernel ?? image(0n, MIB), changes.kernelSize ?? MIB),
    segment(INITRD, Uint8Array.of(7, 7, 7)),
    segment(TREE, changes.tree ?? tree(Range.sized(INITRD, 3n))),
    purgatory,
  ];
  for (const {
    memory: { start, size },
    data,
  } of segments)
    if (memory.isRam(start, size)) memory.write(start, data);
  changes.then?.(memory);
  return {
    cpu: {
      getX: (register) => x[register] ?? 0n,
      pc: changes.pc ?? KERNEL,
      el: changes.el ?? 1,
      daif: changes.daif ?? 15,
      affinity: 0n,
      getSystemRegister: (name) => registers[name]!,
    },
    memory,
    highestEl: changes.highestEl ?? 1,
    segments,
    purgatory: changes.segments === undefined ? purgatory : undefined,
    running: { uefi: new Map(), quirks: [], memory: [Range.sized(0x1000n, 0x1000n)], ...changes.running },
  };
};

const wrong = (changes: Changes): Readonly<Record<string, string>> =>
  Object.fromEntries(
    checkBootProtocol(arrive(changes)).flatMap((result) => (result.ok ? [] : [[result.rule, result.problem]])),
  );

test.each([
  ['at EL1', {}],
  ['at EL2', { el: 2, highestEl: 2 }],
  ['at EL1 below an EL2', { highestEl: 2 }],
  ['without an initrd', { tree: tree(undefined) }],
  [
    'with a text_offset',
    {
      kernel: image(0x8_0000n, MIB),
      pc: KERNEL + 0x8_0000n,
      segments: [segment(KERNEL + 0x8_0000n, image(0x8_0000n, MIB), MIB), segment(TREE, tree(undefined))],
    },
  ],
  ['whose purgatory has written to itself', { then: (memory) => memory.write(PURGATORY, Uint8Array.of(9)) }],
] as readonly (readonly [string, Changes])[])('a kernel that is rightly started %s', (_, changes) => {
  expect(wrong(changes)).toEqual({});
});

/** Rules of what the tree tells, which say nothing where there is none. */
const TOLD_BY_TREE = [
  "the device tree, or UEFI's memory map, tells of memory",
  'the kernel, the initrd and the device tree are in that memory',
  'no segment is in memory that the device tree reserves',
  "UEFI's tables are handed on as the running kernel has them",
  'a console is named',
  "tables of a GIC's ITS are handed on",
  'the other processors can be started',
];

describe('what the device tree tells', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
  const uefi = {
    'linux,uefi-system-table': bytes(0, 0, 0, 1),
    'linux,uefi-mmap-start': [0, 1],
    'linux,uefi-mmap-size': [1],
  };
  const its = {
    gic: {
      compatible: 'arm,gic-v3',
      '#address-cells': [2],
      '#size-cells': [2],
      ranges: new Uint8Array(),
      reg: [0, 0x800_0000, 0, 0x1_0000, 0, 0x80a_0000, 0, 0x10_0000],
      its: { compatible: 'arm,gic-v3-its', reg: [0, 0x808_0000, 0, 0x2_0000] },
    },
  };
  const cpu = (reg: number, method: string | undefined): TreeNode => ({
    device_type: 'cpu',
    reg: [reg],
    ...(method !== undefined && { 'enable-method': method }),
  });
  const cpus = (...nodes: TreeNode[]): TreeNode => ({
    '#address-cells': [1],
    '#size-cells': [0],
    ...Object.fromEntries(nodes.map((node, i) => [`cpu@${i}`, node])),
  });
  const reserved = (more: TreeNode): TreeNode => ({
    'reserved-memory': {
      '#address-cells': [2],
      '#size-cells': [2],
      ranges: new Uint8Array(),
      'tz@1': { reg: [0, 0x4020_0000, 0, 0x1000], ...more },
    },
  });
  const psci = { compatible: 'arm,psci-1.0', method: 'smc' };
  const withTree = (more: TreeNode, reserve: readonly (readonly [bigint, bigint])[] = []): Changes => ({
    tree: tree(Range.sized(INITRD, 3n), more, reserve),
  });
  const [TELLS, INSIDE, RESERVED, UEFI, CONSOLE, LPI, PROCESSORS] = TOLD_BY_TREE as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const said = (changes: Changes): Readonly<Record<string, string>> =>
    Object.fromEntries(
      checkBootProtocol(arrive(changes)).flatMap((result) =>
        !result.ok
          ? [[result.rule, result.problem]]
          : result.warning === undefined
            ? []
            : [[result.rule, result.warning]],
      ),
    );

  test.each([
    [
      TELLS,
      'no /memory node has a size, and /chosen has no linux,uefi-mmap-start',
      withTree({ memory: { device_type: 'memory', reg: [0, 0, 0, 0] } }),
    ],
    [
      TELLS,
      'no /memory node has a size, and /chosen has no linux,uefi-mmap-start',
      withTree({ memory: { status: 'disabled', device_type: 'memory', reg: [0, 0, 1, 0] } }),
    ],
    [
      INSIDE,
      'the kernel is not: 0x40200000-0x402fffff',
      withTree({ memory: { device_type: 'memory', reg: [0, 0x4030_0000, 1, 0] } }),
    ],
    [
      INSIDE,
      'the initrd is not: 0x41000001-0x41000002',
      withTree({ memory: { device_type: 'memory', reg: [0, Number(BASE), 0, 0x100_0001, 0, 0x4180_0000, 1, 0] } }),
    ],
    [
      RESERVED,
      'segment 0 (0x40200000-0x402fffff) is in /reserved-memory/tz@1 (0x40200000-0x40200fff)',
      withTree(reserved({})),
    ],
    [
      RESERVED,
      'segment 0 (0x40200000-0x402fffff) is in /memreserve/ (0x402ff000-0x402fffff)',
      withTree({}, [[0x402f_f000n, 0x1000n]]),
    ],
    [
      UEFI,
      "/chosen has not the running kernel's linux,uefi-system-table",
      { running: { uefi: new Map([['linux,uefi-system-table', bytes(0, 0, 0, 1)]]) } },
    ],
    [
      CONSOLE,
      'no stdout-path leads anywhere, and the command line has no console=: what the kernel says is not seen',
      withTree({ chosen: { bootargs: 'quiet' } }),
    ],
    [
      LPI,
      "only UEFI tells a kernel where the old one's LPI tables are: they stay live in memory that the new kernel takes for free",
      withTree(its),
    ],
    [
      PROCESSORS,
      'the device tree tells no way for /cpus/cpu@1',
      withTree({ cpus: cpus(cpu(0, 'psci'), cpu(1, undefined)), psci }),
    ],
    [
      PROCESSORS,
      'the device tree tells no way for /cpus/cpu@1',
      withTree({ cpus: cpus(cpu(0, 'psci'), cpu(1, 'psci')) }),
    ],
    [
      PROCESSORS,
      'the firmware has the quirk cpu-on-once',
      { ...withTree({ cpus: cpus(cpu(0, 'psci'), cpu(1, 'psci')), psci }), running: { quirks: ['cpu-on-once'] } },
    ],
  ] as readonly (readonly [string, string, Changes])[])('is not enough for %s: %s', (rule, problem, changes) => {
    expect(said(changes)[rule]).toBe(problem);
  });

  test.each([
    ["UEFI's memory map in place of memory", withTree({ memory: {}, chosen: uefi })],
    ["UEFI's tables, with an ITS", withTree({ ...its, chosen: { ...uefi, bootargs: '' } })],
    [
      'an ITS whose LPIs nobody uses',
      withTree({ ...its, chosen: { bootargs: 'console=ttyS0 irqchip.gicv3_nolpi=1' } }),
    ],
    ['memory that is reserved elsewhere', withTree(reserved({ reg: [0, 0x5000_0000, 0, 0x1000] }))],
    ['a reservation that is not in use', withTree(reserved({ status: 'disabled' }))],
    ['a reservation of the initrd', withTree({}, [[INITRD, 0x1000n]])],
    ['processors with PSCI', withTree({ cpus: cpus(cpu(0, 'psci'), cpu(1, 'psci')), psci })],
    ['a console by its path', withTree({ uart: {}, chosen: { 'stdout-path': '/uart:115200' } })],
    ['the same of memory as the running kernel was told', { ...withTree({ memory: {} }), running: { memory: [] } }],
    [
      'what the running kernel was told',
      { ...withTree({ chosen: uefi }), running: { uefi: new Map([['linux,uefi-system-table', bytes(0, 0, 0, 1)]]) } },
    ],
  ] as readonly (readonly [string, Changes])[])('is enough: %s', (_, changes) => {
    expect(said(changes)).toEqual({});
  });

  test('is told of where the kernel may go on in spite of it, and breaks no rule then', () => {
    const results = checkBootProtocol(arrive(withTree({ chosen: {} })));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(formatRuleResults(results)).toContain('warn  a console is named: ');
  });
});

describe('each rule', () => {
  const big = tree(undefined);
  new DataView(big.buffer).setUint32(4, 0x20_0001);

  test.each([
    ['the exception level is EL2 or EL1', 'it is EL0', { el: 0, registers: { SCTLR_EL0: 0n } }],
    ['debug exceptions, SError, IRQ and FIQ are masked', 'not masked: D, I', { daif: 0b0101 }],
    ['the MMU is off', 'SCTLR_EL1 is 0x30d00801: bit 0 is set', { registers: { SCTLR_EL1: 0x30d0_0801n } }],
    ['the data cache is off', 'SCTLR_EL2 is 0x4: bit 2 is set', { el: 2, registers: { SCTLR_EL2: 4n } }],
    ['data is little-endian', 'SCTLR_EL1 is 0x2000000: bit 25 is set', { registers: { SCTLR_EL1: 1n << 25n } }],
    ['CNTFRQ_EL0 has the frequency of the counter', 'CNTFRQ_EL0 is 0', { registers: { CNTFRQ_EL0: 0n } }],
    [
      'EL1 may read the physical counter',
      'CNTHCTL_EL2 is 0x2: bit 0 is clear',
      { highestEl: 2, registers: { CNTHCTL_EL2: 2n } },
    ],
    ['x1, x2 and x3 are zero', 'x1 is 0x5, x3 is 0x1', { x: { 1: 5n, 3: 1n } }],
    ['x0 is a multiple of 8', 'x0 is 0x42000004', { x: { 0: TREE + 4n } }],
    ['x0 points to a device tree in RAM', 'there is no RAM at x0 = 0x0', { x: { 0: 0n } }],
    [
      'x0 points to a device tree in RAM',
      'at x0 = 0x41000000 there is 0x7070700 in place of the magic number 0xd00dfeed',
      { x: { 0: INITRD } },
    ],
    ['the device tree has at most 2 MB', 'its totalsize is 2097153 bytes', { tree: big }],
    ['the device tree has at most 2 MB', 'there is no device tree at x0 = 0x0', { x: { 0: 0n } }],
    [
      'the kernel begins with the header of an Image',
      'there is no "ARM\\x64" at 0x40200038',
      { kernel: new Uint8Array(100) },
    ],
    [
      'the kernel is text_offset bytes from a 2 MB boundary',
      'it is at 0x40200000, and its text_offset is 0x1000',
      { kernel: image(0x1000n, MIB) },
    ],
    [
      "all of the kernel's image_size bytes are RAM",
      'not all of 0x40200000-0x441fffff is RAM',
      { kernel: image(0n, 64n * MIB) },
    ],
    [
      "the kernel's memory holds neither device tree nor initrd",
      `in its memory 0x40200000-0x425fffff is the device tree (0x42000000-0x${(TREE + BigInt(tree(Range.sized(INITRD, 3n)).length) - 1n).toString(16)}) and the initrd (0x41000000-0x41000002)`,
      { kernel: image(0n, 36n * MIB) },
    ],
    ['the initrd is in RAM', 'not all of 0x1000-0x1fff is RAM', { tree: tree(Range.sized(0x1000n, 0x1000n)) }],
    [
      'kernel and initrd are within 32 GB from a 1 GB boundary',
      'the kernel is at 0x40200000-0x402fffff, the initrd at 0x840000000-0x840000001',
      { tree: tree(Range.sized(0x8_4000_0000n, 2n)) },
    ],
    ['the kernel is where it was loaded', 'no segment begins at 0x40200004', { pc: KERNEL + 4n }],
    ['the device tree is where it was loaded', 'no segment begins at x0 = 0x42000008', { x: { 0: TREE + 8n } }],
    [
      'memory holds what was loaded',
      'segment 1 differs from 0x41000001 on: 08 07 00 00 00 00 00 00 00 00 00 00 00 00 00 00 instead of 07 07 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
      { then: (memory: PhysicalMemory) => memory.write(INITRD + 1n, Uint8Array.of(8)) },
    ],
    [
      'memory holds what was loaded',
      'segment 0 differs from 0x402fffff on: 01 instead of 00',
      { then: (memory: PhysicalMemory) => memory.write(KERNEL + MIB - 1n, Uint8Array.of(1)) },
    ],
    [
      'memory holds what was loaded',
      'segment 0 is not in RAM: 0x10000000-0x10000fff',
      { segments: [segment(0x1000_0000n, new Uint8Array())] },
    ],
  ] as readonly (readonly [string, string, Changes])[])('%s: %s', (rule, problem, changes) => {
    expect(wrong(changes)[rule]).toBe(problem);
  });

  test('can fail', () => {
    const rules = checkBootProtocol(arrive({})).map(({ rule }) => rule);
    const nothing = arrive({
      el: 0,
      daif: 0,
      pc: 0x10n,
      x: { 0: 1n, 1: 1n },
      registers: { SCTLR_EL0: -1n, CNTFRQ_EL0: 0n },
      segments: [segment(0x1000_0000n, new Uint8Array())],
    });
    const failing = checkBootProtocol(nothing)
      .filter(({ ok }) => !ok)
      .map(({ rule }) => rule);
    // The others look at an EL2 above, or at what a tree must tell.
    expect(rules.filter((rule) => !failing.includes(rule))).toEqual([
      'EL1 may read the physical counter',
      "the kernel's memory holds neither device tree nor initrd",
      'kernel and initrd are within 32 GB from a 1 GB boundary',
      ...TOLD_BY_TREE,
    ]);
  });
});

test('the report has a line for each rule', () => {
  const results = checkBootProtocol(arrive({ x: { 2: 1n } }));
  const lines = formatRuleResults(results).trimEnd().split('\n');
  expect(lines).toHaveLength(results.length);
  expect(lines.filter((line) => !line.startsWith('ok    '))).toEqual(['WRONG x1, x2 and x3 are zero: x2 is 0x1']);
});
