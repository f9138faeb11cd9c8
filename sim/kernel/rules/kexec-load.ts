/**
 * kexec_load(2) and reboot(2) of Linux for arm64: which calls succeed, what the others are answered, and what is loaded
 * afterwards. Values in, values out; the bytes of an image are never looked at. kexec_file_load(2) is in kexec-file.ts.
 *
 * Sources: kernel/kexec.c, kernel/kexec_core.c and kernel/reboot.c of Linux, and recorded answers of real kernels,
 * which the tests compare with.
 */
import { Errno } from '../../../kexec/base/error.js';
import { hex } from '../../../kexec/base/format.js';
import { KEXEC_MAX_SEGMENTS, KEXEC_ON_CRASH } from '../../../kexec/base/uapi.js';
import { U64_MAX, u64 } from '../../../kexec/base/u64.js';
import type { Range } from '../../../kexec/base/range.js';
import type { KernelFacts } from '../facts/facts.js';
import { traitsOf } from '../facts/generations.js';
import { type Shortage, layOutKimage } from './kimage.js';
import { doubtsOf } from './doubts.js';
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
export const SEGMENT_ROLES = ['kernel', 'initrd', 'dtb', 'elfcorehdr', 'kho'] as const;
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
  /** Whether it lies in contiguous memory, in its place from the beginning. */
  readonly contiguous?: true | undefined;
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
  /** Contiguous memory that failed loads took, and that nobody gives back. */
  readonly contiguousLost?: readonly Range[] | undefined;
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
  /** The rule by which a load was refused, which a real kernel keeps to itself. */
  readonly why?: string;
}

/** Why a load is refused. */
export interface Refusal {
  /** Positive. */
  readonly errno: number;
  readonly why: string;
  /** What the kernel itself says of it. */
  readonly log?: readonly string[];
}

const FLAG_BITS = 0xffffn;
const ARCH_BITS = 0xffff_0000n;
/** KEXEC_ARCH_DEFAULT and KEXEC_ARCH_AARCH64. */
const ARCHITECTURES = [0n, 183n << 16n];

/** Which of the two images a call is about. */
export type SlotName = 'normal' | 'crash';

export const answer = (state: KernelState, result: number, log: readonly string[] = []): Outcome => ({
  result,
  state,
  log,
});
export const refuse = (state: KernelState, { errno, why, log = [] }: Refusal): Outcome => ({
  result: -errno,
  state,
  log,
  why,
});

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'errno' in value;

export const BUSY: Refusal = { errno: Errno.EBUSY, why: 'another load is under way' };

const hex0x = (value: bigint): string => `0x${hex(value)}`;

/** What of the flags a kernel does not know. */
export const unknownFlags = ({ generation }: KernelFacts, flags: bigint, unknown: bigint): Refusal => ({
  errno: Errno.EINVAL,
  why: `flags ${hex0x(flags)}: Linux ${generation} does not know ${hex0x(unknown)}`,
});

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

  if (!facts.hasKexecLoad) return refuse(before, NO_KEXEC_LOAD);
  const counted = permitLoad(facts, before, slot, caller);
  if (isRefusal(counted)) return refuse(before, counted);
  if (facts.lockedDown) return refuse(counted, LOCKED_DOWN_LOAD);

  // Bits 63..32 are not looked at: the masks are 32-bit constants.
  const unknown = call.flags & FLAG_BITS & ~loadFlags;
  if (unknown !== 0n) return refuse(counted, unknownFlags(facts, call.flags, unknown));
  if (call.nrSegments > BigInt(KEXEC_MAX_SEGMENTS)) {
    return refuse(counted, {
      errno: Errno.EINVAL,
      why: `${call.nrSegments} segments are more than ${KEXEC_MAX_SEGMENTS}`,
    });
  }
  if (!ARCHITECTURES.includes(call.flags & ARCH_BITS)) {
    const why = `flags ${hex0x(call.flags)}: the architecture in bits 31..16 is neither 0 nor 183, which is arm64`;
    return refuse(counted, { errno: Errno.EINVAL, why });
  }

  const segments = readSegments(call);
  if (segments === undefined && copiesSegmentsFirst) return refuse(counted, UNREADABLE);
  if (busy) return refuse(counted, BUSY);
  if (call.nrSegments === 0n) return answer(withSlot(counted, slot, undefined), 0);

  // The old crash image makes room in the one region that there is, and is lost even if the load fails.
  const cleared = slot === 'crash' ? withSlot(counted, 'crash', undefined) : counted;
  if (slot === 'crash' && !isInCrashRegion(facts, call.entry)) {
    const why = `the entry ${hex0x(call.entry)} is not in ${describeCrashRegion(facts)}`;
    return refuse(cleared, { errno: Errno.EADDRNOTAVAIL, why });
  }
  if (segments === undefined) return refuse(cleared, UNREADABLE);

  return storeImage(facts, cleared, slot, { entry: call.entry, flags: call.flags, segments });
};

