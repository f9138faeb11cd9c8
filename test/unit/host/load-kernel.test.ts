import { describe, expect, test } from '@jest/globals';
import { loadKernel, type LoadKernelOptions } from '../../../host/load-kernel.js';
import { compatFor, type Release } from '../../../kexec/base/compat.js';
import { KexecError } from '../../../kexec/base/error.js';
import type { LoadPlan, Segment } from '../../../kexec/base/segment.js';
import { U64_MAX } from '../../../kexec/base/u64.js';
import { fakeSystem, machineFiles, smallMachine, type FakeOptions } from '../../support/files/fake-system.js';
import {
  arm64Image,
  gzip,
  smallTree,
  uImage,
  uki,
  vmlinux,
  zboot,
  type ImageOptions,
} from '../../support/files/kernel-files.js';
import { keepingLog, type MemoryFile } from '../../support/files/memory-system.js';

const IOMEM = '40000000-23fffffff : System RAM\n';
const CRASH_IOMEM = `40000000-bfffffff : System RAM
  40210000-4157ffff : Kernel code
  41a00000-41c9ffff : Kernel data
  80000000-8fffffff : Crash kernel
`;
const KERNEL = '/boot/kernel';

type Options = Partial<Omit<LoadKernelOptions, 'kexecFileSyscall'>> & {
  readonly iomem?: string;
  readonly files?: Readonly<Record<string, MemoryFile>>;
};

/** Loads a kernel on a machine of a memory map and a tree. */
const load = async (
  kernel: Uint8Array,
  { iomem = IOMEM, files = {}, ...options }: Options = {},
  fake?: FakeOptions,
): Promise<LoadPlan> =>
  loadKernel(fakeSystem({ ...smallMachine(iomem, smallTree()), [KERNEL]: kernel, ...files }, fake), {
    kernel: KERNEL,
    ...options,
  });

const failureOf = async (promise: Promise<unknown>): Promise<KexecError> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof KexecError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const placesOf = ({ segments }: LoadPlan): readonly (readonly [bigint, bigint])[] =>
  segments.map(({ memory }) => [memory.start, memory.size] as const);

const isTree = ({ data }: Segment): boolean =>
  data[0] === 0xd0 && data[1] === 0x0d && data[2] === 0xfe && data[3] === 0xed;

const treeOf = ({ segments }: LoadPlan): Segment => segments.find(isTree)!;

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Whether the bytes hold a 64-bit number somewhere, in either byte order. */
const holds = (bytes: Uint8Array, value: bigint, littleEndian = true): boolean => {
  const pattern = Buffer.alloc(8);
  if (littleEndian) pattern.writeBigUInt64LE(value);
  else pattern.writeBigUInt64BE(value);
  return Buffer.from(bytes).includes(pattern);
};

const purgatoryOf = ({ segments, purgatory }: LoadPlan): Segment =>
  segments.find(({ memory }) => purgatory !== undefined && memory.equals(purgatory))!;

const byteImage = (size: bigint, options: ImageOptions = {}): Uint8Array =>
  arm64Image({ size: Number(size), ...options });

