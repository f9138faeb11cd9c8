/**
 * kexec_load(2) and reboot(2) of Linux for arm64: which calls succeed, what the others are answered, and what is loaded
 * afterwards. Values in, values out; the bytes of an image are never looked at. kexec_file_load(2) is in kexec-file.ts.
 *
 * Sources: kernel/kexec.c, kernel/kexec_core.c and kernel/reboot.c of Linux, and recorded answers of real kernels,
 * which the tests compare with.
 */
import { Errno } from '../../../kexec/base/error.js';
import { KEXEC_MAX_SEGMENTS, KEXEC_ON_CRASH } from '../../../kexec/base/uapi.js';
import { U64_MAX, u64 } from '../../../kexec/base/u64.js';
import type { KernelFacts } from '../facts/facts.js';
import { traitsOf } from '../facts/generations.js';
import { type Shortage, layOutKimage } from './kimage.js';
import { LOCKED_DOWN } from './lockdown.js';
import { countPages, createPageAllocator } from '../facts/page-allocator.js';

/** Where the bytes of a segment are. `fault` stands for memory that the caller may not read. */
export type SegmentSource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'zeros' }
  /** A data file of the state directory. */
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'fault' };

/** What kexec_file_load(2) knows of the segments that it makes. */
export const SEGMENT_ROLES = ['kernel', 'initrd', 'dtb', 'elfcorehdr'] as const;
export type SegmentRole = (typeof SEGMENT_ROLES)[number];

/** `struct kexec_segment` (include/uapi/linux/kexec.h). */
export interface KernelSegment {
  /** Undefined where the caller of kexec_load(2) made it. */
  readonly role?: SegmentRole | undefined;
  /** Physical address. */
  readonly mem: bigint;
  /** Bytes of memory; what is behind `bufsz` is zero. */
  readonly memsz: bigint;
  /** Bytes of `source`. */
  readonly bufsz: bigint;
  readonly source: SegmentSource;
}

/** The arguments of kexec_load(2). */
export interface LoadCall {
  readonly entry: bigint;
  readonly flags: bigint;
  readonly nrSegments: bigint;
  /** What the segments pointer points to; memory behind the array's end cannot be read either. */
  readonly segments: readonly KernelSegment[] | 'fault';
}

export interface LoadedImage {
  readonly entry: bigint;
  readonly flags: bigint;
  readonly segments: readonly KernelSegment[];
}

/** `unknown`: something was loaded when the machine was recorded, and nobody wrote down what. */
export type ImageSlot = LoadedImage | 'unknown' | undefined;

export interface InterfaceState {
  readonly name: string;
  readonly up: boolean;
}

export interface KernelState {
  /** kexec_image: what reboot(KEXEC) starts. */
  readonly normal: ImageSlot;
  /** kexec_crash_image: what a panic starts. */
  readonly crash: ImageSlot;
  /** /proc/sys/kernel/kexec_load_disabled. */
  readonly loadDisabled: boolean;
  /** /proc/sys/kernel/kexec_load_limit_reboot: calls left, or -1 for no limit. */
  readonly limitReboot: number;
  /** /proc/sys/kernel/kexec_load_limit_panic. */
  readonly limitPanic: number;
  /** Network interfaces that were brought up or taken down since the machine was booted. */
  readonly interfaces: readonly InterfaceState[];
}

/** A machine that was just booted. */
export const INITIAL_STATE: KernelState = {
  normal: undefined,
  crash: undefined,
  loadDisabled: false,
  limitReboot: -1,
  limitPanic: -1,
  interfaces: [],
};

export interface Caller {
  readonly capSysBoot: boolean;
  /** Whether the process lives in the first pid namespace: in others, reboot(2) is about the namespace. */
  readonly initialPidNamespace: boolean;
}

export const ROOT: Caller = { capSysBoot: true, initialPidNamespace: true };