const NO_KEXEC_LOAD: Refusal = { errno: Errno.ENOSYS, why: 'the kernel is built without CONFIG_KEXEC' };
const LOCKED_DOWN_LOAD: Refusal = {
  errno: Errno.EPERM,
  why: 'the kernel is locked down (/sys/kernel/security/lockdown), and this call takes what nobody has signed',
  log: [LOCKED_DOWN],
};
const UNREADABLE: Refusal = { errno: Errno.EFAULT, why: 'the list of segments cannot be read' };

const describeCrashRegion = ({ crashRegion }: KernelFacts): string =>
  crashRegion === undefined
    ? "the crash kernel's memory: none is reserved"
    : `the crash kernel's memory, ${hex0x(crashRegion.start)}-${hex0x(crashRegion.last)}`;

/** What both system calls do with an image whose segments are known. */
export const storeImage = (facts: KernelFacts, before: KernelState, slot: SlotName, image: LoadedImage): Outcome => {
  const { segments } = image;
  const refusal = checkSegments(facts, segments, slot) ?? prepare(facts, segments, slot) ?? unreadableSegment(segments);
  return refusal === undefined
    ? answer(withSlot(before, slot, image), 0, doubtsOf(facts, slot, image))
    : refuse(before, refusal);
};

/** Memory for the image, and machine_kexec_prepare(), arch/arm64/kernel/machine_kexec.c. */
const prepare = (facts: KernelFacts, segments: readonly KernelSegment[], slot: SlotName): Refusal | undefined => {
  if (slot === 'crash') return crashShortage(facts, segments);
  const shortage = normalShortage(facts, segments);
  // That comes behind the control pages, for whose want the kernel has words, and before the segments' own.
  const hasControlPages = (shortage?.log ?? []).length === 0;
  return hasControlPages && facts.stuckCpus?.() !== undefined ? STUCK : shortage;
};

const unreadableSegment = (segments: readonly KernelSegment[]): Refusal | undefined => {
  const index = segments.findIndex(({ source, bufsz }) => source.kind === 'fault' && bufsz > 0n);
  return index < 0 ? undefined : { errno: Errno.EFAULT, why: `the bytes of segment ${index} cannot be read` };
};

export const withSlot = (state: KernelState, slot: SlotName, image: ImageSlot): KernelState =>
  state[slot] === image ? state : { ...state, [slot]: image };

/**
 * kexec_load_permitted(), kernel/kexec_core.c: every attempt counts, unloading included.
 * @returns the state in which this attempt is counted, or why it is forbidden
 */
