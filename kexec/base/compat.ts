/** What differs between the releases of kexec-tools that we speak for, as data; an architecture has its own part. */
import { Errno } from './error.js';

/** Oldest first. 2.0.32.git is the development tree behind 2.0.32, as it calls itself: git commit 29898e1. */
export const RELEASES = ['2.0.20', '2.0.25', '2.0.29', '2.0.32', '2.0.32.git'] as const;
export type Release = (typeof RELEASES)[number];

/** Decompression libraries that a build may have been linked with. */
export type Library = 'zlib' | 'zstd' | 'lzma';

export const LIBRARIES: readonly Library[] = ['zlib', 'zstd', 'lzma'];

export interface Compat {
  readonly release: Release;
  readonly libraries: ReadonlySet<Library>;
  /** Whether a plain `-l` tries kexec_file_load first (`-a` is the default, since 2.0.29). */
  readonly fileLoadByDefault: boolean;
  /** Whether every BOOT_IMAGE and crashkernel parameter is removed from a command line (2.0.32), or the first one. */
  readonly removesEveryParameter: boolean;
  /** 2.0.20 reads /proc/cmdline with one fgets() of 2048 bytes. */
  readonly cmdlineLimit: number | undefined;
  /** 2.0.20: `-d` falls through to `-x`. */
  readonly debugImpliesNoIfdown: boolean;
  /** 2.0.20: `-S` is about the crash kernel even with `-l`. */
  readonly statusIgnoresLoad: boolean;
  readonly hasLiveUpdate: boolean;
  readonly hasHotplug: boolean;
  /** --no-cma and --force-dtb. */
  readonly hasCmaAndDtbFlags: boolean;
  readonly hasZstd: boolean;
  readonly hasUki: boolean;
  /** Whether the lzma reader looks at the properties first, which leaves out .xz files. */
  readonly lzmaChecksProperties: boolean;
  /** Memory limit of the lzma decoder in bytes. */
  readonly lzmaMemoryLimit: number;
  /** The zlib that Debian's build runs with takes a file for gzip only by method and flags too (since 1.3.2). */
  readonly zlibChecksHeader: boolean;
  /** That zlib gives what there is before a fault, and fails at the next call (since 1.3.2). */
  readonly zlibReadsToTheFault: boolean;
  /** What errno is left at when messages about the crash dump print it unset. */
  readonly leftoverErrno: number;
  /** Debian ends "Cannot read FILE" with a newline. */
  readonly cannotReadEndsLine: boolean;
  /** Built with a C library (glibc 2.38) that reads 0b101 as a number (C23, 7.24.2.8). */
  readonly readsBinaryNumbers: boolean;
  /** KEXEC_FILE_DEBUG is passed with `-d`. */
  readonly fileDebugFlag: boolean;
  /** KEXEC_DEBUG is passed with `-d`. */
  readonly loadDebugFlag: boolean;
  /**
   * Where the kernel is not compressed, kexec_file_load is given the file itself; the debug log tells the file
   * descriptor and the flags.
   */
  readonly keepsKernelOpen: boolean;
  /** Which of its two sizes a section of a UKI has: the one in memory, or the one in the file, which is padded. */
  readonly ukiSectionSize: 'virtual' | 'raw';
  /** The example in the message that no crash kernel memory is reserved. */
  readonly crashkernelExample: string;
  /** Whether vmcore-dmesg knows the lockless ring buffer of Linux 5.10. */
  readonly knowsRingbuffer: boolean;
  /** Whether vmcore-dmesg's messages about the first bytes name the file, or "(null)". */
  readonly dmesgNamesFile: boolean;
  /** Whether vmcore-dmesg looks at where a log's records end. */
  readonly checksRecordIndex: boolean;
  /**
   * Whether vmcore-dmesg finds an address that no program header has by its place in the linear map, and
   * NUMBER(phys_ram_base) is another name for NUMBER(PHYS_OFFSET).
   */
  readonly knowsDirectMap: boolean;
  /** "printk" as vmcore-dmesg spells it. */
  readonly printkSpelling: 'prink' | 'printk';
  /** Whether kexec_load is tried where kexec_file_load is missing: 2.0.20 looks for its error in the wrong place. */
  readonly fallsBackToKexecLoad: boolean;
  /** Whether kexec_file_load's kernel is opened before it is read, with a message of its own. */
  readonly opensKernelFirst: boolean;
  /** Whether kexec_file_load's probes are given the name of a gzip file in place of its content (until 2.0.27). */
  readonly probesGzipByName: boolean;
  /** Whether the kernel in a zboot image that is signed ends with its certificates (since 2.0.30). */
  readonly trimsSignedKernels: boolean;
  /** Text of a failed unload by kexec_file_load: 2.0.20 has its newline in the middle. */
  readonly fileUnloadFailed: string;
}