export interface Outcome {
  /** 0 or a negative errno. */
  readonly result: number;
  /** The same object as before when nothing changed. */
  readonly state: KernelState;
  /** What the kernel writes to its log, with the level as of /dev/kmsg ("<3>..."). */
  readonly log: readonly string[];
}

const FLAG_BITS = 0xffffn;
const ARCH_BITS = 0xffff_0000n;
/** KEXEC_ARCH_DEFAULT and KEXEC_ARCH_AARCH64. */
const ARCHITECTURES = [0n, 183n << 16n];

/** Which of the two images a call is about. */
export type SlotName = 'normal' | 'crash';

export const answer = (state: KernelState, result: number, log: readonly string[] = []): Outcome => ({ result, state, log });
export const refuse = (state: KernelState, errno: number, log?: readonly string[]): Outcome => answer(state, -errno, log);

/**
 * kexec_load(2).
 * @param busy whether another load is under way, which holds the lock of all loads
 */
export const answerKexecLoad = (
  facts: KernelFacts,
  before: KernelState,
  call: LoadCall,
  caller: Caller = ROOT,
  busy = false,
): Outcome => {
  const { loadFlags, copiesSegmentsFirst } = traitsOf(facts.generation);
  const slot = (call.flags & KEXEC_ON_CRASH) === 0n ? 'normal' : 'crash';

  if (!facts.hasKexecLoad) return refuse(before, Errno.ENOSYS);
  const counted = permitLoad(facts, before, slot, caller);
  if (counted === undefined) return refuse(before, Errno.EPERM);
  if (facts.lockedDown) return refuse(counted, Errno.EPERM, [LOCKED_DOWN]);

  // Bits 63..32 are not looked at: the masks are 32-bit constants.
  if ((call.flags & FLAG_BITS & ~loadFlags) !== 0n) return refuse(counted, Errno.EINVAL);
  if (call.nrSegments > BigInt(KEXEC_MAX_SEGMENTS)) return refuse(counted, Errno.EINVAL);
  if (!ARCHITECTURES.includes(call.flags & ARCH_BITS)) return refuse(counted, Errno.EINVAL);

  const segments = readSegments(call);
  if (segments === undefined && copiesSegmentsFirst) return refuse(counted, Errno.EFAULT);
  if (busy) return refuse(counted, Errno.EBUSY);
  if (call.nrSegments === 0n) return answer(withSlot(counted, slot, undefined), 0);

  // The old crash image makes room in the one region that there is, and is lost even if the load fails.
  const cleared = slot === 'crash' ? withSlot(counted, 'crash', undefined) : counted;
  if (slot === 'crash' && !isInCrashRegion(facts, call.entry)) return refuse(cleared, Errno.EADDRNOTAVAIL);
  if (segments === undefined) return refuse(cleared, Errno.EFAULT);

  return storeImage(facts, cleared, slot, { entry: call.entry, flags: call.flags, segments });
};

/** What both system calls do with an image whose segments are known. */
export const storeImage = (facts: KernelFacts, before: KernelState, slot: SlotName, image: LoadedImage): Outcome => {
  const { segments } = image;
  const fault = checkSegments(facts, segments, slot);
  if (fault !== 0) return refuse(before, fault);
  const shortage = slot === 'crash' ? crashShortage(facts, segments) : normalShortage(facts, segments);
  const outOfPages = (lines: readonly string[]): Outcome => refuse(before, Errno.ENOMEM, lines);
  // The kernel has a word for each of the control pages, and none for a segment's.
  if (shortage !== undefined && shortage.length > 0) return outOfPages(shortage);
  // machine_kexec_prepare(), arch/arm64/kernel/machine_kexec.c: behind the control pages, before the segments' own.
  if (slot === 'normal' && facts.stuckCpus?.() !== undefined) return refuse(before, Errno.EBUSY, [STUCK]);
  if (shortage !== undefined) return outOfPages(shortage);
  if (segments.some(({ source, bufsz }) => source.kind === 'fault' && bufsz > 0n)) return refuse(before, Errno.EFAULT);
  return answer(withSlot(before, slot, image), 0);
};

