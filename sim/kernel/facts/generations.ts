/** The releases of Linux that the simulated kernel can be: what differs between them stands here, and nowhere else. */
import {
  KEXEC_CRASH_HOTPLUG_SUPPORT,
  KEXEC_FILE_DEBUG,
  KEXEC_FILE_FORCE_DTB,
  KEXEC_FILE_NO_CMA,
  KEXEC_FILE_NO_INITRAMFS,
  KEXEC_FILE_ON_CRASH,
  KEXEC_FILE_UNLOAD,
  KEXEC_ON_CRASH,
} from '../../../kexec/base/uapi.js';
import { MiB } from '../../../kexec/base/u64.js';

/** Releases whose answers are known, oldest first. */
export const GENERATIONS = ['5.10', '6.1', '6.12', '7.2'] as const;
export type Generation = (typeof GENERATIONS)[number];

/** How a kernel copies the new one into place: with the MMU off, up to release 5.15, or on. */
export type Relocation = 'mmu_off' | 'mmu_on';

/** What a release of Linux does in its own way. */
export interface LinuxTraits {
  /** The flags of kexec_load(2) in bits 15..0 that the kernel knows (KEXEC_FLAGS). */
  readonly loadFlags: bigint;
  /** Since 5.15 kexec_load(2) itself copies the segments, before it takes its lock. */
  readonly copiesSegmentsFirst: boolean;
  /** Since 6.3: the kexec_load_limit_* sysctls. */
  readonly hasLoadLimits: boolean;
  /**
   * Since 6.8, kimage_is_destination_range() takes inclusive ends, and a segment of no bytes at address 0 has its last
   * one at 2^64 - 1: no page is outside of it, and the allocation of the first control page eats up the memory.
   */
  readonly nothingAtZeroIsEverything: boolean;
  /** The flags of kexec_file_load(2) that the kernel knows (KEXEC_FILE_FLAGS): in the others, all 64 bits count. */
  readonly fileLoadFlags: bigint;
  /** The bytes of a file that kexec_file_load(2) reads at most (KEXEC_FILE_SIZE_MAX). */
  readonly maxFileBytes: number;
  /**
   * Since 6.8 a buffer fits that ends with the last byte of a hole; before, that byte is taken for the one behind it.
   */
  readonly fillsHolesToTheEnd: boolean;
  /**
   * Whether the kernel's init section is given back to memblock; older kernels free it for the page allocator alone.
   */
  readonly freesInitSection: boolean;
  /** Of the initrd's memory, what is freed: its bytes, or the pages that it is in. */
  readonly freesInitrdBy: 'bytes' | 'pages';
  /** Whether a crash kernel may use the low region that is reserved beside crashk_res (crashk_low_res). */
  readonly usesLowCrashRegion: boolean;
  /** The function that makes the device tree of the next kernel for kexec_file_load(2). */
  readonly treeMaker: 'setup_dtb' | 'of_kexec_alloc_and_setup_fdt';
  readonly relocation: Relocation;
  /** Since 5.16: protected KVM, which holds EL2, counts as processors that cannot be stopped. */
  readonly protectedKvmForbidsLoads: boolean;
  /** Since 6.0 crashkernel=SIZE,high and ,low are understood. */
  readonly knowsHighCrashkernel: boolean;
  /** Where `,high` is looked for from: the start of memory, or the limit of DMA. */
  readonly highCrashkernelFrom: 'start' | 'limit';
  /**
   * Since 6.2 a crash kernel that has no place on one side of the limit of DMA goes to the other side, and one above it
   * has memory below it, too, also where none is asked for.
   */
  readonly triesTheOtherSide: boolean;
  /** Before 6.7 the crash kernel's region has whole pages, whatever size is asked for. */
  readonly alignsCrashkernel: boolean;
  /** Up to 6.12 at least, the array of pages is allocated before the crash kernel's region. */
  readonly mapsPagesFirst: boolean;
  /**
   * Bytes of that array for a section of the memory, to which it is aligned: sections had 1 GiB, and have 128 MiB since
   * 5.12.
   */
  readonly pagesOfSection: bigint;
  readonly dying: DyingTraits;
}

