import { describe, expect, test } from '@jest/globals';
import { Errno } from '../../../../kexec/base/error.js';
import { boardFacts } from '../../../../sim/kernel/facts/board-arm64.js';
import { type RecordedMachineOptions, recordedMachine } from '../../../../sim/kernel/recorded-system.js';
import { type TreeNode, arm64Image, deviceTree } from '../../../support/files/kernel-files.js';
import { runSimToEnd } from '../../../support/run-support.js';
import { Fdt, isFdtError } from '../../../../kexec/device-tree/libfdt.js';
import { getProp, pathOffset } from '../../../../kexec/device-tree/libfdt-ro.js';
import { readSegmentData } from '../../../../sim/kernel/state/state.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../support/machine/sim-support.js';

/** What a machine's kernel refuses whatever is to be loaded, by what is recorded of it. */

const temp = useTempDir();
type Files = Readonly<Record<string, string | Uint8Array>>;

const cpu = (reg: number, method?: string): TreeNode => ({
  device_type: 'cpu',
  reg: [reg],
  ...(method !== undefined && { 'enable-method': method, 'cpu-release-addr': [0, 0xd8] }),
});
const board = (more: TreeNode, ...cpus: readonly TreeNode[]): Uint8Array =>
  deviceTree({
    '#address-cells': [2],
    '#size-cells': [2],
    chosen: {},
    'memory@40000000': { device_type: 'memory', reg: [0, 0x4000_0000, 0, 0x8000_0000] },
    cpus: {
      '#address-cells': [1],
      '#size-cells': [0],
      ...Object.fromEntries(cpus.map((node, i) => [`cpu@${i}`, node])),
    },
    ...more,
  });
const PSCI: TreeNode = { psci: { compatible: 'arm,psci-1.0', method: 'smc' } };
const SPIN_TABLE = board({}, cpu(0, 'spin-table'), cpu(1, 'spin-table'));
const FOUR = { 'sys/devices/system/cpu/possible': '0-3\n' };

/** Without a device tree of its own. */
const SMALL = Object.fromEntries(Object.entries(SMALL_MACHINE).filter(([name]) => !name.includes('devicetree')));

const open = (files: Files, options: Partial<RecordedMachineOptions> = {}) => {
  const directory = temp.make('machine');
  writeTree(directory, {
    ...SMALL,
    'sys/firmware/fdt': board({}),
    config: 'CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\n',
    ...files,
  });
  return recordedMachine({ machine: directory, state: temp.make('state'), env: {}, ...options });
};

const kernel = arm64Image({ imageSize: 0x20_0000n });

/** A kernel that is a PE file; with certificates up to `peEnd`. */
const pe = (peEnd?: number): Uint8Array => {
  const bytes = arm64Image({ imageSize: 0x20_0000n, pe: true, ...(peEnd !== undefined && { peEnd }) });
  const optionalHeader = 0x40 + 24;
  new DataView(bytes.buffer).setUint16(optionalHeader, 0x20b, true);
  new DataView(bytes.buffer).setUint32(optionalHeader + 108, 6, true);
  return bytes;
};
const segments = [{ data: Uint8Array.of(1), memory: { start: 0x6000_0000n, size: 0x1000n } }];
type Machine = ReturnType<typeof open>;
const load = (machine: Machine, flags = 0n): Promise<number> =>
  machine.kexecLoad({ entry: 0x6000_0000n, flags, segments } as unknown as Parameters<Machine['kexecLoad']>[0]);
const loadFile = (machine: Machine, bytes = kernel): Promise<number> =>
  machine.kexecFileLoad({ kernel: bytes, initrd: undefined, cmdline: 'quiet', cmdlineLen: 6, flags: 4n });
/** What the kernel says itself. */
const logOf = (machine: Machine): readonly string[] =>
  machine.kernel.log.filter(({ text }) => !text.startsWith('kexec-ts: ')).map(({ level, text }) => `<${level}>${text}`);