describe('an Image', () => {
  test('goes where kexec-tools puts it on a machine of 8 GiB', async () => {
    const image = byteImage(0xc89200n, { textOffset: 0x80000n, imageSize: 0xce4000n });
    const dtb = smallTree({ filler: new Uint8Array(0x1800 - smallTree({ filler: '' }).length) });
    const plan = await load(image, { dtb: '/boot/dtb', files: { '/boot/dtb': dtb } });
    const tree = treeOf(plan).data.length;
    expect(tree).toBeGreaterThan(0x1000);
    expect(tree).toBeLessThanOrEqual(0x2000);
    expect(placesOf(plan)).toEqual([
      [0x40080000n, 0xce4000n],
      [0x40d64000n, 0x2000n],
      [0x40d66000n, 0x4000n],
    ]);
    expect(plan.segments[0]!.data).toHaveLength(0xc89200);
    expect(plan.flags).toBe(0xb70000n);
    expect(plan.purgatory!.contains(plan.entry)).toBe(true);
    expect(plan.purgatory!.start).toBe(0x40d66000n);
    expect(holds(purgatoryOf(plan).data, 0x40080000n)).toBe(true);
    expect(holds(purgatoryOf(plan).data, 0x40d64000n)).toBe(true);
  });

  test('with an initrd has it before the tree, which tells where it is', async () => {
    const plan = await load(arm64Image(), {
      initrd: '/boot/initrd',
      files: { '/boot/initrd': new Uint8Array(0x1234).fill(9) },
    });
    expect(placesOf(plan).slice(0, 3)).toEqual([
      [0x40000000n, 0x5000n],
      [0x40005000n, 0x2000n],
      [0x40007000n, 0x1000n],
    ]);
    const { data } = treeOf(plan);
    expect(textOf(data)).toContain('linux,initrd-start');
    expect(holds(data, 0x40005000n, false)).toBe(true);
    expect(holds(data, 0x40006234n, false)).toBe(true);
  });

  test('without one has no initrd in its tree', async () => {
    const tree = smallTree({ 'linux,initrd-start': [0, 5], 'linux,initrd-end': [0, 6] });
    const plan = await load(arm64Image(), { files: { '/sys/firmware/fdt': tree } });
    expect(textOf(treeOf(plan).data).includes('linux,initrd-start')).toBe(
      textOf(treeOf(plan).data).includes('linux,initrd-end'),
    );
    expect(holds(treeOf(plan).data, 5n, false)).toBe(false);
  });

  test('has its command line in the tree', async () => {
    expect(textOf(treeOf(await load(arm64Image(), { append: 'console=x quiet' })).data)).toContain('console=x quiet\0');
    expect(textOf(treeOf(await load(arm64Image(), { reuseCmdline: true })).data)).toContain('root=/dev/vda rw\0');
    expect(textOf(treeOf(await load(arm64Image(), { reuseCmdline: true, append: 'more' })).data)).toContain(
      'root=/dev/vda rw more\0',
    );
    expect(textOf(treeOf(await load(arm64Image())).data)).toContain('root=/dev/vda\0');
  });

  test('takes a command line of 2047 bytes, and none longer', async () => {
    expect(textOf(treeOf(await load(arm64Image(), { append: 'x'.repeat(2047) })).data)).toContain('x'.repeat(2047));
    const error = await failureOf(load(arm64Image(), { append: 'x'.repeat(2048) }));
    expect(error.text).toBe(`Kernel command line too long for kernel!\nkexec: load failed.\nCannot load ${KERNEL}\n`);
    expect(error.exitCode).toBe(-1);
  });

  test('that is cut off has memory all the same', async () => {
    const plan = await load(arm64Image({ size: 64, imageSize: 0x123456n }));
    expect(placesOf(plan)[0]).toEqual([0x40000000n, 0x124000n]);
    expect(plan.segments[0]!.data).toHaveLength(64);
  });

  test('larger than it says is cut off', async () => {
    const plan = await load(arm64Image({ size: 0x4000, imageSize: 0x2345n }));
    expect(plan.segments[0]!.data).toHaveLength(0x2345);
    expect(placesOf(plan)[0]).toEqual([0x40000000n, 0x3000n]);
  });

  test('of a kernel before 3.17 has 16 MiB, which is told', async () => {
    const log = keepingLog();
    const plan = await load(arm64Image({ imageSize: 0n, textOffset: 0x1000n }), { log });
    expect(placesOf(plan)[0]).toEqual([0x40080000n, 0x1000000n]);
    expect(log.text()).toContain('Warning: Kernel image size set to 16 MiB.\n');
  });

  test('on 64 KiB pages has segments of such', async () => {
    const plan = await load(arm64Image(), {}, { pageSize: 0x10000n });
    expect(placesOf(plan).map(([, size]) => size)).toEqual([0x10000n, 0x10000n, 0x10000n]);
    expect(placesOf(plan).map(([start]) => start)).toEqual([0x40000000n, 0x40010000n, 0x40020000n]);
  });

  test('keeps to --mem-min and --mem-max', async () => {
    expect(placesOf(await load(arm64Image(), { memMin: 0x50000001n }))[0]![0]).toBe(0x50200000n);
    const error = await failureOf(load(arm64Image(), { memMax: 0x40001000n }));
    expect(error.text).toBe(
      `Could not find a free area of memory of 0x5000 bytes...\nkexec: load failed.\nCannot load ${KERNEL}\n`,
    );
  });

  test('that has no room for the rest ends the command', async () => {
    const error = await failureOf(load(arm64Image(), { memMax: 0x40005fffn }));
    expect(error).toMatchObject({
      died: true,
      exitCode: 1,
      text: 'Could not find a free area of memory of 0x4000 bytes...\nlocate_hole failed\n',
    });
  });

  test('may be told another entry', async () => {
    expect((await load(arm64Image(), { entry: 0x1234n })).entry).toBe(0x1234n);
  });

  test('has the digest of its segments in the purgatory, unless nobody shall check', async () => {
    const checked = purgatoryOf(await load(arm64Image())).data;
    const unchecked = purgatoryOf(await load(arm64Image(), { noChecks: true })).data;
    expect(holds(checked, 0x40005000n)).toBe(true);
    // Kernel and tree: their table is 16 bytes each.
    expect(
      Buffer.from(checked).includes(Buffer.from('0000004000000000' + '0050000000000000' + '0050004000000000', 'hex')),
    ).toBe(true);
    expect(Buffer.from(unchecked).includes(Buffer.from('0050004000000000' + '0010000000000000', 'hex'))).toBe(false);
  });

  test('too large for all memory', async () => {
    const error = await failureOf(load(arm64Image({ imageSize: U64_MAX })));
    expect(error.text).toMatch(/^Could not find a free area of memory of 0x/);
  });

  test('whose offset is no page’s ends the command', async () => {
    expect((await failureOf(load(arm64Image({ textOffset: 0x123n })))).text).toBe(
      'Base address: 0x40000123 is not page aligned\n',
    );
  });
});

