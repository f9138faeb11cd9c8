/** Kernels of every format that are odd or broken, each in one way. */
import { crc32, gzipSync } from 'node:zlib';
import { KERNEL_VIRT, buildElf, buildImage, buildUImage, noise, standardImage, writePe } from '../files.js';
import type { PeOptions, ProgramHeader } from '../files.js';
import { changes, cuts, withField } from './damage.js';
import { gzipFiles } from './gzip.js';
import type { Field, NamedFile } from './damage.js';

const field = (name: string, at: number, size: Field['size']): Field => ({ name, at, size });

/** `struct arm64_image_header` (Documentation/arch/arm64/booting.rst). */
const IMAGE_FIELDS: readonly Field[] = [
  field('code0', 0, 4),
  field('code1', 4, 4),
  field('text_offset', 8, 8),
  field('image_size', 16, 8),
  field('flags', 24, 8),
  field('res2', 32, 8),
  field('magic', 56, 4),
  field('pe_offset', 60, 4),
];

const named = (fields: readonly Field[], ...names: readonly string[]): readonly Field[] =>
  fields.filter(({ name }) => names.includes(name));

const images = (): readonly NamedFile[] => [
  ...cuts('Image', standardImage(), IMAGE_FIELDS),
  ...changes('Image', standardImage(), named(IMAGE_FIELDS, 'text_offset', 'image_size', 'flags', 'magic', 'pe_offset')),
];

/** `Elf64_Ehdr`, and the first `Elf64_Phdr` behind it. */
const ELF_FIELDS: readonly Field[] = [
  field('ei_class', 4, 1),
  field('ei_data', 5, 1),
  field('ei_version', 6, 1),
  field('e_type', 16, 2),
  field('e_machine', 18, 2),
  field('e_version', 20, 4),
  field('e_entry', 24, 8),
  field('e_phoff', 32, 8),
  field('e_shoff', 40, 8),
  field('e_flags', 48, 4),
  field('e_ehsize', 52, 2),
  field('e_phentsize', 54, 2),
  field('e_phnum', 56, 2),
  field('e_shentsize', 58, 2),
  field('e_shnum', 60, 2),
  field('e_shstrndx', 62, 2),
  field('p_type', 64, 4),
  field('p_flags', 68, 4),
  field('p_offset', 72, 8),
  field('p_vaddr', 80, 8),
  field('p_paddr', 88, 8),
  field('p_filesz', 96, 8),
  field('p_memsz', 104, 8),
  field('p_align', 112, 8),
];

const load = (more: ProgramHeader = {}): ProgramHeader => ({
  type: 1,
  offset: 0x1000n,
  vaddr: KERNEL_VIRT,
  paddr: KERNEL_VIRT,
  filesz: 0x4000n,
  memsz: 0x10000n,
  ...more,
});

/** A segment that begins so many bytes behind the kernel's first one. */
const loadAt = (distance: bigint, more: ProgramHeader = {}): ProgramHeader =>
  load({ vaddr: KERNEL_VIRT + distance, paddr: KERNEL_VIRT + distance, filesz: 0x1000n, memsz: 0x1000n, ...more });

const note = (nameSize: number, descSize: number): Buffer => {
  const bytes = Buffer.alloc(0x40);
  bytes.writeUInt32LE(nameSize, 0);
  bytes.writeUInt32LE(descSize, 4);
  bytes.write('GNU\0', 12, 'latin1');
  return bytes;
};

const elfWith = (...headers: readonly ProgramHeader[]): Buffer =>
  buildElf({ image: buildImage(0x4000, { textOffset: 0n, imageSize: 0x40000n }), headers });

/** An ELF with a note segment of these bytes. */
const elfWithNote = (bytes: Uint8Array): Buffer => {
  const file = elfWith(load(), { type: 4, offset: 0x4f00n, vaddr: 0n, filesz: BigInt(bytes.length), memsz: 0n });
  Buffer.from(bytes).copy(file, 0x4f00);
  return file;
};

