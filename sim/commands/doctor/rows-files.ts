/** Findings about the files: what the kernel's is, and why it is not read; the initrd's; the device tree's. */
import { Errno, strerror } from '../../../kexec/base/error.js';
import { architectureOfFlags } from '../../../debug-log/architectures.js';
import { arm64CompatOf } from '../../../kexec/arch/arm64/compat-arm64.js';
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { KiB } from '../../../kexec/base/u64.js';
import { hasPagesOf } from '../../kernel/facts/page-sizes-arm64.js';
import type { Row } from './finding.js';
import { kernelKind, sectionNames } from './kernel-kind.js';
import { type Seen, failedWith, refusedFor } from './seen.js';

/** What kexec_load is told of the architecture: all but that of arm64, and none. */
const OTHER_FLAGS = /kexec_load: entry = \S+ flags = 0x((?!b7)[0-9a-f]{1,4}[0-9a-f]{4})\b/;

const UNKNOWN_TYPE = /^Cannot determine the file type of (.*)$/m;

const kindOf = ({ wanted }: Seen) => wanted.kernelFile && kernelKind(wanted.kernelFile);

const build = ({ wanted }: Seen): string => {
  const libraries = [...wanted.compat.libraries];
  return `kexec-tools ${wanted.compat.release}, built ${libraries.length === 0 ? 'without zlib, zstd and lzma' : `with ${libraries.join(', ')}`}`;
};