export const permitLoad = (
  { generation }: KernelFacts,
  state: KernelState,
  slot: SlotName,
  caller: Caller,
): KernelState | Refusal => {
  const forbid = (why: string): Refusal => ({ errno: Errno.EPERM, why });
  if (!caller.capSysBoot) return forbid('the caller has no CAP_SYS_BOOT');
  if (state.loadDisabled) return forbid('/proc/sys/kernel/kexec_load_disabled is 1');
  if (!traitsOf(generation).hasLoadLimits) return state;
  const limit = slot === 'crash' ? 'limitPanic' : 'limitReboot';
  if (state[limit] === 0)
    return forbid(`/proc/sys/kernel/kexec_load_limit_${slot === 'crash' ? 'panic' : 'reboot'} is 0`);
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
const checkSegments = (facts: KernelFacts, segments: readonly KernelSegment[], slot: SlotName): Refusal | undefined => {
  const { pageSize } = facts;
  const endOf = ({ mem, memsz }: KernelSegment): bigint => u64(mem + memsz);
  const pagesOf = ({ memsz }: KernelSegment): bigint => u64(memsz + pageSize - 1n) / pageSize;
  const told = (index: number): string => {
    const { mem, memsz } = segments[index]!;
    return `segment ${index}, ${hex0x(memsz)} bytes at ${hex0x(mem)},`;
  };
  /** The first segment that a rule does not let pass. */
  const first = (isWrong: (segment: KernelSegment, index: number) => boolean): number | undefined => {
    const index = segments.findIndex(isWrong);
    return index < 0 ? undefined : index;
  };

  const misplaced = first((segment) => {
    const end = endOf(segment);
    return end < segment.mem || segment.mem % pageSize !== 0n || end % pageSize !== 0n || end >= U64_MAX;
  });
  if (misplaced !== undefined) {
    const why = `${told(misplaced)} does not begin and end with pages of ${pageSize} bytes, below 2^64`;
    return { errno: Errno.EADDRNOTAVAIL, why };
  }

  const before = (index: number): number =>
    segments
      .slice(0, index)
      .findIndex((other) => endOf(segments[index]!) > other.mem && segments[index]!.mem < endOf(other));
  const overlapping = first((_, index) => before(index) >= 0);
  if (overlapping !== undefined) {
    return { errno: Errno.EINVAL, why: `${told(overlapping)} overlaps segment ${before(overlapping)}` };
  }

  const overfull = first(({ bufsz, memsz }) => bufsz > memsz);
  if (overfull !== undefined) {
    return {
      errno: Errno.EINVAL,
      why: `${told(overfull)} has more data than that: ${hex0x(segments[overfull]!.bufsz)} bytes`,
    };
  }

  const halfOfRam = facts.totalRamPages / 2n;
  const most = `half of the memory, which is ${halfOfRam} pages of ${pageSize} bytes`;
  const huge = first((segment) => pagesOf(segment) > halfOfRam);
  if (huge !== undefined) return { errno: Errno.EINVAL, why: `${told(huge)} is larger than ${most}` };
  const pages = segments.reduce((total, segment) => total + pagesOf(segment), 0n);
  if (pages > halfOfRam)
    return { errno: Errno.EINVAL, why: `all segments together, ${pages} pages, are larger than ${most}` };

  if (slot === 'crash') {
    const { start, last } = crashBounds(facts);
    // The last address of a segment of no bytes is the one before its first.
    const outside = first((segment) => segment.mem < start || u64(endOf(segment) - 1n) > last);
    if (outside !== undefined) {
      return { errno: Errno.EADDRNOTAVAIL, why: `${told(outside)} is not in ${describeCrashRegion(facts)}` };
    }
  }
  return undefined;
};

const STUCK: Refusal = {
  errno: Errno.EBUSY,
  why: 'there are processors that could not be switched off',
  log: ["<3>Can't kexec: CPUs are stuck in the kernel."],
};
const NO_CONTROL_PAGE = '<3>kexec: Could not allocate control_code_buffer';

/**
 * A crash image needs two pages of its region besides its segments: for the code that starts it
 * (kimage_alloc_init()) and for a copy of VMCOREINFO (kimage_crash_copy_vmcoreinfo()). Anywhere in the region will do.
 */
const crashShortage = (facts: KernelFacts, segments: readonly KernelSegment[]): Refusal | undefined => {
  const { start, last } = crashBounds(facts);
  const used = segments.reduce((bytes, { memsz }) => bytes + memsz, 0n);
  const freePages = (last + 1n - start - used) / facts.pageSize;
  const lacks = (what: string, log: string): Refusal => ({
    errno: Errno.ENOMEM,
    why: `the segments leave no page of the crash kernel's memory for ${what}`,
    log: [log],
  });
  if (freePages < 1n) return lacks('the code that starts it', NO_CONTROL_PAGE);
  return freePages < 2n ? lacks('VMCOREINFO', '<4>kexec_core: Could not allocate vmcoreinfo buffer') : undefined;
};

/** When the recording does not tell the memory, it suffices. */
const normalShortage = (facts: KernelFacts, segments: readonly KernelSegment[]): Refusal | undefined => {
  const { generation, freeMemory, pageSize } = facts;
  const nothingAtZero = segments.findIndex(({ mem, memsz }) => mem === 0n && memsz === 0n);
  if (nothingAtZero >= 0 && traitsOf(generation).nothingAtZeroIsEverything) {
    const why = `segment ${nothingAtZero} of no bytes at 0 counts as all of the memory in Linux ${generation}: no control page is outside of it`;
    return { errno: Errno.ENOMEM, why, log: [NO_CONTROL_PAGE] };
  }
  const free = countPages(freeMemory, pageSize);
  if (free === 0n || free >= mostPagesOf(segments, pageSize)) return undefined;
  const image = layOutKimage(segments, createPageAllocator(freeMemory, pageSize), pageSize);
  if (!('lacks' in image)) return undefined;
  const why = `the memory has ${free} free pages of ${pageSize} bytes: not enough for the segments, the list of their pages, and the control pages`;
  return { errno: Errno.ENOMEM, why, log: SHORTAGES[image.lacks] };
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
  if (!caller.capSysBoot) return answer(before, -Errno.EPERM);
  if (low32(call.magic1) !== REBOOT_MAGIC1 || (magic2 !== REBOOT_MAGIC2 && !OTHER_MAGIC2.includes(magic2))) {
    return answer(before, -Errno.EINVAL);
  }
  if (!caller.initialPidNamespace || low32(call.cmd) !== REBOOT_CMD_KEXEC) return answer(before, -Errno.EINVAL);
  if (busy) return answer(before, -Errno.EBUSY);
  if (before.normal === undefined) return answer(before, -Errno.EINVAL);
  return answer(INITIAL_STATE, 0);
};
