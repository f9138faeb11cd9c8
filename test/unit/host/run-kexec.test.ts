import { describe, expect, test } from '@jest/globals';
import { RELEASES, compatFor, type Compat, type Release } from '../../../kexec/base/compat.js';
import { Errno, strerror } from '../../../kexec/base/error.js';
import { fakeSystem, smallMachine, type FakeOptions, type FakeSystem } from '../../support/files/fake-system.js';
import { arm64Image, gzip, smallTree, uki, uImage, vmlinux, zboot } from '../../support/files/kernel-files.js';
import type { MemoryFile } from '../../support/files/memory-system.js';
import { runOn, type Ended } from '../../support/run-support.js';

const IOMEM = '40000000-7fffffff : System RAM\n';
const CRASH = '40000000-7fffffff : System RAM\n  50000000-57ffffff : Crash kernel\n';
const KERNEL = '/boot/Image';

interface Setting extends FakeOptions {
  readonly iomem?: string;
  readonly files?: Readonly<Record<string, MemoryFile>>;
  readonly release?: Release;
  readonly compat?: Compat;
}

interface Outcome extends Ended {
  readonly system: FakeSystem;
}

/** Runs the command on a machine with a kernel at /boot/Image. */
const kexec = async (
  line: string,
  { iomem = IOMEM, files = {}, release = '2.0.32', compat, ...fake }: Setting = {},
): Promise<Outcome> => {
  const system = fakeSystem({ ...smallMachine(iomem, smallTree()), [KERNEL]: arm64Image(), ...files }, fake);
  const ended = await runOn(
    system,
    line.split(' ').filter((arg) => arg !== ''),
    compat ?? compatFor(release),
  );
  return { ...ended, system };
};

const LOADED = { '/sys/kernel/kexec_loaded': '1\n', '/sys/kernel/kexec_crash_loaded': '1\n' };
/** What this machine, which has no /proc/kcore, makes every kexec_load say first. */
const KCORE = `Can't open (/proc/kcore).\nWarning, can't get the VA_BITS from kcore\nCan't open (/proc/kcore).\n`;

