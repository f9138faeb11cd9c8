/** A recorded machine opened: its /proc and /sys, its simulated kernel, and the files of the host. */
import { createHash, randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { attempt } from '../../kexec/base/attempt.js';
import { KexecError, strerror } from '../../kexec/base/error.js';
import { visible } from '../../kexec/base/format.js';
import type { OnProgress } from '../../kexec/base/progress.js';
import type { FileStat, KexecFileLoadCall, KexecLoadCall, RebootOutcome, System } from '../../kexec/base/system.js';
import { type MachineChanges, changedFiles } from './changes/changed-machine.js';
import type { Execution } from './execution-settings.js';
import { contiguousMemory } from './facts/cma.js';
import { countCpuList, kernelFacts } from './facts/facts.js';
import { checkPageSize, pageSizeOfKcore, parsePageSize } from './facts/page-sizes-arm64.js';
import { type FileLoadMachine, fileLoadMachine, hasFileLoad } from './facts/file-load-machine.js';
import { NodeError, fromRoot, listHost, lstatHost, readHost, statHost } from './recording/host-files.js';
import { INITIAL_STATE, type KernelState } from './rules/kexec-load.js';
import { MachineFiles } from './recording/machine-files.js';
import { findMachine } from './recording/machines.js';
import { recordedInterfaces } from './rules/network.js';
import { KCORE_HEAD } from './facts/recorded-files.js';
import type { RecordedMachine } from './recorded-machine.js';
import { translationDirectory } from './translations/translation-directory.js';
import { handover } from './facts/kho.js';
import { stuckCpus } from './facts/stuck-cpus.js';
import { withInterrupts } from './interrupts.js';
import { SimulatedKernel } from './simulated-kernel.js';
import {
  KEXEC_CRASH_LOADED,
  KEXEC_LOADED,
  LOAD_DISABLED,
  LOAD_LIMIT_PANIC,
  LOAD_LIMIT_REBOOT,
} from './rules/sysctl.js';

/** All that may be otherwise: who passes it on is told by the compiler what is missing. */
export type AllChanges = Required<MachineChanges>;

export interface RecordedMachineOptions {
  /**
   * A bundled machine's name, a directory with proc/ and sys/, or a tar file of one; the default is the bundled one.
   */
  readonly machine?: string | undefined;
  /** What is otherwise than it was recorded, as the user typed it. */
  readonly changes?: MachineChanges | undefined;
  /** Directory of the simulated kernel's state; the default is under XDG_STATE_HOME, one for each machine. */
  readonly state?: string | undefined;
  /** Bytes, as a number or as the user typed it; the default is what the recording says, else 4096. */
  readonly pageSize?: bigint | string | undefined;
  /** Whether the kernel has kexec_file_load(2): "on" or "off"; the default is what the recording says. */
  readonly fileLoad?: string | undefined;
  /** The exception level that the kernel was started at: "1" or "2"; the default is what the recording says. */
  readonly el?: string | undefined;
  /** Directory that receives what is passed to the kernel. */
  readonly record?: string | undefined;
  /** For HOME and XDG_STATE_HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In place of the host's random numbers: gives as many bytes as asked for. */
  readonly random?: ((length: number) => Uint8Array) | undefined;
  /** How what is loaded is executed; without it, a reboot ends with the system call. */
  readonly execution?: Execution | undefined;
  /** Called again and again while a load is stored and while it is executed. */
  readonly progress?: OnProgress | undefined;
}

/** Files of the recording whose content is the simulated kernel's. */
const LIVE_FILES: readonly string[] = [
  KEXEC_LOADED,
  KEXEC_CRASH_LOADED,
  LOAD_DISABLED,
  LOAD_LIMIT_REBOOT,
  LOAD_LIMIT_PANIC,
];

/**
 * A recorded machine: /proc and /sys are the machine's, all other files are the host's.
 * @throws KexecError when there is no such machine, or the page size is none
 */
export const recordedMachine = (options: RecordedMachineOptions): RecordedMachine => {
  const asRecorded = MachineFiles.open(findMachine(options.machine));
  const changed = changedFiles(asRecorded, options.changes ?? {});
  const files = asRecorded.changed(changed);
  const pageSize = pageSizeOf(options.pageSize, files);
  const stateDirectory =
    options.state !== undefined && options.state !== '' ? options.state : defaultState(files, changed, options.env);
  const recorded = kernelFacts(
    {
      version: files.readText('/proc/version'),
      meminfo: files.readText('/proc/meminfo'),
      iomem: files.readText('/proc/iomem'),
      lockdown: files.readText('/sys/kernel/security/lockdown'),
      config: files.kernelConfig(),
    },
    pageSize,
  );
  const bootEl = parseLevel(options.el);
  const facts = {
    ...recorded,
    stuckCpus: () => stuckCpus(files, recorded.generation, bootEl),
    handover: handover(files),
    contiguous: contiguousMemory(files, pageSize),
  };
  const random = options.random ?? ((length: number) => new Uint8Array(randomBytes(length)));
  const forced = parseFileLoad(options.fileLoad);
  const fileLoad = (): FileLoadMachine | undefined =>
    (forced ?? hasFileLoad(files)) ? fileLoadMachine(files, facts, random) : undefined;
  const kernel = new SimulatedKernel({
    facts,
    fileLoad,
    state: stateDirectory,
    initial: recordedState(files),
    interfaces: recordedInterfaces(files),
    record: options.record === '' ? undefined : options.record,
    progress: options.progress,
  });

  const machine: RecordedMachine = {
    name: files.name,
    files,
    kernel,
    stateDirectory,
    translationDirectory: translationDirectory(options.env),
    bootEl,
    pageSize,
    machine: unameMachine(files),
    nrCpus: configuredCpus(files),
    ...fileAccess(files, kernel),
    random,
    kexecLoad: (call) => kernel.load(toKernelCall(call)),
    kexecFileLoad: (call: KexecFileLoadCall) => kernel.fileLoad(call),
    rebootKexec: async () => {
      const { execution } = options;
      if (execution === undefined) return rebootOutcome(await kernel.reboot());
      const settings = { ...execution, progress: options.progress };
      return rebootOutcome(
        await kernel.execute((image) =>
          withInterrupts((interrupted) => execution.execute(machine, image, settings, interrupted)),
        ),
      );
    },
    sync: () => {
      kernel.sync();
    },
    interfaceNames: () => kernel.interfaces.map(({ name }) => name),
    interfaceFlags: (name) => kernel.interfaceFlags(name),
    setInterfaceFlags: (name, flags) => kernel.setInterfaceFlags(name, flags),
    execv: async (path, argv) => {
      const errno = await kernel.execve({ path, argv });
      return errno === 0 ? shutDown(machine, options.execution) : { kind: 'refused', errno };
    },
  };
  return machine;
};

/**
 * What init does on `shutdown -r now`: it stops everything, and executes what is loaded (Debian's /etc/init.d/kexec;
 * systemd's src/shutdown/shutdown.c).
 */
const shutDown = async (machine: RecordedMachine, execution: Execution | undefined): Promise<RebootOutcome> => {
  if (execution === undefined || execution.until === 'reboot') return { kind: 'over', exitCode: 0 };
  const outcome = await machine.rebootKexec();
  if (outcome.kind === 'over') return outcome;
  const reason = strerror(-outcome.errno);
  execution.err(
    `kexec-ts: no kernel is executed (${reason}): the machine starts from its firmware, which is not simulated\n`,
  );
  return { kind: 'over', exitCode: 1 };
};

const rebootOutcome = (result: number | { readonly exitCode: number }): RebootOutcome => {
  if (typeof result !== 'number') return { kind: 'over', exitCode: result.exitCode };
  return result === 0 ? { kind: 'over', exitCode: 0 } : { kind: 'refused', errno: result };
};

type FileAccess = Pick<System, 'readFile' | 'readAt' | 'stat' | 'lstat' | 'list'>;

const fileAccess = (files: MachineFiles, kernel: SimulatedKernel): FileAccess => {
  /** The path on the machine; undefined for a file of the host. The user may name /proc and /sys in any way. */
  const onMachine = (path: string): string | undefined => {
    const full = fromRoot(path);
    if (path === '' || !/^\/(proc|sys)(\/|$)/.test(full)) return undefined;
    return path.endsWith('/') ? `${full}/` : full;
  };
  const liveBytes = (path: string): Uint8Array | undefined => {
    if (!LIVE_FILES.includes(path) || files.kind(path) !== 'file') return undefined;
    const text = kernel.readKernelFile(path);
    return text === undefined ? undefined : new TextEncoder().encode(`${text}\n`);
  };
  const withLiveSize = (path: string, stat: FileStat): FileStat => {
    const live = stat.kind === 'file' ? liveBytes(path) : undefined;
    return live === undefined ? stat : { ...stat, size: live.length };
  };

  return {
    readFile: (path) => {
      const inside = onMachine(path);
      return inside === undefined ? readHost(path) : (liveBytes(inside) ?? files.readFile(inside));
    },
    readAt: (path, offset, length) => {
      const inside = onMachine(path);
      if (inside === undefined) return readHost(path, path, offset, length);
      return liveBytes(inside)?.slice(offset, offset + length) ?? files.readAt(inside, offset, length);
    },
    stat: (path) => {
      const inside = onMachine(path);
      return inside === undefined ? statHost(path) : withLiveSize(inside, files.stat(inside));
    },
    lstat: (path) => {
      const inside = onMachine(path);
      return inside === undefined ? lstatHost(path) : withLiveSize(inside, files.lstat(inside));
    },
    list: (path) => {
      const inside = onMachine(path);
      return inside === undefined ? listHost(path) : files.list(inside);
    },
  };
};

const toKernelCall = ({ entry, flags, segments }: KexecLoadCall) => ({
  entry,
  flags,
  nrSegments: BigInt(segments.length),
  segments: segments.map(({ data, memory }) => ({
    mem: memory.start,
    memsz: memory.size,
    bufsz: BigInt(data.length),
    source: { kind: 'bytes', bytes: data } as const,
  })),
});

const parseFileLoad = (text: string | undefined): boolean | undefined => {
  if (text === undefined || text === '') return undefined;
  if (text === 'on' || text === 'off') return text === 'on';
  throw KexecError.die(`KEXEC_FILE_LOAD: "${text}" is not one of on, off`, { subject: 'KEXEC_FILE_LOAD' });
};

const parseLevel = (text: string | undefined): 1 | 2 | undefined => {
  if (text === undefined || text === '') return undefined;
  if (text === '1' || text === '2') return text === '1' ? 1 : 2;
  throw KexecError.die(`KEXEC_EL: "${text}" is not one of 1, 2`, { subject: 'KEXEC_EL' });
};

const pageSizeOf = (wanted: bigint | string | undefined, files: MachineFiles): bigint => {
  if (typeof wanted === 'bigint') return checkPageSize(wanted, 'KEXEC_PAGE_SIZE');
  if (wanted !== undefined && wanted !== '') return parsePageSize(wanted, 'KEXEC_PAGE_SIZE');
  const recorded = pageSizeOfKcore(readHead(files, '/proc/kcore'));
  if (recorded !== undefined) return checkPageSize(recorded, `${files.path}/proc/kcore`);
  const noted = files.note('pagesize')?.trim() ?? '';
  return noted === '' ? 4096n : parsePageSize(noted, `${files.path}/pagesize`);
};

const readHead = (files: MachineFiles, path: string): string | undefined =>
  files.kind(path) === 'file' ? new TextDecoder('latin1').decode(files.readAt(path, 0, KCORE_HEAD)) : undefined;

/** `uname -a` of the recording ends with the machine's name; some C libraries write "GNU/Linux" behind it. */
const unameMachine = (files: MachineFiles): string => {
  const words =
    files
      .note('uname')
      ?.split(/\s+/)
      .filter((word) => word !== '' && word !== 'GNU/Linux') ?? [];
  const machine = words.at(-1) ?? 'aarch64';
  if (/^[A-Za-z0-9_]{1,64}$/.test(machine)) return machine;
  const subject = `${files.path}/uname`;
  throw KexecError.die(`${subject}: "${visible(machine.slice(0, 64))}" is no name of an architecture`, { subject });
};

/**
 * sysconf(_SC_NPROCESSORS_CONF). glibc reads the list of possible CPUs; older releases counted the cpuN directories
 * (__get_nprocs_conf(), sysdeps/unix/sysv/linux/getsysstats.c). A machine without either has what is online.
 */
const configuredCpus = (files: MachineFiles): number => {
  const directory = '/sys/devices/system/cpu';
  const names = files.kind(directory) === 'directory' ? files.list(directory) : [];
  return (
    countCpuList(files.readText(`${directory}/possible`)) ??
    (names.filter((name) => /^cpu\d+$/.test(name)).length || undefined) ??
    countCpuList(files.readText(`${directory}/online`)) ??
    1
  );
};

/** What the recording says of what was loaded, and of limits. */
const recordedState = (files: MachineFiles): KernelState => {
  const number = (path: string): number => {
    const text = files.readText(path)?.trim() ?? '';
    return /^\d{1,9}$/.test(text) ? Number(text) : -1;
  };
  const loaded = (path: string): 'unknown' | undefined => (number(path) > 0 ? 'unknown' : undefined);
  return {
    ...INITIAL_STATE,
    normal: loaded(KEXEC_LOADED),
    crash: loaded(KEXEC_CRASH_LOADED),
    loadDisabled: number(LOAD_DISABLED) > 0,
    limitReboot: number(LOAD_LIMIT_REBOOT),
    limitPanic: number(LOAD_LIMIT_PANIC),
  };
};

/**
 * A directory for each machine: its name for people, its path's digest because names repeat; and for each change of it.
 */
const defaultState = (
  files: MachineFiles,
  changed: ReadonlyMap<string, Uint8Array>,
  env: RecordedMachineOptions['env'],
): string => {
  const hash = createHash('sha256').update(files.path);
  for (const [path, bytes] of changed) hash.update(`\0${path}\0`).update(bytes);
  const digest = hash.digest('hex').slice(0, 8);
  // Relative paths in it are to be ignored (XDG Base Directory Specification).
  const stateHome = env['XDG_STATE_HOME'] ?? '';
  const base = isAbsolute(stateHome) ? stateHome : join(homeOf(env), '.local', 'state');
  return join(base, 'kexec-ts', `${files.name}-${digest}`);
};

/** An empty or relative HOME would have the state in whatever directory the user is in. @throws KexecError */
const homeOf = ({ HOME = '' }: RecordedMachineOptions['env']): string => {
  if (isAbsolute(HOME)) return HOME;
  const user = attempt(NodeError, () => userInfo().homedir);
  if (typeof user === 'string' && isAbsolute(user)) return user;
  throw KexecError.die('there is no home directory to keep what is loaded in: set KEXEC_STATE', { subject: 'HOME' });
};
