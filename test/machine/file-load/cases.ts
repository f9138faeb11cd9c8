/**
 * What the recorded kernels are asked. A case's words are the arguments of file-load.c:
 *
 * - `kernel`, `initrd`: `image:SIZE:IMAGE_SIZE:TEXT_OFFSET:FLAGS` is a file of SIZE bytes with the header of an Image,
 *   `bytes:SIZE` one without, a path one of the initramfs, `none` is file descriptor -1
 * - `cmdline`: text, `@N` is N times "x", nothing is a NULL pointer; behind its NUL, memory cannot be read
 * - `cmdlinelen`: when it is not the text's length with its NUL
 * - `flags`: KEXEC_FILE_* flags
 */
export interface Boot {
  readonly name: string;
  /** MiB. */
  readonly memory: number;
  readonly cpu: string;
  readonly commandLine: string;
  /** Bytes that are added to the initramfs, so that it ends elsewhere. */
  readonly padding?: number;
  readonly cpus?: number;
  /** Options of qemu's board. */
  readonly board?: string;
  readonly cases: readonly Case[];
  /** Command line of a kernel that is started at last. */
  readonly execute?: string;
  /** The release that it is of, where the others do not have what it is about. */
  readonly only?: string;
}

export interface Case {
  readonly name: string;
  readonly words: string;
  /** Shell commands that are run before. */
  readonly setUp?: string;
  /** What to do after it; by default both images are unloaded. */
  readonly keep?: boolean;
}

const MiB = 1 << 20;

/** KEXEC_FILE_DEBUG: the kernel tells where it puts what. */
const DEBUG = 8;
const NO_INITRAMFS = 4;
const ON_CRASH = 2;
const UNLOAD = 1;

const image = (size: number, imageSize: number, textOffset = 0, flags = 0xa): string =>
  `image:${size}:${imageSize}:${textOffset}:${flags}`;

const SMALL = image(0x11234, 32 * MiB);

const load = (
  name: string,
  kernel: string,
  initrd: number | undefined,
  flags = 0,
  cmdline = 'console=ttyAMA0',
): Case => ({
  name,
  words:
    `kernel=${kernel} initrd=${initrd === undefined ? 'none' : `bytes:${initrd}`} cmdline=${cmdline} ` +
    `flags=${flags | DEBUG | (initrd === undefined ? NO_INITRAMFS : 0)}`,
});

/** Where things go. */
const PLACEMENTS: readonly Case[] = [
  load('a kernel', SMALL, undefined),
  load('a kernel and an initrd', SMALL, 0x5678),
  load('an initrd of whole pages', SMALL, 0x100000),
  load('an initrd that fits into freed memory only if the booted one is gone', SMALL, 100 * MiB),
  load('a kernel that fits below the running one', image(0x8000, 0x180000), 0x3000),
  load('a kernel of one page', image(0x800, 0x800), 0x123),
  load('a kernel of exactly 2 MiB', image(0x800, 2 * MiB), 0x123),
  load('a kernel with a text offset', image(0x11234, 32 * MiB, 0x80000), 0x5678),
  load('a text offset that is no page', image(0x11234, 32 * MiB, 0x80010), undefined),
  load('an image_size that is no multiple of a page', image(0x11234, 0x1234567), 0x5678),
  load('a file longer than its image_size', image(0x21234, 0x10000), undefined),
  load('a kernel larger than half of memory', image(0x11234, 300 * MiB), undefined),
  load('a kernel larger than any hole', image(0x11234, 0x4000000000), undefined),
  load('an image_size of 2^63', image(0x11234, 2 ** 63 - 2048), undefined),
  load('a long command line', SMALL, undefined, 0, '@3000'),
  load('a command line larger than the room for changes', SMALL, undefined, 0, '@100000'),
  { name: 'no command line', words: `kernel=${SMALL} flags=${DEBUG | NO_INITRAMFS}` },
  { name: 'an empty command line', words: `kernel=${SMALL} cmdline= flags=${DEBUG | NO_INITRAMFS}` },
];

/** Flags: not to take contiguous memory. */
const NO_CMA = 0x10;

/** One behind the other, and without what is contiguous. */
const CONTIGUOUS: readonly Case[] = [
  { ...load('a kernel in contiguous memory', SMALL, 0x5678), keep: true },
  { ...load('another behind it', SMALL, 0x100000), keep: true },
  { ...load('a third, where the first was', image(0x11234, 3 << 20), 0x5678), keep: true },
  load('not in contiguous memory', SMALL, 0x5678, NO_CMA),
  load('an initrd that is too large for it', SMALL, 100 * MiB),
];

