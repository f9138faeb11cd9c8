/** Invented machines and files for the cases that `kexec-sim doctor` is judged by. */
import { gzipSync } from 'node:zlib';
import { ARM64_EXECUTABLE, buildElf } from '../files/elf-builder.js';
import { type TreeNode, arm64Image, deviceTree, uImage, uki, vmlinux, zboot } from '../files/kernel-files.js';
import { panickedImage } from '../files/log-kernel.js';
import { FILE, PROGRAM, cpioOf } from '../../machine/initramfs.js';

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Text: a value of this; or nothing, for a file that is to be left out. */
type More = Readonly<Record<string, string | Uint8Array | undefined>>;

export const MIB = 1 << 20;

export const IOMEM = `09000000-09000fff : pl011@9000000
40000000-bfffffff : System RAM
  40200000-4157ffff : Kernel code
  41580000-419fffff : reserved
  41a00000-41c9ffff : Kernel data
  a0000000-a7ffffff : Crash kernel
`;

/** With other lines about the memory from 0x40000000 to 0xbfffffff. */
export const iomem = (...lines: readonly string[]): string =>
  ['40000000-bfffffff : System RAM', '  40200000-4157ffff : Kernel code', '  41a00000-41c9ffff : Kernel data', ...lines]
    .map((line) => `${line}\n`)
    .join('');

const cpu = (reg: number, method: string | undefined): TreeNode => ({
  device_type: 'cpu',
  reg: [reg],
  ...(method !== undefined && { 'enable-method': method, 'cpu-release-addr': [0, 0xd8 + 8 * reg] }),
});

const PSCI: TreeNode = { compatible: 'arm,psci-1.0', method: 'smc' };

export interface TreeOptions {
  readonly cpus?: number;
  readonly method?: string | undefined;
  readonly chosen?: TreeNode;
  readonly compatible?: string;
  /** Nodes in place of those of the same name, or beside them. */
  readonly more?: TreeNode;
  readonly reserve?: readonly (readonly [bigint, bigint])[];
}

/** A board with 2 GiB of RAM from 1 GiB on. */
export const boardTree = ({
  cpus = 1,
  method = 'psci',
  chosen = {},
  compatible = 'linux,dummy-virt',
  more = {},
  reserve = [],
}: TreeOptions = {}): Uint8Array =>
  deviceTree(
    {
      '#address-cells': [2],
      '#size-cells': [2],
      compatible,
      chosen: { bootargs: 'console=ttyAMA0', 'stdout-path': '/pl011@9000000', 'kaslr-seed': [0, 0], ...chosen },
      'memory@40000000': { device_type: 'memory', reg: [0, 0x4000_0000, 0, 0x8000_0000] },
      cpus: {
        '#address-cells': [1],
        '#size-cells': [0],
        ...Object.fromEntries(
          Array.from({ length: cpus }, (_, i) => [`cpu@${i}`, cpu(i, method === '' ? undefined : method)]),
        ),
      },
      ...(method === 'psci' && { psci: PSCI }),
      'pl011@9000000': { compatible: 'arm,pl011', reg: [0, 0x900_0000, 0, 0x1000] },
      ...more,
    },
    reserve,
  );

/** The running kernel's own line. */
const VERSION = 'Linux version 6.12.9 (someone) #1 SMP\n';

/** What every machine has, unless a case says otherwise. */
const BASE: Files = {
  'proc/iomem': IOMEM,
  'proc/version': VERSION,
  'proc/meminfo': 'MemTotal:        1900000 kB\nMemFree:         1700000 kB\nMemAvailable:    1700000 kB\n',
  'proc/cmdline': 'console=ttyAMA0\n',
  'sys/kernel/kexec_loaded': '0\n',
  'sys/kernel/kexec_crash_loaded': '0\n',
  'sys/kernel/kexec_crash_size': '134217728\n',
  'sys/kernel/vmcoreinfo': '0x44000000 1000\n',
  'sys/devices/system/cpu/possible': '0\n',
  'sys/devices/system/cpu/cpu0/crash_notes': '43000000\n',
  'sys/devices/system/cpu/cpu0/crash_notes_size': '368\n',
  'sys/class/tty/ttyAMA0/iomem_base': '0x9000000\n',
  'sys/firmware/fdt': boardTree(),
  config: 'CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\n',
  dmesg: '[    0.1] CPU: All CPU(s) started at EL2\n',
};

export const machineFiles = (more: More = {}): Files =>
  Object.fromEntries(
    Object.entries({ ...BASE, ...more }).flatMap(([name, content]) => (content === undefined ? [] : [[name, content]])),
  );

export const image = (flags = 0n): Uint8Array => {
  const bytes = arm64Image({ imageSize: 0x20_0000n });
  new DataView(bytes.buffer).setBigUint64(24, flags, true);
  return bytes;
};

const putAt = (bytes: Uint8Array, at: number, text: string): Uint8Array => {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return bytes;
};

/** Where nothing of an Image's header is. */
const BEHIND_HEADER = 0x1000;

const imageWith = (...parts: readonly (string | Uint8Array)[]): Uint8Array => {
  const bytes = image();
  bytes.set(Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))), BEHIND_HEADER);
  return bytes;
};