export const FILE_ROWS: readonly Row[] = [
  {
    id: 'bad-options',
    severity: 'error',
    when: 'kexec does not understand the options, or there is no kernel among them',
    example: 'kexec does not take these options: kexec: unrecognized option `--intrd=x`.',
    fixes: ['see kexec --help'],
    look: (seen) => {
      const match = failedWith(
        seen,
        /^(?:kexec: (?:unrecognized|invalid|ambiguous|option) .*|kexec: unrecognized option .*|No kernel specified|Bad option value in .*|Unsupported kernel type .*)$/m,
      );
      return match && { sentence: `kexec does not take these options: ${match[0]}.`, evidence: [] };
    },
  },
  {
    id: 'file-missing',
    severity: 'error',
    when: 'the kernel, the initrd or the device tree cannot be opened',
    example: 'initrd.img cannot be opened: No such file or directory.',
    fixes: ['give the right path'],
    look: (seen) => {
      const match = failedWith(
        seen,
        /^(?:Cannot open [`"](?<a>[^'"]+)['"]?: (?<b>.*)|(?:Failed to open file |Could not open initrd file )(?<c>.+?): ?(?<d>[A-Z].*)|Cannot (?:stat|read) [`"]?(?<e>[^'"\n]+)['"]?.*)$/m,
      );
      const { a, b, c, d, e } = match?.groups ?? {};
      const name = a ?? c ?? e;
      if (name === undefined || /^\(null\)|^MZ/.test(name)) return undefined;
      // What is empty is told of elsewhere.
      if (name === seen.wanted.kernel && seen.wanted.kernelFile !== undefined) return undefined;
      return {
        sentence: `${name} cannot be opened: ${b ?? d ?? 'it is no file, or may not be read'}.`,
        evidence: [`kexec: ${match![0]}`],
      };
    },
  },
  {
    id: 'zboot-unread',
    severity: 'error',
    when: 'the kernel is an EFI zboot image (CONFIG_EFI_ZBOOT), which this kexec-tools is too old for, or lacks the library for',
    example: 'The kernel is an EFI zboot image, which kexec-tools 2.0.25 does not read: 2.0.27 and later do.',
    fixes: [
      'use kexec-tools 2.0.27 or later, built with zlib (and zstd)',
      'unpack the kernel, and load the Image that is in it',
    ],
    isOfOneWay: true,
    look: (seen) => {
      const kind = kindOf(seen);
      if (kind?.kind !== 'zboot' || seen.chosen.exitCode === 0) return undefined;
      const { compat } = seen.wanted;
      if (arm64CompatOf(compat).compressedFormat !== 'vmlinuz') {
        return {
          sentence: `The kernel is an EFI zboot image, which kexec-tools ${compat.release} does not read: 2.0.27 and later do.`,
          evidence: [`${seen.wanted.kernel}: "zimg" at offset 4, ${kind.compression}`],
        };
      }
      const { library } = kind;
      if (library !== undefined && compat.libraries.has(library) && !(library === 'zstd' && !compat.hasZstd))
        return undefined;
      return {
        sentence: `The kernel is an EFI zboot image whose kernel is compressed by ${kind.compression}, which this kexec-tools cannot unpack.`,
        evidence: [build(seen), `${seen.wanted.kernel}: "zimg" at offset 4, ${kind.compression}`],
        fixes: [
          library === undefined
            ? 'unpack the kernel, and load the Image that is in it'
            : `use a kexec-tools that is built with ${library}${library === 'zstd' ? ' (2.0.31 or later)' : ''}`,
        ],
      };
    },
    log: {
      pattern: /zImage_arm64_probe: Not an zImage file \(Image\.gz\)/,
      sentence:
        "That kexec-tools is older than 2.0.27: it reads no EFI zboot image, which Fedora's kernels are from 6.2 on.",
      ask: 'file /boot/vmlinuz-*; kexec --version',
    },
  },
  {
    id: 'uki-unread',
    severity: 'error',
    when: 'the kernel is a unified kernel image, which this kexec-tools does not read, or only for kexec_file_load',
    example: 'The kernel is a unified kernel image, which kexec-tools 2.0.25 does not read: 2.0.30 and later do.',
    fixes: [
      'use kexec-tools 2.0.30 or later',
      'take kernel and initrd out of it: objcopy -O binary --only-section=.linux FILE Image',
    ],
    isOfOneWay: true,
    look: (seen) => {
      if (kindOf(seen)?.kind !== 'UKI' || seen.chosen.exitCode === 0) return undefined;
      const { compat, kernel } = seen.wanted;
      const evidence = [`${kernel}: sections ${sectionNames(seen.wanted.kernelFile ?? new Uint8Array()).join(' ')}`];
      if (!compat.hasUki) {
        return {
          sentence: `The kernel is a unified kernel image, which kexec-tools ${compat.release} does not read: 2.0.30 and later do.`,
          evidence,
        };
      }
      if (!/^Cannot load /m.test(seen.chosen.said)) return undefined;
      return {
        sentence:
          'The kernel is a unified kernel image with a plain Image in it, which kexec-tools loads by kexec_file_load only.',
        evidence,
        fixes: [
          'use kexec_file_load (-s)',
          'take kernel and initrd out of it: objcopy -O binary --only-section=.linux FILE Image',
        ],
      };
    },
    log: {
      pattern: /ERR: can not find \.linux section/,
      sentence: 'kexec-tools takes the file for a unified kernel image, and it is none.',
      ask: 'file of the kernel',
    },
  },
  {
    id: 'compressed-unread',
    severity: 'error',
    when: 'the kernel is compressed in a way that this kexec-tools cannot unpack',
    example: 'The kernel is compressed by zstd, which this kexec-tools cannot unpack.',
    fixes: ['unpack it first', 'use a kexec-tools that is built with the library'],
    look: (seen) => {
      const kind = kindOf(seen);
      if (kind?.kind !== 'compressed' || failedWith(seen, UNKNOWN_TYPE) === undefined) return undefined;
      return {
        sentence: `The kernel is compressed by ${kind.compression}, which this kexec-tools cannot unpack; or what is in it is no kernel.`,
        evidence: [build(seen)],
      };
    },
  },
  {
    id: 'other-architecture',
    severity: 'error',
    when: 'the kernel is for another architecture',
    example: 'The kernel is for x86_64, and the machine is arm64.',
    fixes: ['load a kernel for arm64'],
    look: (seen) => {
      const kind = kindOf(seen);
      const machine = kind?.kind === 'ELF' || kind?.kind === 'other architecture' ? kind.machine : undefined;
      if (machine === undefined || seen.chosen.exitCode === 0) return undefined;
      return {
        sentence: `The kernel is for ${machine}, and the machine is arm64.`,
        evidence: [`${seen.wanted.kernel}: its first bytes`],
      };
    },
    log: {
      pattern: OTHER_FLAGS,
      sentence: ([, digits]) =>
        `That is a log of kexec for ${architectureOfFlags(BigInt(`0x${digits}`))}, which is not followed here.`,
      ask: 'a log of kexec on arm64',
    },
  },
  {
    id: 'fit-image',
    severity: 'error',
    when: 'the kernel is a FIT, which kexec-tools does not read',
    example: 'The kernel is a FIT (or a device tree), which kexec-tools does not read.',
    fixes: ['take the kernel out of it: dumpimage -T flat_dt -p 0 -o Image FILE'],
    look: (seen) =>
      kindOf(seen)?.kind === 'FIT' && seen.chosen.exitCode !== 0
        ? {
            sentence: 'The kernel is a FIT (or a device tree), which kexec-tools does not read.',
            evidence: [`${seen.wanted.kernel}: 0xd00dfeed at offset 0`],
          }
        : undefined,
  },
  {
    id: 'uimage-needs-kexec-load',
    severity: 'error',
    when: 'the kernel is a uImage, which kexec_file_load does not take',
    example: 'The kernel is a uImage, which is not for kexec_file_load.',
    fixes: ['use kexec_load (-c)'],
    isOfOneWay: true,
    look: (seen) =>
      failedWith(seen, /uImage is not supported in kexec_file|uImage_arm64/) !== undefined &&
      kindOf(seen)?.kind === 'uImage'
        ? {
            sentence: 'The kernel is a uImage, which is not for kexec_file_load.',
            evidence: [`${seen.wanted.kernel}: 0x27051956 at offset 0`],
          }
        : undefined,
  },
  {
    id: 'not-a-kernel',
    severity: 'error',
    when: 'the file is no kernel that kexec-tools knows',
    example: 'kexec-tools does not know what /boot/README is.',
    fixes: ['give an Image, a vmlinux, a uImage, an EFI vmlinuz or a unified kernel image for arm64'],
    isLastResort: true,
    look: (seen) => {
      const { kernel, kernelFile } = seen.wanted;
      if (kernelFile?.length === 0 && seen.chosen.exitCode !== 0)
        return { sentence: `${kernel} is empty.`, evidence: [] };
      const match = failedWith(seen, UNKNOWN_TYPE);
      return match && { sentence: `kexec-tools does not know what ${match[1]} is.`, evidence: [`kexec: ${match[0]}`] };
    },
    log: {
      pattern: UNKNOWN_TYPE,
      sentence:
        "kexec-tools does not know what the kernel's file is: a zboot image or a UKI for an old release, a missing library, another architecture.",
      ask: 'file of the kernel; kexec --version; ldd of kexec',
    },
  },
  {
    id: 'page-size-unknown',
    severity: 'error',
    when: 'the kernel is built for pages that the processor does not have',
    example: 'kexec_file_load answers EINVAL: the kernel is for pages of 16 KiB, which this processor does not have.',
    fixes: ['load a kernel for pages of 4 KiB'],
    look: (seen) => {
      const { wanted } = seen;
      const flags = wanted.kernelFile && readArm64ImageHeader(wanted.kernelFile)?.flags;
      const pages = flags === undefined ? undefined : [undefined, '4', '16', '64'][Number((flags >> 1n) & 3n)];
      if (
        refusedFor(seen, strerror(Errno.EINVAL))?.call !== 'kexec_file_load' &&
        !/not available/.test(seen.chosen.said)
      )
        return undefined;
      if (pages !== '16' || hasPagesOf(seen.files, KiB(16n))) return undefined;
      return {
        sentence: `kexec_file_load answers EINVAL: the kernel is for pages of ${pages} KiB, which this processor does not have.`,
        evidence: [`${wanted.kernel}: flags 0x${flags!.toString(16)}`, '/proc/cpuinfo: CPU part'],
      };
    },
  },
  {
    id: 'kaslr-seed',
    severity: 'error',
    when: 'the device tree that --dtb names has a kaslr-seed that is not 0, which kexec-tools 2.0.20 and later refuse',
    example: 'The device tree has a kaslr-seed that is not 0, which kexec-tools refuses.',
    fixes: ['fdtput -t x FILE /chosen kaslr-seed 0 0', 'leave out --dtb: the running kernel has wiped its own'],
    look: (seen) =>
      failedWith(seen, /kaslr-seed is not wiped to 0/) && {
        sentence: 'The device tree has a kaslr-seed that is not 0, which kexec-tools refuses.',
        evidence: ['kexec: setup_2nd_dtb: kaslr-seed is not wiped to 0.'],
      },
    log: {
      pattern: /setup_2nd_dtb failed/,
      sentence: 'kexec refuses the device tree: most often for a kaslr-seed that is not 0, which -d tells.',
      ask: 'the log with -d; fdtget FILE /chosen kaslr-seed',
    },
  },
  {
    id: 'tree-refused',
    severity: 'error',
    when: 'kexec cannot make the new device tree of the one that there is',
    example: 'kexec cannot use the device tree: kexec: setup_2nd_dtb failed.',
    fixes: ['check the file with dtc or fdtdump', 'leave out --dtb'],
    isLastResort: true,
    look: (seen) => {
      const match = failedWith(
        seen,
        /^kexec: (?:setup_2nd_dtb failed\.|Invalid 2nd.*|Error: .*dtb.*|.*dtb.*failed.*)$/m,
      );
      return match && { sentence: `kexec cannot use the device tree: ${match[0]}`, evidence: [] };
    },
  },
  {
    id: 'uki-initrd-left-out',
    severity: 'warning',
    when: 'the kernel is a unified kernel image with an initrd, which kexec_load leaves out',
    example: 'The initrd in the unified kernel image is not loaded by kexec_load.',
    fixes: [
      'use kexec_file_load (-s)',
      'take it out and give it: objcopy -O binary --only-section=.initrd FILE initrd, --initrd=initrd',
    ],
    look: (seen) => {
      const { chosen, wanted } = seen;
      const isLoaded = chosen.image !== undefined && chosen.image.segments.every(({ role }) => role === undefined);
      if (!isLoaded || wanted.initrd !== undefined || kindOf(seen)?.kind !== 'UKI') return undefined;
      const sections = sectionNames(wanted.kernelFile ?? new Uint8Array());
      if (!sections.includes('.initrd')) return undefined;
      return {
        sentence: 'The initrd in the unified kernel image is not loaded by kexec_load.',
        evidence: [`${wanted.kernel}: sections ${sections.join(' ')}`],
      };
    },
  },
];
