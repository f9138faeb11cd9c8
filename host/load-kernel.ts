/** The library's way to load a kernel: options as values. */
import { ARCHITECTURES, architectureOf } from '../kexec/arch/architectures.js';
import type { ArchContext, OptionValues } from '../kexec/architecture.js';
import { DEFAULT_COMPAT, type Compat } from '../kexec/base/compat.js';
import { expectElements, expectFields, type Fields, type Shape } from '../kexec/arguments/shape.js';
import { KexecError, strerror } from '../kexec/base/error.js';
import { silentLog, type Log } from '../kexec/base/log.js';
import { physicalArch, planLoad } from '../kexec/my-load.js';
import type { OnProgress } from '../kexec/base/progress.js';
import { DEFAULT_DECOMPRESS_LIMIT } from '../kexec/compression/read-context.js';
import type { LoadPlan } from '../kexec/base/segment.js';
import type { System } from '../kexec/base/system.js';
import { KEXEC_ON_CRASH } from '../kexec/base/uapi.js';
import { createNodePlatform } from './platform-node.js';

/** What to load and how; each field is the option of `kexec` of that name. Text is one byte a character. */
export interface LoadKernelOptions {
  /** Path of the kernel: on the machine below /proc and /sys, else on this host. */
  readonly kernel: string;
  /** Format of the kernel; without it the format is found out. */
  readonly type?: string;
  /** Load for a panic, into the memory set aside for that. */
  readonly panic?: boolean;
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

const SYSTEM: Fields = {
  ...{ pageSize: 'bigint', machine: 'string', readFile: 'function', readAt: 'function', stat: 'function' },
  ...{ lstat: 'function', list: 'function', random: 'function', kexecLoad: 'function' },
};

const OPTIONS: Readonly<Record<keyof LoadKernelOptions, Shape>> = {
  ...{ kernel: 'string', type: 'string?', panic: 'boolean?', initrd: 'string?', dtb: 'string?', append: 'string?' },
  ...{ reuseCmdline: 'boolean?', serial: 'string?', memMin: 'bigint?', memMax: 'bigint?', entry: 'bigint?' },
  ...{ noChecks: 'boolean?', compat: 'object?', purgatory: 'bytes?', decompressLimitBytes: 'number?', log: 'object?' },
  progress: 'function?',
};

/** The values of the architecture's options; one without such an option has no use for its value. */
const valuesOf = ({ append, reuseCmdline, dtb, initrd, serial }: LoadKernelOptions): OptionValues => ({
  append,
  reuseCmdline,
  dtb,
  initrd,
  serial,
});

/**
 * Computes where every byte of a kernel goes, as `kexec -c -l` does, and tells nobody: see {@link kexecLoad}. Nothing
 * is printed, and nothing is kept for the next call.
 * @throws KexecError
 */
export const loadKernel = async (system: System, options: LoadKernelOptions): Promise<LoadPlan> => {
  expectFields('loadKernel: the system', system, SYSTEM);
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
  const request = {
    kernel: options.kernel,
    type: options.type,
    flags: onCrash ? KEXEC_ON_CRASH : 0n,
    entry: options.entry ?? 0n,
    skipChecks: options.noChecks ?? false,
  };
  return planLoad(request, session, architecture, context);
};

/** The error of a system call that answered with a negative errno. */
const failed = (what: string, result: number): KexecError =>
  KexecError.failed(`${what} failed: ${strerror(-result)}`, { subject: 'kexec_load', errno: result });

/** Hands a plan to the machine's kernel. @throws KexecError with the negative errno when the kernel refuses */
export const kexecLoad = async (system: System, plan: LoadPlan): Promise<void> => {
  expectFields('kexecLoad: the system', system, SYSTEM);
  expectFields('kexecLoad: the plan', plan, { entry: 'bigint', segments: 'list', flags: 'bigint' });
  const { entry, segments, flags } = plan;
  expectElements('kexecLoad: the segments', segments, { data: 'bytes', memory: 'object' });
  expectElements(
    'kexecLoad: the memory of the segments',
    segments.map(({ memory }) => memory),
    { start: 'bigint', last: 'bigint' },
  );
  const result = await system.kexecLoad({ entry, segments, flags });
  if (result !== 0) throw failed('kexec_load', result);
};

/** Unloads what is loaded, or what is loaded for a panic. @throws KexecError when the kernel refuses */
export const kexecUnload = async (system: System, options: { readonly panic?: boolean } = {}): Promise<void> => {
  expectFields('kexecUnload: the system', system, SYSTEM);
  expectFields('kexecUnload: the options', options, { panic: 'boolean?' });
  const architecture = architectureOf(system.machine, ARCHITECTURES);
  const flags = physicalArch(system.machine, architecture) | (options.panic === true ? KEXEC_ON_CRASH : 0n);
  const result = await system.kexecLoad({ entry: 0n, segments: [], flags });
  if (result !== 0) throw failed('kexec unload', result);
};