describe('a kernel that could not stop its processors', () => {
  const STUCK = "<3>Can't kexec: CPUs are stuck in the kernel.";

  test.each([
    ['by spin-table', { 'sys/firmware/fdt': SPIN_TABLE, ...FOUR }],
    ['by no method at all', { 'sys/firmware/fdt': board({}, cpu(0), cpu(1)), ...FOUR }],
    [
      'without CPU hotplug',
      { config: 'CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\n# CONFIG_HOTPLUG_CPU is not set\n', ...FOUR },
    ],
    ['whose EL2 is held by protected KVM', { 'proc/cmdline': 'quiet kvm-arm.mode=protected\n' }],
    ['one of which it has lost', { dmesg: '[    0.01] CPU3: is stuck in kernel\n' }],
  ] as readonly (readonly [string, Files])[])('answers EBUSY to both calls: %s', async (_, files) => {
    const machine = open(files);
    expect([await load(machine), await loadFile(machine)]).toEqual([-Errno.EBUSY, -Errno.EBUSY]);
    expect(logOf(machine)).toEqual([STUCK, STUCK]);
    expect(machine.kernel.state.normal).toBeUndefined();
  });

  test.each([
    ['there is one only', { 'sys/firmware/fdt': SPIN_TABLE, 'sys/devices/system/cpu/possible': '0\n' }],
    ['PSCI switches them off', { 'sys/firmware/fdt': board(PSCI, cpu(0, 'psci'), cpu(1, 'psci')), ...FOUR }],
    ['ACPI tells of them, in place of the tree', FOUR],
    [
      'KVM is started at EL1, and cannot be protected',
      { 'proc/cmdline': 'kvm-arm.mode=protected\n', dmesg: 'CPU: All CPU(s) started at EL1\n' },
    ],
    ['the last mode that is named is another', { 'proc/cmdline': 'kvm-arm.mode=protected kvm-arm.mode=nvhe\n' }],
    [
      'it is so old that it does not ask',
      { 'proc/cmdline': 'kvm-arm.mode=protected\n', 'proc/version': 'Linux version 5.10.0 (x)\n' },
    ],
  ] as readonly (readonly [string, Files])[])('is none where %s', async (_, files) => {
    const machine = open(files);
    expect([await load(machine), await loadFile(machine)]).toEqual([0, 0]);
  });

  test('loads a kernel for a panic, which stops them in its own way', async () => {
    const machine = open({ 'sys/firmware/fdt': SPIN_TABLE, ...FOUR });
    const crash = [{ data: Uint8Array.of(1), memory: { start: 0xaa00_0000n, size: 0x1000n } }];
    const call = { entry: 0xaa00_0000n, flags: 1n, segments: crash } as unknown as Parameters<Machine['kexecLoad']>[0];
    expect(await machine.kexecLoad(call)).toBe(0);
  });
});

describe('a kernel without CONFIG_KEXEC', () => {
  test.each([
    ['as it says', '# CONFIG_KEXEC is not set\nCONFIG_KEXEC_FILE=y\n'],
    ['as its whole configuration does not say it', 'CONFIG_ARM64=y\nCONFIG_KEXEC_FILE=y\n'],
  ])('has no kexec_load: %s', async (_, config) => {
    const machine = open({ config });
    expect([await load(machine), await loadFile(machine)]).toEqual([-Errno.ENOSYS, 0]);
  });

  test('is not one whose configuration is known in part', async () => {
    expect(await load(open({ config: 'CONFIG_KEXEC_FILE=y\n' }))).toBe(0);
  });
});

describe('a kernel that is locked down', () => {
  const LOCKED = { 'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' };
  const LINE = '<5>Lockdown: kexec: kexec of unsigned images is restricted; see man kernel_lockdown.7';

  test('refuses kexec_load, and kernels that are not signed, and says so in its log', async () => {
    const machine = open(LOCKED);
    expect([await load(machine), await loadFile(machine)]).toEqual([-Errno.EPERM, -Errno.EPERM]);
    expect(logOf(machine)).toEqual([LINE, LINE]);
  });

  test('takes one with a signature', async () => {
    expect(await loadFile(open(LOCKED), pe(0x1000))).toBe(0);
  });

  test('counts a load that it refuses', async () => {
    const limit = { 'proc/sys/kernel/kexec_load_limit_reboot': '1\n', 'proc/version': 'Linux version 6.12.0 (x)\n' };
    const machine = open({ ...LOCKED, ...limit });
    expect([await load(machine), await load(machine)]).toEqual([-Errno.EPERM, -Errno.EPERM]);
    expect([machine.kernel.state.limitReboot, logOf(machine)]).toEqual([0, [LINE]]);
  });
});

