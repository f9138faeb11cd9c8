/** Kernels, initial ramdisks and other files that the cases name: `t/NAME` in the current directory. */
import { gzipSync, deflateRawSync, crc32 } from 'node:zlib';
import { buildFdt } from './fdt.js';

export interface ImageOptions {
  readonly textOffset?: bigint;
  readonly imageSize?: bigint;
  readonly flags?: bigint;
  readonly magic?: string;
  /** An EFI image starts with the bytes "MZ". */
  readonly efi?: boolean;
  readonly peOffset?: number;
}

/** Bytes that are the same on every run and hard to compress. */
export const noise = (length: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
};

/** An arm64 kernel Image (Documentation/arch/arm64/booting.rst). */
export const buildImage = (length: number, options: ImageOptions = {}): Buffer => {
  const bytes = noise(Math.max(length, 64), length);
  bytes.writeUInt32LE(options.efi === true ? 0x91005a4d : 0x14000010, 0);
  bytes.writeUInt32LE(0xd503201f, 4);
  bytes.writeBigUInt64LE(options.textOffset ?? 0x80000n, 8);
  bytes.writeBigUInt64LE(options.imageSize ?? BigInt(length), 16);
  bytes.writeBigUInt64LE(options.flags ?? 0xan, 24);
  bytes.fill(0, 32, 56);
  bytes.write(options.magic ?? 'ARM\x64', 56, 'latin1');
  bytes.writeUInt32LE(options.peOffset ?? 0, 60);
  return bytes.subarray(0, length);
};

export interface ProgramHeader {
  readonly type?: number;
  readonly offset?: bigint;
  readonly vaddr?: bigint;
  readonly paddr?: bigint;
  readonly filesz?: bigint;
  readonly memsz?: bigint;
  readonly flags?: number;
}

export interface ElfOptions {
  readonly type?: number;
  readonly machine?: number;
  readonly bigEndian?: boolean;
  readonly elfClass?: number;
  readonly entry?: bigint;
  readonly headers?: readonly ProgramHeader[];
  /** Bytes at 0x1000, where the first segment starts by default: a kernel begins with its Image header. */
  readonly image?: Uint8Array;
  readonly phentsize?: number;
}

export const KERNEL_VIRT = 0xffff800008000000n;

const loadHeader = (image: Uint8Array): ProgramHeader => ({
  type: 1,
  offset: 0x1000n,
  vaddr: KERNEL_VIRT,
  paddr: KERNEL_VIRT,
  filesz: BigInt(image.length),
  memsz: BigInt(image.length) + 0x8000n,
  flags: 7,
});

/** A vmlinux. */
export const buildElf = (options: ElfOptions = {}): Buffer => {
  const image = options.image ?? buildImage(0x4000, { textOffset: 0n, imageSize: 0x10000n });
  const headers = options.headers ?? [loadHeader(image)];
  const bytes = Buffer.alloc(0x1000 + image.length);
  const be = options.bigEndian === true;
  const w16 = (value: number, at: number): number =>
    be ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at);
  const w32 = (value: number, at: number): number =>
    be ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at);
  const w64 = (value: bigint, at: number): number =>
    be ? bytes.writeBigUInt64BE(value, at) : bytes.writeBigUInt64LE(value, at);
  bytes.write('\x7fELF', 0, 'latin1');
  bytes[4] = options.elfClass ?? 2;
  bytes[5] = be ? 2 : 1;
  bytes[6] = 1;
  w16(options.type ?? 2, 16);
  w16(options.machine ?? 183, 18);
  w32(1, 20);
  w64(options.entry ?? KERNEL_VIRT, 24);
  w64(64n, 32);
  w16(64, 52);
  w16(options.phentsize ?? 56, 54);
  w16(headers.length, 56);
  w16(64, 58);
  headers.forEach((header, index) => {
    const at = 64 + index * 56;
    w32(header.type ?? 1, at);
    w32(header.flags ?? 7, at + 4);
    w64(header.offset ?? 0x1000n, at + 8);
    w64(header.vaddr ?? KERNEL_VIRT, at + 16);
    w64(header.paddr ?? header.vaddr ?? KERNEL_VIRT, at + 24);
    w64(header.filesz ?? BigInt(image.length), at + 32);
    w64(header.memsz ?? header.filesz ?? BigInt(image.length), at + 40);
    w64(0x1000n, at + 48);
  });
  Buffer.from(image).copy(bytes, 0x1000);
  return bytes;
};

