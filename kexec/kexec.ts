/** What `kexec` does once its options are known: main() of kexec/kexec.c. */
import { attempt, attemptAsync } from './base/attempt.js';
import type { ArchContext, ArchMachine, ArchSession, Architecture } from './architecture.js';
import { getCommandLine } from './options/command-line.js';
import type { Compat } from './base/compat.js';
import { EFAILED, EFALLBACK, KexecError, SystemError, strerror } from './base/error.js';
import { fileLoad, fileUnload } from './file-load.js';
import { hex, pointer } from './base/format.js';
import { ifdown } from './ifdown.js';
import { createLog, type Log } from './base/log.js';
import { formatSegments, physicalArch, planLoad } from './my-load.js';
import type { Platform } from './base/platform.js';
import { Range } from './base/range.js';
import { latin1, strtoul } from './base/scan.js';
import type { Settings } from './options/settings.js';
import type { System } from './base/system.js';
import type { LoadPlan } from './base/segment.js';
import {
  KEXEC_CRASH_HOTPLUG_SUPPORT,
  KEXEC_FILE_ON_CRASH,
  KEXEC_LIVE_UPDATE,
  KEXEC_ON_CRASH,
  KEXEC_PRESERVE_CONTEXT,
} from './base/uapi.js';
import { usageText } from './options/usage.js';

const KEXEC_LOADED = '/sys/kernel/kexec_loaded';
const KEXEC_CRASH_LOADED = '/sys/kernel/kexec_crash_loaded';
const CRASH_ELFCOREHDR_SIZE = '/sys/kernel/crash_elfcorehdr_size';
const PROC_XEN = '/proc/xen';

