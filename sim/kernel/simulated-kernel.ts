/** The kernel of a recorded machine: the rules of rules/, applied to what is loaded on disk, and recorded. */
import type { OnProgress } from '../../kexec/base/progress.js';
import type { KexecFileLoadCall } from '../../kexec/base/system.js';
import { Errno, SystemError, strerror } from '../../kexec/base/error.js';
import { KEXEC_FILE_ON_CRASH, KEXEC_ON_CRASH } from '../../kexec/base/uapi.js';
import { type CallEntry, type ExecveEntry, KEXEC_REBOOT, type RebootEntry, rebootArguments } from './calls/calls.js';
import type { KernelFacts } from './facts/facts.js';
import type { FileLoadMachine } from './facts/file-load-machine.js';
import {
  type KernelLogLine,
  appendLog,
  readLog,
  readLogBeforePanic,
  removeLog,
  writePanicLog,
} from './state/kernel-log.js';
import { answerKexecFileLoad } from './rules/kexec-file.js';
import {
  type Caller,
  type ImageSlot,
  type KernelState,
  type LoadCall,
  type Outcome,
  ROOT,
  answerKexecLoad,
  answerReboot,
} from './rules/kexec-load.js';
import { type NetworkInterface, interfaceFlags, setInterfaceFlags } from './rules/network.js';
import { type StoredSegments, recordCall, recordFileLoad, recordLoad } from './calls/record.js';
import { lockState, readState, writeState } from './state/state.js';
import { readKernelFile, writeKernelFile } from './rules/sysctl.js';

/** shutdown(8). */
const SHUTDOWN = '/sbin/shutdown';

export interface SimulatedKernelOptions {
  readonly facts: KernelFacts;
  /** What kexec_file_load(2) works with; undefined where the kernel does not have it. Asked for when it is called. */
  readonly fileLoad?: (() => FileLoadMachine | undefined) | undefined;
  /** Directory of the state; see state.ts. */
  readonly state: string;
  /** The state before anything was written to that directory. */
  readonly initial: KernelState;
  /** The network interfaces as they were recorded; none by default. */
  readonly interfaces?: readonly NetworkInterface[] | undefined;
  /** Directory that receives what is passed to the kernel; see record.ts. */
  readonly record?: string | undefined;
  /** Called again and again while a load is stored. */
  readonly progress?: OnProgress | undefined;
}

/** The kernel of a recorded machine: the rules of kexec-load.ts, with what is loaded kept on disk between commands. */
export class SimulatedKernel {
  /** Whether a sync has not been recorded yet. */
  #synced = false;

  constructor(private readonly options: SimulatedKernelOptions) {}

  get facts(): KernelFacts {
    return this.options.facts;
  }

  /** @throws KexecError when the state on disk is broken */
  get state(): KernelState {
    return readState(this.options.state, this.options.initial);
  }

  /** What the kernel has logged since it was booted. @throws KexecError when it cannot be read */
  get log(): readonly KernelLogLine[] {
    return readLog(this.options.state);
  }

  /** kexec_load(2). @returns 0 or a negative errno @throws KexecError when the state or the record cannot be kept */
  async load(call: LoadCall, caller: Caller = ROOT): Promise<number> {
    const { facts, record } = this.options;
    const { segments } = call;
    return this.#change(
      'kexec_load',
      (state, busy) => answerKexecLoad(facts, state, call, caller, busy),
      async (result, state) => {
        if (record === undefined || segments === 'fault') return;
        const slot = (call.flags & KEXEC_ON_CRASH) === 0n ? state.normal : state.crash;
        await recordLoad(record, { ...call, segments }, result, this.#storedSegments(result, slot));
      },
    );
  }