const onCrash = (cases: readonly Case[]): readonly Case[] =>
  cases.map(({ name, words }) => ({
    name: `crash: ${name}`,
    words: words.replace(/flags=(\d+)/, (_, flags) => `flags=${Number(flags) | ON_CRASH}`),
  }));

const CRASH_PLACEMENTS = onCrash([
  ...PLACEMENTS,
  load('a kernel as large as the region', image(0x11234, 250 * MiB), undefined),
  load('an initrd that leaves no room for the device tree', SMALL, 223 * MiB),
]);

const words = (name: string, text: string, rest: Partial<Case> = {}): Case => ({ name, words: text, ...rest });
const plain = `kernel=${SMALL} cmdline=a`;

/** What is refused, and in which order things are looked at. */
const REFUSALS: readonly Case[] = [
  words('an unknown flag', `${plain} flags=0x14`),
  words('another unknown flag', `${plain} flags=0x24`),
  words('a flag in the upper half', `${plain} flags=0x100000004`),
  words('an unknown flag for nobody', `${plain} flags=0x40 who=nobody`),
  words('nobody loads', `${plain} flags=4 who=nobody`),
  words('nobody unloads', `flags=1 who=nobody`),
  words('no kernel', `kernel=none cmdline=a flags=4`),
  words('an empty kernel', `kernel=bytes:0 cmdline=a flags=4`),
  words('a short kernel', `kernel=bytes:63 cmdline=a flags=4`),
  words('a kernel without the magic number', `kernel=bytes:4096 cmdline=a flags=4`),
  words('a header and no more', `kernel=${image(64, 32 * MiB)} cmdline=a flags=12`),
  words('no kernel, and no initrd', `kernel=none initrd=none cmdline=a flags=0`),
  words('a bad kernel, and no initrd', `kernel=bytes:4096 initrd=none cmdline=a flags=0`),
  words('no initrd', `${plain} initrd=none flags=0`),
  words('an empty initrd', `${plain} initrd=bytes:0 flags=0`),
  words('an initrd that is not to be looked at', `${plain} initrd=bytes:0 flags=12`),
  words('no image_size, and no initrd', `kernel=${image(4096, 0)} initrd=none cmdline=a flags=0`),
  words('no image_size', `kernel=${image(4096, 0)} cmdline=a flags=4`),
  words('no image_size, and a command line without end', `kernel=${image(4096, 0)} cmdline=abc cmdlinelen=3 flags=4`),
  words('a command line without end', `${plain}bc cmdlinelen=3 flags=4`),
  words('part of a command line', `${plain}bc cmdlinelen=2 flags=4`),
  words('a command line of length 0', `${plain} cmdlinelen=0 flags=12`),
  words('a command line that cannot be read', `${plain} cmdlinelen=3 flags=4`),
  words('a command line at NULL', `kernel=${SMALL} cmdlinelen=3 flags=4`),
  words('a command line of 4 MiB', `kernel=${SMALL} cmdline=@${4 * MiB - 1} flags=4`),
  words('a command line of more than 4 MiB', `kernel=${SMALL} cmdline=@${4 * MiB} flags=4`),
  words('pages of 4 KiB', `kernel=${image(0x8000, 4 * MiB, 0, 0x2)} cmdline=a flags=12`),
  words('pages of 16 KiB', `kernel=${image(0x8000, 4 * MiB, 0, 0x4)} cmdline=a flags=12`),
  words('pages of 64 KiB', `kernel=${image(0x8000, 4 * MiB, 0, 0x6)} cmdline=a flags=12`),
  words('pages of unknown size', `kernel=${image(0x8000, 4 * MiB, 0, 0x0)} cmdline=a flags=12`),
  words('a big-endian kernel', `kernel=${image(0x8000, 4 * MiB, 0, 0xb)} cmdline=a flags=12`),
];

const UNLOADS: readonly Case[] = [
  words('unload nothing', `flags=${UNLOAD}`),
  words('unload no crash kernel', `flags=${UNLOAD | ON_CRASH}`),
  words('load to unload', `${plain} flags=4`, { keep: true }),
  words('a failure keeps what is loaded', `kernel=none flags=4`, { keep: true }),
  words('unload the crash kernel keeps the other', `flags=${UNLOAD | ON_CRASH}`, { keep: true }),
  words('unload with all flags', `kernel=none flags=${UNLOAD | NO_INITRAMFS | DEBUG}`, { keep: true }),
  words('load a crash kernel', `${plain} flags=${ON_CRASH | NO_INITRAMFS}`, { keep: true }),
  words('a flag that is unknown keeps the crash kernel', `${plain} flags=0x46`, { keep: true }),
  words('a failure loses the crash kernel', `kernel=none flags=${ON_CRASH}`, { keep: true }),
];