type ReleaseData = Omit<Compat, 'libraries'>;

const V2_0_32_GIT: ReleaseData = {
  release: '2.0.32.git',
  fileLoadByDefault: true,
  removesEveryParameter: true,
  cmdlineLimit: undefined,
  debugImpliesNoIfdown: false,
  statusIgnoresLoad: false,
  hasLiveUpdate: true,
  hasHotplug: true,
  hasCmaAndDtbFlags: true,
  hasZstd: true,
  hasUki: true,
  lzmaChecksProperties: true,
  lzmaMemoryLimit: 128 * 1024 * 1024,
  leftoverErrno: Errno.EBADF,
  cannotReadEndsLine: false,
  readsBinaryNumbers: true,
  zlibChecksHeader: true,
  zlibReadsToTheFault: true,
  fileDebugFlag: true,
  loadDebugFlag: true,
  keepsKernelOpen: true,
  ukiSectionSize: 'virtual',
  crashkernelExample: 'Y@X',
  knowsRingbuffer: true,
  dmesgNamesFile: true,
  checksRecordIndex: true,
  knowsDirectMap: true,
  printkSpelling: 'printk',
  fallsBackToKexecLoad: true,
  opensKernelFirst: true,
  probesGzipByName: false,
  trimsSignedKernels: true,
  fileUnloadFailed: 'kexec_file_load(unload) failed: ',
};

const V2_0_32: ReleaseData = {
  ...V2_0_32_GIT,
  release: '2.0.32',
  hasCmaAndDtbFlags: false,
  loadDebugFlag: false,
  keepsKernelOpen: false,
  opensKernelFirst: false,
  cannotReadEndsLine: true,
  ukiSectionSize: 'raw',
  knowsDirectMap: false,
};

const V2_0_29: ReleaseData = {
  ...V2_0_32,
  release: '2.0.29',
  printkSpelling: 'prink',
  removesEveryParameter: false,
  zlibChecksHeader: false,
  zlibReadsToTheFault: false,
  hasZstd: false,
  hasUki: false,
  trimsSignedKernels: false,
};

const V2_0_25: ReleaseData = {
  ...V2_0_29,
  release: '2.0.25',
  fileLoadByDefault: false,
  opensKernelFirst: true,
  probesGzipByName: true,
  leftoverErrno: Errno.ENOENT,
  cannotReadEndsLine: false,
  readsBinaryNumbers: false,
  hasHotplug: false,
  lzmaMemoryLimit: 64 * 1024 * 1024,
  fileDebugFlag: false,
};

const V2_0_20: ReleaseData = {
  ...V2_0_25,
  release: '2.0.20',
  cmdlineLimit: 2048,
  debugImpliesNoIfdown: true,
  statusIgnoresLoad: true,
  hasLiveUpdate: false,
  lzmaChecksProperties: false,
  crashkernelExample: 'X@Y',
  knowsRingbuffer: false,
  dmesgNamesFile: false,
  checksRecordIndex: false,
  fallsBackToKexecLoad: false,
  fileUnloadFailed: 'kexec_file_load(unload) failed\n: ',
};

const DATA: Readonly<Record<Release, ReleaseData>> = {
  '2.0.20': V2_0_20,
  '2.0.25': V2_0_25,
  '2.0.29': V2_0_29,
  '2.0.32': V2_0_32,
  '2.0.32.git': V2_0_32_GIT,
};

export const compatFor = (release: Release, libraries: Iterable<Library> = LIBRARIES): Compat => ({
  ...DATA[release],
  libraries: new Set(libraries),
});

/**
 * Reads `VERSION[:LIB,...]`, the value of KEXEC_COMPAT. Without libraries the build has all three; "VERSION:" has none.
 * @returns undefined when it is something else
 */
export const parseCompat = (text: string): Compat | undefined => {
  const [version, list, ...rest] = text.split(':');
  const release = RELEASES.find((name) => name === version);
  if (release === undefined || rest.length > 0) return undefined;
  if (list === undefined) return compatFor(release);
  const names = list === '' ? [] : list.split(',');
  const libraries = LIBRARIES.filter((name) => names.includes(name));
  return libraries.length === new Set(names).size ? compatFor(release, libraries) : undefined;
};

export const DEFAULT_COMPAT: Compat = compatFor('2.0.32');