export const withSlot = (state: KernelState, slot: SlotName, image: ImageSlot): KernelState =>
  state[slot] === image ? state : { ...state, [slot]: image };

/**
 * kexec_load_permitted(), kernel/kexec_core.c: every attempt counts, unloading included.
 * @returns the state in which this attempt is counted; undefined when it is forbidden
 */
export const permitLoad = (
  { generation }: KernelFacts,
  state: KernelState,
  slot: SlotName,
  caller: Caller,
): KernelState | undefined => {
  if (!caller.capSysBoot || state.loadDisabled) return undefined;
  if (!traitsOf(generation).hasLoadLimits) return state;
  const limit = slot === 'crash' ? 'limitPanic' : 'limitReboot';
  if (state[limit] === 0) return undefined;
  return state[limit] === -1 ? state : { ...state, [limit]: state[limit] - 1 };
};

const readSegments = (call: LoadCall): readonly KernelSegment[] | undefined => {
  if (call.nrSegments === 0n) return [];
  if (call.segments === 'fault' || BigInt(call.segments.length) < call.nrSegments) return undefined;
  return call.segments.slice(0, Number(call.nrSegments));
};

/** Without a region, crashk_res is empty at address 0, both ends inclusive: of all entries only 0 is in it. */
export const crashBounds = ({ crashRegion }: KernelFacts): { readonly start: bigint; readonly last: bigint } =>
  crashRegion ?? { start: 0n, last: 0n };

const isInCrashRegion = (facts: KernelFacts, entry: bigint): boolean => {
  const { start, last } = crashBounds(facts);
  return start <= entry && entry <= last;
};

/** sanity_check_segment_list(), kernel/kexec_core.c: the whole list is checked for one fault, then for the next. */
const checkSegments = (facts: KernelFacts, segments: readonly KernelSegment[], slot: SlotName): number => {
  const { pageSize } = facts;
  const endOf = ({ mem, memsz }: KernelSegment): bigint => u64(mem + memsz);
  const pagesOf = ({ memsz }: KernelSegment): bigint => u64(memsz + pageSize - 1n) / pageSize;

  const isMisplaced = (segment: KernelSegment): boolean => {
    const end = endOf(segment);
    return end < segment.mem || segment.mem % pageSize !== 0n || end % pageSize !== 0n || end >= U64_MAX;
  };
  if (segments.some(isMisplaced)) return Errno.EADDRNOTAVAIL;

  const overlap = (a: KernelSegment, b: KernelSegment): boolean => endOf(a) > b.mem && a.mem < endOf(b);
  if (segments.some((segment, i) => segments.slice(0, i).some((other) => overlap(segment, other)))) return Errno.EINVAL;

  if (segments.some(({ bufsz, memsz }) => bufsz > memsz)) return Errno.EINVAL;

  const halfOfRam = facts.totalRamPages / 2n;
  if (segments.some((segment) => pagesOf(segment) > halfOfRam)) return Errno.EINVAL;
  if (segments.reduce((total, segment) => total + pagesOf(segment), 0n) > halfOfRam) return Errno.EINVAL;

  if (slot === 'crash') {
    const { start, last } = crashBounds(facts);
    // The last address of a segment of no bytes is the one before its first.
    if (segments.some((segment) => segment.mem < start || u64(endOf(segment) - 1n) > last)) return Errno.EADDRNOTAVAIL;
  }
  return 0;
};

const STUCK = "<3>Can't kexec: CPUs are stuck in the kernel.";
const NO_CONTROL_PAGE = '<3>kexec: Could not allocate control_code_buffer';

/**
 * A crash image needs two pages of its region besides its segments: for the code that starts it
 * (kimage_alloc_init()) and for a copy of VMCOREINFO (kimage_crash_copy_vmcoreinfo()). Anywhere in the region will do.
 * @returns what the kernel says of it, or undefined when there is room
 */