  /**
   * kexec_file_load(2).
   * @returns 0 or a negative errno
   * @throws KexecError when the recording does not tell enough, or the state or the record cannot be kept
   */
  async fileLoad(call: KexecFileLoadCall, caller: Caller = ROOT): Promise<number> {
    const { record } = this.options;
    const machine = this.options.fileLoad?.();
    const step = (state: KernelState, busy: boolean): Outcome =>
      answerKexecFileLoad(machine, state, call, caller, busy);
    if (machine === undefined) {
      // Nothing can change: the state need not be looked at.
      const { result } = step(this.options.initial, false);
      if (record !== undefined) await recordFileLoad(record, call, result);
      return result;
    }
    return this.#change('kexec_file_load', step, async (result, state) => {
      if (record === undefined) return;
      const slot = (call.flags & KEXEC_FILE_ON_CRASH) === 0n ? state.normal : state.crash;
      await recordFileLoad(record, call, result, this.#storedSegments(result, slot));
    });
  }

  /**
   * reboot(2); only LINUX_REBOOT_CMD_KEXEC is known.
   * @returns 0 or a negative errno
   */
  async reboot(call: RebootEntry = KEXEC_REBOOT, caller: Caller = ROOT): Promise<number> {
    return this.#change(
      'reboot',
      (state, busy) => answerReboot(state, rebootArguments(call), caller, busy),
      async (result) => {
        if (result === 0) removeLog(this.options.state);
        await this.#recordStep(call, result);
      },
    );
  }

  /**
   * reboot(2), and what follows. The loads' lock is held meanwhile, as Linux holds it.
   * @param run what the machine then does; what is loaded stays if it says so, or throws
   * @returns what it gave, or a negative errno
   */
  async execute<T extends { readonly keepsImage: boolean }>(
    run: (image: ImageSlot) => Promise<T>,
  ): Promise<number | T> {
    const { state: directory } = this.options;
    const lock = lockState(directory);
    try {
      const before = this.state;
      const { result, state } = answerReboot(before, rebootArguments(KEXEC_REBOOT), ROOT, lock === undefined);
      await this.#recordStep(KEXEC_REBOOT, result);
      if (result !== 0) return result;
      const done = await run(before.normal);
      if (!done.keepsImage) {
        await writeState(directory, before, state);
        removeLog(directory);
      }
      return done;
    } finally {
      lock?.release();
    }
  }

  /**
   * A panic. What is loaded stays, since the recording is of the machine before: another panic may be tried.
   * @param run what the kernel does when it dies, with what is loaded for that; `busy` while a load is under way, whose
   * lock a panic does not wait for
   * @returns what it gave; its lines are in the log
   */
  panic<T extends { readonly lines: readonly KernelLogLine[] }>(
    run: (crash: ImageSlot | 'busy', earlier: readonly KernelLogLine[]) => T,
  ): T {
    const { state: directory } = this.options;
    const lock = lockState(directory);
    try {
      const died = run(lock === undefined ? 'busy' : this.state.crash, readLogBeforePanic(directory));
      if (lock !== undefined) writePanicLog(directory, died.lines);
      return died;
    } finally {
      lock?.release();
    }
  }

  /**
   * sync(2). There is nothing to write: the machine's files do not change. It is recorded with what it makes ready,
   * the next step of a reboot: a load syncs too, and passes the kernel nothing by it.
   */
  sync(): number {
    this.#synced = true;
    return 0;
  }

  get interfaces(): readonly NetworkInterface[] {
    return this.options.interfaces ?? [];
  }

  /** SIOCGIFFLAGS: IFF_* flags. @throws SystemError */
  interfaceFlags(name: string): number {
    const flags = interfaceFlags(this.interfaces, this.state, name);
    if (flags === undefined) throw new SystemError('ioctl', name, Errno.ENODEV);
    return flags;
  }

  /** SIOCSIFFLAGS. @returns 0 or a negative errno */
  async setInterfaceFlags(name: string, flags: number): Promise<number> {
    return this.#change(
      'ioctl',
      (state) => setInterfaceFlags(this.interfaces, state, name, flags),
      (result) =>
        this.#recordStep({ call: 'ioctl', request: 'SIOCSIFFLAGS', interface: name, flags: BigInt(flags) }, result),
    );
  }

  /** execve(2); of all programs, the machine has the one that kexec runs. @returns 0 or a negative errno */
  async execve(call: Omit<ExecveEntry, 'call'>): Promise<number> {
    const result = call.path === SHUTDOWN ? 0 : -Errno.ENOENT;
    await this.#record({ call: 'execve', ...call }, result);
    return result;
  }

  /** What one of the kernel's files about kexec reads, without a line end; undefined when there is no such file. */
  readKernelFile(path: string): string | undefined {
    return readKernelFile(this.options.facts, this.state, path);
  }

  /** root's write to one of the kernel's files about kexec. @returns 0 or a negative errno */
  async writeKernelFile(path: string, data: string): Promise<number> {
    return this.#change('write', (state) => writeKernelFile(this.options.facts, state, path, data));
  }

  async #record(entry: CallEntry, result: number): Promise<void> {
    if (this.options.record !== undefined) await recordCall(this.options.record, entry, result);
  }

  /** Where the bytes of a load that succeeded are now. */
  #storedSegments(result: number, slot: ImageSlot): StoredSegments | undefined {
    return result === 0 && typeof slot === 'object'
      ? { directory: this.options.state, segments: slot.segments }
      : undefined;
  }

  /** Records a step of a reboot. */
  async #recordStep(entry: CallEntry, result: number): Promise<void> {
    if (this.#synced) await this.#record({ call: 'sync' }, 0);
    this.#synced = false;
    await this.#record(entry, result);
  }

  /**
   * Does one call on the state, under its lock. Without the lock nothing can be written; then a call that is refused
   * because of it does not count against a limit, though Linux counts it.
   * @param call what is called, for the log
   * @param after is told what came of the call, while the files of the state are safe from other writers
   */
  async #change(
    call: string,
    step: (state: KernelState, busy: boolean) => Outcome,
    after: (result: number, state: KernelState) => Promise<void> = () => Promise.resolve(),
  ): Promise<number> {
    const lock = lockState(this.options.state);
    try {
      const before = this.state;
      const { result, state, log, why } = step(before, lock === undefined);
      const changed = lock !== undefined && state !== before;
      const stored = changed ? await writeState(this.options.state, before, state, this.options.progress) : before;
      await after(result, stored);
      // Told without the lock, it may be lost while another load shortens the log.
      const told = why === undefined ? log : [...log, `<5>kexec-ts: ${call}: ${strerror(-result)}: ${why}`];
      if (lock !== undefined || why !== undefined) appendLog(this.options.state, told);
      return result;
    } finally {
      lock?.release();
    }
  }
}
