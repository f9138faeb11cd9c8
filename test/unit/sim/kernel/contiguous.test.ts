import { describe, expect, test } from '@jest/globals';
import { Errno } from '../../../../kexec/base/error.js';
import { recordedMachine } from '../../../../sim/kernel/recorded-system.js';
import { arm64Image } from '../../../support/files/kernel-files.js';
import { type Files, machineFiles } from '../../../support/machine/doctor-machine.js';
import { useTempDir, writeTree } from '../../../support/machine/sim-support.js';
import { recordedFile } from '../../../support/recorded.js';
import { runToEnd } from '../../../support/run-support.js';

/** kexec_file_load(2) of Linux 6.17 and later, which takes contiguous memory (CMA) first. */

const temp = useTempDir();
const release = (name: string): Files => ({ 'proc/version': `Linux version ${name} (someone) #1 SMP\n` });
/** Of 64 MiB at 0xb0000000, none of it taken, as the log tells. */
const FREE: Files = {
  'proc/meminfo': 'MemTotal: 1900000 kB\nMemAvailable: 1700000 kB\nCmaTotal: 65536 kB\nCmaFree: 65536 kB\n',
  'proc/iomem':
    '40000000-bfffffff : System RAM\n  40200000-4157ffff : Kernel code\n  41a00000-41c9ffff : Kernel data\n  a0000000-a7ffffff : Crash kernel\n  b0000000-b3ffffff : reserved\n',
  dmesg: '[    0.0] cma: Reserved 64 MiB at 0x00000000b0000000\n[    0.1] CPU: All CPU(s) started at EL2\n',
};
const USED: Files = {
  ...FREE,
  'proc/meminfo': FREE['proc/meminfo']!.toString().replace('CmaFree: 65536', 'CmaFree: 64'),
};
/** @param bitmap its first words; the others are 0 */
const debugfs = (bitmap: string, name = 'reserved', order = 0): Files => ({
  [`sys/kernel/debug/cma/${name}/base_pfn`]: `720896\n`,
  [`sys/kernel/debug/cma/${name}/count`]: '16384\n',
  [`sys/kernel/debug/cma/${name}/order_per_bit`]: `${order}\n`,
  [`sys/kernel/debug/cma/${name}/bitmap`]: `${bitmap}${' 0'.repeat((16384 >> (5 + order)) - bitmap.split(' ').length)}\n`,
});

const open = (...files: readonly Files[]) => {
  const directory = temp.make('machine');
  writeTree(directory, machineFiles(Object.assign({}, ...files) as Files));
  return recordedMachine({ machine: directory, state: temp.make('state'), env: {} });
};
type Machine = ReturnType<typeof open>;

const MIB = 1 << 20;
const kernel = arm64Image({ imageSize: 0x38_0000n });
const load = (machine: Machine, flags = 0n, initrdBytes = 0x5000): Promise<number> =>
  machine.kexecFileLoad({ kernel, initrd: new Uint8Array(initrdBytes), cmdline: 'quiet', cmdlineLen: 6, flags });
const placed = ({ kernel: { state } }: Machine): readonly string[] =>
  typeof state.normal === 'object'
    ? state.normal.segments.map(
        ({ role, mem, contiguous }) => `${role} ${mem.toString(16)}${contiguous === true ? ' contiguous' : ''}`,
      )
    : [];
const doubts = (machine: Machine): readonly string[] =>
  machine.kernel.log.map(({ text }) => text).filter((text) => text.includes('CMA'));

const IN_ORDER = ['kernel b0000000 contiguous', 'initrd b0380000 contiguous', 'dtb b0400000 contiguous'];