describe('a kernel that wants signatures', () => {
  const WANTS = 'CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_SIG_FORCE=y\n';
  const line = (errno: number): string => `<5>kexec_file: Enforced kernel signature verification failed (-${errno}).`;

  test.each([
    ['no PE file', kernel, WANTS, Errno.ELIBBAD],
    ['a PE file without a signature', pe(), WANTS, Errno.ENODATA],
    [
      'any, where it cannot verify them',
      kernel,
      `${WANTS}# CONFIG_KEXEC_IMAGE_VERIFY_SIG is not set\n`,
      Errno.EKEYREJECTED,
    ],
  ])('refuses %s', async (_, bytes, config, errno) => {
    const machine = open({ config });
    expect(await loadFile(machine, bytes)).toBe(-errno);
    expect(logOf(machine)).toEqual([line(errno)]);
  });

  test('takes a signed one; and any where it only could verify them', async () => {
    expect(await loadFile(open({ config: WANTS }), pe(0x1000))).toBe(0);
    expect(await loadFile(open({ config: 'CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG=y\n' }))).toBe(0);
  });
});

describe('the exception level that a kernel was started at', () => {
  const EL2 = { dmesg: '[    0.1] CPU: All CPU(s) started at EL2\n' };
  const EL1 = { dmesg: '[    0.1] CPU: All CPU(s) started at EL1\n' };

  test.each([
    ['by its log', EL2, undefined, 2, true],
    ['by its log, whatever the tree says', { ...EL1, 'sys/firmware/fdt': board(PSCI) }, undefined, 1, true],
    ['by the tree', { 'sys/firmware/fdt': board(PSCI) }, undefined, 2, true],
    ['by the user, whatever the log says', EL1, '2', 2, true],
    ['by nothing', {}, undefined, 1, false],
  ] as readonly (readonly [string, Files, string | undefined, 1 | 2, boolean])[])(
    'is told %s',
    (_, files, el, bootEl, elIsKnown) => {
      const machine = open(files, { el });
      expect(boardFacts(machine.files, machine.bootEl)).toMatchObject({ bootEl, elIsKnown });
    },
  );

  test('is 1 or 2', () => {
    expect(() => open({}, { el: '3' })).toThrow('KEXEC_EL: "3" is not one of 1, 2');
  });
});

describe('kexec-sim status', () => {
  const status = async (machine: Machine): Promise<readonly string[]> => {
    const { out } = await runSimToEnd([
      'status',
      '--json',
      '--machine',
      machine.files.path,
      '--state',
      machine.stateDirectory,
    ]);
    return (JSON.parse(out) as { readonly refusals: readonly string[] }).refusals;
  };

  test('tells what the kernel refuses, and why', async () => {
    const machine = open({
      ...FOUR,
      'sys/firmware/fdt': SPIN_TABLE,
      'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
      'proc/sys/kernel/kexec_load_disabled': '1\n',
      'proc/sys/kernel/kexec_load_limit_panic': '2\n',
      'proc/cmdline': 'kho=on\n',
      config: '# CONFIG_KEXEC is not set\nCONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_SIG_FORCE=y\nCONFIG_KEXEC_HANDOVER=y\n',
    });
    expect(await status(machine)).toEqual([
      'kexec_load is not there (CONFIG_KEXEC)',
      'kexec_load_disabled is 1',
      'kexec_load_limit_panic is 2',
      'the kernel is locked down',
      'kexec_file_load wants signatures',
      'processors cannot be stopped (/cpus/cpu@0/enable-method = "spin-table", /sys/devices/system/cpu/possible: 0-3)',
      'kexec_file_load keeps to the scratch areas of kernel handover',
    ]);
    expect(
      (await runSimToEnd(['status', '--machine', machine.files.path, '--state', machine.stateDirectory])).out,
    ).toMatch(/^refusals +kexec_load is not there \(CONFIG_KEXEC\)$/m);
  });

  test('tells of nothing where there is nothing', async () => {
    expect(await status(open({}))).toEqual([]);
  });
});