/** All that a command works with; one for each command, so that none leaves anything behind for the next. */
export interface CommandContext {
  readonly system: System;
  readonly platform: Platform;
  readonly compat: Compat;
  readonly architecture: Architecture;
  /** The object that goes between the kernels. */
  readonly purgatory: Uint8Array;
  readonly decompressLimitBytes: number;
  /** Text for stdout and stderr, one character a byte. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * Carries out what the options ask for (main() of kexec/kexec.c, behind its first pass).
 * @param operands what is left of the arguments; the first one is the kernel
 * @returns the original's result: 0, a negative error, or what --status found
 * @throws KexecError
 */
export const runSettings = async (
  settings: Settings,
  operands: readonly string[],
  command: CommandContext,
): Promise<number> => {
  const { system, compat, architecture } = command;
  const log = createLog(settings.debug, command.out, command.err);
  refuseXen(system);
  const { machine, context } = examine(settings, log, command);
  checkLoad(settings, command, machine);
  const flags = settings.doHotplug ? settings.flags | hotplugFlag(command, log) : settings.flags;
  const session = machine.open(architecture.parseOptions(settings.options), settings.doReuseInitrd);
  checkFileSyscall(settings);

  const run = new CommandRun({ ...settings, flags }, operands[0], session, context, architecture);
  if (settings.doReuseInitrd) checkReuseInitrd(system, compat, settings);
  if (settings.doStatus) return run.status();
  if (settings.doUnload) await run.unload();
  if (settings.doLoad) await run.load();
  return run.afterwards();
};

/** --print-ckr-size: prints the size of the crash kernel region at once. @throws KexecError */
export const printCrashkernelRegionSize = (debug: boolean, command: CommandContext): void => {
  const log = createLog(debug, command.out, command.err);
  const { machine } = examine({ flags: 0n, memMin: 0n, memMax: command.architecture.word.max }, log, command);
  // What is not there counts as a region from 0 to 0, which has no size.
  const range = machine.isCrashkernelMemReserved()
    ? (machine.crashKernelLoadRange() ?? Range.inclusive(0n, 0n))
    : Range.inclusive(0n, 0n);
  command.out(`${range.start === range.last ? 0n : range.size}\n`);
};

interface Examined {
  readonly machine: ArchMachine;
  readonly context: ArchContext;
}

const examine = (
  { flags, memMin, memMax }: Pick<Settings, 'flags' | 'memMin' | 'memMax'>,
  log: Log,
  { system, platform, compat, architecture, purgatory, decompressLimitBytes }: CommandContext,
): Examined => {
  const context: ArchContext = {
    system,
    platform,
    compat,
    log,
    purgatory,
    decompressLimitBytes,
    limits: { memMin, memMax },
    onCrash: (flags & KEXEC_ON_CRASH) !== 0n,
    preservesContext: (flags & KEXEC_PRESERVE_CONTEXT) !== 0n,
  };
  return { machine: architecture.examine(context), context };
};

const exists = (system: System, path: string): boolean =>
  !(attempt(SystemError, () => system.stat(path)) instanceof SystemError);

/** Under Xen, kexec is the hypervisor's business, which nobody simulates here. */
const refuseXen = (system: System): void => {
  if (exists(system, PROC_XEN)) {
    throw KexecError.die(`kexec-ts: ${PROC_XEN} is there, but kexec under Xen is not supported`, { subject: PROC_XEN });
  }
};

/** What must hold before a load. @throws KexecError */
const checkLoad = (settings: Settings, { compat, architecture }: CommandContext, machine: ArchMachine): void => {
  if (!settings.doLoad) return;
  const onCrash = (settings.flags & KEXEC_ON_CRASH) !== 0n || (settings.fileFlags & KEXEC_FILE_ON_CRASH) !== 0n;
  if (onCrash && !machine.isCrashkernelMemReserved()) {
    throw KexecError.die(
      'Memory for crashkernel is not reserved\n' +
        `Please reserve memory by passing"crashkernel=${compat.crashkernelExample}" parameter to kernel\n` +
        'Then try to loading kdump kernel',
      { subject: 'crashkernel' },
    );
  }
  if ((settings.flags & KEXEC_PRESERVE_CONTEXT) !== 0n && settings.memMax === architecture.word.max) {
    throw KexecError.die(
      'Please specify memory range used by kexeced kernel\n' +
        'to preserve the context of original kernel with \n"--mem-max" parameter',
      { subject: '--mem-max' },
    );
  }
  if ((settings.flags & KEXEC_LIVE_UPDATE) !== 0n) {
    throw KexecError.die('--load-live-update can only be used with xen', { subject: '--load-live-update' });
  }
};

const checkFileSyscall = ({ fileSyscall, fallback, doLoadJumpBackHelper, flags }: Settings): void => {
  if (!fileSyscall) return;
  if (doLoadJumpBackHelper && !fallback) {
    throw KexecError.die('--load-jump-back-helper not supported with kexec_file_load');
  }
  if ((flags & KEXEC_PRESERVE_CONTEXT) !== 0n) {
    throw KexecError.die('--load-preserve-context not supported with kexec_file_load');
  }
};

/** --hotplug: the kernel tells how large the crash dump's header may become. @throws KexecError */
const hotplugFlag = ({ system, compat, architecture }: CommandContext, log: Log): bigint => {
  const missing = (): KexecError =>
    KexecError.die(`Path ${CRASH_ELFCOREHDR_SIZE} does not exist, the kernel needs CONFIG_CRASH_HOTPLUG`, {
      subject: CRASH_ELFCOREHDR_SIZE,
    });
  // Seven bytes: the original takes the size of a pointer for that of its buffer.
  const bytes = attempt(SystemError, () => system.readAt(CRASH_ELFCOREHDR_SIZE, 0, 7));
  if (bytes instanceof SystemError) {
    log.err(`Cannot open ${CRASH_ELFCOREHDR_SIZE}: ${strerror(bytes.errno)}\n`);
    throw missing();
  }
  const text = latin1(bytes);
  const { value, complete } = strtoul(text.replace(/\n$/, ''), compat.readsBinaryNumbers, architecture.word);
  if (value === 0n || !complete) throw missing();
  log.dbg(`ELFCOREHDR_SIZE ${value}\n`);
  return KEXEC_CRASH_HOTPLUG_SUPPORT;
};

/** --reuseinitrd: the running kernel must have kept its initrd. @throws KexecError */
const checkReuseInitrd = (system: System, compat: Compat, { flags }: Settings): void => {
  if (getCommandLine(system, compat, (flags & KEXEC_ON_CRASH) !== 0n).includes('retain_initrd')) return;
  throw KexecError.die("unrecoverable error: current boot didn't retain the initrd for reuse.", {
    subject: '/proc/cmdline',
  });
};

/** The number in a file of /sys; -1 without one, which the original takes for "yes" (kexec_loaded()). */
const kexecLoaded = (system: System, path: string): number => {
  const bytes = attempt(SystemError, () => system.readAt(path, 0, 2));
  if (bytes instanceof SystemError) return -1;
  const match = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(latin1(bytes).split('\n', 1)[0] ?? '');
  return match === null ? -1 : Number(match[1]);
};

/** The steps of one command, in the order in which main() takes them. */
class CommandRun {
  #fileSyscall: boolean;

  constructor(
    private readonly settings: Settings,
    private readonly kernel: string | undefined,
    private readonly session: ArchSession,
    private readonly context: ArchContext,
    private readonly architecture: Architecture,
  ) {
    this.#fileSyscall = settings.fileSyscall;
  }

  status(): number {
    this.physicalArch();
    const onCrash = (this.settings.flags & KEXEC_ON_CRASH) !== 0n;
    return kexecLoaded(this.context.system, onCrash ? KEXEC_CRASH_LOADED : KEXEC_LOADED);
  }

  private physicalArch(): bigint {
    return physicalArch(this.context.system.machine, this.architecture);
  }