describe('what is loaded goes to the first free place of contiguous memory', () => {
  test.each(['6.17.1', '6.19.0', '7.2.0'])('with Linux %s, aligned to 1 MiB at most', async (name) => {
    const machine = open(release(name), FREE);
    expect(await load(machine)).toBe(0);
    expect([placed(machine), doubts(machine)]).toEqual([IN_ORDER, []]);
  });

  test('aligned to more where the kernel is built for that', async () => {
    const config = 'CONFIG_KEXEC_FILE=y\nCONFIG_CMA_ALIGNMENT=9\n';
    const machine = open(release('7.2.0'), FREE, { config, ...debugfs('1') });
    expect(await load(machine)).toBe(0);
    expect(placed(machine)[0]).toBe('kernel b0200000 contiguous');
  });

  test('behind what is loaded already, whose memory is free only then', async () => {
    const machine = open(release('7.2.0'), FREE);
    expect([await load(machine), await load(machine)]).toEqual([0, 0]);
    expect(placed(machine)).toEqual([
      'kernel b0500000 contiguous',
      'initrd b0385000 contiguous',
      'dtb b0900000 contiguous',
    ]);
    expect(await load(machine)).toBe(0);
    expect(placed(machine)).toEqual(IN_ORDER);
  });

  test.each([
    ['of the area that cma= asked for', debugfs(`4294967295 ${'0 '.repeat(7)}1 0`)],
    ["of the device tree's", debugfs(`4294967295 ${'0 '.repeat(7)}1 0`, 'linux,cma')],
    ['with bits for four pages each', debugfs('255 0 1', 'reserved', 2)],
  ])('that its bitmap tells: %s', async (_, files) => {
    const machine = open(release('7.2.0'), USED, files);
    expect(await load(machine)).toBe(0);
    expect(placed(machine)).toEqual([
      'kernel b0200000 contiguous',
      'initrd b0020000 contiguous',
      'dtb b0600000 contiguous',
    ]);
  });

  test.each(['hello world', '', '4294967296', '1 2 3'])(
    'but not by what is no bitmap of the area: %j',
    async (text) => {
      const file = { 'sys/kernel/debug/cma/reserved/bitmap': `${text}\n` };
      const machine = open(release('7.2.0'), USED, { ...debugfs('0'), ...file });
      expect(await load(machine)).toBe(0);
      expect(placed(machine)[0]).not.toContain('contiguous');
      expect(doubts(machine)).toHaveLength(1);
    },
  );

  test('and elsewhere where that is too small, each for itself', async () => {
    const machine = open(release('7.2.0'), FREE);
    expect(await load(machine, 0n, 62 * MIB)).toBe(0);
    expect(placed(machine)).toEqual(['kernel b0000000 contiguous', 'initrd b4000000', 'dtb b0400000 contiguous']);
  });
});

test('contiguous memory of a load that fails is lost to the next ones', async () => {
  const meminfo = FREE['proc/meminfo']!.toString().replace('MemTotal: 1900000', 'MemTotal: 4000');
  const machine = open(release('7.2.0'), FREE, { 'proc/meminfo': meminfo });
  expect([await load(machine), await load(machine)]).toEqual([-Errno.EINVAL, -Errno.EINVAL]);
  const lost = machine.kernel.state.contiguousLost ?? [];
  expect(lost.map(({ start }) => start.toString(16))).toEqual([
    'b0000000',
    'b0380000',
    'b0400000',
    'b0500000',
    'b0385000',
    'b0900000',
  ]);
});