describe('loading', () => {
  test('says nothing of its own', async () => {
    const { code, out, err, system } = await kexec(`-c -l ${KERNEL}`);
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: KCORE });
    expect(system.loads).toHaveLength(1);
    expect(system.loads[0]!.flags).toBe(0xb70000n);
    expect(system.fileLoads).toHaveLength(0);
  });

  test('tells what a kernel refused', async () => {
    const { code, err } = await kexec(`-c -l ${KERNEL}`, { kexecLoad: -Errno.EBUSY });
    expect(code).toBe(255);
    const tail = err.slice(KCORE.length);
    expect(tail).toMatch(
      /^kexec_load failed: Device or resource busy\nentry {7}= 0x4000[0-9a-f]{4} flags = 0xb70000\nnr_segments = 3\nsegment\[0\]\.buf {3}= 0x[0-9a-f]+\nsegment\[0\]\.bufsz = 0x4000\nsegment\[0\]\.mem {3}= 0x40000000\nsegment\[0\]\.memsz = 0x5000\nsegment\[1\]/,
    );
    expect(tail.split('\n')).toHaveLength(3 + 3 * 4 + 1);
  });

  test('with -d tells what it does', async () => {
    const { code, out, err } = await kexec(`-c -d -l ${KERNEL}`);
    expect({ code, out }).toEqual({ code: 0, out: '' });
    const wanted = [
      'arch_process_options:179: command_line: (null)',
      'arch_process_options:186: console: (null)',
      'Try gzip decompression.',
      'kernel: 0x',
      'get_memory_ranges:+[0] 0000000040000000 - 000000007fffffff',
      'System RAM ranges;',
      'elf_arm64_probe: Not an ELF executable.',
      'image_arm64_load: kernel_segment: 0000000040000000',
      'image_arm64_load: text_offset:    0000000000000000',
      'image_arm64_load: image_size:     0000000000005000',
      'image_arm64_load: PE format:      no',
      'arm64_load_other_segments:742: purgatory sink: 0x0',
      'dtb:    base 40005000, size ',
      'kexec_load: entry = 0x4000',
      'nr_segments = 3',
    ];
    let at = 0;
    for (const text of wanted) {
      const next = err.indexOf(text, at);
      expect([text, next >= at]).toEqual([text, true]);
      at = next;
    }
  });

  test('needs a kernel', async () => {
    const { code, out, err } = await kexec('-l');
    expect(code).toBe(255);
    expect(err).toBe('No kernel specified\n');
    expect(out.startsWith('kexec-tools 2.0.32\nUsage: kexec ')).toBe(true);
  });

  test('takes the first of several operands', async () => {
    expect((await kexec(`-c -l ${KERNEL} /none`)).code).toBe(0);
    expect((await kexec(`-c -l /none ${KERNEL}`)).err).toBe("Cannot open `/none': No such file or directory\n");
  });

  test('for a panic needs memory set aside', async () => {
    const { code, err } = await kexec(`-p ${KERNEL}`);
    expect(code).toBe(1);
    expect(err).toBe(
      'Memory for crashkernel is not reserved\n' +
        'Please reserve memory by passing"crashkernel=Y@X" parameter to kernel\n' +
        'Then try to loading kdump kernel\n',
    );
    expect((await kexec(`-p ${KERNEL}`, { release: '2.0.20' })).err).toContain('"crashkernel=X@Y"');
    expect((await kexec(`-c -p ${KERNEL}`, { iomem: CRASH })).system.loads[0]!.flags).toBe(0xb70001n);
  });

  test('keeping the context needs --mem-max, and kexec_load', async () => {
    expect(await kexec(`-c --load-preserve-context ${KERNEL}`)).toMatchObject({
      code: 1,
      err: 'Please specify memory range used by kexeced kernel\nto preserve the context of original kernel with \n"--mem-max" parameter\n',
    });
    expect(await kexec(`--load-preserve-context --mem-max=0x7fffffff ${KERNEL}`)).toMatchObject({
      code: 1,
      err: '--load-preserve-context not supported with kexec_file_load\n',
    });
    const { code, system } = await kexec(`-c --load-preserve-context --mem-max=0x41ffffff ${KERNEL}`);
    expect(code).toBe(0);
    const [load] = system.loads;
    expect(load!.flags).toBe(0xb70002n);
    expect(load!.segments.map(({ memory, data }) => [memory.start, memory.size, data.length > 0])).toEqual([
      [0x40000000n, 0x5000n, true],
      [0x40005000n, 0x1000n, true],
      [0x40006000n, 0x4000n, true],
      [0x4000a000n, 0x1ff6000n, false],
    ]);
  });

  test('over the running kernel needs Xen', async () => {
    expect(await kexec(`--load-live-update ${KERNEL}`)).toMatchObject({
      code: 1,
      err: '--load-live-update can only be used with xen\n',
    });
  });

  test('under Xen is refused', async () => {
    expect((await kexec(`-l ${KERNEL}`, { files: { '/proc/xen/privcmd': 'x' } })).err).toContain('Xen');
  });

  test('knows kernels by their content', async () => {
    expect((await kexec(`-c -l ${KERNEL}`, { files: { [KERNEL]: gzip(uImage(arm64Image())) } })).code).toBe(0);
    expect(
      await kexec(`-c -l ${KERNEL}`, { files: { [KERNEL]: `no kernel at all${'\0'.repeat(200)}` } }),
    ).toMatchObject({
      code: 255,
      err: `${KCORE}Cannot determine the file type of ${KERNEL}\n`,
      out: 'Not a PE file\nERR: optional header is missing\n',
    });
  });
});

