/** A machine's processors are run in turns, with time for the host in between, until something ends the run. */
import { attempt } from '../../../kexec/base/attempt.js';
import type { CpuModel, RunLimits, StopReason } from '../../cpu/state/model.js';
import { MachineError } from '../../machine/error.js';
import type { Json, Savable } from '../../machine/savable.js';
import { SavedState } from '../../machine/saved-state.js';

/** What ends the runs of a command besides what the guest does. */
export interface RunBounds {
  /** Instructions of all processors, counted from their start; undefined for no limit. */
  readonly maxInstructions: bigint | undefined;
  /** When time is up, as `performance.now()` tells time; one for all runs of the command. */
  readonly deadline: number;
  /** Whether the user wants an end. */
  readonly interrupted: () => boolean;
  /** Whether what runs there is over, though the machine is not: `interrupted`, too. */
  readonly isOver?: (() => boolean) | undefined;
  /** Those that run; all by default. The turns of the others come when the run is over. */
  readonly among?: ReadonlySet<CpuModel> | undefined;
}

export type RunEnd = StopReason | { readonly kind: 'timeout' } | ({ readonly kind: 'kernel-bug' } & KernelBug);

/** What a kernel died of before its last instructions. */
export interface KernelBug {
  /** One sentence, without its end. */
  readonly why: string;
  /** Its last words. */
  readonly log: readonly string[];
}

/** {@link RunBounds.deadline} from now. @param timeoutMs milliseconds; undefined for no limit */
export const deadlineIn = (timeoutMs: number | undefined): number =>
  timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;

/** What the guest may do on one of the processors. */
export type GuestLimits = Omit<RunLimits, 'turn' | 'interrupted'>;

/** Slices last about as long as it takes a user to notice a delay; signals are seen between them. */
const SLICE_MS = 50;

/** Turns are counted in instructions, so that a run is the same each time. */
const TURN = 100_000;

/** What of a machine its processors' turns depend on. */
export interface MachineOfProcessors {
  /** Whether a processor has been switched on. */
  isOn(cpu: CpuModel): boolean;
  /** What the counter shows. */
  counter(): bigint;
  /** Lets time pass until the counter shows a value. */
  advanceTo(count: bigint): void;
  /** What the counter shows when a device is next to be polled; undefined while none is to be. */
  readonly alarm: bigint | undefined;
  /** Instructions of a processor that runs alone until the counter shows a value; not above 0 if it does already. */
  instructionsUntil(count: bigint): number;
  /** Lets devices look whether their time has come. */
  poll(): void;
}

/** What wakes a machine from outside: a person or a file that types. */
export interface OutsideInput {
  /**
   * Gives the machine what has come, as far as it takes it.
   * @param isIdle whether no processor has anything to do
   * @returns whether it took anything
   */
  deliver(isIdle: boolean): boolean;
  /**
   * Lets time pass while no processor has anything to do, about a slice's at most.
   * @param ticks of the counter until a timer wakes a processor; undefined when none will
   * @returns the ticks that passed; undefined when nothing can come any more
   */
  wait(ticks: bigint | undefined): Promise<bigint | undefined>;
}

/** All processors wait: how the run ends if nothing comes. */
interface Idle {
  readonly kind: 'idle';
  readonly end: StopReason;
}

export class Processors implements Savable {
  readonly #cpus: readonly CpuModel[];
  readonly #machine: MachineOfProcessors;
  /** Index of the one whose turn it is. */
  #current = 0;
  /** Instructions of that one when its turn is over. */
  #turnEnd: bigint;
  /** How many in a row, up to the last one, had nothing to do. */
  #waiting = 0;
  /** See {@link RunBounds.among}. */
  #among: ReadonlySet<CpuModel> | undefined;

  /** @param first the one that boots */
  constructor(
    machine: MachineOfProcessors,
    readonly first: CpuModel,
    ...others: readonly CpuModel[]
  ) {
    this.#machine = machine;
    this.#cpus = [first, ...others];
    this.#turnEnd = first.instructions + BigInt(TURN);
  }

  /** The one whose turn it is; the one that ended the run, when that is over. */
  get current(): CpuModel {
    return this.#cpus[this.#current] ?? this.first;
  }

