/** Loading and unloading by kexec_file_load (do_kexec_file_load(), kexec/kexec.c). */
import { attempt, following } from './base/attempt.js';
import type { ArchContext, ArchSession } from './architecture.js';
import { slurpDecompressFile } from './compression/decompress.js';
import { EFALLBACK, Errno, KexecError, SystemError, strerror } from './base/error.js';
import { hex } from './base/format.js';
import type { KexecFileLoadCall } from './base/system.js';
import type { CompressedFile, FileLoadPlan, ImageFormat, RecognisedKernel } from './formats/image-format.js';
import { KEXEC_FILE_NO_INITRAMFS } from './base/uapi.js';
import { isGzipFile } from './compression/zlib.js';

/** Answers of kexec_file_load upon which kexec_load is worth a try. */
const FALLBACK_ERRNOS: readonly number[] = [Errno.ENOSYS, Errno.EINVAL, Errno.ENOEXEC, Errno.EOPNOTSUPP];

export interface FileLoadRequest {
  readonly kernel: string;
  /** KEXEC_FILE_* flags. */
  readonly flags: bigint;
  /** The file descriptor that the kernel gets, as debug logs tell it. */
  readonly descriptor: number;
}

/** The error for a kernel that did not accept kexec_file_load; `prefix` says what failed. */
const refused = (prefix: string, errno: number): KexecError =>
  KexecError.failed(`${prefix}${strerror(errno)}`, { subject: 'kexec_file_load', errno: -errno });

const fallback = (errno: number): KexecError =>
  KexecError.failed('syscall kexec_file_load not available.', {
    subject: 'kexec_file_load',
    errno: -errno,
    exitCode: EFALLBACK,
    text: '',
  });

/** The bytes of the initrd that goes with a kernel. @throws KexecError */
const readInitrd = (initrd: FileLoadPlan['initrd'], kernel: string, context: ArchContext): Uint8Array | undefined => {
  if (typeof initrd !== 'string') return initrd;
  // Anything that opens is handed over; what cannot be read has no bytes for the kernel.
  const bytes = attempt(SystemError, () =>
    context.system.stat(initrd).kind === 'file' ? context.system.readFile(initrd) : new Uint8Array(),
  );
  if (!(bytes instanceof SystemError)) return bytes;
  throw KexecError.failed(`Could not open initrd file ${initrd}:${strerror(bytes.errno)}`, { subject: initrd })
    .follow('kexec: load failed.\n')
    .follow(`Cannot load ${kernel}\n`);
};

/** What kexec_file_load is to be called with (do_kexec_file_load(), kexec/kexec.c). @throws KexecError */
export const planFileLoad = async (
  { kernel, flags, descriptor }: FileLoadRequest,
  session: ArchSession,
  context: ArchContext,
): Promise<KexecFileLoadCall> => {
  const { system, compat, log } = context;
  const fileSize = compat.opensKernelFirst ? openKernel(kernel, context) : undefined;
  const read = (): Promise<Uint8Array> => slurpDecompressFile(kernel, context);
  const bytes = await read();
  const keepsFile = fileSize === bytes.length;
  const say = (text: string): void => {
    if (compat.keepsKernelOpen) log.dbg(`${text}\n`);
  };
  say(
    `do_kexec_file_load: ${keepsFile ? 'using original kernel file' : 'compressed input, using memfd kernel'} fd ${descriptor}`,
  );
  // QUIRK-13: until 2.0.27 the probes are given the name of a gzip file in place of its content, though its size.
  const byName = compat.probesGzipByName && compat.libraries.has('zlib') && isGzipFile(system, kernel, compat);
  const probed = byName ? nameAsBytes(kernel, bytes.length) : bytes;
  const recognised = await recogniseFile(session.formats, probed, byName ? { read } : undefined);
  if (recognised === undefined) {
    throw KexecError.failed(`Cannot determine the file type of ${kernel}`, { subject: kernel });
  }
  const plan = following(`Cannot load ${kernel}\n`, () => recognised.fileLoad());
  const initrd = readInitrd(plan.initrd, kernel, context);
  const unpacked = plan.descriptorOffset > 0;
  if (unpacked) say(`do_kexec_file_load: using image-specific kernel fd ${descriptor + plan.descriptorOffset}`);
  const callFlags = initrd === undefined ? flags | KEXEC_FILE_NO_INITRAMFS : flags;
  say(`kexec_file_load: flags = 0x${hex(callFlags)}`);
  return {
    // QUIRK-35: a compressed file that is as large as what it holds is handed over as it is.
    kernel: compat.keepsKernelOpen && keepsFile && !unpacked ? system.readFile(kernel) : plan.kernel,
    initrd,
    cmdline: plan.cmdline,
    cmdlineLen: plan.cmdline === undefined ? 0 : plan.cmdline.length + 1,
    flags: callFlags,
  };
};

/**
 * Loads by kexec_file_load, which leaves the work to the kernel.
 * @throws KexecError with exit code EFALLBACK when kexec_load is worth a try
 */
export const fileLoad = async (request: FileLoadRequest, session: ArchSession, context: ArchContext): Promise<void> => {
  const result = await context.system.kexecFileLoad(await planFileLoad(request, session, context));
  if (result === 0) return;
  if (context.compat.fallsBackToKexecLoad && FALLBACK_ERRNOS.includes(-result)) throw fallback(-result);
  throw refused('kexec_file_load failed: ', -result);
};

const recogniseFile = async (
  formats: readonly ImageFormat[],
  bytes: Uint8Array,
  compressed: CompressedFile | undefined,
): Promise<RecognisedKernel | undefined> => {
  for (const format of formats) {
    const recognised = await format.probe(bytes, compressed);
    if (recognised !== undefined) return recognised;
  }
  return undefined;
};

/** A file's name where a kernel of `size` bytes is expected. */
const nameAsBytes = (name: string, size: number): Uint8Array => {
  const bytes = new Uint8Array(Math.max(size, name.length));
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes.subarray(0, size);
};

/**
 * Until 2.0.27, and again after 2.0.32, the file is opened before it is read, with a message of its own.
 * @returns its size
 * @throws KexecError
 */
const openKernel = (kernel: string, { system }: ArchContext): number => {
  const size = attempt(SystemError, () => {
    system.readAt(kernel, 0, 0);
    return system.stat(kernel).size;
  });
  if (!(size instanceof SystemError)) return size;
  if (size.errno === Errno.EISDIR) return 0;
  throw KexecError.failed(`Failed to open file ${kernel}:${strerror(size.errno)}`, { subject: kernel });
};

/** What it is called with to unload; KEXEC_FILE_UNLOAD is among the flags. */
export const fileUnloadCall = (flags: bigint): KexecFileLoadCall => ({
  kernel: undefined,
  initrd: undefined,
  cmdline: undefined,
  cmdlineLen: 0,
  flags,
});

/** Unloads by kexec_file_load (kexec_file_unload()). @throws KexecError, see {@link fileLoad} */
export const fileUnload = async (flags: bigint, { system, compat }: ArchContext): Promise<void> => {
  const result = await system.kexecFileLoad(fileUnloadCall(flags));
  if (result === 0) return;
  if (compat.fallsBackToKexecLoad && -result === Errno.ENOSYS) throw fallback(-result);
  throw refused(compat.fileUnloadFailed, -result);
};