describe('kexec_file_load', () => {
  test('is tried first since 2.0.29, and kexec_load when the kernel cannot', async () => {
    for (const errno of [Errno.ENOSYS, Errno.EINVAL, Errno.ENOEXEC, Errno.EOPNOTSUPP]) {
      const { code, err, system } = await kexec(`-l ${KERNEL}`, { kexecFileLoad: -errno });
      expect({ code, err }).toEqual({ code: 0, err: KCORE });
      expect(system.fileLoads).toHaveLength(1);
      expect(system.loads).toHaveLength(1);
    }
    expect((await kexec(`-l ${KERNEL}`, { release: '2.0.25' })).system.fileLoads).toHaveLength(0);
  });

  test.each(RELEASES)(
    'of %s falls back upon ENOSYS, EINVAL, ENOEXEC and EOPNOTSUPP alone, and 2.0.20 never',
    async (release) => {
      const followed: number[] = [];
      for (let errno = 1; errno <= 133; errno++) {
        const { code, err, system } = await kexec(`-a -l ${KERNEL}`, { kexecFileLoad: -errno, release });
        expect(system.fileLoads).toHaveLength(1);
        if (system.loads.length === 0)
          expect({ code, err }).toEqual({ code: 255, err: `kexec_file_load failed: ${strerror(errno)}\n` });
        else followed.push(errno);
      }
      expect(followed).toEqual(
        release === '2.0.20' ? [] : [Errno.ENOEXEC, Errno.EINVAL, Errno.ENOSYS, Errno.EOPNOTSUPP],
      );
    },
  );

  test.each(RELEASES)('of %s unloads by the other call upon ENOSYS alone, and 2.0.20 never', async (release) => {
    const followed: number[] = [];
    for (let errno = 1; errno <= 133; errno++) {
      const { code, system } = await kexec('-a -u', { kexecFileLoad: -errno, release });
      if (system.loads.length === 0) expect(code).toBe(255);
      else followed.push(errno);
    }
    expect(followed).toEqual(release === '2.0.20' ? [] : [Errno.ENOSYS]);
  });

  test('that works is enough', async () => {
    const { code, system } = await kexec(`-l ${KERNEL} --append=quiet`, { kexecFileLoad: 0 });
    expect(code).toBe(0);
    expect(system.loads).toHaveLength(0);
    expect(system.fileLoads[0]).toMatchObject({ cmdline: 'quiet', cmdlineLen: 6, flags: 4n, initrd: undefined });
  });

  test('without a command line has none', async () => {
    const { system } = await kexec(`-l ${KERNEL}`, { kexecFileLoad: 0 });
    expect(system.fileLoads[0]).toMatchObject({ cmdline: undefined, cmdlineLen: 0 });
  });

  test('gets the kernel unpacked, and the initrd as it is', async () => {
    const files = { [KERNEL]: gzip(arm64Image()), '/boot/initrd': 'initrd' };
    const { system } = await kexec(`-s -l ${KERNEL} --initrd=/boot/initrd`, { kexecFileLoad: 0, files });
    expect(new Uint8Array(system.fileLoads[0]!.kernel!)).toEqual(arm64Image());
    expect(system.fileLoads[0]!.initrd).toHaveLength(6);
    expect(system.fileLoads[0]!.flags).toBe(0n);
  });

  describe('of the development tree', () => {
    const image = arm64Image({ pe: true });
    const load = async (kernel: Uint8Array, options = '-d -s -l') => {
      const { err, system } = await kexec(`${options} ${KERNEL}`, {
        kexecFileLoad: 0,
        release: '2.0.32.git',
        files: { [KERNEL]: kernel, '/proc/cmdline': 'retain_initrd\n' },
      });
      const told = err.split('\n').filter((line) => /^(do_kexec_file_load|kexec_file_load): /.test(line));
      return { told, kernel: system.fileLoads[0]?.kernel };
    };
    const linux = { name: '.linux', data: image };
    const initrd = { name: '.initrd', data: new Uint8Array(10) };
    const original = 'do_kexec_file_load: using original kernel file fd 3';
    const flags = 'kexec_file_load: flags = 0xc';
    test.each<[string, Uint8Array, readonly string[]]>([
      ['an Image', image, [original, flags]],
      ['a compressed one', gzip(image), ['do_kexec_file_load: compressed input, using memfd kernel fd 3', flags]],
      ['zboot', zboot(gzip(image)), [original, 'do_kexec_file_load: using image-specific kernel fd 5', flags]],
      ['a UKI', uki([linux]), [original, 'do_kexec_file_load: using image-specific kernel fd 5', flags]],
      [
        'a UKI with zboot',
        uki([{ name: '.linux', data: zboot(gzip(image)) }]),
        [original, 'do_kexec_file_load: using image-specific kernel fd 6', flags],
      ],
      [
        'a UKI with initrds',
        uki([initrd, linux, initrd]),
        [original, 'do_kexec_file_load: using image-specific kernel fd 7', 'kexec_file_load: flags = 0x8'],
      ],
    ])('tells the file descriptor of %s', async (_, kernel, told) => {
      expect((await load(kernel)).told).toEqual(told);
    });

    test('leaves /proc/cmdline open, which takes file descriptors', async () => {
      const { told } = await load(zboot(gzip(image)), '--reuse-cmdline --reuseinitrd -d -s -l');
      expect(told).toEqual([
        'do_kexec_file_load: using original kernel file fd 5',
        'do_kexec_file_load: using image-specific kernel fd 7',
        flags,
      ]);
    });

    test('a compressed kernel as large as what it holds is handed over as it is', async () => {
      const packed = gzip(image);
      const padded = new Uint8Array(image.length);
      padded.set(packed);
      expect((await load(padded)).kernel).toEqual(padded);
      expect(new Uint8Array((await load(packed)).kernel!)).toEqual(image);
    });

    test('without the kernel says that it cannot be opened', async () => {
      expect(await kexec('-s -l /none', { kexecFileLoad: 0, release: '2.0.32.git' })).toMatchObject({
        code: 255,
        err: 'Failed to open file /none:No such file or directory\n',
      });
    });
  });

  test.each<[Release, number]>([
    ['2.0.32', 12],
    ['2.0.32.git', 10],
  ])("gets a UKI's initrd by %s's size of the section, %i bytes", async (release, bytes) => {
    const initrd = { name: '.initrd', data: new Uint8Array(12), virtualSize: 10 };
    const files = { [KERNEL]: uki([initrd, { name: '.linux', data: arm64Image() }]) };
    const { system } = await kexec(`-s -l ${KERNEL}`, { kexecFileLoad: 0, release, files });
    expect(system.fileLoads[0]!.initrd).toHaveLength(bytes);
  });

  test('gets what a UKI holds', async () => {
    const inner = arm64Image();
    const files = {
      [KERNEL]: uki([
        { name: '.linux', data: inner },
        { name: '.initrd', data: new Uint8Array(10) },
      ]),
    };
    const { system } = await kexec(`-s -l ${KERNEL}`, { kexecFileLoad: 0, files });
    expect(system.fileLoads[0]!.kernel).toEqual(inner);
    expect(system.fileLoads[0]!.initrd).toHaveLength(10);
  });

  test.each([
    ['-s -l', 4n],
    ['-s -p', 6n],
    ['-s -d -l', 12n],
  ])('%s sets flags', async (options, flags) => {
    const { system } = await kexec(`${options} ${KERNEL}`, { kexecFileLoad: 0, iomem: CRASH });
    expect(system.fileLoads[0]!.flags).toBe(flags);
  });

  test('that must be used and is not there ends with 253', async () => {
    expect(await kexec(`-s -l ${KERNEL}`)).toMatchObject({
      code: 253,
      err: 'syscall kexec_file_load not available.\n',
    });
    expect(await kexec('-s -u')).toMatchObject({ code: 253, err: 'syscall kexec_file_load not available.\n' });
  });

  test('never falls back in 2.0.20', async () => {
    expect(await kexec(`-a -l ${KERNEL}`, { release: '2.0.20' })).toMatchObject({
      code: 255,
      err: 'kexec_file_load failed: Function not implemented\n',
    });
  });

  test('tells what a kernel refused', async () => {
    expect(await kexec(`-l ${KERNEL}`, { kexecFileLoad: -Errno.EPERM })).toMatchObject({
      code: 255,
      err: 'kexec_file_load failed: Operation not permitted\n',
    });
  });

  test('takes no ELF and no uImage', async () => {
    expect(await kexec(`-l ${KERNEL}`, { files: { [KERNEL]: vmlinux(arm64Image()) } })).toMatchObject({
      code: 255,
      err: `ELF executable is not supported in kexec_file\nCannot load ${KERNEL}\n`,
    });
    expect((await kexec(`-l ${KERNEL}`, { files: { [KERNEL]: uImage(arm64Image()) } })).err).toBe(
      `uImage is not supported in kexec_file\nCannot load ${KERNEL}\n`,
    );
  });

  test('needs the initrd', async () => {
    expect((await kexec(`-l ${KERNEL} --initrd=/none`)).err).toBe(
      `Could not open initrd file /none:No such file or directory\nkexec: load failed.\nCannot load ${KERNEL}\n`,
    );
  });

  test('says that there is no such kernel as each release does', async () => {
    expect((await kexec('-s -l /none')).err).toBe("Cannot open `/none': No such file or directory\n");
    expect((await kexec('-s -l /none', { release: '2.0.25' })).err).toBe(
      'Failed to open file /none:No such file or directory\n',
    );
  });

  test('ignores a device tree with -s only', async () => {
    expect((await kexec(`-s -d -l ${KERNEL} --dtb=/none`, { kexecFileLoad: 0 })).err).toContain('dtb: (ignored)\n');
    expect((await kexec(`-c -l ${KERNEL} --dtb=/none`)).err).toContain(
      "Cannot open `/none': No such file or directory\n",
    );
  });
});

