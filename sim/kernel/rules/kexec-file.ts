/**
 * kexec_file_load(2) of Linux for arm64 (kernel/kexec_file.c): which calls succeed, what the others are answered, and
 * which segments the kernel makes of the files. Recorded answers of a real kernel are what the tests compare with.
 */
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { Errno } from '../../../kexec/base/error.js';
import type { KexecFileLoadCall } from '../../../kexec/base/system.js';
import { KEXEC_FILE_DEBUG, KEXEC_FILE_NO_INITRAMFS, KEXEC_FILE_ON_CRASH, KEXEC_FILE_UNLOAD } from '../../../kexec/base/uapi.js';
import { loadArm64Image } from './image-arm64.js';
import type { KernelFacts } from '../facts/facts.js';
import { traitsOf } from '../facts/generations.js';
import type { FileLoadMachine } from '../facts/file-load-machine.js';
import { type Caller, type KernelState, type Outcome, ROOT, answer, permitLoad, refuse, storeImage, withSlot } from './kexec-load.js';
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
  if (machine === undefined) return refuse(before, Errno.ENOSYS);
  const { facts } = machine;
  const { flags, kernel } = call;
  const { fileLoadFlags } = traitsOf(facts.generation);
  const slot = (flags & KEXEC_FILE_ON_CRASH) === 0n ? 'normal' : 'crash';

  const counted = permitLoad(facts, before, slot, caller);
  if (counted === undefined) return refuse(before, Errno.EPERM);
  if ((flags & ~fileLoadFlags) !== 0n) return refuse(counted, Errno.EINVAL);
  if (busy) return refuse(counted, Errno.EBUSY);
  if ((flags & KEXEC_FILE_UNLOAD) !== 0n) return answer(withSlot(counted, slot, undefined), 0);

  // The old crash image makes room in the one region that there is, and is lost even if the load fails.
  const cleared = slot === 'crash' ? withSlot(counted, 'crash', undefined) : counted;
  const kernelFault = checkFile(kernel, facts);
  if (kernel === undefined || kernelFault !== 0) return refuse(cleared, kernelFault);
  // The rest of the header is looked at when all files are read.
  if (readArm64ImageHeader(kernel) === undefined) return refuse(cleared, Errno.EINVAL);
  const refusal = refuseSignature(machine.signatures, facts.lockedDown, kernel);
  if (refusal !== undefined) return refuse(cleared, refusal.errno, [refusal.log]);

  const initrd = (flags & KEXEC_FILE_NO_INITRAMFS) === 0n ? call.initrd : undefined;
  if ((flags & KEXEC_FILE_NO_INITRAMFS) === 0n) {
    const fault = checkFile(initrd, facts);
    if (fault !== 0) return refuse(cleared, fault);
  }
  const cmdline = readCommandLine(call, facts);
  if (typeof cmdline === 'number') return refuse(cleared, cmdline);

  const image = loadArm64Image(machine, { slot, kernel, initrd, cmdline });
  const told = image.log.filter((line) => (flags & KEXEC_FILE_DEBUG) !== 0n || !line.startsWith(LOG_INFO));
  if ('errno' in image) return refuse(cleared, image.errno, told);
  const { result, state, log } = storeImage(facts, cleared, slot, { entry: image.entry, flags, segments: image.segments });
  return { result, state, log: [...told, ...log] };
};

/** The level of what is logged with KEXEC_FILE_DEBUG only. */
const LOG_INFO = '<6>';

/** kernel_read_file_from_fd(), fs/kernel_read_file.c. @returns a positive errno, or 0 */
const checkFile = (bytes: Uint8Array | undefined, { generation, totalRamPages, pageSize }: KernelFacts): number => {
  if (bytes === undefined) return Errno.EBADF;
  if (bytes.length === 0) return Errno.EINVAL;
  if (bytes.length > traitsOf(generation).maxFileBytes) return Errno.EFBIG;
  // vmalloc() refuses at once what cannot be had.
  return BigInt(bytes.length) / pageSize > totalRamPages ? Errno.ENOMEM : 0;
};

/**
 * memdup_user() and the check behind it. Memory behind the text's NUL cannot be read.
 * @returns the text up to its first NUL, undefined for none, or a positive errno
 */
const readCommandLine = ({ cmdline, cmdlineLen }: KexecFileLoadCall, { pageSize }: KernelFacts): string | undefined | number => {
  if (cmdlineLen === 0) return undefined;
  if (cmdlineLen > Number(pageSize) * 2 ** MAX_ORDER[`${pageSize}`]!) return Errno.ENOMEM;
  if (cmdline === undefined || cmdlineLen > cmdline.length + 1) return Errno.EFAULT;
  const bytes = `${cmdline}\0`.slice(0, cmdlineLen);
  return bytes.endsWith('\0') ? bytes.slice(0, bytes.indexOf('\0')) : Errno.EINVAL;
};
