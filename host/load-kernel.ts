/** The library's way to load a kernel: options as values. */
import { ARCHITECTURES, architectureOf } from '../kexec/arch/architectures.js';
import type { ArchContext, OptionValues } from '../kexec/architecture.js';
import { DEFAULT_COMPAT, type Compat } from '../kexec/base/compat.js';
import { expectElements, expectFields, optional, type Fields, type Shape } from '../kexec/arguments/shape.js';
import { COMPAT, LOG, RANGE, checkedSystem } from '../kexec/arguments/shapes.js';
import { KexecError, strerror } from '../kexec/base/error.js';
import { silentLog, type Log } from '../kexec/base/log.js';
import { fileUnloadCall, planFileLoad } from '../kexec/file-load.js';
import { physicalArch, planLoad } from '../kexec/my-load.js';
import type { OnProgress } from '../kexec/base/progress.js';
import { DEFAULT_DECOMPRESS_LIMIT } from '../kexec/compression/read-context.js';
import type { LoadPlan } from '../kexec/base/segment.js';
import type { KexecFileLoadCall, System } from '../kexec/base/system.js';
import { KEXEC_FILE_ON_CRASH, KEXEC_FILE_UNLOAD, KEXEC_ON_CRASH } from '../kexec/base/uapi.js';
import { createNodePlatform } from './platform-node.js';

/** What to load and how; each field is the option of `kexec` of that name. Text is one byte a character. */
export interface LoadKernelOptions {
  /** Path of the kernel: on the machine below /proc and /sys, else on this host. */
  readonly kernel: string;
  /** Format of the kernel; without it the format is found out. */
  readonly type?: string;
  /** Load for a panic, into the memory set aside for that. */
  readonly panic?: boolean;
  /** Leave the work to the kernel: what comes out is for kexec_file_load, not for kexec_load. */
  readonly kexecFileSyscall?: boolean;
  readonly initrd?: string;
  readonly dtb?: string;
  readonly append?: string;
  readonly reuseCmdline?: boolean;
  /** Console for the purgatory's output, such as "ttyAMA0". */
  readonly serial?: string;
  /** Lowest address to load to. */
  readonly memMin?: bigint;
  /** Highest address to load to, inclusive. */
  readonly memMax?: bigint;
  /** Entry point in place of the computed one. */
  readonly entry?: bigint;
  /** Leave out the check of the digest in purgatory. */
  readonly noChecks?: boolean;
  /** Release of kexec-tools to follow; the default is the latest one with all libraries. */
  readonly compat?: Compat;
  /** Object to use as purgatory in place of ours. */
  readonly purgatory?: Uint8Array;
  /** Largest kernel that a compressed file may hold, in bytes; 2 GiB by default. */
  readonly decompressLimitBytes?: number;
  /** Receives what the command would print; silent by default. */
  readonly log?: Log;
  /** Is told how far decompressing and the digest are. */
  readonly progress?: OnProgress;
}

const OPTIONS: Readonly<Record<keyof LoadKernelOptions, Shape>> = {
  ...{ kernel: 'string', type: 'string?', panic: 'boolean?', initrd: 'string?', dtb: 'string?', append: 'string?' },
  ...{ reuseCmdline: 'boolean?', serial: 'string?', memMin: 'bigint?', memMax: 'bigint?', entry: 'bigint?' },
  ...{ noChecks: 'boolean?', compat: optional(COMPAT), purgatory: 'bytes?', decompressLimitBytes: 'number?' },
  ...{ log: optional(LOG), progress: 'function?', kexecFileSyscall: 'boolean?' },
};

/** The values of the architecture's options; one without such an option has no use for its value. */
const valuesOf = ({ append, reuseCmdline, dtb, initrd, serial }: LoadKernelOptions): OptionValues => ({
  append,
  reuseCmdline,
  dtb,
  initrd,
  serial,
});

interface LoadKernel {
  (system: System, options: LoadKernelOptions & { readonly kexecFileSyscall: true }): Promise<KexecFileLoadCall>;
  (system: System, options: LoadKernelOptions & { readonly kexecFileSyscall?: false }): Promise<LoadPlan>;
  (system: System, options: LoadKernelOptions): Promise<LoadPlan | KexecFileLoadCall>;
}

/**
 * Computes where every byte of a kernel goes, as `kexec -c -l` does, or what the kernel gets that is to find that out
 * itself, as `kexec -s -l` does; and tells nobody: see {@link kexecLoad}. Nothing is printed, and nothing is kept for
 * the next call.
 * @throws KexecError
 */
