/** Fuzz targets: what stands at the machine's interfaces of text, kernel files of every format, and whole loads. */
import { nodePlatform } from '../../host/platform-node.js';
import { loadKernel, type LoadKernelOptions } from '../../host/load-kernel.js';
import { processImageHeader, readArm64ImageHeader } from '../../kexec/arch/arm64/image-header.js';
import { ARM64_OPTIONS } from '../../kexec/arch/arm64/options-arm64.js';
import { concatCmdline, getCommandLine, removeParameter } from '../../kexec/options/command-line.js';
import { DEFAULT_COMPAT, RELEASES, compatFor, parseCompat, type Compat } from '../../kexec/base/compat.js';
import { decompress } from '../../kexec/compression/decompress.js';
import { getoptLong } from '../../kexec/options/getopt.js';
import { parseIomem } from '../../kexec/running-kernel/kexec-iomem.js';
import { pezPrepare } from '../../kexec/formats/kexec-pe-zboot.js';
import { IH_ARCH_ARM64, probeUImageKernel, uImageData } from '../../kexec/formats/kexec-uImage.js';
import { ukiFormat } from '../../kexec/formats/kexec-uki.js';
import { createLog, silentLog, type Log } from '../../kexec/base/log.js';
import { optionSyntax, optionsOf } from '../../kexec/options/options.js';
import { endOfCertificates, peHeaderOffset, peSections } from '../../kexec/formats/pe.js';
import { refusingBombs } from '../../kexec/base/attempt.js';
import { latin1, scanDecimal, scanHex, strtoul, strtoulBase } from '../../kexec/base/scan.js';
import { interpretOptions } from '../../kexec/options/settings.js';
import { getKernelSym } from '../../kexec/running-kernel/symbols.js';
import { fakeSystem, smallMachine } from '../support/files/fake-system.js';
import { arm64Image, gzip, smallTree, uImage, uki, vmlinux, zboot } from '../support/files/kernel-files.js';
import type { MemoryFile } from '../support/files/memory-system.js';
import { acceptsAll } from './formats.js';
import type { AsyncFuzzTarget } from './fuzz-target.js';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Far more than the seeds hold, and soon made. */
const LIMIT = 1 << 20;

/** Builds the debug log's texts too, and forgets them. */
const debugLog: Log = createLog(
  true,
  () => {},
  () => {},
);

const COMPATS: readonly Compat[] = RELEASES.map((release) => compatFor(release));
const NEWEST = COMPATS.at(-1)!;

const contextOf = (compat: Compat) => ({
  system: fakeSystem({}),
  platform: nodePlatform,
  compat,
  log: debugLog,
  decompressLimitBytes: LIMIT,
});

const IOMEM = `09000000-09000fff : pl011@9000000
40000000-4fffffff : System RAM
  40210000-4157ffff : Kernel code
  41580000-419fffff : reserved
  41a00000-41c9ffff : Kernel data
  48000000-4bffffff : Crash kernel
60000000-60ffffff : System RAM
`;

const KALLSYMS = 'ffff800008000000 T _text\nffff800008010000 T _stext\nffff800008800000 T __init_begin\n';

const CMDLINE = 'BOOT_IMAGE=/vmlinuz root=/dev/vda crashkernel=1G,high crashkernel=64M,low "a b" retain_initrd\n';

const small = arm64Image({ size: 0x400, textOffset: 0x80000n, imageSize: 0x4000n });
const pe = arm64Image({ size: 0x400, imageSize: 0x4000n, pe: true });
const signed = arm64Image({ size: 0x400, imageSize: 0x4000n, pe: true, peEnd: 0x380 });

const KERNELS: readonly Uint8Array[] = [
  small,
  pe,
  vmlinux(small, { entry: 0xffff_8000_0808_0000n }),
  uImage(small),
  uImage(gzip(small), { compression: 1 }),
  zboot(gzip(pe)),
  zboot(gzip(signed)),
  uki([
    { name: '.linux', data: zboot(gzip(pe)) },
    { name: '.initrd', data: new Uint8Array(64) },
  ]),
  gzip(small),
];