describe('an initrd', () => {
  test('that is missing or empty ends the command', async () => {
    expect((await failureOf(load(arm64Image(), { initrd: '/none' }))).text).toBe(
      "Cannot open `/none': No such file or directory\n",
    );
    expect((await failureOf(load(arm64Image(), { initrd: '/e', files: { '/e': '' } }))).text).toBe('Cannot read /e\n');
  });

  test('may lie up to 32 GiB from the kernel', async () => {
    const far = 'f80000000-fbfffffff : System RAM\n';
    const iomem = (second: string): string => `40000000-400fffff : System RAM\n${second}`;
    const files = { '/i': new Uint8Array(0x200000) };
    await expect(
      load(arm64Image(), { iomem: iomem('800000000-83fffffff : System RAM\n'), initrd: '/i', files }),
    ).resolves.toBeDefined();
    const error = await failureOf(load(arm64Image(), { iomem: iomem(far), initrd: '/i', files }));
    expect(error.text).toBe(`kexec: Error: image + initrd too big.\nkexec: load failed.\nCannot load ${KERNEL}\n`);
  });
});

describe('a device tree', () => {
  test('of more than 2 MiB is refused', async () => {
    const files = { '/boot/dtb': smallTree({ filler: new Uint8Array(0x200000) }) };
    const error = await failureOf(load(arm64Image(), { dtb: '/boot/dtb', files }));
    expect(error.text).toContain('kexec: Error: dtb too big.\n');
  });

  test('that is none is refused', async () => {
    const error = await failureOf(load(arm64Image(), { dtb: '/boot/dtb', files: { '/boot/dtb': 'this is no tree' } }));
    expect(error.text).toBe(`kexec: Invalid 2nd device tree.\nkexec: load failed.\nCannot load ${KERNEL}\n`);
    expect(error.subject).toBe('dtb_user');
  });
});

