/** Kernels of every format, made by the tools that Debian's users make them with. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findFile, unpackPackage } from '../apt.js';
import { SUITES } from '../debian.js';
import type { NamedFile } from './damage.js';

const SOURCES = path.join('test', 'conformance', 'formats');

/** A folder to work in. */
interface Workshop {
  readonly directory: string;
}

/** mkimage writes the time into its header. */
const ENVIRONMENT = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };

const run = (file: string, args: readonly string[], cwd: string): void => {
  execFileSync(file, args, { cwd, env: ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe'] });
};

const crossTool = (name: string): string => `aarch64-linux-gnu-${name}`;

const source = (name: string): string => path.resolve(SOURCES, name);

interface LinkOptions {
  readonly textOffset?: number;
  readonly assembler?: readonly string[];
  readonly linker?: readonly string[];
}

/** A vmlinux, by the assembler and the linker. */
const vmlinux = (
  { directory }: Workshop,
  { textOffset = 0, assembler = [], linker = [] }: LinkOptions = {},
): string => {
  const symbol = ['--defsym', `TEXT_OFFSET=${textOffset}`];
  run(crossTool('as'), [...symbol, ...assembler, '-o', 'kernel.o', source('kernel.S')], directory);
  run(
    crossTool('ld'),
    [...symbol, ...linker, '--build-id=none', '-T', source('kernel.lds'), '-o', 'vmlinux', 'kernel.o'],
    directory,
  );
  return path.join(directory, 'vmlinux');
};

/** The Image of a vmlinux, as the kernel's build makes it. */
const image = (workshop: Workshop): string => {
  const elf = vmlinux(workshop);
  run(crossTool('objcopy'), ['-O', 'binary', '-R', '.notes', '-S', elf, 'Image'], workshop.directory);
  return path.join(workshop.directory, 'Image');
};

/** The kernel with the headers of an EFI program in front, for what looks at them. */
const efiImage = (workshop: Workshop): string => {
  const bytes = fs.readFileSync(image(workshop));
  const pe = 0x100;
  bytes.writeUInt32LE(0x91005a4d, 0);
  bytes.writeUInt32LE(pe, 60);
  bytes.write('PE\0\0\x64\xaa', pe, 'latin1');
  const file = path.join(workshop.directory, 'Image.efi');
  fs.writeFileSync(file, bytes);
  return file;
};

/** Compresses a file as the kernel's build does (scripts/Makefile.lib). */
const COMPRESSORS: Readonly<Record<string, readonly string[]>> = {
  gzip: ['gzip', '-n', '-9'],
  lzma: ['lzma', '-9'],
  xzkern: ['xz', '--check=crc32', '--lzma2=dict=1MiB'],
  zstd22: ['zstd', '-q', '-22', '--ultra'],
};

const compress = (type: string, file: string): Buffer => {
  const [program = '', ...args] = COMPRESSORS[type] ?? [];
  return execFileSync(program, [...args, '-c', file], { maxBuffer: 1 << 26 });
};

/** An EFI zboot image as drivers/firmware/efi/libstub/Makefile.zboot puts it together. */
const zboot = (type: string, workshop: Workshop): string => {
  const { directory } = workshop;
  const kernel = efiImage(workshop);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(fs.statSync(kernel).size);
  // Only gzip's own format tells the size; to the others it is appended.
  const appended = type === 'gzip' ? Buffer.alloc(0) : size;
  fs.writeFileSync(path.join(directory, 'payload'), Buffer.concat([compress(type, kernel), appended]));
  run(
    crossTool('objcopy'),
    ['-I', 'binary', '-O', 'elf64-littleaarch64', '--rename-section', '.data=.gzdata', 'payload', 'payload.o'],
    directory,
  );
  const definitions = [`-DTYPE="${type}"`, `-DSIZE_LENGTH=${appended.length}`];
  run(crossTool('gcc'), ['-c', ...definitions, '-o', 'zboot.o', source('zboot.S')], directory);
  fs.writeFileSync(path.join(directory, 'zboot.lds'), 'SECTIONS { . = 0; .all : { *(.head) *(.gzdata) } }\n');
  run(crossTool('ld'), ['-T', 'zboot.lds', '-o', 'zboot.elf', 'zboot.o', 'payload.o'], directory);
  run(crossTool('objcopy'), ['-O', 'binary', 'zboot.elf', 'vmlinuz'], directory);
  return path.join(directory, 'vmlinuz');
};

/** A U-Boot image. */
const uImage = (args: string, kernel: string, { directory }: Workshop): string => {
  const load = ['-a', '0x40080000', '-e', '0x40080000', '-n', 'Linux'];
  run('mkimage', [...args.split(' '), ...load, '-d', kernel, 'uImage'], directory);
  return path.join(directory, 'uImage');
};

const gzipped = (file: string): string => {
  fs.writeFileSync(`${file}.gz`, compress('gzip', file));
  return `${file}.gz`;
};

/** A unified kernel image: systemd's EFI stub with sections added, as its documentation (systemd-stub(7)) shows. */
const uki = (sections: Readonly<Record<string, string>>, { directory }: Workshop): string => {
  const stub = findFile(unpackPackage(SUITES['2.0.29'], 'systemd-boot-efi').directory, /\/linuxaa64\.efi\.stub$/);
  // Behind the stub's own sections, whose addresses begin at its image base.
  let address = 0x1_d300_0000;
  const args = Object.entries(sections).flatMap(([name, file]) => {
    const at = address;
    address += 0x100_0000;
    return ['--add-section', `${name}=${file}`, '--change-section-vma', `${name}=0x${at.toString(16)}`];
  });
  run(crossTool('objcopy'), [...args, stub, 'uki.efi'], directory);
  return path.join(directory, 'uki.efi');
};

const textFile = (name: string, text: string, { directory }: Workshop): string => {
  fs.writeFileSync(path.join(directory, name), text);
  return path.join(directory, name);
};

const stripped = (workshop: Workshop): string => {
  const file = vmlinux(workshop);
  run(crossTool('strip'), [file], workshop.directory);
  return file;
};

/** How each file is made; the name begins with the format's. */
export const REAL_FILES: Readonly<Record<string, (workshop: Workshop) => string>> = {
  'vmlinux-ld': (workshop) => vmlinux(workshop),
  'vmlinux-ld-stripped': stripped,
  'vmlinux-ld-text-offset': (workshop) => vmlinux(workshop, { textOffset: 0x80000 }),
  'vmlinux-ld-pie': (workshop) => vmlinux(workshop, { linker: ['-pie', '--no-dynamic-linker'] }),
  'vmlinux-ld-big-endian': (workshop) => vmlinux(workshop, { assembler: ['-EB'], linker: ['-EB'] }),
  'vmlinux-ld-relocatable': (workshop) => {
    vmlinux(workshop);
    return path.join(workshop.directory, 'kernel.o');
  },
  'vmlinux-ld.gz': (workshop) => gzipped(vmlinux(workshop)),
  'Image-objcopy': image,
  'Image-objcopy.gz': (workshop) => gzipped(image(workshop)),
  'uImage-mkimage': (workshop) => uImage('-A arm64 -O linux -T kernel -C none', image(workshop), workshop),
  'uImage-mkimage-gzip': (workshop) =>
    uImage('-A arm64 -O linux -T kernel -C gzip', gzipped(image(workshop)), workshop),
  'uImage-mkimage-noload': (workshop) =>
    uImage('-A arm64 -O linux -T kernel_noload -C none', image(workshop), workshop),
  'uImage-mkimage-bzip2': (workshop) => uImage('-A arm64 -O linux -T kernel -C bzip2', image(workshop), workshop),
  'uImage-mkimage-arm': (workshop) => uImage('-A arm -O linux -T kernel -C none', image(workshop), workshop),
  'uImage-mkimage-netbsd': (workshop) => uImage('-A arm64 -O netbsd -T kernel -C none', image(workshop), workshop),
  'uImage-mkimage-ramdisk': (workshop) => uImage('-A arm64 -O linux -T ramdisk -C none', image(workshop), workshop),
  'uImage-mkimage-script': (workshop) => uImage('-A arm64 -O linux -T script -C none', image(workshop), workshop),
  'vmlinuz-gzip': (workshop) => zboot('gzip', workshop),
  'vmlinuz-lzma': (workshop) => zboot('lzma', workshop),
  'vmlinuz-xzkern': (workshop) => zboot('xzkern', workshop),
  'vmlinuz-zstd': (workshop) => zboot('zstd22', workshop),
  'uki-stub': (workshop) => uki({ '.linux': efiImage(workshop) }, workshop),
  'uki-stub-full': (workshop) =>
    uki(
      {
        '.osrel': textFile('osrel', 'ID=debian\n', workshop),
        '.cmdline': textFile('cmdline', 'root=/dev/vda quiet', workshop),
        '.dtb': textFile('dtb', 'a device tree', workshop),
        '.initrd': textFile('initrd', 'an initrd\n'.repeat(100), workshop),
        '.linux': efiImage(workshop),
      },
      workshop,
    ),
  'uki-stub-zboot': (workshop) =>
    uki(
      { '.initrd': textFile('initrd', 'an initrd\n'.repeat(100), workshop), '.linux': zboot('gzip', workshop) },
      workshop,
    ),
  'uki-stub-alone': (workshop) => uki({}, workshop),
};

/** Makes those that are wanted, each in a folder of its own. */
export const realFiles = (directory: string, isWanted: (name: string) => boolean): readonly NamedFile[] =>
  Object.entries(REAL_FILES)
    .filter(([name]) => isWanted(name))
    .map(([name, make]): NamedFile => {
      const workshop = { directory: path.join(directory, name) };
      fs.mkdirSync(workshop.directory, { recursive: true });
      return [name, fs.readFileSync(make(workshop))];
    });