/** A gzip member with the header fields that gzip(1) hardly ever writes (RFC 1952). */
export const gzipMember = (
  data: Uint8Array,
  options: {
    name?: string;
    comment?: string;
    extra?: Uint8Array;
    headerCrc?: boolean;
    text?: boolean;
    reserved?: boolean;
  } = {},
): Buffer => {
  const flags =
    (options.text === true ? 1 : 0) |
    (options.headerCrc === true ? 2 : 0) |
    (options.extra === undefined ? 0 : 4) |
    (options.name === undefined ? 0 : 8) |
    (options.comment === undefined ? 0 : 16) |
    (options.reserved === true ? 0x20 : 0);
  const parts = [Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3])];
  if (options.extra !== undefined) {
    parts.push(Buffer.from([options.extra.length & 255, options.extra.length >> 8]), Buffer.from(options.extra));
  }
  if (options.name !== undefined) parts.push(Buffer.from(`${options.name}\0`, 'latin1'));
  if (options.comment !== undefined) parts.push(Buffer.from(`${options.comment}\0`, 'latin1'));
  if (options.headerCrc === true) {
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crc32(Buffer.concat(parts)) & 0xffff);
    parts.push(crc);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length, 4);
  return Buffer.concat([...parts, deflateRawSync(data), trailer]);
};

/** A U-Boot image (include/image.h): header and data, checksums right. */
export const buildUImage = (
  data: Uint8Array,
  options: {
    arch?: number;
    type?: number;
    compression?: number;
    os?: number;
    badData?: boolean;
    badHeader?: boolean;
  } = {},
): Buffer => {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x27051956, 0);
  header.writeUInt32BE(data.length, 12);
  header.writeUInt32BE(0x80000, 16);
  header.writeUInt32BE(0x80000, 20);
  header.writeUInt32BE((crc32(data) ^ (options.badData === true ? 1 : 0)) >>> 0, 24);
  header[28] = options.os ?? 5;
  header[29] = options.arch ?? 22;
  header[30] = options.type ?? 2;
  header[31] = options.compression ?? 0;
  header.write('Linux', 32, 'latin1');
  header.writeUInt32BE((crc32(header) ^ (options.badHeader === true ? 1 : 0)) >>> 0, 4);
  return Buffer.concat([header, data]);
};

/** The kernel of most cases: not a multiple of the page size, and smaller than the memory it wants. */
export const standardImage = (): Buffer => buildImage(0x5a10, { imageSize: 0x12340n });

const corrupted = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
};