describe('unloading', () => {
  test('uses the system call that loading would', async () => {
    const byFile = await kexec('-u', { kexecFileLoad: 0 });
    expect(byFile.code).toBe(0);
    expect(byFile.system.fileLoads[0]).toMatchObject({ kernel: undefined, flags: 1n });
    const fallen = await kexec('-u');
    expect(fallen.code).toBe(0);
    expect(fallen.system.loads[0]).toMatchObject({ segments: [], flags: 0xb70000n, entry: 0n });
    expect((await kexec('-c -p -u')).system.loads[0]!.flags).toBe(0xb70001n);
  });

  test('tells what a kernel refused', async () => {
    expect(await kexec('-c -u', { kexecLoad: -Errno.EPERM })).toMatchObject({
      code: 255,
      err: 'kexec unload failed: Operation not permitted\n',
    });
    expect(await kexec('-s -u', { kexecFileLoad: -Errno.EBUSY })).toMatchObject({
      code: 255,
      err: 'kexec_file_load(unload) failed: Device or resource busy\n',
    });
    expect((await kexec('-s -u', { kexecFileLoad: -Errno.EBUSY, release: '2.0.20' })).err).toBe(
      'kexec_file_load(unload) failed\n: Device or resource busy\n',
    );
  });

  test("keeps Xen's flag, which comes from an option", async () => {
    expect((await kexec('-c --load-live-update -u')).system.loads[0]!.flags).toBe(0xb70004n);
  });

  test('before loading, when both are asked for', async () => {
    const { system } = await kexec(`-c -u -l ${KERNEL}`);
    expect(system.loads.map(({ segments }) => segments.length)).toEqual([0, 3]);
  });
});

