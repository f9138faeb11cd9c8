/** Every format as Debian's tools make it, and broken in every place. */
import type { Release } from '../../../kexec/base/compat.js';
import { command } from '../case.js';
import type { Case } from '../case.js';
import { DEBIAN_RELEASES } from '../debian.js';
import { hostileFiles } from '../formats/hostile.js';
import { REAL_FILES } from '../formats/real.js';

type Quirk = Pick<Case, 'realCrashes' | 'crashingReleases' | 'unforeseeable'>;

const anything = (why: string, releases: readonly Release[] = DEBIAN_RELEASES): Quirk => ({
  unforeseeable: { stream: 'everything', releases, why },
});

/** Where the real one leaves its buffers. */
const QUIRKS: readonly (readonly [names: RegExp, quirk: Quirk])[] = [
  [
    /^vmlinux~(e_phoff=0x0|e_shnum=.*)$/,
    { realCrashes: 'build_elf_info() follows a table that the header counts and does not place' },
  ],
  [/^vmlinux~(e_entry|p_vaddr)=/, { realCrashes: 'elf_arm64_load() looks for the Image header outside of its buffer' }],
  [/^vmlinux-entry-nowhere$/, anything('the same, where something may happen to be')],
  [
    /^vmlinux-(unsorted|entry-in-second)$/,
    anything('elf_arm64_load() looks for the Image header in the first segment, which would be in front of its buffer'),
  ],
  [/^vmlinux-17-loads$/, anything('update_purgatory() has room for 16 segments')],
  [
    /^vmlinux~ei_version=0xff$/,
    { realCrashes: 'uki_image_probe() goes on with the offset -1', crashingReleases: ['2.0.32'] },
  ],
  [
    /^vmlinux~(p_offset|p_filesz)=0xffffffffffffffff$/,
    anything('the sum of offset and size wraps: the segment begins in front of the buffer'),
  ],
  [
    /~cut-([1-5]?\d|6[0-3])$/,
    {
      unforeseeable: {
        stream: 'stdout',
        releases: ['2.0.32'],
        why: 'uki_image_probe() reads the PE header offset, at 60, of a file that is shorter',
      },
    },
  ],
  [
    /^(uImage~ih_size=0xffffffff-crc|zboot~payload_size=0xffffffff)$/,
    {
      unforeseeable: {
        stream: 'stderr',
        releases: ['2.0.20', '2.0.25'],
        why: 'is_zlib_file() asks an error number that nobody set what is wrong',
      },
    },
  ],
  [
    /^zboot-inner~certificates_(address=0x6a|size=0x6a)/,
    anything('pez_prepare() writes what is behind the unpacked kernel', ['2.0.32']),
  ],
  [
    /^uki~(cut-(33\d|35\d|36\d|37\d|linux)|(initrd|linux)_(size|address)=0x83c[456])$/,
    anything('create_tmpfd() writes what is behind the end of the file, as far as its buffer goes', ['2.0.32']),
  ],
  [
    /^uki~sections=0xffff$/,
    anything('uki_image_probe() looks for section headers behind the end of its buffer', ['2.0.32']),
  ],
  [/^uki-zboot-of-uki$/, { realCrashes: 'pez_arm64_probe() frees a part of a buffer', crashingReleases: ['2.0.32'] }],
];

const quirkOf = (name: string): Quirk => QUIRKS.find(([names]) => names.test(name))?.[1] ?? {};

/** What all releases do alike is tried on one of them, by turns; what is 2.0.32's, there. */
const releasesOf = (name: string, index: number): readonly Release[] => {
  if (name.startsWith('uki')) return ['2.0.32'];
  if (name.startsWith('zboot')) return index % 2 === 0 ? ['2.0.32'] : ['2.0.29', '2.0.32'];
  return [DEBIAN_RELEASES[index % DEBIAN_RELEASES.length]!];
};

/** In these, -p does not try kexec_file_load first, which takes no ELF file at all. */
const withoutFileLoad: readonly Release[] = ['2.0.20', '2.0.25'];

/** A quirk in the releases that get as far as it. */
const within = (quirk: Quirk, releases: readonly Release[]): Quirk =>
  quirk.unforeseeable === undefined ? quirk : { ...quirk, unforeseeable: { ...quirk.unforeseeable, releases } };

const hostile = (machine: string, args: string, names: RegExp, quirky = quirkOf): readonly Case[] =>
  [...hostileFiles().keys()]
    .filter((name) => names.test(name))
    .map((name, index) => command(machine, `${args} t/${name}`, { byTurns: releasesOf(name, index), ...quirky(name) }));

export const formats: readonly Case[] = [
  // kexec_file_load takes neither ELF nor uImage, which says nothing about them.
  ...hostile('virt-2g', '-c -d -l', /^(vmlinux|uImage)/),
  ...hostile('virt-2g', '-d -l', /^(Image|zboot|uki)/),
  ...hostile('virt-2g', '-d -c -l', /^gzip/),
  ...hostile('virt-el2-4g', '-p', /^vmlinux-/, (name) => within(quirkOf(name), withoutFileLoad)),
  ...Object.keys(REAL_FILES).flatMap((name) => [
    command('virt-2g', `-d -l t/${name}`, { releases: DEBIAN_RELEASES }),
    command('virt-el2-4g', `-d -c -p t/${name}`, { releases: ['2.0.25', '2.0.32'] }),
    command('virt-el2-4g', `-s -l t/${name} --initrd=t/initrd --append=quiet`, { releases: ['2.0.25', '2.0.32'] }),
  ]),
];