const kernels = (): [string, Uint8Array][] => [
  ['Image', standardImage()],
  ['Image-text0', buildImage(0x6000, { textOffset: 0n, imageSize: 0x10000n })],
  ['Image-efi', buildImage(0x8000, { efi: true, peOffset: 0x40, imageSize: 0x9000n })],
  ['Image-be', buildImage(0x4000, { flags: 1n })],
  ['Image-flags', buildImage(0x4000, { flags: 0xffffffffffffffffn })],
  ['Image-old', buildImage(0x4000, { imageSize: 0n, textOffset: 0n })],
  ['Image-bigger-than-told', buildImage(0x9001, { imageSize: 0x3000n })],
  ['Image-odd-offset', buildImage(0x4000, { textOffset: 0x80123n })],
  ['Image-page-offset', buildImage(0x4000, { textOffset: 0x1000n })],
  ['Image-offset-2M', buildImage(0x4000, { textOffset: 0x200000n })],
  ['Image-offset-huge', buildImage(0x4000, { textOffset: 0xfffffffffff00000n })],
  ['Image-size-48M', buildImage(0x4000, { imageSize: 0x3000000n })],
  ['Image-size-4G', buildImage(0x4000, { imageSize: 0x100000000n })],
  ['Image-size-32G', buildImage(0x4000, { imageSize: 0x800000000n })],
  ['Image-size-max', buildImage(0x4000, { imageSize: 0xffffffffffffffffn })],
  ['Image-size-odd', buildImage(0x4000, { imageSize: 0x4001n })],
  ['Image-size-1', buildImage(0x4000, { imageSize: 1n })],
  ['Image-64', buildImage(64)],
  ['Image-63', buildImage(64).subarray(0, 63)],
  ['Image-1', Buffer.from([0])],
  ['Image-bad-magic', buildImage(0x4000, { magic: 'ARMd'.toLowerCase() })],
  ['Image-3M', buildImage(0x300000, { imageSize: 0x380000n })],
  ['empty', Buffer.alloc(0)],
  ['text', Buffer.from('not a kernel\n')],
  ['zeros', Buffer.alloc(0x1000)],
];

export interface PeOptions {
  readonly machine?: number;
  /** Number of data directories; the fifth is that of the certificates. */
  readonly directories?: number;
  readonly certificates?: { readonly address: number; readonly size: number };
  readonly sections?: readonly { readonly name: string; readonly address: number; readonly size: number }[];
  readonly optionalHeaderSize?: number;
}

const PE_HEADER = 24;
const PE_OPTIONAL_HEADER = 112;
const SECTION_HEADER = 40;

/** Writes PE headers (Microsoft's PE/COFF specification) into a file that begins with "MZ". */
export const writePe = (bytes: Buffer, at: number, options: PeOptions = {}): Buffer => {
  const { sections = [], directories = 6 } = options;
  const optionalHeaderSize = options.optionalHeaderSize ?? PE_OPTIONAL_HEADER + directories * 8;
  bytes.writeUInt32LE(at, 60);
  bytes.fill(0, at, at + PE_HEADER + PE_OPTIONAL_HEADER + directories * 8 + sections.length * SECTION_HEADER);
  bytes.write('PE\0\0', at, 'latin1');
  bytes.writeUInt16LE(options.machine ?? 0xaa64, at + 4);
  bytes.writeUInt16LE(sections.length, at + 6);
  bytes.writeUInt16LE(optionalHeaderSize, at + 20);
  bytes.writeUInt16LE(0x20b, at + PE_HEADER);
  bytes.writeUInt32LE(directories, at + PE_HEADER + 108);
  const certificates = at + PE_HEADER + PE_OPTIONAL_HEADER + 4 * 8;
  bytes.writeUInt32LE(options.certificates?.address ?? 0, certificates);
  bytes.writeUInt32LE(options.certificates?.size ?? 0, certificates + 4);
  sections.forEach(({ name, address, size }, index) => {
    const header = at + PE_HEADER + optionalHeaderSize + index * SECTION_HEADER;
    bytes.write(name, header, 'latin1');
    bytes.writeUInt32LE(size, header + 8);
    bytes.writeUInt32LE(size, header + 16);
    bytes.writeUInt32LE(address, header + 20);
  });
  return bytes;
};

/** A kernel Image that is also an EFI program, as distributions build them. */
const peImage = (options: PeOptions = {}): Buffer =>
  writePe(buildImage(0x8a10, { efi: true, imageSize: 0x12340n }), 0x40, options);

/** An EFI program that unpacks the kernel in it (drivers/firmware/efi/libstub/zboot-header.S). */
const zboot = (
  type: string,
  payload: Uint8Array,
  options: PeOptions & { offset?: number; size?: number } = {},
): Buffer => {
  const header = Buffer.alloc(0x1000);
  header.write('MZ\0\0zimg', 0, 'latin1');
  header.writeUInt32LE(options.offset ?? 0x1000, 8);
  header.writeUInt32LE(options.size ?? payload.length, 12);
  header.write(type, 24, 'latin1');
  header.writeUInt32LE(0x818223cd, 56);
  return writePe(Buffer.concat([header, payload]), 0x40, options);
};