describe('a vmlinux', () => {
  test('goes where its Image would', async () => {
    const image = arm64Image({ textOffset: 0n, imageSize: 0x8000n });
    const plan = await load(vmlinux(image));
    expect(placesOf(plan)).toEqual([
      [0x40000000n, 0x5000n],
      [0x40008000n, 0x1000n],
      [0x40009000n, 0x4000n],
    ]);
    expect(plan.segments[0]!.data).toEqual(image);
    expect(holds(purgatoryOf(plan).data, 0x40000000n)).toBe(true);
  });

  test('with a text offset is entered there', async () => {
    const image = arm64Image({ textOffset: 0x80000n, imageSize: 0x8000n });
    const plan = await load(vmlinux(image, { entry: 0xffff_8000_0808_0000n }));
    expect(placesOf(plan)[0]).toEqual([0x40080000n, 0x5000n]);
    expect(holds(purgatoryOf(plan).data, 0x40080000n)).toBe(true);
  });

  test('may be relocatable', async () => {
    expect(placesOf(await load(vmlinux(arm64Image(), { type: 3 })))).toEqual(
      placesOf(await load(vmlinux(arm64Image(), { type: 2 }))),
    );
  });

  test('for a panic goes to the crash kernel’s region', async () => {
    const plan = await load(vmlinux(arm64Image({ imageSize: 0x8000n })), { iomem: CRASH_IOMEM, panic: true });
    expect(placesOf(plan)[0]).toEqual([0x80000000n, 0x5000n]);
    expect(plan.flags).toBe(0xb70001n);
  });

  test('without an Image header in it is refused', async () => {
    const error = await failureOf(load(vmlinux(new Uint8Array(0x1000))));
    expect(error.text).toBe(`kexec: Bad elf image file, load failed.\nCannot load ${KERNEL}\n`);
    expect(error.message).not.toBe('');
  });

  test('whose segment is at no page’s address tells the file’s address', async () => {
    const error = await failureOf(load(vmlinux(arm64Image(), { paddr: 0xffff_8000_0800_0010n })));
    expect(error).toMatchObject({ died: true, text: 'Base address: 0xffff800008000010 is not page aligned\n' });
  });

  test('for another machine is no kernel', async () => {
    expect((await failureOf(load(vmlinux(arm64Image(), { machine: 62 })))).text).toBe(
      `Cannot determine the file type of ${KERNEL}\n`,
    );
  });
});

describe('a uImage', () => {
  test('is unwrapped', async () => {
    const image = arm64Image();
    expect((await load(uImage(image))).segments[0]!.data).toEqual(image);
  });

  test('is unpacked', async () => {
    const image = arm64Image();
    const plan = await load(uImage(gzip(image), { compression: 1 }));
    expect(new Uint8Array(plan.segments[0]!.data)).toEqual(image);
  });

  test('with something else in it is refused', async () => {
    const error = await failureOf(load(uImage(new Uint8Array(100))));
    expect(error.text).toBe(`Cannot load ${KERNEL}\n`);
    expect(error.message).not.toBe('');
  });

  test('with something behind it is refused', async () => {
    const bytes = Buffer.concat([uImage(arm64Image()), Buffer.alloc(1)]);
    expect((await failureOf(load(bytes))).text).toBe(`Cannot load ${KERNEL}\n`);
  });
});

