/** The interface between the processor and those who run it. */

import type { Bus } from './bus.js';
import type { ExceptionLevel } from './levels.js';
import type { SavedCpu } from './saved-cpu.js';
import type { CpuObserver, ExceptionInfo, Jump, WriteWatcher } from './observer.js';
import type { InterruptInput, TimerName } from './signals.js';

export type { ExceptionInfo, InterruptInput, Jump, TimerName };

/** The processor as those see it who start it, look at it and stop it. */
export interface CpuModel {
  /** X0 to X30. */
  getX(register: number): bigint;
  setX(register: number, value: bigint): void;
  pc: bigint;
  /** The stack pointer in use, as PSTATE.SP and the exception level select it. */
  sp: bigint;
  /** N, Z, C and V in bits 3 to 0. */
  nzcv: number;
  getV(register: number): bigint;
  setV(register: number, value: bigint): void;
  /** D, A, I and F in bits 3 to 0: 1 masks. */
  daif: number;
  readonly el: ExceptionLevel;
  /** Aff0 to Aff3 in their places of MPIDR_EL1. */
  readonly affinity: bigint;
  /** As after a reset: MMU off, interrupts masked, general registers as they are. */
  reset(): void;
  /** Enters an exception level as it is at kexec time or reset: SP_ELx selected, all interrupts masked. */
  setEl(el: ExceptionLevel): void;
  /** A system register by the Arm ARM's name, such as `SCTLR_EL1`. @throws Error for a name that is not modelled */
  getSystemRegister(name: string): bigint;
  setSystemRegister(name: string, value: bigint): void;
  /** Instructions carried out so far, those that raised an exception included. */
  readonly instructions: bigint;
  /** Runs until something of note happens. */
  run(limits?: RunLimits): StopReason;
  /** What the translator did so far. */
  readonly statistics: CpuStatistics;
  /**
   * Forgets all translated code and cached walks: after somebody else wrote to RAM that may hold code or page tables.
   */
  invalidate(): void;
  /** Sets the level of the processor's IRQ or FIQ input. */
  setInterrupt(input: InterruptInput, level: boolean): void;
  /** What the counter shows when one of the processor's timers next raises its output; undefined for never. */
  readonly timerDeadline: bigint | undefined;
  /** An event for WFE: somebody has executed SEV. */
  receiveEvent(): void;
  /** Forgets where addresses lead, all or those of one mapping, as a TLBI for the inner shareable domain asks. */
  receiveTlbi(scope: TlbiScope): void;
  /**
   * Somebody else than a processor of the machine writes to RAM, such as a device: what is known of its code is
   * forgotten.
   */
  receiveWrite(physAddr: number, sizeBytes: number): void;
  /**
   * Has somebody know of pages of RAM before a processor or a device of the machine changes them: of each page once,
   * and once more whenever this is called. Undefined for nobody.
   */
  watchWrites(watcher: WriteWatcher | undefined): void;
  /** Has somebody see what the processor does from now on; undefined for nobody. */
  observe(observer: CpuObserver | undefined): void;
  /** The instruction at a virtual address, for the exception level that it is at; undefined where there is none. */
  wordAt(virtAddr: bigint): number | undefined;
  /** All that it is. Precondition: it does not run. */
  save(): SavedCpu;
  /**
   * Goes on from what one like it was. Precondition: RAM is as it was then, and of what was changed there since this one
   * ran it has been told ({@link receiveWrite}).
   * @throws SavedCpuError, and then it is of no use any more
   */
  restore(saved: SavedCpu): void;
}

export interface RunLimits {
  /** At most so many instructions from now, exactly. */
  readonly maxInstructions?: bigint;
  /**
   * So many instructions from now the turn of this processor is over, or when it only waits for others; at least 1.
   * Undefined where it has no turns.
   */
  readonly turn?: number;
  /** Stops before the instruction at one of these addresses is carried out (virtual, as the program counter has it). */
  readonly stopAt?: ReadonlySet<bigint>;
  /** Stops before an instruction that makes one of these accesses; the same array as long as they are the same. */
  readonly watches?: readonly AccessWatch[];
  /** The first instruction is carried out whatever `stopAt` and `watches` say of it. */
  readonly passesFirst?: boolean;
  /** Asked more often than ten times a second, whatever the guest does; true interrupts the run. */
  readonly interrupted?: () => boolean;
  /** Stops before the guest takes an exception that is not a system call (SVC, HVC, SMC): any, or such as it says. */
  readonly stopOnException?: boolean | ((exception: ExceptionInfo) => boolean);
}