/** A unified kernel image: sections of an EFI program. */
const uki = (parts: readonly (readonly [name: string, data: Uint8Array])[], options: PeOptions = {}): Buffer => {
  const header = Buffer.alloc(0x1000);
  header.write('MZ', 0, 'latin1');
  let address = header.length;
  const sections = parts.map(([name, data]) => {
    const section = { name, address, size: data.length };
    address += data.length;
    return section;
  });
  return writePe(Buffer.concat([header, ...parts.map(([, data]) => data)]), 0x80, { sections, ...options });
};

const efi = (): [string, Uint8Array][] => {
  const gz = gzipSync(peImage());
  const signed = peImage({ certificates: { address: 0x8a10, size: 0x200 } });
  const initrd = noise(0x1234, 11);
  return [
    ['efi-Image', peImage()],
    ['efi-Image-signed', Buffer.concat([signed, noise(0x200, 12), Buffer.alloc(0x700)])],
    ['zboot-gzip', zboot('gzip', gz)],
    ['zboot-gzip-signed', zboot('gzip', gzipSync(Buffer.concat([signed, noise(0x200, 12), Buffer.alloc(0x700)])))],
    ['zboot-gzip-cut-signed', zboot('gzip', gzipSync(peImage({ certificates: { address: 0x4000, size: 0x200 } })))],
    [
      'zboot-few-directories',
      zboot('gzip', gzipSync(peImage({ directories: 4, certificates: { address: 0x4000, size: 0x200 } }))),
    ],
    ['zboot-machine', zboot('gzip', gz, { machine: 0x8664 })],
    ['zboot-type', zboot('lz4', gz)],
    ['zboot-zstd', zboot('zstd22', noise(400, 9))],
    ['zboot-lzma', zboot('lzma', noise(400, 9))],
    ['zboot-cut', zboot('gzip', gz).subarray(0, 0x1100)],
    ['zboot-bad-offset', zboot('gzip', gz, { offset: 0x7fffffff })],
    ['zboot-bad-size', zboot('gzip', gz, { size: gz.length + 100 })],
    ['zboot-no-pe-inside', zboot('gzip', gzipSync(standardImage()))],
    ['zboot-elf-inside', zboot('gzip', gzipSync(buildElf()))],
    ['uki', uki([['.linux', peImage()]])],
    [
      'uki-initrd',
      uki([
        ['.osrel', noise(100)],
        ['.linux', peImage()],
        ['.initrd', initrd],
      ]),
    ],
    [
      'uki-zboot',
      uki([
        ['.linux', zboot('gzip', gz)],
        ['.initrd', initrd],
      ]),
    ],
    ['uki-vmlinux', uki([['.linux', buildElf()]])],
    ['uki-no-linux', uki([['.initrd', initrd]])],
    ['uki-no-optional-header', uki([['.linux', peImage()]], { optionalHeaderSize: 0 })],
    ['uki-rubbish', uki([['.linux', noise(0x2000)]])],
  ];
};

