/**
 * kexec_file_load(2) of Linux for arm64 (kernel/kexec_file.c): which calls succeed, what the others are answered, and
 * which segments the kernel makes of the files. Recorded answers of a real kernel are what the tests compare with.
 */
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { Range } from '../../../kexec/base/range.js';
import { Errno } from '../../../kexec/base/error.js';
import type { KexecFileLoadCall } from '../../../kexec/base/system.js';
import {
  KEXEC_FILE_DEBUG,
  KEXEC_FILE_NO_CMA,
  KEXEC_FILE_NO_INITRAMFS,
  KEXEC_FILE_ON_CRASH,
  KEXEC_FILE_UNLOAD,
} from '../../../kexec/base/uapi.js';
import { loadArm64Image } from './image-arm64.js';
import type { KernelFacts } from '../facts/facts.js';
import { traitsOf } from '../facts/generations.js';
import type { FileLoadMachine } from '../facts/file-load-machine.js';
import {
  BUSY,
  type Caller,
  type KernelSegment,
  type KernelState,
  type Outcome,
  ROOT,
  type Refusal,
  answer,
  isRefusal,
  permitLoad,
  refuse,
  storeImage,
  unknownFlags,
  withSlot,
} from './kexec-load.js';
import { refuseSignature } from './signature.js';

/** KMALLOC_MAX_SIZE: pages of each size that are allocated at once (ARCH_FORCE_MAX_ORDER, arch/arm64/Kconfig). */
const MAX_ORDER: Readonly<Record<string, number>> = { 4096: 10, 16384: 11, 65536: 13 };

/**
 * kexec_file_load(2).
 * @param machine undefined for a kernel without CONFIG_KEXEC_FILE, which has no such call (kernel/sys_ni.c)
 * @param busy whether another load is under way, which holds the lock of all loads
 * @throws KexecError when the recording does not tell what the answer depends on
 */
export const answerKexecFileLoad = (
  machine: FileLoadMachine | undefined,
  before: KernelState,
  call: KexecFileLoadCall,
  caller: Caller = ROOT,
  busy = false,
): Outcome => {
  if (machine === undefined) return answer(before, -Errno.ENOSYS);
  const { facts } = machine;
  const { flags, kernel } = call;
  // What came with 6.17 need not be known to the release that answers.
  const contiguousFlags = facts.contiguous === undefined ? 0n : KEXEC_FILE_NO_CMA;
  const fileLoadFlags = traitsOf(facts.generation).fileLoadFlags | contiguousFlags;
  const slot = (flags & KEXEC_FILE_ON_CRASH) === 0n ? 'normal' : 'crash';

  const counted = permitLoad(facts, before, slot, caller);
  if (isRefusal(counted)) return refuse(before, counted);
  const unknown = flags & ~fileLoadFlags;
  if (unknown !== 0n) return refuse(counted, unknownFlags(facts, flags, unknown));
  if (busy) return refuse(counted, BUSY);
  if ((flags & KEXEC_FILE_UNLOAD) !== 0n) return answer(withSlot(counted, slot, undefined), 0);

  // The old crash image makes room in the one region that there is, and is lost even if the load fails.
  const cleared = slot === 'crash' ? withSlot(counted, 'crash', undefined) : counted;
  const kernelFault = checkFile('the kernel', kernel, facts);
  if (kernel === undefined || kernelFault !== undefined) return refuse(cleared, kernelFault!);
  // The rest of the header is looked at when all files are read.
  if (readArm64ImageHeader(kernel) === undefined) {
    return refuse(cleared, {
      errno: Errno.EINVAL,
      why: 'the kernel is no Image for arm64, the one format that this call takes',
    });
  }
  const unsigned = refuseSignature(machine.signatures, facts.lockedDown, kernel);
  if (unsigned !== undefined) return refuse(cleared, unsigned);

  const wantsInitrd = (flags & KEXEC_FILE_NO_INITRAMFS) === 0n;
  const initrd = wantsInitrd ? call.initrd : undefined;
  const initrdFault = wantsInitrd ? checkFile('the initrd', initrd, facts) : undefined;
  if (initrdFault !== undefined) return refuse(cleared, initrdFault);
  const cmdline = readCommandLine(call, facts);
  if (isRefusal(cmdline)) return refuse(cleared, cmdline);

  const contiguousTaken = (flags & KEXEC_FILE_NO_CMA) === 0n ? contiguousOf(before) : undefined;
  const image = loadArm64Image(machine, { slot, kernel, initrd, cmdline, contiguousTaken });
  const told = image.log.filter((line) => (flags & KEXEC_FILE_DEBUG) !== 0n || !line.startsWith(LOG_INFO));
  const left = withLost(cleared, image.lost);
  if (isRefusal(image)) return refuse(left, { ...image, log: told });
  const stored = storeImage(facts, left, slot, { entry: image.entry, flags, segments: image.segments });
  const state = losesSegments(stored) ? withLost(stored.state, contiguousIn(image.segments)) : stored.state;
  return { ...stored, state, log: [...told, ...stored.log] };
};