describe('a zboot image', () => {
  test.each(['2.0.29', '2.0.32'] as const)('is unpacked by %s', async (release) => {
    const image = arm64Image({ pe: true });
    const plan = await load(zboot(gzip(image)), { compat: compatFor(release) });
    expect(new Uint8Array(plan.segments[0]!.data)).toEqual(image);
  });

  test('ends where its certificates end, since 2.0.32', async () => {
    const image = arm64Image({ pe: true, peEnd: 0x3800 });
    expect((await load(zboot(gzip(image)))).segments[0]!.data).toHaveLength(0x3800);
    expect((await load(zboot(gzip(image)), { compat: compatFor('2.0.29') })).segments[0]!.data).toHaveLength(0x4000);
  });

  test('needs a PE in it since 2.0.32', async () => {
    const bytes = zboot(gzip(arm64Image()));
    expect((await failureOf(load(bytes))).text).toBe(`Cannot determine the file type of ${KERNEL}\n`);
    await expect(load(bytes, { compat: compatFor('2.0.29') })).resolves.toBeDefined();
  });

  test('is nothing to 2.0.25', async () => {
    const error = await failureOf(load(zboot(gzip(arm64Image({ pe: true }))), { compat: compatFor('2.0.25') }));
    expect(error.text).toBe(`Cannot determine the file type of ${KERNEL}\n`);
  });

  test('may say it is compressed when it is not', async () => {
    const image = arm64Image({ pe: true });
    expect((await load(zboot(image, 'gzip'))).segments[0]!.data).toEqual(image);
  });
});

describe('a unified kernel image', () => {
  const image = arm64Image({ pe: true });

  test('with a zboot image in it is loaded', async () => {
    const plan = await load(
      uki([
        { name: '.linux', data: zboot(gzip(image)) },
        { name: '.initrd', data: new Uint8Array(100) },
      ]),
    );
    expect(new Uint8Array(plan.segments[0]!.data)).toEqual(image);
    // Its initrd is for kexec_file_load only.
    expect(plan.segments).toHaveLength(3);
  });

  test('with an Image in it is refused by kexec_load', async () => {
    const error = await failureOf(load(uki([{ name: '.linux', data: image }])));
    expect(error.text).toBe(`Cannot load ${KERNEL}\n`);
    expect(error.message).not.toBe('');
  });

  test('is nothing to 2.0.29', async () => {
    const bytes = uki([{ name: '.linux', data: zboot(gzip(image)) }]);
    await expect(load(bytes, { compat: compatFor('2.0.29') })).rejects.toThrow('Cannot determine the file type');
  });
});

describe('what kind of kernel it is', () => {
  test.each([
    ['vmlinux', vmlinux(arm64Image())],
    ['Image', arm64Image()],
    ['uImage', uImage(arm64Image())],
    ['vmlinuz', zboot(gzip(arm64Image({ pe: true })))],
    ['uki', uki([{ name: '.linux', data: zboot(gzip(arm64Image({ pe: true }))) }])],
  ])('may be told: %s', async (type, bytes) => {
    expect(placesOf(await load(bytes, { type }))).toEqual(placesOf(await load(bytes)));
    const other = type === 'Image' ? 'vmlinux' : 'Image';
    expect((await failureOf(load(bytes, { type: other }))).text).toBe(
      `Wrong file type ${other}, file matches type ${type}\n`,
    );
  });

  test('is not known: what nobody knows', async () => {
    expect((await failureOf(load(arm64Image(), { type: 'bzImage' }))).text).toBe('Unsupported kernel type bzImage\n');
    expect((await failureOf(load(new Uint8Array(100), { type: 'Image' }))).text).toBe(
      `Cannot determine the file type of ${KERNEL}\n`,
    );
    await expect(load(new Uint8Array(100))).rejects.toThrow(`Cannot determine the file type of ${KERNEL}`);
  });

  test.each(['gzip', 'nothing'])('does not depend on what it is compressed by: %s', async (by) => {
    const image = arm64Image();
    expect(new Uint8Array((await load(by === 'gzip' ? gzip(image) : image)).segments[0]!.data)).toEqual(image);
  });
});