describe('the state', () => {
  test.each([
    ['-S', {}, 0],
    ['-S', LOADED, 1],
    ['-S -l', LOADED, 1],
    ['-S -l', { '/sys/kernel/kexec_loaded': '0\n', '/sys/kernel/kexec_crash_loaded': '1\n' }, 0],
    ['-S -p', { '/sys/kernel/kexec_loaded': '0\n', '/sys/kernel/kexec_crash_loaded': '1\n' }, 1],
    ['-S', { '/sys/kernel/kexec_crash_loaded': '17\n' }, 17],
    ['-S', { '/sys/kernel/kexec_crash_loaded': '123\n' }, 12],
    ['-S', { '/sys/kernel/kexec_crash_loaded': 'x\n' }, 255],
    ['-S', { '/sys/kernel/kexec_crash_loaded': '' }, 255],
  ])('%s: exit code', async (line, files, code) => {
    expect(await kexec(line, { files })).toMatchObject({ code, out: '', err: '' });
  });

  test('of a machine that tells none', async () => {
    const system = fakeSystem({});
    expect(await runOn(system, ['-S'])).toEqual({ code: 255, out: '', err: '' });
  });
});

describe('executing', () => {
  test('needs something loaded', async () => {
    expect(await kexec('-e')).toMatchObject({ code: 1, err: 'Nothing has been loaded!\n' });
    expect(await kexec(`-c ${KERNEL}`)).toMatchObject({ code: 1, err: `${KCORE}Nothing has been loaded!\n` });
  });

  test('tells what a kernel refused', async () => {
    expect(await kexec('-e', { files: LOADED, reboot: { kind: 'refused', errno: -Errno.EPERM } })).toMatchObject({
      code: 255,
      err: 'kexec failed: Operation not permitted\n',
    });
  });

  test('by way of a shutdown, there being none', async () => {
    const { code, err, system } = await kexec(`-c ${KERNEL}`, { files: LOADED });
    expect({ code, err }).toEqual({ code: 255, err: `${KCORE}shutdown: No such file or directory\n` });
    expect(system.steps).toEqual(['/sbin', '/etc', '/bin'].map((folder) => `${folder}/shutdown shutdown -r now`));
  });

  const interfaces = { lo: 0x49, eth0: 0x1043, 'eth0:1': 0x43, shaper1: 0x1, 'eth1.longest-in-ifreq': 0x1002 };
  const down = ['shaper1 = 0x0', 'eth0 = 0x1042', 'eth1.longest-in = 0x1002'];

  test.each([
    ['-e', ['sync', ...down, 'reboot']],
    ['-f -c /boot/Image', ['sync', ...down, 'reboot']],
    ['-e -x', ['sync', 'reboot']],
    ['-e -y', [...down, 'reboot']],
    ['-e -x -y', ['reboot']],
    ['-c -l /boot/Image', ['sync']],
    ['-c -l -y /boot/Image', []],
    ['-c -p /boot/Image', []],
    ['-c -u', []],
    ['-S', []],
    ['-c /boot/Image', ['/sbin/shutdown shutdown -r now', '/etc/shutdown shutdown -r now']],
  ])('%s: the steps in their order', async (line, steps) => {
    const { system } = await kexec(line, { files: LOADED, iomem: CRASH, interfaces, programs: ['/etc/shutdown'] });
    expect(system.steps).toEqual(steps);
  });

  test('-d leaves the network up in 2.0.20', async () => {
    expect((await kexec('-e -d', { files: LOADED, interfaces, release: '2.0.20' })).system.steps).toEqual([
      'sync',
      'reboot',
    ]);
  });

  test('goes on when an interface cannot be taken down', async () => {
    const { code, err, system } = await kexec('-e', { files: LOADED, interfaces: { eth0: undefined, eth1: 0x1003 } });
    expect({ code, err }).toEqual({ code: 0, err: 'ifdown: shutdown eth0: No such device\n' });
    expect(system.steps).toEqual(['sync', 'eth0 = 0x0', 'reboot']);
  });
});