/** How a kernel dies. */
export interface DyingTraits {
  /**
   * The interrupt by which a crash stops the other processors: one of its own up to 6.11, since then the one that stops
   * them always (enum ipi_msg_type, arch/arm64/kernel/smp.c).
   */
  readonly stopSgi: 2 | 3;
  /** Of processors that do not answer, older kernels know only how many: they name all that were asked. */
  readonly namesAllThatWereAsked: boolean;
  /** What crash_setup_regs() makes PSTATE to be: I and F are masked, or I alone before 5.12; flags of a comparison. */
  readonly fakedPstate: bigint;
  /** Whether the compiler has it write by way of X0, which so is told as the place that it writes to. */
  readonly hasPlaceInX0: boolean;
  /** Whether the user is in the line of the process: in 6.12, and not in 6.1. */
  readonly tellsUser: boolean;
  /** Since 5.14, a build ID may be behind the version, and a space is before what Debian has there. */
  readonly hasBuildId: boolean;
  /** What a fault's lines have of its syndrome, each more than the one before: its status, and ISS2. */
  readonly tellsSyndrome: 'plain' | 'status' | 'ISS2';
  /** Since 5.14; older kernels do not show DIT and SSBS either. */
  readonly registersALine: 2 | 3;
  /** What is behind an oops' number; 7.2 has no model of preemption there, but a space more. */
  readonly oopsSmp: ' SMP' | '  SMP';
  /** Since 5.17 a trace ends with 0; before, with a random number. */
  readonly endsTraceWithZero: boolean;
}

/** A flag of kexec_load(2) that kexec never passes (include/uapi/linux/kexec.h). */
const KEXEC_UPDATE_ELFCOREHDR = 0x4n;

const FILE_LOAD_FLAGS_5_10 = KEXEC_FILE_UNLOAD | KEXEC_FILE_ON_CRASH | KEXEC_FILE_NO_INITRAMFS;
/** KEXEC_FILE_DEBUG came with 6.7. */
const FILE_LOAD_FLAGS_6_12 = FILE_LOAD_FLAGS_5_10 | KEXEC_FILE_DEBUG;

const LINUX_7_2: LinuxTraits = {
  loadFlags: KEXEC_ON_CRASH | KEXEC_UPDATE_ELFCOREHDR | KEXEC_CRASH_HOTPLUG_SUPPORT,
  copiesSegmentsFirst: true,
  hasLoadLimits: true,
  nothingAtZeroIsEverything: true,
  // Since 6.17: not to use contiguous memory; and a flag of other architectures.
  fileLoadFlags: FILE_LOAD_FLAGS_6_12 | KEXEC_FILE_NO_CMA | KEXEC_FILE_FORCE_DTB,
  maxFileBytes: 2 ** 32,
  fillsHolesToTheEnd: true,
  freesInitSection: true,
  freesInitrdBy: 'bytes',
  usesLowCrashRegion: true,
  treeMaker: 'of_kexec_alloc_and_setup_fdt',
  relocation: 'mmu_on',
  protectedKvmForbidsLoads: true,
  knowsHighCrashkernel: true,
  highCrashkernelFrom: 'limit',
  triesTheOtherSide: true,
  alignsCrashkernel: false,
  mapsPagesFirst: false,
  pagesOfSection: MiB(2n),
  dying: {
    stopSgi: 2,
    namesAllThatWereAsked: false,
    fakedPstate: 0xc5n,
    hasPlaceInX0: true,
    tellsUser: true,
    hasBuildId: true,
    tellsSyndrome: 'ISS2',
    registersALine: 3,
    oopsSmp: '  SMP',
    endsTraceWithZero: true,
  },
};

const LINUX_6_12: LinuxTraits = {
  ...LINUX_7_2,
  fileLoadFlags: FILE_LOAD_FLAGS_6_12,
  freesInitrdBy: 'pages',
  mapsPagesFirst: true,
  dying: { ...LINUX_7_2.dying, oopsSmp: ' SMP' },
};