/** They end the machine's use: what is forbidden stays so. */
const FORBIDDEN: readonly Case[] = [
  words('a limit of one', `${plain} flags=4`, {
    setUp: 'echo 1 > /proc/sys/kernel/kexec_load_limit_reboot',
    keep: true,
  }),
  words('a limit that is used up', `${plain} flags=4`, { keep: true }),
  words('a limit that is used up, unload', `flags=1`, { keep: true }),
  words('the limit of crash kernels is another', `flags=3`, { keep: true }),
  words('an unknown flag counts', `flags=0x42`, {
    setUp: 'echo 1 > /proc/sys/kernel/kexec_load_limit_panic',
    keep: true,
  }),
  words('and then it is used up', `flags=3`, { keep: true }),
  words('load_disabled', `flags=0x100`, { setUp: 'echo 1 > /proc/sys/kernel/kexec_load_disabled', keep: true }),
];

export const BOOTS: readonly Boot[] = [
  {
    name: '512M',
    memory: 512,
    cpu: 'cortex-a57',
    commandLine: '',
    cases: [...PLACEMENTS, ...REFUSALS],
    execute: 'console=ttyAMA0 started=yes',
  },
  {
    name: '2G-crash',
    memory: 2048,
    cpu: 'cortex-a76',
    commandLine: 'crashkernel=256M',
    cases: [...PLACEMENTS, ...CRASH_PLACEMENTS, ...REFUSALS, ...UNLOADS, ...FORBIDDEN],
  },
  {
    name: '8G-high',
    memory: 8192,
    cpu: 'cortex-a72',
    commandLine: 'crashkernel=256M,high crashkernel=64M,low',
    padding: 100 * MiB,
    cpus: 4,
    cases: [...PLACEMENTS, ...CRASH_PLACEMENTS],
  },
  {
    name: '1G-lockdown',
    memory: 1024,
    cpu: 'cortex-a53',
    commandLine: 'crashkernel=128M@0x50000000 lockdown=integrity',
    board: 'gic-version=3',
    cases: [...PLACEMENTS, ...CRASH_PLACEMENTS],
  },
  {
    name: '1G-cma',
    memory: 1024,
    cpu: 'cortex-a72',
    commandLine: 'cma=96M crashkernel=128M',
    cases: [...PLACEMENTS, ...CONTIGUOUS, ...CRASH_PLACEMENTS],
    only: '7.2',
  },
  {
    name: '2G-kho',
    memory: 2048,
    cpu: 'cortex-a72',
    commandLine: 'kho=on kho_scratch=16M,192M,0 crashkernel=128M',
    execute: 'console=ttyAMA0 started=yes kho=on',
    cases: [...PLACEMENTS, ...CRASH_PLACEMENTS],
    only: '7.2',
  },
];

const withoutDebug = (each: Case): Case => ({
  ...each,
  words: each.words.replace(/flags=(\d+)$/, (_, flags) => `flags=${Number(flags) & ~DEBUG}`),
});

/** For kernels before 6.7: built with -DDEBUG they tell where they put what, and they know of no flag for that. */
export const OLD_BOOT: Boot = {
  name: '2G-old',
  memory: 2048,
  cpu: 'cortex-a72',
  commandLine: 'crashkernel=256M',
  cpus: 2,
  cases: [...PLACEMENTS, ...CRASH_PLACEMENTS, ...REFUSALS, ...UNLOADS].map(withoutDebug),
};

/** The bytes of a file that file-load.c makes; undefined for none. */
export const contentOf = (what: string | undefined): Uint8Array | undefined => {
  if (what === undefined || what === 'none') return undefined;
  const [kind, ...numbers] = what.split(':');
  const [size, imageSize, textOffset, flags] = numbers;
  const bytes = new Uint8Array(Number(size));
  for (let i = 0; i < bytes.length; i++) bytes[i] = i * 31 + (i >> 8) * 7;
  if (kind === 'image') {
    const header = Buffer.alloc(64);
    header.writeBigUInt64LE(BigInt(textOffset!), 8);
    header.writeBigUInt64LE(BigInt(imageSize!), 16);
    header.writeBigUInt64LE(BigInt(flags!), 24);
    header.write('ARM\x64', 56, 'latin1');
    bytes.set(header);
  }
  return bytes;
};