const elves = (): readonly NamedFile[] => {
  const plain = elfWith(load());
  const withSections = withField(plain, field('e_shoff', 40, 8), 0x4800n);
  return [
    ...cuts('vmlinux', plain, ELF_FIELDS),
    ...changes(
      'vmlinux',
      plain,
      ELF_FIELDS.filter(({ name }) => !['e_flags', 'p_flags', 'p_align', 'e_shstrndx'].includes(name)),
    ),
    ...[1n, 3n, 0xffffn].map((shnum): NamedFile => [
      `vmlinux~sections-${shnum}`,
      withField(withSections, field('e_shnum', 60, 2), shnum),
    ]),
    ['vmlinux-unsorted', elfWith(loadAt(0x20000n), load(), loadAt(0x10000n))],
    ['vmlinux-same-address', elfWith(load({ memsz: 0x4000n }), load({ memsz: 0x4000n }))],
    ['vmlinux-contained', elfWith(load(), loadAt(0x2000n))],
    ['vmlinux-touching', elfWith(load({ memsz: 0x4000n }), loadAt(0x4000n))],
    [
      'vmlinux-same-page',
      elfWith(
        load({ memsz: 0x4000n }),
        loadAt(0x4800n, { filesz: 0x100n, memsz: 0x100n }),
        loadAt(0x4a00n, { filesz: 0x100n, memsz: 0x100n }),
      ),
    ],
    ['vmlinux-all-empty', elfWith(load({ filesz: 0n, memsz: 0n }))],
    ['vmlinux-empty-first', elfWith(load({ filesz: 0n, memsz: 0n }), load())],
    ['vmlinux-one-byte', elfWith(load(), loadAt(0x20001n, { filesz: 1n, memsz: 1n }))],
    ['vmlinux-filesz-beyond-memsz', elfWith(load(), loadAt(0x20000n, { filesz: 0x3000n, memsz: 0x1001n }))],
    ['vmlinux-paddr-zero', elfWith(load({ paddr: 0n }))],
    ['vmlinux-paddr-ram', elfWith(load({ paddr: 0x5000_0000n }))],
    ['vmlinux-paddr-top', elfWith(load({ paddr: 0xffff_ffff_ffff_ffffn }))],
    ['vmlinux-paddr-wraps', elfWith(load({ paddr: 0xffff_ffff_ffff_f000n }))],
    ['vmlinux-paddr-apart', elfWith(load(), loadAt(0x20000n, { paddr: 0x6000_0000n }))],
    ['vmlinux-vaddr-apart', elfWith(load(), loadAt(0x20000n, { vaddr: 0x1000n }))],
    ['vmlinux-vaddr-odd', elfWith(load({ vaddr: KERNEL_VIRT - 0x123n, paddr: KERNEL_VIRT - 0x123n, offset: 0x1000n }))],
    ['vmlinux-entry-in-second', elfWith(loadAt(0x200000n), load())],
    ['vmlinux-entry-nowhere', buildElf({ entry: 0x1234_5678_9abcn })],
    [
      'vmlinux-17-loads',
      elfWith(load({ memsz: 0x4000n }), ...Array.from({ length: 16 }, (_, i) => loadAt(BigInt(i + 1) * 0x10000n))),
    ],
    ['vmlinux-huge-memsz', elfWith(load(), loadAt(0x20000n, { memsz: 0x1_0000_0000n }))],
    ['vmlinux-interp-first', elfWith({ type: 3, offset: 0x1000n, filesz: 8n, memsz: 8n }, load())],
    [
      'vmlinux-tls-and-more',
      elfWith(
        { type: 6, filesz: 0n },
        load(),
        { type: 7, filesz: 0n },
        { type: 0x6474_e551, filesz: 0n },
        { type: 0, filesz: 0n },
      ),
    ],
    ['vmlinux-note', elfWithNote(note(4, 16))],
    ['vmlinux-note-cut', elfWithNote(note(4, 16).subarray(0, 11))],
    ['vmlinux-note-empty', elfWithNote(note(0, 0).subarray(0, 12))],
    ['vmlinux-note-no-nul', elfWithNote(note(3, 16))],
    ['vmlinux-note-name-beyond', elfWithNote(note(0x100, 0))],
    ['vmlinux-note-desc-beyond', elfWithNote(note(4, 0x7fff_fff0))],
  ];
};

const big = (name: string, at: number, size: Field['size']): Field => ({ name, at, size, bigEndian: true });

/** U-Boot's `struct image_header` (include/image.h). */
const UIMAGE_FIELDS: readonly Field[] = [
  big('ih_magic', 0, 4),
  big('ih_hcrc', 4, 4),
  big('ih_time', 8, 4),
  big('ih_size', 12, 4),
  big('ih_load', 16, 4),
  big('ih_ep', 20, 4),
  big('ih_dcrc', 24, 4),
  big('ih_os', 28, 1),
  big('ih_arch', 29, 1),
  big('ih_type', 30, 1),
  big('ih_comp', 31, 1),
  big('ih_name', 32, 8),
];