/** What fails before machine_kexec_prepare() is freed by kfree(), which leaves the memory of its segments taken. */
const losesSegments = ({ result, log }: Outcome): boolean =>
  result === -Errno.EINVAL || result === -Errno.EADDRNOTAVAIL || (result === -Errno.ENOMEM && log.length > 0);

const withLost = (state: KernelState, lost: readonly Range[] = []): KernelState =>
  lost.length === 0 ? state : { ...state, contiguousLost: [...(state.contiguousLost ?? []), ...lost] };

/** What is loaded keeps its memory until the new image takes its place. */
const contiguousOf = ({ normal, contiguousLost = [] }: KernelState): readonly Range[] => [
  ...(typeof normal === 'object' ? contiguousIn(normal.segments) : []),
  ...contiguousLost,
];

const contiguousIn = (segments: readonly KernelSegment[]): readonly Range[] =>
  segments.filter(({ contiguous }) => contiguous).map(({ mem, memsz }) => Range.sized(mem, memsz));

/** The level of what is logged with KEXEC_FILE_DEBUG only. */
const LOG_INFO = '<6>';

/** kernel_read_file_from_fd(), fs/kernel_read_file.c. */
const checkFile = (what: string, bytes: Uint8Array | undefined, facts: KernelFacts): Refusal | undefined => {
  if (bytes === undefined) return { errno: Errno.EBADF, why: `${what} is no open file` };
  if (bytes.length === 0) return { errno: Errno.EINVAL, why: `${what} is empty` };
  const { generation, totalRamPages, pageSize } = facts;
  const { maxFileBytes } = traitsOf(generation);
  if (bytes.length > maxFileBytes) {
    return {
      errno: Errno.EFBIG,
      why: `${what} has ${bytes.length} bytes, and Linux ${generation} reads at most ${maxFileBytes}`,
    };
  }
  // vmalloc() refuses at once what cannot be had.
  if (BigInt(bytes.length) / pageSize <= totalRamPages) return undefined;
  return { errno: Errno.ENOMEM, why: `${what} has ${bytes.length} bytes, more than the memory` };
};

/**
 * memdup_user() and the check behind it. Memory behind the text's NUL cannot be read.
 * @returns the text up to its first NUL; undefined for none
 */
const readCommandLine = (
  { cmdline, cmdlineLen }: KexecFileLoadCall,
  { pageSize }: KernelFacts,
): string | undefined | Refusal => {
  if (cmdlineLen === 0) return undefined;
  if (cmdlineLen > Number(pageSize) * 2 ** MAX_ORDER[`${pageSize}`]!) {
    return {
      errno: Errno.ENOMEM,
      why: `a command line of ${cmdlineLen} bytes is more than the kernel allocates at once`,
    };
  }
  if (cmdline === undefined || cmdlineLen > cmdline.length + 1)
    return { errno: Errno.EFAULT, why: 'the command line cannot be read' };
  const bytes = `${cmdline}\0`.slice(0, cmdlineLen);
  return bytes.endsWith('\0')
    ? bytes.slice(0, bytes.indexOf('\0'))
    : { errno: Errno.EINVAL, why: 'the command line does not end with a NUL' };
};