  /** Gives a processor the turn. Precondition: it is one of them. */
  switchTo(cpu: CpuModel): void {
    this.#current = this.#cpus.indexOf(cpu);
    this.#turnEnd = cpu.instructions + BigInt(TURN);
  }

  /** Instructions of all of them. */
  get instructions(): bigint {
    return this.#cpus.reduce((sum, { instructions }) => sum + instructions, 0n);
  }

  /** Whose turn it is, and how much of it is left; the processors themselves are the board's to save. */
  save(): Json {
    return { current: this.#current, turnEnd: `0x${this.#turnEnd.toString(16)}`, waiting: this.#waiting };
  }

  restore(saved: unknown): void {
    const state = new SavedState("the processors' turns", saved);
    this.#current = state.number('current', this.#cpus.length - 1);
    this.#turnEnd = state.hex('turnEnd');
    this.#waiting = state.number('waiting');
  }

  [Symbol.iterator](): Iterator<CpuModel> {
    return this.#cpus[Symbol.iterator]();
  }

  /**
   * @param betweenSlices called now and then, and at the end
   * @param input without it, nothing comes from outside
   */
  async run(
    limitsOf: (cpu: CpuModel) => GuestLimits,
    bounds: RunBounds,
    betweenSlices: () => void = () => {},
    input?: OutsideInput,
  ): Promise<RunEnd> {
    this.#among = bounds.among;
    if (bounds.among?.has(this.current) === false) this.#next();
    for (;;) {
      input?.deliver(false);
      const sliceEnd = Math.min(bounds.deadline, performance.now() + SLICE_MS);
      const end =
        this.#boundReached(bounds) ??
        this.#telling(() => this.#runSlice(limitsOf, bounds, sliceEnd, input !== undefined));
      betweenSlices();
      if (end?.kind === 'idle') {
        if (input === undefined || !(await this.#idle(input))) return end.end;
      } else if (end !== undefined) return end;
      await breathe();
    }
  }

  /** @throws MachineError with where the processors were */
  #telling<T>(run: () => T): T {
    const result = attempt(MachineError, run);
    if (!(result instanceof MachineError)) return result;
    throw new MachineError(
      `${result.reason}, at 0x${this.current.pc.toString(16)} after ${this.instructions} instructions`,
    );
  }

  #boundReached({ maxInstructions, deadline, interrupted, isOver }: RunBounds): RunEnd | undefined {
    if (maxInstructions !== undefined && this.instructions >= maxInstructions) return { kind: 'max-instructions' };
    if (performance.now() >= deadline) return { kind: 'timeout' };
    return interrupted() || isOver?.() === true ? { kind: 'interrupted' } : undefined;
  }

  /** @returns undefined when the time is over */
  #runSlice(
    limitsOf: (cpu: CpuModel) => GuestLimits,
    { maxInstructions }: RunBounds,
    sliceEnd: number,
    hasInput: boolean,
  ): StopReason | Idle | undefined {
    const interrupted = (): boolean => performance.now() >= sliceEnd;
    for (;;) {
      const cpu = this.current;
      const left = maxInstructions === undefined ? undefined : maxInstructions - this.instructions;
      if (left !== undefined && left <= 0n) return { kind: 'max-instructions' };
      const { instructions: before, pc } = cpu;
      const { alarm, untilAlarm } = this.#pollDevices();
      const limits = limitsOf(cpu);
      const wanted = least(left, limits.maxInstructions);
      const isAlarmFirst = untilAlarm !== undefined && (wanted === undefined || untilAlarm < wanted);
      const most = isAlarmFirst ? untilAlarm : wanted;
      const end = cpu.run({
        ...limits,
        ...(most === undefined ? {} : { maxInstructions: most }),
        ...(this.#hasTurns ? { turn: Number(this.#turnEnd - before) } : {}),
        // An alarm that is set now is heeded when the processor asks next, which it does after as many instructions
        // each time.
        interrupted: () => this.#machine.alarm !== alarm || interrupted(),
      });
      // A processor that goes on waiting carries out its WFI anew, which may be counted.
      const isWhereItWas = cpu.pc === pc && cpu.instructions - before <= 1n;
      const mayWait = end.kind === 'stuck' || end.kind === 'interrupted';
      const hasStopped = (end.kind === 'stop-at' || end.kind === 'watchpoint') && cpu.instructions === before;
      if (!((mayWait || hasStopped) && isWhereItWas)) this.#waiting = 0;
      // It stops there when its turn comes again: whoever lets it go on from a stop takes nobody's turn.
      if (end.kind === 'stop-at' && this.#hasTurns && cpu.instructions >= this.#turnEnd) {
        this.#next();
        if (interrupted()) return undefined;
        continue;
      }
      if (end.kind === 'interrupted' || (end.kind === 'max-instructions' && isAlarmFirst)) {
        if (interrupted()) return undefined;
        continue;
      }
      if (!this.#goesOn(end)) return end;
      if (this.#waiting >= this.#running.length) {
        // What comes from outside may come first, and is given to the machine between slices.
        if (hasInput) return { kind: 'idle', end };
        if (!this.#sleep()) return end;
      }
      if (interrupted()) return undefined;
    }
  }

  /**
   * Polls those whose time has come. @returns when the next one's comes, and how many instructions there are until then
   */
  #pollDevices(): { readonly alarm: bigint | undefined; readonly untilAlarm: bigint | undefined } {
    for (;;) {
      const { alarm } = this.#machine;
      if (alarm === undefined) return { alarm, untilAlarm: undefined };
      const untilAlarm = this.#machine.instructionsUntil(alarm);
      if (untilAlarm > 0) return { alarm, untilAlarm: BigInt(untilAlarm) };
      this.#machine.poll();
    }
  }

  /** Gives the turn to the next processor where it is due. @returns whether the run goes on */
  #goesOn(end: StopReason): boolean {
    switch (end.kind) {
      case 'turn-over':
        return this.#next();
      case 'processor-off':
        return this.#next();
      case 'stuck':
        if (end.until === undefined) return false;
        // A processor that waits can be woken by one that does not, or by a timer when all wait.
        this.#waiting++;
        return this.#next();
      default:
        return false;
    }
  }

  /** Lets time pass until a timer's output goes high. @returns false where none will */
  #sleep(): boolean {
    const deadline = this.#deadline;
    if (deadline === undefined) return false;
    this.#machine.advanceTo(deadline);
    this.#waiting = 0;
    return true;
  }