const LINUX_6_1: LinuxTraits = {
  ...LINUX_6_12,
  loadFlags: KEXEC_ON_CRASH,
  hasLoadLimits: false,
  nothingAtZeroIsEverything: false,
  fileLoadFlags: FILE_LOAD_FLAGS_5_10,
  fillsHolesToTheEnd: false,
  freesInitSection: false,
  highCrashkernelFrom: 'start',
  triesTheOtherSide: false,
  alignsCrashkernel: true,
  dying: {
    ...LINUX_6_12.dying,
    stopSgi: 3,
    namesAllThatWereAsked: true,
    tellsUser: false,
    tellsSyndrome: 'status',
  },
};

const LINUX_5_10: LinuxTraits = {
  ...LINUX_6_1,
  copiesSegmentsFirst: false,
  maxFileBytes: 2 ** 31 - 1,
  usesLowCrashRegion: false,
  treeMaker: 'setup_dtb',
  relocation: 'mmu_off',
  protectedKvmForbidsLoads: false,
  knowsHighCrashkernel: false,
  pagesOfSection: MiB(16n),
  dying: {
    ...LINUX_6_1.dying,
    fakedPstate: 0x2000_0085n,
    hasPlaceInX0: false,
    hasBuildId: false,
    tellsSyndrome: 'plain',
    registersALine: 2,
    endsTraceWithZero: false,
  },
};

const TRAITS: Readonly<Record<Generation, LinuxTraits>> = {
  '5.10': LINUX_5_10,
  '6.1': LINUX_6_1,
  '6.12': LINUX_6_12,
  '7.2': LINUX_7_2,
};

export const traitsOf = (generation: Generation): LinuxTraits => TRAITS[generation];

/** What a kernel is taken for that does not tell its release. */
const DEFAULT_GENERATION: Generation = '6.12';

/** Counts releases, so that distances between them can be told: there are twenty of 5.x and of 6.x. */
const ordinal = (major: number, minor: number): number => major * 20 + minor;

const generationOrdinal = (generation: Generation): number => {
  const [major, minor] = generation.split('.');
  return ordinal(Number(major), Number(minor));
};

const BANNER = 'Linux version ';
/** A banner has two hundred or so bytes; longer ones are cut off. */
export const MOST_BANNER_BYTES = 512;

/** What a kernel prints first of all (linux_banner, init/version.c), out of its Image. @returns undefined without */
export const bannerIn = ({ buffer, byteOffset, byteLength }: Uint8Array): string | undefined => {
  const image = Buffer.from(buffer, byteOffset, byteLength);
  for (let at = image.indexOf(BANNER); at >= 0; at = image.indexOf(BANNER, at + 1)) {
    const [line = ''] = image.toString('latin1', at, at + MOST_BANNER_BYTES).split(/[\n\0]/, 1);
    // Text that is to be printed with a release is in an Image, too.
    if (/^Linux version \d{1,3}\.\d/.test(line)) return line;
  }
  return undefined;
};

/** "Linux version 6.1.0-50-cloud-arm64 (...": the release. */
export const kernelRelease = (version: string | undefined): string | undefined =>
  /^Linux version (\S{1,128})/.exec(version ?? '')?.[1];

/** Whether a kernel is of a release or a later one; not, where it does not tell. */
export const isAtLeast = (version: string | undefined, major: number, minor: number): boolean =>
  isReleaseAtLeast(kernelRelease(version), major, minor);

/** The same of a release as `uname -r` tells it. */
export const isReleaseAtLeast = (release: string | undefined, major: number, minor: number): boolean => {
  const match = /^(\d{1,3})\.(\d{1,4})/.exec(release ?? '');
  return match !== null && (Number(match[1]) > major || (Number(match[1]) === major && Number(match[2]) >= minor));
};

/** The known release that is nearest to the one of /proc/version; the older one of two as near. */
export const generationOf = (version: string | undefined): Generation => {
  const match = /^(\d{1,3})\.(\d{1,4})/.exec(kernelRelease(version) ?? '');
  if (match === null) return DEFAULT_GENERATION;
  const release = ordinal(Number(match[1]), Number(match[2]));
  return GENERATIONS.reduce((best, candidate) =>
    Math.abs(generationOrdinal(candidate) - release) < Math.abs(generationOrdinal(best) - release) ? candidate : best,
  );
};