const HEADER_CRC = big('ih_hcrc', 4, 4);

const withHeaderCrc = (bytes: Buffer): Buffer => {
  const cleared = withField(bytes, HEADER_CRC, 0n);
  return withField(cleared, HEADER_CRC, BigInt(crc32(cleared.subarray(0, 64))));
};

/** The data's checksum is that of as many bytes as the header tells. */
const withBothCrcs = (bytes: Buffer): Buffer => {
  const size = bytes.readUInt32BE(12);
  return withHeaderCrc(withField(bytes, big('ih_dcrc', 24, 4), BigInt(crc32(bytes.subarray(64, 64 + size)))));
};

const uImages = (): readonly NamedFile[] => {
  const plain = buildUImage(standardImage());
  const size = big('ih_size', 12, 4);
  return [
    ...cuts('uImage', plain, UIMAGE_FIELDS),
    ...changes('uImage', plain, named(UIMAGE_FIELDS, 'ih_magic', 'ih_hcrc', 'ih_dcrc', 'ih_load')),
    ...changes('uImage', plain, named(UIMAGE_FIELDS, 'ih_size', 'ih_load', 'ih_ep', 'ih_dcrc'), withHeaderCrc).map(
      ([name, bytes]): NamedFile => [`${name}-crc`, bytes],
    ),
    ...[0n, 1n, 63n, 64n, 0x5000n, 0x5a0fn].map((value): NamedFile => [
      `uImage~ih_size-${value}-both-crcs`,
      withBothCrcs(withField(plain, size, value)),
    ]),
    ...Array.from({ length: 7 }, (_, compression): NamedFile => [
      `uImage-compression-${compression}`,
      buildUImage(standardImage(), { compression }),
    ]),
    ...[0, 1, 2, 3, 5, 14, 15, 255].map((type): NamedFile => [
      `uImage-type-${type}`,
      buildUImage(standardImage(), { type }),
    ]),
    ...[0, 5, 17, 255].map((os): NamedFile => [`uImage-os-${os}`, buildUImage(standardImage(), { os })]),
    ...[0, 2, 21, 22, 23, 255].map((arch): NamedFile => [
      `uImage-arch-${arch}`,
      buildUImage(standardImage(), { arch }),
    ]),
    ['uImage-ramdisk-gzip', buildUImage(gzipSync(standardImage()), { type: 3, compression: 1 })],
    ['uImage-gzip-of-text', buildUImage(gzipSync(Buffer.from('not a kernel\n')), { compression: 1 })],
    ['uImage-gzip-that-is-none', buildUImage(standardImage(), { compression: 1 })],
    ['uImage-gzip-told-as-none', buildUImage(gzipSync(standardImage()))],
    [
      'uImage-gzip-method',
      buildUImage(withField(gzipSync(standardImage()), field('method', 2, 1), 7n), { compression: 1 }),
    ],
    [
      'uImage-gzip-reserved',
      buildUImage(withField(gzipSync(standardImage()), field('flags', 3, 1), 0x80n), { compression: 1 }),
    ],
    [
      'uImage-gzip-broken',
      buildUImage(withField(gzipSync(standardImage()), field('data', 10, 2), 0xffffn), { compression: 1 }),
    ],
    [
      'uImage-gzip-bad-crc',
      buildUImage(withField(gzipSync(standardImage()), field('crc', gzipSync(standardImage()).length - 8, 4), 0n), {
        compression: 1,
      }),
    ],
    ['uImage-empty', buildUImage(Buffer.alloc(0))],
    ['uImage-in-uImage', buildUImage(buildUImage(standardImage()))],
    ['uImage-of-vmlinux', buildUImage(buildElf())],
    ['uImage.gz', gzipSync(buildUImage(standardImage()))],
  ];
};

const PE_AT = 0x40;

/** `struct linux_pe_zboot_header`, and the PE headers that follow (include/pe.h). */
const peFields = (at: number): readonly Field[] => [
  field('pe_magic', at, 4),
  field('machine', at + 4, 2),
  field('sections', at + 6, 2),
  field('optional_size', at + 20, 2),
  field('characteristics', at + 22, 2),
  field('optional_magic', at + 24, 2),
  field('data_directories', at + 24 + 108, 4),
];