const crashShortage = (facts: KernelFacts, segments: readonly KernelSegment[]): readonly string[] | undefined => {
  const { start, last } = crashBounds(facts);
  const used = segments.reduce((bytes, { memsz }) => bytes + memsz, 0n);
  const freePages = (last + 1n - start - used) / facts.pageSize;
  if (freePages < 1n) return [NO_CONTROL_PAGE];
  return freePages < 2n ? ['<4>kexec_core: Could not allocate vmcoreinfo buffer'] : undefined;
};

/** When the recording does not tell the memory, it suffices. */
const normalShortage = (facts: KernelFacts, segments: readonly KernelSegment[]): readonly string[] | undefined => {
  const { generation, freeMemory, pageSize } = facts;
  const hasNothingAtZero = segments.some(({ mem, memsz }) => mem === 0n && memsz === 0n);
  if (hasNothingAtZero && traitsOf(generation).nothingAtZeroIsEverything) return [NO_CONTROL_PAGE];
  const free = countPages(freeMemory, pageSize);
  if (free === 0n || free >= mostPagesOf(segments, pageSize)) return undefined;
  const image = layOutKimage(segments, createPageAllocator(freeMemory, pageSize), pageSize);
  return 'lacks' in image ? SHORTAGES[image.lacks] : undefined;
};

/**
 * With as many free pages, the lists need not be made to see that there is room: those of the segments, of the list, of
 * which each may have come with one that is of no use to it, and the control pages.
 */
const mostPagesOf = (segments: readonly KernelSegment[], pageSize: bigint): bigint => {
  const pages = segments.reduce((sum, { memsz }) => sum + memsz / pageSize, 0n);
  const entries = pages + BigInt(segments.length);
  return pages + 2n * (entries / (pageSize / 8n - 1n) + 1n) + 2n;
};

/** kimage_alloc_init(), kernel/kexec.c; nothing is said of a segment without pages. */
const SHORTAGES: Readonly<Record<Shortage['lacks'], readonly string[]>> = {
  'control code page': [NO_CONTROL_PAGE],
  'swap page': ['<3>kexec: Could not allocate swap buffer'],
  page: [],
};

/** The arguments of reboot(2); C's `int` and `unsigned int` keep 32 bits of them. */
export interface RebootCall {
  readonly magic1: bigint;
  readonly magic2: bigint;
  readonly cmd: bigint;
}

/** LINUX_REBOOT_CMD_KEXEC and the magic numbers (include/uapi/linux/reboot.h). */
export const REBOOT_MAGIC1 = 0xfee1_deadn;
export const REBOOT_MAGIC2 = 0x2812_1969n;
export const REBOOT_CMD_KEXEC = 0x4558_4543n;
const OTHER_MAGIC2 = [0x0512_1996n, 0x1604_1998n, 0x2011_2000n];

/**
 * reboot(2) with LINUX_REBOOT_CMD_KEXEC; other commands are answered EINVAL.
 *
 * The real call does not return when it succeeds. Here it gives 0 and the state of a machine that was just booted,
 * since the kernel that starts has nothing loaded, whatever the old one had.
 */
export const answerReboot = (before: KernelState, call: RebootCall, caller: Caller = ROOT, busy = false): Outcome => {
  const low32 = (value: bigint): bigint => BigInt.asUintN(32, value);
  const magic2 = low32(call.magic2);
  if (!caller.capSysBoot) return refuse(before, Errno.EPERM);
  if (low32(call.magic1) !== REBOOT_MAGIC1 || (magic2 !== REBOOT_MAGIC2 && !OTHER_MAGIC2.includes(magic2))) {
    return refuse(before, Errno.EINVAL);
  }
  if (!caller.initialPidNamespace || low32(call.cmd) !== REBOOT_CMD_KEXEC) return refuse(before, Errno.EINVAL);
  if (busy) return refuse(before, Errno.EBUSY);
  if (before.normal === undefined) return refuse(before, Errno.EINVAL);
  return answer(INITIAL_STATE, 0);
};