describe('a crash kernel', () => {
  test('goes to its region, the header of the dump to the end of it', async () => {
    const plan = await load(arm64Image({ textOffset: 0x80000n }), { iomem: CRASH_IOMEM, panic: true });
    expect(placesOf(plan)).toEqual([
      [0x80080000n, 0x5000n],
      [0x80085000n, 0x1000n],
      [0x80086000n, 0x4000n],
      [0x8ffff000n, 0x1000n],
    ]);
    const { data } = treeOf(plan);
    expect(textOf(data)).toContain('linux,elfcorehdr');
    expect(textOf(data)).toContain('linux,usable-memory-range');
    expect(holds(data, 0x8ffff000n, false)).toBe(true);
    expect(textOf(plan.segments[3]!.data.subarray(0, 4))).toBe('\x7fELF');
  });

  test('gets the running kernel’s command line without crashkernel', async () => {
    const files = { '/proc/cmdline': 'root=/dev/vda crashkernel=256M quiet\n' };
    const plan = await load(arm64Image(), { iomem: CRASH_IOMEM, panic: true, reuseCmdline: true, files });
    expect(textOf(treeOf(plan).data)).toContain('root=/dev/vda quiet\0');
  });

  test('takes the last of two regions', async () => {
    const iomem = `${CRASH_IOMEM.replace('80000000-8fffffff', '50000000-57ffffff')}  a0000000-afffffff : Crash kernel\n`;
    expect(placesOf(await load(arm64Image(), { iomem, panic: true }))[0]![0]).toBe(0xa0000000n);
    expect(placesOf(await load(arm64Image(), { iomem, panic: true, compat: compatFor('2.0.20') }))[0]![0]).toBe(
      0x50000000n,
    );
  });

  test('of three regions is refused', async () => {
    const iomem = `${CRASH_IOMEM}  a0000000-a0ffffff : Crash kernel\n  a2000000-a2ffffff : Crash kernel\n`;
    await expect(load(arm64Image(), { iomem, panic: true })).rejects.toThrow('more than 2 Crash kernel regions');
  });

  test('that is listed twice is told of since 2.0.32', async () => {
    const iomem = `${CRASH_IOMEM}  80000000-8fffffff : Crash kernel\n`;
    const log = keepingLog();
    await load(arm64Image(), { iomem, panic: true, log });
    expect(log.text()).toContain(
      'Warning, the range already exists in usablemem_rgns, base=80000000, length=10000000\n',
    );
  });

  test('without a region cannot be', async () => {
    await expect(load(arm64Image(), { panic: true })).rejects.toThrow('Memory for crashkernel is not reserved');
  });

  test('too large for its region is refused', async () => {
    const image = arm64Image({ imageSize: 0x10000000n });
    const error = await failureOf(load(image, { iomem: CRASH_IOMEM, panic: true }));
    expect(error.text).toBe(`kexec: load failed.\nCannot load ${KERNEL}\n`);
    expect(error.message).not.toBe('');
  });
});

describe('the console of the purgatory', () => {
  const tty = { '/sys/class/tty/ttyAMA0/iomem_base': '0x9000000\n' };

  test('is where /sys says', async () => {
    const plan = await load(arm64Image(), { serial: 'ttyAMA0', files: tty });
    expect(holds(purgatoryOf(plan).data, 0x9000000n)).toBe(true);
    expect(holds(purgatoryOf(await load(arm64Image(), { files: tty })).data, 0x9000000n)).toBe(false);
    const old = await load(arm64Image(), { serial: 'ttyAMA0', files: tty, compat: compatFor('2.0.20') });
    expect(holds(purgatoryOf(old).data, 0x9000000n)).toBe(false);
  });

  test.each<[string, Readonly<Record<string, MemoryFile>>, string]>([
    ['ttyAMA0', {}, 'kexec: find_purgatory_sink: No valid console found for /sys/class/tty/ttyAMA0\n'],
    [
      'ttyAMA0',
      { '/sys/class/tty/ttyAMA0/dev': '1' },
      'kexec: find_purgatory_sink: No able to open /sys/class/tty/ttyAMA0/iomem_base\n',
    ],
    ['x'.repeat(300), {}, 'snprintf failed: Bad file descriptor\n'],
  ])('that is not there is told: %s', async (serial, files, text) => {
    const log = keepingLog();
    await load(arm64Image(), { serial, files, log });
    expect(log.text().endsWith(text)).toBe(true);
  });
});