/** Bytes that a debugger watches, from the first to the last. */
export interface AccessWatch {
  readonly first: bigint;
  readonly last: bigint;
  /** By which address they are accessed does not matter; else where the address leads to does not. */
  readonly isPhysical: boolean;
  readonly onRead: boolean;
  readonly onWrite: boolean;
}

export type StopReason =
  | { readonly kind: 'max-instructions' }
  /** So many instructions were carried out as a turn has, or the processor only waits for others. */
  | { readonly kind: 'turn-over' }
  | { readonly kind: 'stop-at'; readonly pc: bigint }
  /** An access that is watched: all is as before the instruction at `pc`, but for other accesses of the same one. */
  | { readonly kind: 'watchpoint'; readonly pc: bigint; readonly virtAddr: bigint; readonly isWrite: boolean }
  | { readonly kind: 'interrupted' }
  /** The board was asked to end: PSCI SYSTEM_OFF or SYSTEM_RESET. */
  | { readonly kind: 'power'; readonly what: 'off' | 'reset' }
  /** The processor was switched off: PSCI CPU_OFF. */
  | { readonly kind: 'processor-off' }
  /** A branch to itself or a wait for an interrupt, with all interrupts masked or none that could come. */
  | { readonly kind: 'stuck'; readonly pc: bigint; readonly why: string; readonly until?: Awaited }
  /** The program counter and everything else is as it was before the instruction at `pc`. */
  | { readonly kind: 'exception'; readonly pc: bigint; readonly exception: ExceptionInfo }
  /** Allocated by the architecture, but not modelled here. */
  | { readonly kind: 'unmodelled'; readonly pc: bigint; readonly encoding: number | undefined; readonly what: string };

/** What a processor that is stuck would go on after. */
export type Awaited = 'interrupt' | 'event';

export interface CpuStatistics {
  readonly regions: number;
  /** Regions that earlier runs translated. */
  readonly takenIn: number;
  readonly translatedInstructions: number;
  readonly translationMs: number;
}

/** How a call to the firmware ends the run of a processor: with the machine's power, or its own. */
export type FirmwareEnd =
  { readonly kind: 'power'; readonly what: 'off' | 'reset' } | { readonly kind: 'processor-off' };

/** The system registers of a GICv3's processor interface, such as `ICC_PMR_EL1`, and of its virtual one. */
export interface InterruptRegisters {
  read(cpu: CpuModel, name: string): bigint;
  write(cpu: CpuModel, name: string, value: bigint): void;
}

/** What a TLBI is about: the mapping of an address, all that is valid for one ASID only, or everything. */
export type TlbiScope = bigint | 'users' | 'all';

/** What a processor asks its surroundings. */
export interface CpuHost {
  readonly bus: Bus;
  /**
   * A call to firmware (SMCCC), by `hvc` where no EL2 would take it, or by `smc`: the function in W0, arguments in X1
   * on; results go to X0 on. @returns how the run ends, or undefined to go on behind the instruction
   */
  firmwareCall(conduit: 'hvc' | 'smc', cpu: CpuModel): FirmwareEnd | undefined;
  /** From now on it is this processor that runs. */
  enter(cpu: CpuModel): void;
  /** There is one more processor. It says so once, when it has been made. */
  connect(cpu: CpuModel): void;
  /** The machine's counter, CNTPCT_EL0, one for all processors. */
  counter(): bigint;
  /** Instructions of a processor that runs alone until the counter shows a value; not above 0 if it does already. */
  instructionsUntil(count: bigint): number;
  /** The output of one of a processor's timers has changed. */
  setTimer(cpu: CpuModel, timer: TimerName, level: boolean): void;
  /**
   * The registers of the interrupt controller's interface to a processor; undefined where they are not system
   * registers.
   */
  readonly interruptRegisters: InterruptRegisters | undefined;
  /** SEV: every processor receives an event, the sender, too. */
  sendEvent(): void;
  /** TLBI for the inner shareable domain: every processor receives it, the sender, too. */
  broadcastTlbi(scope: TlbiScope): void;
  /** CNTFRQ_EL0 in Hz. */
  readonly counterFrequency: bigint;
  /** The highest exception level that there is beside EL3, which firmware has: 2 where the machine booted at EL2. */
  readonly highestEl: 1 | 2;
}