const compressed = (): [string, Uint8Array][] => {
  const image = standardImage();
  const gz = gzipSync(image);
  const lzma = Buffer.concat([Buffer.from([0x5d, 0, 0, 0x80, 0]), Buffer.alloc(8, 0xff), noise(400, 7)]);
  const xz = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), noise(400, 8)]);
  const zstd = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), noise(400, 9)]);
  return [
    ['Image.gz', gz],
    ['Image-named.gz', gzipMember(image, { name: 'Image', comment: 'a kernel', extra: noise(37), headerCrc: true })],
    ['Image-text.gz', gzipMember(image, { text: true })],
    ['Image-reserved.gz', gzipMember(image, { reserved: true })],
    ['Image-two.gz', Buffer.concat([gzipSync(image.subarray(0, 0x3000)), gzipSync(image.subarray(0x3000))])],
    ['Image-trailing.gz', Buffer.concat([gz, Buffer.from('garbage behind the member')])],
    ['Image-zeros.gz', Buffer.concat([gz, Buffer.alloc(512)])],
    ['Image-cut5.gz', gz.subarray(0, 5)],
    ['Image-cut10.gz', gz.subarray(0, 10)],
    ['Image-cut11.gz', gz.subarray(0, 11)],
    ['Image-cut-half.gz', gz.subarray(0, gz.length >> 1)],
    ['Image-cut-data.gz', gz.subarray(0, gz.length - 9)],
    ['Image-cut-crc.gz', gz.subarray(0, gz.length - 6)],
    ['Image-cut-length.gz', gz.subarray(0, gz.length - 2)],
    ['Image-bad-data.gz', corrupted(gz, gz.length >> 1)],
    ['Image-bad-crc.gz', corrupted(gz, gz.length - 7)],
    ['Image-bad-length.gz', corrupted(gz, gz.length - 3)],
    ['Image-bad-method.gz', corrupted(gz, 2)],
    ['Image-magic-only.gz', Buffer.from([0x1f, 0x8b])],
    ['Image-magic1.gz', Buffer.from([0x1f])],
    ['empty.gz', gzipSync(Buffer.alloc(0))],
    ['text.gz', gzipSync(Buffer.from('not a kernel\n'))],
    ['Image.gz.gz', gzipSync(gz)],
    ['vmlinux.gz', gzipSync(buildElf())],
    ['Image.lzma', lzma],
    ['Image.xz', xz],
    ['Image.zst', zstd],
    ['uImage', buildUImage(image)],
    ['uImage-gzip', buildUImage(gz, { compression: 1 })],
    ['uImage-arm', buildUImage(image, { arch: 2 })],
    ['uImage-ramdisk', buildUImage(image, { type: 3 })],
    ['uImage-multi', buildUImage(image, { type: 4 })],
    ['uImage-os', buildUImage(image, { os: 1 })],
    ['uImage-bad-data', buildUImage(image, { badData: true })],
    ['uImage-bad-header', buildUImage(image, { badHeader: true })],
    ['uImage-short', buildUImage(image).subarray(0, 1000)],
    ['uImage-header', buildUImage(image).subarray(0, 64)],
  ];
};