describe('the jump back helper', () => {
  test.each([
    ['-c --load-jump-back-helper', 255, 'Please specify jump back entry in command line\n'],
    ['-s --load-jump-back-helper', 1, '--load-jump-back-helper not supported with kexec_file_load\n'],
    ['--load-jump-back-helper', 1, '--load-preserve-context not supported with kexec_file_load\n'],
  ])('%s', async (line, code, err) => {
    expect(await kexec(line)).toMatchObject({ code, err });
  });

  test('is loaded where nothing is', async () => {
    const { code, system } = await kexec('-c --load-jump-back-helper --entry=0x1000');
    expect(code).toBe(0);
    expect(system.loads[0]).toMatchObject({ entry: 0x1000n, flags: 2n });
    expect((await kexec('-c --load-jump-back-helper --entry=1', { files: LOADED })).err).toBe(
      'There is kexec kernel loaded, make sure you are in kexeced kernel.\n',
    );
  });
});

describe('--hotplug', () => {
  const size = (text: string): Setting => ({ files: { '/sys/kernel/crash_elfcorehdr_size': text }, iomem: CRASH });

  test('asks the kernel to keep the segments up to date', async () => {
    expect((await kexec(`-c --hotplug -p ${KERNEL}`, size('4096\n'))).system.loads[0]!.flags).toBe(0xb70009n);
  });

  test('takes a binary size where the C library does', async () => {
    expect((await kexec(`-c --hotplug -p ${KERNEL}`, size('0b11\n'))).code).toBe(0);
  });

  test.each(['0\n', '', 'x\n', '4096x\n'])('needs a size: %j', async (text) => {
    expect((await kexec(`-c --hotplug -p ${KERNEL}`, size(text))).err).toBe(
      'Path /sys/kernel/crash_elfcorehdr_size does not exist, the kernel needs CONFIG_CRASH_HOTPLUG\n',
    );
  });

  test('needs a kernel that has it', async () => {
    expect((await kexec(`-c --hotplug -l ${KERNEL}`)).err).toBe(
      'Cannot open /sys/kernel/crash_elfcorehdr_size: No such file or directory\n' +
        'Path /sys/kernel/crash_elfcorehdr_size does not exist, the kernel needs CONFIG_CRASH_HOTPLUG\n',
    );
  });
});