/** Loads on a small machine of which one file is the input. */
const loadWith = async (path: string, input: Uint8Array, options: Partial<LoadKernelOptions> = {}): Promise<void> => {
  const files: Readonly<Record<string, MemoryFile>> = {
    ...smallMachine(IOMEM, smallTree()),
    '/boot/kernel': small,
    [path]: input,
  };
  await loadKernel(fakeSystem(files), {
    kernel: '/boot/kernel',
    log: debugLog,
    decompressLimitBytes: LIMIT,
    ...options,
  });
};

/** The first byte of the input says which way to go. */
const pick = <T>(list: readonly T[], input: Uint8Array): T => list[(input[0] ?? 0) % list.length]!;

const ZSTD = '28b52ffd641814d50000906b6578656320626f6f7473204c696e75780a010006aafa19063a65683d';
const LZMA =
  '5d00008000ffffffffffffffff0035994b76e68e65bb44e5e380436e96a90916c0417d712638ea5f3b289ea85562365c9d2868a5701cf5ab19a99a61a2e3840fffff96a80000';
const XZ =
  'fd377a585a000004e6d6b4460200210116000000742fe5a3e0151700325d0035994b76e68e65bb44e5e380436e96a90916c0417d712638ea5f3b289ea85562365c9d2868a5701cf5ab19a99a61a1c10800000000e72f7d4bc20e5abf00014e982a0000004a9cfed8b1c467fb020000000004595a';

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** A gzip member with every optional field in its header. */
const gzipWithFields = (): Uint8Array => {
  const member = gzip(small);
  const extra = ascii('\x02\0ab' + 'name\0' + 'comment\0');
  const bytes = new Uint8Array(member.length + extra.length);
  bytes.set(member.subarray(0, 10));
  bytes[3] = 0x1c;
  bytes.set(extra, 10);
  bytes.set(member.subarray(10), 10 + extra.length);
  return bytes;
};

const twice = (bytes: Uint8Array): Uint8Array => Uint8Array.from([...bytes, ...bytes]);