const elves = (): [string, Uint8Array][] => {
  const image = buildImage(0x4000, { textOffset: 0n, imageSize: 0x10000n });
  const load = loadHeader(image);
  return [
    ['vmlinux', buildElf()],
    ['vmlinux-text-offset', buildElf({ image: buildImage(0x4000, { textOffset: 0x80000n, imageSize: 0x10000n }) })],
    ['vmlinux-dyn', buildElf({ type: 3 })],
    ['vmlinux-rel', buildElf({ type: 1 })],
    ['vmlinux-interp', buildElf({ headers: [load, { ...load, type: 3 }] })],
    ['vmlinux-no-headers', buildElf({ headers: [] })],
    ['vmlinux-note-only', buildElf({ headers: [{ ...load, type: 4 }] })],
    ['vmlinux-be', buildElf({ bigEndian: true })],
    ['vmlinux-x86', buildElf({ machine: 62 })],
    ['vmlinux-arm', buildElf({ machine: 40 })],
    ['vmlinux-class32', buildElf({ elfClass: 1 })],
    ['vmlinux-filesz', buildElf({ headers: [{ ...load, memsz: 0x1000n }] })],
    ['vmlinux-beyond', buildElf({ headers: [{ ...load, filesz: 0x100000n, memsz: 0x100000n }] })],
    ['vmlinux-offset', buildElf({ headers: [{ ...load, offset: 0xffffffffffff0000n }] })],
    ['vmlinux-no-image-header', buildElf({ image: noise(0x4000) })],
    ['vmlinux-old', buildElf({ image: buildImage(0x4000, { imageSize: 0n }) })],
    ['vmlinux-phentsize', buildElf({ phentsize: 32 })],
    [
      'vmlinux-two',
      buildElf({
        image: buildImage(0x6000, { textOffset: 0n, imageSize: 0x40000n }),
        headers: [
          { ...load, filesz: 0x3000n, memsz: 0x3000n },
          { ...load, offset: 0x4000n, vaddr: KERNEL_VIRT + 0x10000n, paddr: KERNEL_VIRT + 0x10000n, filesz: 0x2345n },
        ],
      }),
    ],
    [
      'vmlinux-overlap',
      buildElf({ headers: [load, { ...load, vaddr: KERNEL_VIRT + 0x1000n, paddr: KERNEL_VIRT + 0x1000n }] }),
    ],
    [
      'vmlinux-empty-second',
      buildElf({ headers: [load, { ...load, vaddr: KERNEL_VIRT + 0x40000n, filesz: 0n, memsz: 0n }] }),
    ],
    [
      'vmlinux-bss-only',
      buildElf({ headers: [load, { ...load, vaddr: KERNEL_VIRT + 0x40000n, filesz: 0n, memsz: 0x3000n }] }),
    ],
    ['vmlinux-cut', buildElf().subarray(0, 100)],
    ['vmlinux-header', buildElf().subarray(0, 64)],
    ['vmlinux-low', buildElf({ headers: [{ ...load, vaddr: 0x1000n, paddr: 0x1000n }], entry: 0x1000n })],
  ];
};

const plainTree = (properties: Readonly<Record<string, number>>): Uint8Array =>
  buildFdt({
    properties: { ...properties, compatible: 'test,board', model: 'test' },
    children: {
      chosen: { properties: { bootargs: 'console=ttyAMA0 root=/dev/vdz' } },
      'memory@40000000': { properties: { device_type: 'memory', reg: [0, 0x40000000, 0, 0x80000000] } },
    },
  });

const deviceTrees = (): [string, Uint8Array][] => {
  const cells = { '#address-cells': 2, '#size-cells': 2 };
  const good = Buffer.from(plainTree(cells));
  const big = buildFdt({
    properties: cells,
    children: { chosen: {}, blob: { properties: { data: noise(0x200000) } } },
  });
  const almost = buildFdt({
    properties: cells,
    children: { chosen: {}, blob: { properties: { data: noise(0x1ffe00) } } },
  });
  return [
    ['good.dtb', good],
    ['cells1.dtb', plainTree({ '#address-cells': 1, '#size-cells': 1 })],
    ['big.dtb', big],
    ['almost-big.dtb', almost],
    ['bad-magic.dtb', corrupted(good, 0)],
    ['cut-header.dtb', good.subarray(0, 20)],
    ['cut.dtb', good.subarray(0, good.length - 40)],
    ['trailing.dtb', Buffer.concat([good, noise(100)])],
    ['no-chosen.dtb', buildFdt({ properties: cells })],
    [
      'initrd.dtb',
      buildFdt({
        properties: cells,
        children: {
          chosen: { properties: { 'linux,initrd-start': 0x48000000n, 'linux,initrd-end': 0x480ff000n, bootargs: 'x' } },
        },
      }),
    ],
  ];
};

const others = (): [string, Uint8Array][] => [
  ['initrd', noise(0x2345, 3)],
  ['initrd-page', noise(0x3000, 4)],
  ['initrd-1M', noise(0x100000, 5)],
  ['initrd.gz', gzipSync(noise(0x1800, 6))],
  ['file with spaces', standardImage()],
];

/** All files by name. */
export const allFiles = (): ReadonlyMap<string, Uint8Array> =>
  new Map([...kernels(), ...compressed(), ...efi(), ...elves(), ...deviceTrees(), ...others()]);