describe('what the machine itself may do otherwise', () => {
  const doubts = (machine: Machine): readonly string[] =>
    machine.kernel.log
      .filter(({ text }) => text.startsWith('kexec-ts: '))
      .map(({ level, text }) => `<${level}>${text}`);
  const SHORT = { 'proc/meminfo': 'MemTotal:  2000000 kB\nMemFree:  3 kB\nMemAvailable:     40 kB\n' };

  test('is told in the log where a load takes more memory than there was, for files and copies', async () => {
    const machine = open(SHORT);
    expect(await loadFile(machine)).toBe(0);
    const { normal } = machine.kernel.state;
    const segmentsOf = typeof normal === 'object' ? normal.segments : [];
    const need = segmentsOf.reduce((sum, { memsz, bufsz }) => sum + memsz + bufsz, 0n) >> 10n;
    expect(doubts(machine)).toEqual([
      `<4>kexec-ts: the load takes ${need} KiB for a moment, for files and copies, and 40 KiB were available: it may fail on the machine itself`,
    ]);
  });

  test('goes by free memory where no more is told, and by nothing where that is missing, too', async () => {
    const [free, silent] = [
      open({ 'proc/meminfo': 'MemTotal: 2000000 kB\nMemFree: 3 kB\n' }),
      open({ 'proc/meminfo': 'MemTotal: 2000000 kB\n' }),
    ];
    expect([await load(free), await load(silent)]).toEqual([0, 0]);
    expect(doubts(free)).toEqual([expect.stringMatching(/takes 4 KiB .* and 3 KiB were available/)]);
    expect(doubts(silent)).toEqual([]);
  });

  test('is not told of a crash kernel, which has memory of its own, nor of a load that fits', async () => {
    const [short, roomy] = [open(SHORT), open({})];
    const crash = [{ data: Uint8Array.of(1), memory: { start: 0xaa00_0000n, size: 0x1_0000n } }];
    const call = { entry: 0xaa00_0000n, flags: 1n, segments: crash } as unknown as Parameters<Machine['kexecLoad']>[0];
    expect([await short.kexecLoad(call), await load(roomy)]).toEqual([0, 0]);
    expect([doubts(short), doubts(roomy)]).toEqual([[], []]);
  });

  test('is told where nobody recorded the scratch areas of kernel handover', async () => {
    const machine = open({
      config: 'CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_HANDOVER=y\n',
      'proc/version': 'Linux version 7.2.0 (x)\n',
      'proc/cmdline': 'kho=on\n',
    });
    expect([await load(machine), doubts(machine).length]).toEqual([0, 0]);
    expect(await loadFile(machine)).toBe(0);
    expect(doubts(machine)).toEqual([expect.stringMatching(/^<4>kexec-ts: kernel handover is on/)]);
  });
});