describe('--print-ckr-size', () => {
  test('prints the size of the region', async () => {
    expect(await kexec('--print-ckr-size', { iomem: CRASH })).toMatchObject({ code: 0, out: '134217728\n', err: '' });
    expect(await kexec('--print-ckr-size')).toMatchObject({ code: 0, out: '0\n' });
    expect(await kexec('--print-ckr-size', { release: '2.0.20', iomem: CRASH })).toMatchObject({ out: '134217728\n' });
  });

  test('needs a memory map', async () => {
    expect(await runOn(fakeSystem({}), ['--print-ckr-size'])).toEqual({
      code: 1,
      out: '',
      err: 'Cannot open /proc/iomem\n',
    });
  });
});

describe('--reuseinitrd', () => {
  test('needs a kernel that kept it', async () => {
    expect(await kexec(`-c -l --reuseinitrd ${KERNEL}`)).toMatchObject({
      code: 1,
      err: "unrecoverable error: current boot didn't retain the initrd for reuse.\n",
    });
  });
});

describe('options of the architecture', () => {
  const consoleOf = async (line: string): Promise<string> =>
    /console: (.*)\n/.exec((await kexec(`${line} -d -c -l ${KERNEL}`)).err)![1]!;

  test('-s takes back an earlier --serial', async () => {
    expect(await consoleOf('--serial=ttyS0')).toBe('ttyS0');
    expect(await consoleOf('--serial=ttyS0 -s')).toBe('(null)');
    expect(await consoleOf('-s --serial=ttyS0')).toBe('ttyS0');
  });

  test('lines of the log are numbered as in each release', async () => {
    const linesOf = async (release: Release): Promise<readonly string[]> =>
      (await kexec(`-d -c -l ${KERNEL}`, { release })).err.match(/^arch_\w+:\d+|^arm64_load_other_segments:\d+/gm) ??
      [];
    expect(await linesOf('2.0.20')).toEqual([
      'arch_process_options:173',
      'arch_process_options:175',
      'arch_process_options:177',
    ]);
    expect(await linesOf('2.0.25')).toEqual([
      'arch_process_options:178',
      'arch_process_options:180',
      'arch_process_options:182',
      'arch_process_options:185',
      'arm64_load_other_segments:741',
    ]);
    expect(await linesOf('2.0.32')).toEqual([
      'arch_process_options:179',
      'arch_process_options:181',
      'arch_process_options:183',
      'arch_process_options:186',
      'arm64_load_other_segments:742',
    ]);
  });

  test('the last of each counts', async () => {
    const { err } = await kexec(
      `-d -c -l ${KERNEL} --append=a --command-line=b --initrd=/1 --ramdisk=/2 --dtb=/3 --dtb=/4`,
    );
    expect(err).toContain('command_line: b\n');
    expect(err).toContain('initrd: /2\n');
    expect(err).toContain('dtb: /4\n');
  });
});