  /** Waits for what comes from outside, or for a timer. @returns false where neither will come */
  async #idle(input: OutsideInput): Promise<boolean> {
    if (!input.deliver(true)) {
      const deadline = this.#deadline;
      const now = this.#machine.counter();
      const passed = await input.wait(deadline === undefined ? undefined : deadline - now);
      if (passed === undefined) return this.#sleep();
      this.#machine.advanceTo(deadline !== undefined && now + passed > deadline ? deadline : now + passed);
    }
    this.#waiting = 0;
    return true;
  }

  /** When the first timer raises its output, or a device's time comes, as the counter tells time. */
  get #deadline(): bigint | undefined {
    const deadlines = [
      ...this.#running.flatMap(({ timerDeadline }) => timerDeadline ?? []),
      this.#machine.alarm ?? [],
    ].flat();
    return deadlines.length === 0 ? undefined : deadlines.reduce((first, other) => (other < first ? other : first));
  }

  get #running(): readonly CpuModel[] {
    return this.#cpus.filter((cpu) => this.#mayRun(cpu));
  }

  #mayRun(cpu: CpuModel): boolean {
    return this.#machine.isOn(cpu) && this.#among?.has(cpu) !== false;
  }

  get #hasTurns(): boolean {
    return (this.#among?.size ?? this.#cpus.length) > 1;
  }

  /** @returns whether there is a processor that is on */
  #next(): boolean {
    for (let tried = 0; tried < this.#cpus.length; tried++) {
      this.#current = (this.#current + 1) % this.#cpus.length;
      this.#turnEnd = this.current.instructions + BigInt(TURN);
      if (this.#mayRun(this.current)) return true;
    }
    return false;
  }
}

const least = (one: bigint | undefined, other: bigint | undefined): bigint | undefined =>
  one === undefined || (other !== undefined && other < one) ? other : one;

/** How a machine is run: by its processors, or by what has them run otherwise. */
export type RunMachine = Processors['run'];

/** Timers and signals have their turn. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