describe('contiguous memory is not taken', () => {
  test.each([
    ['by a kernel before 6.17', release('6.16.9'), FREE, 0n],
    ['with KEXEC_FILE_NO_CMA', release('6.17.0'), FREE, 0x10n],
    ['where there is none', release('7.2.0'), {}, 0n],
    [
      'where kernel handover is on',
      release('7.2.0'),
      {
        ...FREE,
        config: 'CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n',
      },
      0n,
    ],
  ] as readonly (readonly [string, Files, Files, bigint])[])('%s', async (_, version, files, flags) => {
    const machine = open(version, files);
    expect(await load(machine, flags)).toBe(0);
    expect(placed(machine).filter((text) => text.includes('contiguous'))).toEqual([]);
    expect(doubts(machine)).toEqual([]);
  });

  test('for a crash kernel, which has a region of its own', async () => {
    const recorded = ['proc/kcore', 'proc/iomem', 'sys/kernel/vmcoreinfo', 'sys/firmware/fdt'];
    const cpus = ['possible', 'cpu0/crash_notes', 'cpu0/crash_notes_size'].map(
      (name) => `sys/devices/system/cpu/${name}`,
    );
    const files = Object.fromEntries(
      [...recorded, ...cpus].map((name) => [name, recordedFile('virt-file-2g', `/${name}`)]),
    );
    const machine = open(release('6.17.0'), FREE, files);
    expect(await load(machine, 2n)).toBe(0);
    const { crash } = machine.kernel.state;
    const segments = typeof crash === 'object' ? crash.segments : [];
    expect([segments.length, segments.filter(({ contiguous }) => contiguous)]).toEqual([4, []]);
  });

  test.each([
    [
      'the log tells of more than one area',
      { ...FREE, dmesg: `${FREE['dmesg']!.toString()}cma: Reserved 4 MiB at 0x1000\n` },
    ],
    ['something of it is taken, and nobody knows what', USED],
    ['nobody knows where it is', { ...FREE, dmesg: undefined }],
    ['it has several ranges', { ...USED, ...debugfs('0'), 'sys/kernel/debug/cma/reserved/ranges/1/base_pfn': '1\n' }],
  ] as readonly (readonly [string, Files])[])('here where %s, which the log says', async (_, files) => {
    const machine = open(release('7.2.0'), files);
    expect(await load(machine)).toBe(0);
    expect(placed(machine).filter((text) => text.includes('contiguous'))).toEqual([]);
    expect(doubts(machine)).toEqual([
      expect.stringMatching(/^kexec-ts: the kernel puts what it loads into contiguous/),
    ]);
  });

  test('--no-cma is a flag that 6.16 does not know, and 6.17 does', async () => {
    expect(await load(open(release('6.16.0'), FREE), 0x10n)).toBe(-Errno.EINVAL);
    expect(await load(open(release('6.17.0'), FREE), 0x10n)).toBe(0);
  });
});

describe('what lies in contiguous memory is executed where it is', () => {
  test.each([
    ['EL2', '--sim-el=2'],
    ['EL1', '--sim-el=1'],
  ])('at %s, without the code that copies', async (level, option) => {
    const machine = open(release('7.2.0'), FREE, { 'sys/devices/system/cpu/possible': '0\n' });
    const env = { KEXEC_MACHINE: machine.files.path, KEXEC_STATE: temp.make('state') };
    const { code } = await runToEnd(['-s', '-l', 'machines/payload/Image', '--append=console=ttyAMA0', option], env);
    expect(code).toBe(0);
    const ended = await runToEnd(['-e', '--sim-until=entry', option], env);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toMatch(new RegExp(`^The new kernel's first instruction: 0xb0000000 at ${level}, `));
    expect(Number(/after (\d+) instructions/.exec(ended.out)?.[1])).toBeLessThan(100);
  });

  test('and so is the part that does, beside what is copied', async () => {
    const machine = open(release('7.2.0'), FREE);
    const env = { KEXEC_MACHINE: machine.files.path, KEXEC_STATE: temp.make('state') };
    const initrd = `${temp.make('initrd')}/initrd`;
    writeTree(initrd.replace(/\/initrd$/, ''), { initrd: new Uint8Array(63 * MIB).fill(1) });
    const args = ['-s', '-l', 'machines/payload/Image', '--append=console=ttyAMA0', `--initrd=${initrd}`];
    expect(await runToEnd(args, env)).toMatchObject({ code: 0 });
    const ended = await runToEnd(['-e', '--sim-until=entry'], env);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toContain('at EL2');
  });
});