  /** Tries kexec_file_load where it is wanted. @returns whether kexec_load is to be used instead */
  private async byFile(load: () => Promise<void>): Promise<boolean> {
    if (!this.#fileSyscall) return true;
    const error = await attemptAsync(KexecError, load);
    if (!(error instanceof KexecError)) return false;
    if (error.exitCode !== EFALLBACK) throw error;
    if (!this.settings.fallback) throw error.follow(`${error.message}\n`);
    this.#fileSyscall = false;
    return true;
  }

  async unload(): Promise<void> {
    if (!(await this.byFile(() => fileUnload(this.settings.fileFlags, this.context)))) return;
    const flags = this.settings.flags | this.physicalArch();
    const result = await this.context.system.kexecLoad({ entry: 0n, segments: [], flags });
    if (result !== 0) {
      throw KexecError.failed(`kexec unload failed: ${strerror(-result)}`, { subject: 'kexec_load', errno: result });
    }
  }

  async load(): Promise<void> {
    const { kernel } = this;
    if (kernel === undefined) {
      const { compat, log } = this.context;
      log.err('No kernel specified\n');
      log.out(usageText(compat, this.architecture.formatUsages(compat), this.architecture.optionUsage(compat)));
      throw KexecError.failed('No kernel specified', { text: '', exitCode: EFAILED });
    }
    const { settings, context } = this;
    const request = { kernel, flags: settings.fileFlags, descriptor: kernelDescriptor(settings, this.architecture) };
    if (!(await this.byFile(() => fileLoad(request, this.session, context)))) return;
    await this.hand(await planLoad({ ...settings, kernel }, this.session, this.architecture, context));
  }

  /** Gives the kernel what was computed, and says so as the original does. @throws KexecError */
  private async hand(plan: LoadPlan): Promise<void> {
    const { log, system } = this.context;
    const { entry, flags, segments } = plan;
    log.dbg(`kexec_load: entry = ${pointer(entry)} flags = 0x${hex(flags)}\n`);
    if (log.debug) log.err(formatSegments(segments));
    const result = await system.kexecLoad({ entry, segments, flags });
    if (result === 0) return;
    throw KexecError.failed(`kexec_load failed: ${strerror(-result)}`, { subject: 'kexec_load', errno: result }).follow(
      `entry       = ${pointer(entry)} flags = 0x${hex(flags)}\n${formatSegments(segments)}`,
    );
  }

  /** Shutdown, execution and the jump back, as far as they are asked for. @throws KexecError */
  async afterwards(): Promise<number> {
    const { doShutdown, doSync, doIfdown, doExec, doLoadJumpBackHelper, entry, flags } = this.settings;
    const { system, log } = this.context;
    if ((doShutdown || doExec) && kexecLoaded(system, KEXEC_LOADED) === 0) {
      throw KexecError.die('Nothing has been loaded!', { subject: KEXEC_LOADED });
    }
    // There is nobody left to go on when one of these succeeds.
    if (doShutdown) return shutdown(system);
    if (doSync) system.sync();
    // What cannot be taken down keeps nothing from being executed.
    if (doIfdown) await ifdown(system, log);
    if (doExec) return execute(system);
    if (doLoadJumpBackHelper) await loadJumpBackHelper(system, entry, flags);
    return 0;
  }
}

/**
 * The first file descriptor that is free, behind the standard streams and /proc/cmdline, which stays open whenever it
 * was read (slurp_proc_file(), kexec/kexec.c).
 */
const kernelDescriptor = ({ options, doReuseInitrd }: Settings, architecture: Architecture): number => {
  const leavesFileOpen = (id: string): boolean =>
    architecture.options.find((option) => option.id === id)?.leavesFileOpen === true;
  return 3 + options.filter(({ id }) => leavesFileOpen(id)).length + (doReuseInitrd ? 1 : 0);
};

const SHUTDOWN_PATHS = ['/sbin/shutdown', '/etc/shutdown', '/bin/shutdown'] as const;

/** my_shutdown(). @returns the exit code @throws KexecError when there is no shutdown(8) */
const shutdown = async (system: System): Promise<number> => {
  let errno = 0;
  for (const path of SHUTDOWN_PATHS) {
    const outcome = await system.execv(path, ['shutdown', '-r', 'now']);
    if (outcome.kind === 'over') return outcome.exitCode;
    ({ errno } = outcome);
  }
  throw KexecError.failed(`shutdown: ${strerror(-errno)}`, { subject: 'shutdown', errno });
};

/** reboot(KEXEC). @returns the exit code @throws KexecError when the kernel refuses */
const execute = async (system: System): Promise<number> => {
  const outcome = await system.rebootKexec();
  if (outcome.kind === 'over') return outcome.exitCode;
  const { errno } = outcome;
  throw KexecError.failed(`kexec failed: ${strerror(-errno)}`, { subject: 'reboot', errno });
};

/** my_load_jump_back_helper(). @throws KexecError */
const loadJumpBackHelper = async (system: System, entry: bigint, flags: bigint): Promise<void> => {
  if (kexecLoaded(system, KEXEC_LOADED) !== 0) {
    throw KexecError.failed('There is kexec kernel loaded, make sure you are in kexeced kernel.');
  }
  if (entry === 0n) throw KexecError.failed('Please specify jump back entry in command line', { subject: '--entry' });
  const nothing = { data: new Uint8Array(), memory: Range.sized(0n, 0n), buf: 0n };
  const result = await system.kexecLoad({ entry, segments: [nothing], flags });
  if (result !== 0) {
    throw KexecError.failed(`load jump back kernel failed: ${strerror(-result)}`, {
      subject: 'kexec_load',
      errno: result,
    });
  }
};