describe('kernel handover', () => {
  const KHO = { config: 'CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_HANDOVER=y\n', 'proc/version': 'Linux version 7.2.0 (x)\n' };
  const scratch = (starts: string, sizes: string): Files => ({
    'sys/kernel/debug/kho/out/scratch_phys': starts,
    'sys/kernel/debug/kho/out/scratch_len': sizes,
  });
  const TWO = scratch('0x70000000\n0x50000000\n', '0x1000\n0x4000000\n');
  const placed = (machine: Machine): readonly bigint[] => {
    const { normal } = machine.kernel.state;
    return typeof normal === 'object' ? normal.segments.map(({ mem }) => mem) : [];
  };

  test('keeps what kexec_file_load places to its scratch areas, in their order', async () => {
    const machine = open({ ...KHO, ...TWO, 'proc/cmdline': 'kho=on\n' });
    expect(await loadFile(machine)).toBe(0);
    expect(placed(machine).slice(0, 2)).toEqual([0x7000_0000n, 0x5000_0000n]);
    expect(placed(machine).every((mem) => (mem >= 0x5000_0000n && mem < 0x5400_0000n) || mem === 0x7000_0000n)).toBe(
      true,
    );
  });

  /** The bytes of the segment of a role; undefined where there is none. */
  const segmentOf = (machine: Machine, role: string, slot: 'normal' | 'crash' = 'normal') => {
    const image = machine.kernel.state[slot];
    const segment = typeof image === 'object' ? image.segments.find((one) => one.role === role) : undefined;
    return segment && { ...segment, bytes: readSegmentData(machine.stateDirectory, segment) };
  };
  /** Addresses and sizes in a property of /chosen; undefined where it is not there. */
  const told = (machine: Machine, name: string): readonly bigint[] | undefined => {
    const tree = new Fdt(segmentOf(machine, 'dtb')!.bytes, 'made');
    const value = getProp(tree, pathOffset(tree, '/chosen') as number, name);
    if (isFdtError(value)) return undefined;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    return [0, 8].map((at) => view.getBigUint64(at));
  };
  const ON = { ...KHO, 'proc/cmdline': 'kho=on\n' };
  const linux = (release: string): Files => ({ 'proc/version': `Linux version ${release} (x)\n` });

  test('tells the next kernel of its areas, by the first segment and by the device tree', async () => {
    const machine = open({ ...ON, ...scratch('0x50000000\n0x60000000\n0x0\n', '0x4000000\n0x10000\n0x0\n') });
    expect(await loadFile(machine)).toBe(0);
    const list = segmentOf(machine, 'kho')!;
    expect(list).toMatchObject({ mem: 0x53ff_0000n, memsz: 0x1000n, bufsz: 48n });
    const words = new DataView(list.bytes.buffer, list.bytes.byteOffset);
    expect([0, 8, 16, 24, 32, 40].map((at) => words.getBigUint64(at, true))).toEqual([
      0x5000_0000n,
      0x400_0000n,
      0x6000_0000n,
      0x1_0000n,
      0n,
      0n,
    ]);
    expect(told(machine, 'linux,kho-scratch')).toEqual([list.mem, 48n]);
    // Nothing tells where it really is.
    const end = machine.kernel.facts.freeMemory.at(-1)!.end;
    expect(told(machine, 'linux,kho-fdt')).toEqual([end - 0x1000n, 0x1000n]);
    expect(placed(machine)).toHaveLength(3);
  });

  test.each([
    ['6.16.0', {}, false],
    ['6.18.4', {}, false],
    ['6.18.4', { 'sys/kernel/debug/kho/out/finalize': '1\n' }, true],
    ['6.18.4', { 'sys/kernel/debug/kho/out/finalize': '0\n' }, false],
    ['6.19.0', {}, true],
    ['7.0.0', {}, true],
  ] as readonly (readonly [string, Files, boolean])[])(
    'before 6.19 only once it is finalized: Linux %s, %j',
    async (release, files, isTold) => {
      const machine = open({ ...ON, ...TWO, ...linux(release), ...files });
      expect(await loadFile(machine)).toBe(0);
      expect([segmentOf(machine, 'kho') !== undefined, told(machine, 'linux,kho-fdt') !== undefined]).toEqual([
        isTold,
        isTold,
      ]);
    },
  );

  test.each([
    ['7.0.10', true],
    ['7.0.11', false],
    ['7.1.0', false],
  ])('no more of a crash kernel since 7.0.11: Linux %s', (release, isTold) => {
    expect(open({ ...ON, ...TWO, ...linux(release) }).kernel.facts.handover?.toldTo).toEqual({
      normal: true,
      crash: isTold,
    });
  });

  test('takes out what the kernel before told, also where it is off', async () => {
    const before = { chosen: { 'linux,kho-fdt': [0, 1, 0, 2], 'linux,kho-scratch': [0, 3, 0, 4] } };
    const tree = { 'sys/firmware/fdt': board(before) };
    const [off, without] = [open({ ...KHO, ...tree }), open(tree)];
    expect([await loadFile(off), await loadFile(without)]).toEqual([0, 0]);
    expect([told(off, 'linux,kho-fdt'), told(off, 'linux,kho-scratch')]).toEqual([undefined, undefined]);
    // A kernel that does not know them keeps them.
    expect(told(without, 'linux,kho-fdt')).toEqual([1n, 2n]);
  });

  test.each([
    [
      'answers EADDRNOTAVAIL where they are too small',
      { ...scratch('0x50000000\n', '0x100000\n'), 'proc/cmdline': 'kho=1\n' },
      -Errno.EADDRNOTAVAIL,
    ],
    ['is off by default', scratch('0x50000000\n', '0x100000\n'), 0],
    [
      'is off where it is said to be',
      { ...scratch('0x50000000\n', '0x100000\n'), 'proc/cmdline': 'kho=on kho=off\n' },
      0,
    ],
    [
      'gives up for want of memory',
      {
        ...scratch('0x50000000\n', '0x100000\n'),
        'proc/cmdline': 'kho=on\n',
        dmesg: 'KHO: Failed to reserve scratch area, disabling kexec handover\n',
      },
      0,
    ],
    ['is not asked where nobody recorded the areas', { 'proc/cmdline': 'kho=on\n' }, 0],
  ] as readonly (readonly [string, Files, number])[])('%s', async (_, files, answer) => {
    expect(await loadFile(open({ ...KHO, ...files }))).toBe(answer);
  });
});