export const loadKernel = (async (given: System, options: LoadKernelOptions): Promise<LoadPlan | KexecFileLoadCall> => {
  const system = checkedSystem('loadKernel: the system', given);
  expectFields('loadKernel: the options', options, OPTIONS);
  const architecture = await architectureOf(system.machine, ARCHITECTURES).load();
  const onCrash = options.panic === true;
  const context: ArchContext = {
    system,
    platform: createNodePlatform(options.progress),
    compat: options.compat ?? DEFAULT_COMPAT,
    log: options.log ?? silentLog,
    decompressLimitBytes: options.decompressLimitBytes ?? DEFAULT_DECOMPRESS_LIMIT,
    purgatory: options.purgatory ?? architecture.purgatory,
    limits: { memMin: options.memMin ?? 0n, memMax: options.memMax ?? architecture.word.max },
    onCrash,
    preservesContext: false,
  };
  const machine = architecture.examine(context);
  if (onCrash && !machine.isCrashkernelMemReserved()) {
    throw KexecError.die('Memory for crashkernel is not reserved', { subject: 'crashkernel' });
  }
  const session = machine.open(valuesOf(options), false);
  const { kernel, type } = options;
  if (options.kexecFileSyscall === true) {
    // The descriptors before it are the standard streams and, where it was read, /proc/cmdline.
    const request = {
      kernel,
      flags: onCrash ? KEXEC_FILE_ON_CRASH : 0n,
      descriptor: options.reuseCmdline === true ? 4 : 3,
    };
    return planFileLoad(request, session, context);
  }
  const request = {
    kernel,
    type,
    flags: onCrash ? KEXEC_ON_CRASH : 0n,
    entry: options.entry ?? 0n,
    skipChecks: options.noChecks ?? false,
  };
  return planLoad(request, session, architecture, context);
}) as LoadKernel;

/** @throws KexecError for a system call that answered with a negative errno */
const expectSuccess = (what: string, call: 'kexec_load' | 'kexec_file_load', result: number): void => {
  if (result === 0) return;
  throw KexecError.failed(`${what} failed: ${strerror(-result)}`, { subject: call, errno: result });
};

const FILE_CALL: Fields = {
  ...{ kernel: 'bytes?', initrd: 'bytes?', cmdline: 'string?', cmdlineLen: 'number', flags: 'bigint' },
};

/** Hands a plan to the machine's kernel. @throws KexecError with the negative errno when the kernel refuses */
export const kexecLoad = async (given: System, plan: LoadPlan | KexecFileLoadCall): Promise<void> => {
  const system = checkedSystem('kexecLoad: the system', given);
  expectFields('kexecLoad: the plan', plan, { flags: 'bigint' });
  if ('cmdlineLen' in plan) {
    expectFields('kexecLoad: the plan', plan, FILE_CALL);
    return expectSuccess('kexec_file_load', 'kexec_file_load', await system.kexecFileLoad(plan));
  }
  expectFields('kexecLoad: the plan', plan, { entry: 'bigint', segments: 'list' });
  const { entry, segments, flags } = plan;
  expectElements('kexecLoad: the segments', segments, { data: 'bytes', memory: RANGE });
  expectSuccess('kexec_load', 'kexec_load', await system.kexecLoad({ entry, segments, flags }));
};

/** What to unload, and by which system call. */
export type KexecUnloadOptions = Pick<LoadKernelOptions, 'panic' | 'kexecFileSyscall'>;

/** Unloads what is loaded, or what is loaded for a panic. @throws KexecError when the kernel refuses */
export const kexecUnload = async (given: System, options: KexecUnloadOptions = {}): Promise<void> => {
  const system = checkedSystem('kexecUnload: the system', given);
  expectFields('kexecUnload: the options', options, { panic: 'boolean?', kexecFileSyscall: 'boolean?' });
  if (options.kexecFileSyscall === true) {
    const flags = KEXEC_FILE_UNLOAD | (options.panic === true ? KEXEC_FILE_ON_CRASH : 0n);
    const result = await system.kexecFileLoad(fileUnloadCall(flags));
    return expectSuccess('kexec_file_load unload', 'kexec_file_load', result);
  }
  const architecture = architectureOf(system.machine, ARCHITECTURES);
  const flags = physicalArch(system.machine, architecture) | (options.panic === true ? KEXEC_ON_CRASH : 0n);
  expectSuccess('kexec unload', 'kexec_load', await system.kexecLoad({ entry: 0n, segments: [], flags }));
};
