/** What differs between releases of kexec-tools in their arm64 part, as data. */
import type { Compat, Release } from '../../base/compat.js';
import { Errno } from '../../base/error.js';

/** `__LINE__` of messages in kexec/arch/arm64/kexec-arm64.c that print it. */
export interface MessageLines {
  readonly commandLine: number;
  readonly initrd: number;
  readonly dtb: number;
  /** undefined: the release has no --serial, and no such message. */
  readonly console: number | undefined;
  readonly purgatorySink: number | undefined;
}

export interface Arm64Compat {
  readonly lines: MessageLines;
  /** Memory ranges: every "System RAM" and "reserved" line on its own (2.0.20), or RAM less what is in it. */
  readonly memoryRanges: 'lines' | 'excluded';
  /** Ranges of the crashed kernel's memory that there is room for; undefined: any number. */
  readonly maxCoredumpRanges: number | undefined;
  /** Crash kernel regions that may be used: one until 2.0.20, then a high and a low one. */
  readonly maxCrashRegions: number;
  /** Until 2.0.20 the crash region is a variable, with zeros where there is none; later they are a list. */
  readonly crashRegionsAre: 'variable' | 'list';
  /** Since 2.0.32 a crash region that is listed twice is told of and left out. */
  readonly warnsOfRepeatedCrashRegion: boolean;
  /** Whether VA_BITS comes from VMCOREINFO, and PAGE_OFFSET takes the layout of Linux 5.4 into account. */
  readonly vaBitsFromVmcoreinfo: boolean;
  /** Whether "Kernel code" may start at _stext instead of _text. */
  readonly comparesStext: boolean;
  readonly hasSerial: boolean;
  /** Name and format of the compressed kernel: Image.gz by name (zImage), or EFI zboot (vmlinuz). */
  readonly compressedFormat: 'zImage' | 'vmlinuz';
  /** What errno is left at when messages about /proc/kcore print it unset. */
  readonly kcoreLeftoverErrno: number;
  /** What ABS64 and PREL32 do: 2.0.20 adds to what is in place. */
  readonly relocationsAddInPlace: boolean;
  /** Relocations by MOVW and the 128-bit load/store, since 2.0.25. */
  readonly hasMovwRelocations: boolean;
}

const V2_0_32: Arm64Compat = {
  lines: { commandLine: 179, initrd: 181, dtb: 183, console: 186, purgatorySink: 742 },
  memoryRanges: 'excluded',
  maxCoredumpRanges: undefined,
  maxCrashRegions: 2,
  crashRegionsAre: 'list',
  warnsOfRepeatedCrashRegion: true,
  vaBitsFromVmcoreinfo: true,
  comparesStext: true,
  hasSerial: true,
  compressedFormat: 'vmlinuz',
  kcoreLeftoverErrno: Errno.EBADF,
  relocationsAddInPlace: false,
  hasMovwRelocations: true,
};

const V2_0_29: Arm64Compat = {
  ...V2_0_32,
  lines: { commandLine: 178, initrd: 180, dtb: 182, console: 185, purgatorySink: 741 },
  warnsOfRepeatedCrashRegion: false,
};

const V2_0_25: Arm64Compat = { ...V2_0_29, compressedFormat: 'zImage' };

const V2_0_20: Arm64Compat = {
  ...V2_0_25,
  lines: { commandLine: 173, initrd: 175, dtb: 177, console: undefined, purgatorySink: undefined },
  memoryRanges: 'lines',
  maxCoredumpRanges: 32,
  maxCrashRegions: 1,
  crashRegionsAre: 'variable',
  vaBitsFromVmcoreinfo: false,
  comparesStext: false,
  hasSerial: false,
  kcoreLeftoverErrno: 0,
  relocationsAddInPlace: true,
  hasMovwRelocations: false,
};

const BY_RELEASE: Readonly<Record<Release, Arm64Compat>> = {
  '2.0.20': V2_0_20,
  '2.0.25': V2_0_25,
  '2.0.29': V2_0_29,
  '2.0.32': V2_0_32,
  '2.0.32.git': V2_0_32,
};

export const arm64CompatOf = ({ release }: Pick<Compat, 'release'>): Arm64Compat => BY_RELEASE[release];