const ZBOOT_FIELDS: readonly Field[] = [
  field('mz', 0, 2),
  field('image_type', 4, 4),
  field('payload_offset', 8, 4),
  field('payload_size', 12, 4),
  field('compression', 24, 4),
  field('linux_magic', 56, 4),
  field('pe_offset', 60, 4),
  ...peFields(PE_AT),
];

const certificatesAt = (pe: number): readonly Field[] => [
  field('certificates_address', pe + 24 + 112 + 32, 4),
  field('certificates_size', pe + 24 + 112 + 36, 4),
];

/** A kernel that is an EFI program, and perhaps signed. */
const efiImage = (options: PeOptions = {}): Buffer =>
  writePe(buildImage(0x6a10, { efi: true, imageSize: 0x12340n }), PE_AT, options);

const zboot = (type: string, payload: Uint8Array): Buffer => {
  const header = Buffer.alloc(0x400);
  header.write('MZ\0\0zimg', 0, 'latin1');
  header.writeUInt32LE(header.length, 8);
  header.writeUInt32LE(payload.length, 12);
  header.write(type, 24, 'latin1');
  header.writeUInt32LE(0x818223cd, 56);
  return writePe(Buffer.concat([header, payload]), PE_AT);
};

const zboots = (): readonly NamedFile[] => {
  const payload = gzipSync(efiImage());
  const plain = zboot('gzip', payload);
  const signed = efiImage({ certificates: { address: 0x6000, size: 0xa10 } });
  return [
    ...cuts('zboot', plain, ZBOOT_FIELDS),
    ['zboot~cut-payload', plain.subarray(0, plain.length - 1)],
    ...changes(
      'zboot',
      plain,
      named(
        ZBOOT_FIELDS,
        'mz',
        'image_type',
        'payload_offset',
        'payload_size',
        'compression',
        'pe_offset',
        'pe_magic',
        'machine',
        'sections',
        'optional_size',
      ),
    ),
    ...changes(
      'zboot-inner',
      signed,
      [field('pe_offset', 60, 4), field('data_directories', PE_AT + 24 + 108, 4), ...certificatesAt(PE_AT)],
      (bytes) => zboot('gzip', gzipSync(bytes)),
    ),
    ...['gzipped', 'xzkern', 'lzo', 'lz4', 'zstd', 'lzma', 'GZIP', '', 'gzi'].map((type): NamedFile => [
      `zboot-type-${type}`,
      zboot(type, payload),
    ]),
    ['zboot-payload-plain', zboot('gzip', efiImage())],
    ['zboot-payload-broken', zboot('gzip', withField(payload, field('data', 12, 2), 0xffffn))],
    ['zboot-payload-short', zboot('gzip', payload.subarray(0, payload.length - 20))],
    ['zboot-payload-bad-crc', zboot('gzip', withField(payload, field('crc', payload.length - 8, 4), 0n))],
    ['zboot-payload-two', zboot('gzip', Buffer.concat([payload, payload]))],
    ['zboot-payload-empty', zboot('gzip', Buffer.alloc(0))],
    ['zboot-payload-nothing', zboot('gzip', gzipSync(Buffer.alloc(0)))],
    ['zboot-payload-text', zboot('gzip', gzipSync(Buffer.from('not a kernel\n')))],
    ['zboot-payload-header', zboot('gzip', gzipSync(efiImage().subarray(0, 64)))],
    ['zboot-payload-zeros', zboot('gzip', gzipSync(Buffer.alloc(0x3000)))],
    ['zboot-in-zboot', zboot('gzip', gzipSync(plain))],
    ['zboot.gz', gzipSync(plain)],
  ];
};

const UKI_PE_AT = 0x80;
const SECTION_AT = UKI_PE_AT + 24 + 112 + 6 * 8;

interface Section {
  readonly name: string;
  readonly data: Uint8Array;
  /** In place of where its data is. */
  readonly address?: number;
  /** In place of the data's size. */
  readonly size?: number;
}

const uki = (...sections: readonly Section[]): Buffer => {
  const header = Buffer.alloc(0x400);
  header.write('MZ', 0, 'latin1');
  let at = header.length;
  const placed = sections.map(({ name, data, address = at, size = data.length }) => {
    at += data.length;
    return { name, address, size };
  });
  return writePe(Buffer.concat([header, ...sections.map(({ data }) => data)]), UKI_PE_AT, { sections: placed });
};