export const targets: readonly AsyncFuzzTarget[] = [
  {
    name: 'iomem',
    seeds: () => [ascii(IOMEM), ascii('10-20 : first\n30-40\n'), ascii(`10-20 : ${'x'.repeat(200)}\n`)],
    run: (input) => {
      let count = 0;
      for (const { range, name } of parseIomem(latin1(input))) count += name.length + (range.size > 0n ? 1 : 0);
      if (count > input.length * 200 + 200) throw new Error('more names than text');
    },
  },
  {
    name: 'cmdline',
    seeds: () => [ascii(CMDLINE), ascii('crashkernel=1 '.repeat(50)), ascii('\n')],
    run: (input) => {
      const text = latin1(input);
      for (const every of [true, false]) concatCmdline(removeParameter(text, 'crashkernel', every), text);
      for (const compat of COMPATS) getCommandLine(fakeSystem({ '/proc/cmdline': input }), compat, true);
    },
  },
  {
    name: 'kallsyms',
    seeds: () => [ascii(KALLSYMS)],
    run: (input) => {
      getKernelSym(fakeSystem({ '/proc/kallsyms': input }), debugLog, '_text');
    },
  },
  {
    name: 'numbers',
    seeds: () =>
      ['0x1234', '0b11', '-1', '0777', '99999999999999999999', ' +5', '2.0.32:zlib,lzma', '2.0.20'].map(ascii),
    run: (input) => {
      const text = latin1(input);
      for (const binary of [true, false]) strtoul(text, binary);
      for (const base of [10, 16] as const) strtoulBase(text, base);
      scanHex(text, 0);
      scanDecimal(text, 0);
      parseCompat(text);
    },
  },
  {
    name: 'arguments',
    seeds: () => [
      ascii('-l\0Image\0--append=a b\0--initrd\0i\0-d'),
      ascii('-tImage\0-pdS\0--mem-min=0x1000\0--mem\0--wat\0-?'),
      ascii('--load-\0--sim-machine=x\0--\0--load'),
    ],
    run: (input) => {
      const args = latin1(input).split('\0');
      for (const compat of COMPATS) {
        for (const posixlyCorrect of [false, true]) {
          interpretOptions(
            getoptLong(args, optionSyntax(optionsOf(compat, ARM64_OPTIONS), posixlyCorrect)).tokens,
            compat,
          );
        }
      }
    },
  },
  {
    name: 'gzip',
    seeds: () => [gzip(small), gzipWithFields(), twice(gzip(small)), gzip(new Uint8Array(100_000))],
    run: async (input) => {
      await decompress(input, 'input', contextOf(pick(COMPATS, input)));
    },
  },
  {
    name: 'zstd',
    seeds: () => [fromHex(ZSTD), twice(fromHex(ZSTD))],
    run: async (input) => {
      await decompress(input, 'input', contextOf(compatFor('2.0.32', ['zstd'])));
    },
  },
  {
    name: 'lzma',
    seeds: () => [fromHex(LZMA), fromHex(XZ)],
    run: async (input) => {
      await decompress(input, 'input', contextOf(compatFor(pick(['2.0.20', '2.0.32'] as const, input), ['lzma'])));
    },
  },
  {
    name: 'image-header',
    seeds: () => [small.subarray(0, 64), pe.subarray(0, 100)],
    run: (input) => {
      const header = readArm64ImageHeader(input);
      if (header !== undefined) processImageHeader(header, silentLog);
    },
  },
  {
    name: 'uimage',
    seeds: () => [uImage(small), uImage(gzip(small), { compression: 1 }), uImage(gzipWithFields(), { compression: 1 })],
    run: async (input) => {
      const reader = { platform: nodePlatform, log: debugLog };
      for (const checksums of [true, false]) probeUImageKernel(input, { arch: IH_ARCH_ARM64, checksums }, reader);
      // Behind the checksums, which no mutation gets past.
      const image = { type: 2, compressed: (input[0] ?? 0) % 2 === 1, size: Math.max(0, input.length - 64) };
      await refusingBombs('uImage', LIMIT, () => uImageData(input, image, LIMIT, reader));
    },
  },
  {
    name: 'pe',
    seeds: () => [pe, signed, uki([{ name: '.linux', data: small }])],
    run: (input) => {
      const offset = peHeaderOffset(input, debugLog);
      peSections(input, offset);
      if (offset >= 0) endOfCertificates(input, offset);
    },
  },
  {
    name: 'zboot',
    seeds: () => [zboot(gzip(pe)), zboot(gzip(signed)), zboot(fromHex(ZSTD), 'zstd'), zboot(fromHex(LZMA), 'lzma')],
    run: async (input) => {
      await pezPrepare(input, contextOf(NEWEST));
    },
  },
  {
    name: 'uki',
    seeds: () => [
      uki([
        { name: '.linux', data: small },
        { name: '.initrd', data: new Uint8Array(64) },
      ]),
    ],
    run: async (input) => {
      (await ukiFormat([acceptsAll], { compat: DEFAULT_COMPAT, log: debugLog }).probe(input))?.fileLoad();
    },
  },
  {
    name: 'load-kernel',
    seeds: () => KERNELS,
    run: (input) =>
      loadWith('/boot/kernel', input, {
        panic: (input.length & 1) === 1,
        compat: COMPATS[input.length % COMPATS.length]!,
      }),
  },
  {
    name: 'load-dtb',
    seeds: () => [smallTree(), smallTree({ 'linux,initrd-start': [0, 5], 'linux,elfcorehdr': [0, 0, 0, 0] })],
    run: (input) =>
      loadWith('/boot/dtb', input, { dtb: '/boot/dtb', append: 'quiet', panic: (input.length & 1) === 1 }),
  },
  {
    name: 'load-iomem',
    seeds: () => [ascii(IOMEM)],
    run: (input) =>
      loadWith('/proc/iomem', input, {
        panic: (input.length & 1) === 1,
        compat: COMPATS[input.length % COMPATS.length]!,
      }),
  },
  {
    name: 'load-symbols',
    seeds: () => [ascii(KALLSYMS)],
    run: (input) => loadWith('/proc/kallsyms', input, { panic: true, reuseCmdline: true }),
  },
];