/** With its configuration in it, as CONFIG_IKCONFIG has it. */
const withConfig = (config: string): Uint8Array => imageWith('IKCFG_ST', gzipSync(config), 'IKCFG_ED');

const SAVING = { name: 'init', mode: PROGRAM, data: Buffer.from('#!/bin/sh\ncp /proc/vmcore /mnt/dump\n') };

const ZBOOT = zboot(new Uint8Array(gzipSync(arm64Image({ imageSize: 0x20_0000n, pe: true }))));

/** Where most kernels go on the invented machine. */
const FIRST_PLACE = 0x4000_0000n;
const LINKED_AT = 0xffff_8000_0800_0000n;

/** A vmlinux with two segments at the same place. */
const overlapping = (): Uint8Array => {
  const segment = { type: 1, data: image(), vaddr: LINKED_AT, paddr: LINKED_AT, align: 0x1_0000 };
  return buildElf(ARM64_EXECUTABLE, [], { segments: [segment, segment], entry: LINKED_AT });
};

/** Files that the cases name, by their names. Those that are numbers are of so many zeros. */
export const FILES: Readonly<Record<string, Uint8Array | number>> = {
  Image: image(),
  'Image-16k': image(0x4n),
  'Image.zst': Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4, 5, 6, 7, 8),
  zboot: ZBOOT,
  'zboot-zstd': zboot(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0), 'zstd22'),
  uki: uki([
    { name: '.linux', data: ZBOOT },
    { name: '.initrd', data: new Uint8Array(512).fill(7) },
  ]),
  'uki-plain': uki([{ name: '.linux', data: image() }]),
  uImage: uImage(image()),
  FIT: deviceTree({ images: {} }),
  bzImage: putAt(new Uint8Array(0x400), 0x202, 'HdrS'),
  zImage: Uint8Array.of(...new Uint8Array(0x24), 0x18, 0x28, 0x6f, 0x01, ...new Uint8Array(64)),
  'vmlinux-x86': Uint8Array.of(
    0x7f,
    0x45,
    0x4c,
    0x46,
    2,
    1,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    2,
    0,
    62,
    0,
    ...new Uint8Array(100),
  ),
  // What its header says of its place is not where it was linked to.
  'vmlinux-moved': vmlinux(image(), { entry: LINKED_AT + 0x8_0000n }),
  'vmlinux-twice': overlapping(),
  'Image-panics': panickedImage(FIRST_PLACE, [
    'Booting Linux on physical CPU 0x0000000000 [0x410fd083]',
    'Kernel panic - not syncing: Failed to allocate page table page',
    '---[ end Kernel panic - not syncing: Failed to allocate page table page ]---',
  ]),
  README: putAt(new Uint8Array(200).fill(32), 0, 'This is no kernel.'),
  empty: new Uint8Array(),
  'initrd-small': putAt(new Uint8Array(1024), 0, '070701'),
  'Image-5.10': imageWith('Linux version 5.10.0-32-arm64 (someone) #1 SMP\n'),
  'Image-running': imageWith(VERSION),
  'Image-no-vmcore': withConfig('CONFIG_ARM64=y\nCONFIG_CRASH_DUMP=y\n# CONFIG_PROC_VMCORE is not set\n'),
  'Image-vmcore': withConfig('CONFIG_ARM64=y\nCONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_VIRTIO_BLK=y\n'),
  'initrd-saves': cpioOf([SAVING]),
  'initrd-fills.gz': gzipSync(cpioOf([SAVING, { name: 'fill', mode: FILE, data: new Uint8Array(20 * MIB) }])),
  'initrd-idle.gz': gzipSync(cpioOf([{ name: 'init', mode: PROGRAM, data: Buffer.from('#!/bin/sh\nexec sh\n') }])),
  'initrd-modules': cpioOf([SAVING, { name: 'lib/modules/ext4.ko.xz', mode: FILE, data: new Uint8Array(64) }]),
  'initrd-20m': 20 * MIB,
  'initrd-40m': 40 * MIB,
  'dtb-seed': boardTree({ chosen: { 'kaslr-seed': [1, 2] } }),
  'dtb-no-size': boardTree({ more: { 'memory@40000000': { device_type: 'memory', reg: [0, 0, 0, 0] } } }),
  'dtb-no-memory': boardTree({ more: { 'memory@40000000': { compatible: 'none' } } }),
  'dtb-elsewhere': boardTree({ more: { 'memory@40000000': { device_type: 'memory', reg: [8, 0, 0, 0x8000_0000] } } }),
  'dtb-reserved': boardTree({
    more: {
      'reserved-memory': {
        '#address-cells': [2],
        '#size-cells': [2],
        ranges: new Uint8Array(),
        'tz@40000000': { reg: [0, 0x4000_0000, 0, 0x400_0000] },
      },
    },
  }),
  'dtb-memreserve': boardTree({ reserve: [[0x4000_0000n, 0x400_0000n]] }),
  'dtb-no-method': boardTree({ cpus: 2, method: '' }),
  'dtb-no-console': boardTree({ chosen: { 'stdout-path': '' } }),
  'dtb-good': boardTree(),
};