const sectionFields = (name: string, index: number): readonly Field[] => {
  const at = SECTION_AT + index * 40;
  return [
    field(`${name}_name`, at, 8),
    field(`${name}_virtual_size`, at + 8, 4),
    field(`${name}_size`, at + 16, 4),
    field(`${name}_address`, at + 20, 4),
  ];
};

const ukis = (): readonly NamedFile[] => {
  const linux = { name: '.linux', data: zboot('gzip', gzipSync(efiImage())) };
  const image = { name: '.linux', data: efiImage() };
  const initrd = { name: '.initrd', data: noise(0x1234, 21) };
  const plain = uki(initrd, linux);
  const fields = [
    field('mz', 0, 2),
    field('pe_offset', 60, 4),
    ...peFields(UKI_PE_AT),
    ...sectionFields('initrd', 0),
    ...sectionFields('linux', 1),
  ];
  const nested = (depth: number): Buffer =>
    depth === 0 ? uki(image) : uki({ name: '.linux', data: nested(depth - 1) });
  const text = (name: string, content: string): Section => ({ name, data: Buffer.from(content) });
  const nothing = Buffer.alloc(0);
  return [
    ...cuts('uki', plain, fields),
    ['uki~cut-linux', plain.subarray(0, plain.length - 1)],
    ...changes(
      'uki',
      plain,
      fields.filter(
        ({ name }) =>
          !['mz', 'characteristics', 'optional_magic', 'data_directories', 'pe_magic', 'machine'].includes(name) &&
          !name.endsWith('_name'),
      ),
    ),
    [
      'uki-cmdline-dtb',
      uki(text('.osrel', 'ID=debian\n'), text('.cmdline', 'root=/dev/vdz\0'), text('.dtb', 'no tree'), image, initrd),
    ],
    ['uki-linux-first', uki(linux, initrd)],
    ['uki-two-linux', uki({ name: '.linux', data: noise(0x1000, 5) }, linux)],
    ['uki-two-linux-turned', uki(linux, { name: '.linux', data: noise(0x1000, 5) })],
    ['uki-two-initrd', uki(initrd, { name: '.initrd', data: noise(0x100, 6) }, linux)],
    ['uki-overlapping', uki({ ...linux, address: 0x400 }, { ...initrd, address: 0x400 })],
    ['uki-headers-as-linux', uki({ name: '.linux', data: nothing, address: 0, size: 0x400 })],
    ['uki-itself-as-linux', uki({ ...image, address: 0, size: 0x6e10 })],
    ['uki-empty-linux', uki({ name: '.linux', data: nothing }, initrd)],
    ['uki-empty-initrd', uki({ name: '.initrd', data: nothing }, linux)],
    ['uki-empty-initrd-at-0', uki({ name: '.initrd', data: nothing, address: 0 }, linux)],
    ['uki-initrd-beyond', uki({ ...initrd, size: 0x100_0000 }, linux)],
    ['uki-linux-beyond', uki(initrd, { ...linux, size: 0x100_0000 })],
    ['uki-no-sections', uki()],
    [
      'uki-long-names',
      uki(
        { name: '.linuxxx', data: efiImage() },
        { name: '.initrdd', data: nothing },
        { name: '.linux', data: efiImage() },
      ),
    ],
    ['uki-upper-case', uki({ name: '.LINUX', data: efiImage() })],
    ['uki-uImage', uki({ name: '.linux', data: buildUImage(standardImage()) }, initrd)],
    ['uki-plain-image', uki({ name: '.linux', data: standardImage() }, initrd)],
    ['uki-Image.gz', uki({ name: '.linux', data: gzipSync(standardImage()) }, initrd)],
    ['uki-in-uki', nested(1)],
    ['uki-in-uki-in-uki', nested(2)],
    ['uki-nested-40', nested(40)],
    ['uki-zboot-of-uki', uki({ name: '.linux', data: zboot('gzip', gzipSync(uki(image))) })],
    ['uki-in-zboot', zboot('gzip', gzipSync(uki(image)))],
    ['uki.gz', gzipSync(plain)],
  ];
};

/** All of them by name; the name begins with the format's. */
export const hostileFiles = (): ReadonlyMap<string, Uint8Array> =>
  new Map([...images(), ...elves(), ...uImages(), ...zboots(), ...ukis(), ...gzipFiles()]);