describe('the memory map', () => {
  test('with what is reserved in RAM: left out, or not in 2.0.20', async () => {
    const iomem = '40000000-7fffffff : System RAM\n  40400000-404fffff : reserved\n';
    const image = arm64Image({ imageSize: 0x800000n });
    const base = async (release: Release): Promise<bigint> =>
      placesOf(await load(image, { iomem, compat: compatFor(release) }))[0]![0];
    expect(await base('2.0.32')).toBe(0x40600000n);
    expect(await base('2.0.25')).toBe(0x40600000n);
    expect(await base('2.0.20')).toBe(0x40000000n);
  });

  test('without RAM is no layout', async () => {
    for (const release of ['2.0.20', '2.0.32'] as const) {
      const error = await failureOf(load(arm64Image(), { iomem: '0-fff : PCI\n', compat: compatFor(release) }));
      expect(error.text).toContain('Could not get memory layout\n');
      expect(error.exitCode).toBe(-1);
    }
  });
});

test('a machine of another architecture is refused', async () => {
  const error = await failureOf(load(arm64Image(), {}, { machine: 'riscv64' }));
  expect(error.text).toBe('Unsupported machine type: riscv64\n');
  await expect(load(arm64Image(), {}, { machine: 'aarch64_be' })).resolves.toMatchObject({ flags: 0xb70000n });
});

describe.each(['virt-2g', 'virt-8g', 'virt-el2-4g'])('the recorded machine %s', (name) => {
  const files = { ...machineFiles(name), [KERNEL]: arm64Image({ textOffset: 0n, imageSize: 0x1000000n }) };

  test.each(['2.0.20', '2.0.25', '2.0.29', '2.0.32'] as const)('is loaded on by %s', async (release) => {
    const plan = await loadKernel(fakeSystem(files), {
      kernel: KERNEL,
      reuseCmdline: true,
      compat: compatFor(release),
    });
    expect(placesOf(plan).map(([start]) => start)).toEqual(
      [...placesOf(plan).map(([start]) => start)].sort((a, b) => Number(a - b)),
    );
    expect(plan.segments).toHaveLength(3);
    expect(plan.segments[0]!.memory.start % 0x200000n).toBe(0n);
    expect(textOf(treeOf(plan).data)).toContain('console=ttyAMA0');
  });

  test('has a place for a crash kernel, or says that it has not', async () => {
    const options = { kernel: KERNEL, panic: true, reuseCmdline: true };
    if (name === 'virt-8g') {
      await expect(loadKernel(fakeSystem(files), options)).rejects.toThrow('Memory for crashkernel is not reserved');
      return;
    }
    const plan = await loadKernel(fakeSystem(files), options);
    const region = name === 'virt-2g' ? [0xa9a00000n, 0xb99fffffn] : [0xec000000n, 0xfbffffffn];
    expect(placesOf(plan)[0]![0]).toBe(region[0]);
    for (const { memory } of plan.segments) {
      expect(memory.start).toBeGreaterThanOrEqual(region[0]!);
      expect(memory.last).toBeLessThanOrEqual(region[1]!);
    }
    expect(textOf(treeOf(plan).data)).not.toContain('crashkernel=');
  });
});
