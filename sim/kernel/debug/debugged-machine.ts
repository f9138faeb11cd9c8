/** A machine that runs as a debugger says, in the place of its own run: who runs it need not know. */
import type { CpuModel } from '../../cpu/state/model.js';
import type { Processors, RunEnd, RunMachine } from '../machine/processors.js';
import { type Frame, type Stop, type Wishes, forward } from './forward.js';
import { StopPoints } from './stop-points.js';

/** Where the machine first waits for its debugger, or would if it were not for {@link FirstStop.then}. */
export interface FirstStop {
  readonly stopAt: ReadonlySet<bigint>;
  /** Whether it is to stop there now; always by default. */
  readonly isThere?: (cpu: CpuModel) => boolean;
  /** What it is to go on to from there; undefined where that is the place. */
  readonly then?: (cpu: CpuModel) => FirstStop | undefined;
}

/** How it is to go on. */
export interface Order {
  readonly backwards: boolean;
  readonly step: CpuModel | undefined;
  readonly among: ReadonlySet<CpuModel> | undefined;
}

/** What comes of an order. */
export type Told =
  | Exclude<Stop, { readonly kind: 'end' | 'until' }>
  | { readonly kind: 'interrupted' | 'history-end' }
  /** The machine has come to its end, and can be looked at; what is told of it next is that it is gone. */
  | { readonly kind: 'end'; readonly end: RunEnd }
  | { readonly kind: 'gone' };

/** Runs a machine backwards. */
export interface Past {
  /**
   * Goes back to the last moment before this one at which something was wished for, or as far as is known. An access
   * has just been made then.
   */
  back(frame: Frame, wishes: Wishes): Promise<Told>;
  /** Somebody has changed the machine. */
  changed(): void;
}

export interface DebuggedMachineOptions {
  readonly processors: Processors;
  /** The processors' own by default. */
  readonly run?: RunMachine;
  readonly past?: Past | undefined;
  /** The first instruction that runs by default. */
  readonly first?: FirstStop | undefined;
  /** The machine stands at its first stop. */
  readonly onReady: () => void;
}

/** So often somebody looks whether the user wants an end, while the machine stands. */
const LOOK_MS = 100;
/** What is asked now and then is not asked more often for the stops between. */
const LEAST_MS = 50;

const NOTHING: Wishes = { stopAt: new Set(), watches: [] };

/** Ends that are the machine's: everything else ends a run for those who run it. */
const OWN_ENDS: readonly RunEnd['kind'][] = ['power', 'stuck', 'exception', 'unmodelled', 'processor-off'];

interface Pending {
  readonly order: Order;
  /** Undefined where nobody is there: the machine's end is the run's, then. */
  readonly tell: ((told: Told) => void) | undefined;
}

const CONTINUE: Order = { backwards: false, step: undefined, among: undefined };

export class DebuggedMachine {
  readonly stops = new StopPoints();
  readonly #options: DebuggedMachineOptions;
  readonly #run: RunMachine;
  /** What it is to do next, or does; undefined while it stands and waits. */
  #pending: Pending | undefined;
  #wake: () => void = () => {};
  #isReady = false;
  #first: FirstStop | undefined;
  #isKilled = false;
  #wantsStop = false;
  /** Those at whose program counters the debugger has been told of what is there. */
  #shown: { readonly cpu: CpuModel; readonly pc: bigint } | undefined;
  /** The end that it has come to, and has been told of. */
  #end: RunEnd | undefined;

  constructor(options: DebuggedMachineOptions) {
    this.#options = options;
    const { processors } = options;
    this.#first = options.first;
    this.#run = options.run ?? ((...run) => processors.run(...run));
  }

  get canReverse(): boolean {
    return this.#options.past !== undefined;
  }

  get isKilled(): boolean {
    return this.#isKilled;
  }

  // What a debugger does.

  /** Precondition: the machine stands. */
  resume(order: Order): Promise<Told> {
    return new Promise((resolve) => {
      this.#pending = { order, tell: resolve };
      this.#wake();
    });
  }

  /** Has the machine stop; whoever had it run is told. */
  interrupt(): void {
    this.#wantsStop = true;
  }

  /** Has the machine stop, if it runs: it is to be there for somebody. */
  async halt(): Promise<void> {
    const pending = this.#pending;
    if (pending === undefined) return;
    await new Promise<void>((resolve) => {
      const tell = (told: Told): void => {
        pending.tell?.(told);
        resolve();
      };
      this.#pending = { ...pending, tell };
      this.interrupt();
    });
  }

  /** Lets the machine run on. Precondition: it stands, or runs. */
  release(): void {
    this.stops.clear();
    this.#pending = { order: CONTINUE, tell: undefined };
    this.#wake();
  }

  kill(): void {
    this.#isKilled = true;
    this.#wake();
  }

  /** The debugger has set registers: what is where the machine stands now has not been looked at. */
  changed(): void {
    this.#shown = undefined;
    this.wrote();
  }

  /** The debugger has written to the machine's memory. */
  wrote(): void {
    this.#options.past?.changed();
  }

  // What runs it.

  /** In place of {@link Processors.run}: what it gives is what ends the run, and never a stop of the debugger's. */
  readonly run: RunMachine = async (limitsOf, bounds, between, input) => {
    const betweenSlices = between ?? ((): void => {});
    const seldom = atMostEvery(LEAST_MS);
    const frame: Frame = {
      limitsOf,
      betweenSlices: () => {
        if (seldom()) betweenSlices();
      },
      bounds: {
        ...bounds,
        interrupted: () => this.#wantsStop || this.#isKilled || bounds.interrupted(),
      },
      input: input && { ...seldomDelivering(input) },
    };
    const end = (await this.#toFirst(frame)) ?? (await this.#obey(frame, bounds.interrupted, betweenSlices));
    betweenSlices();
    return end;
  };

  /** Goes to where the debugger is awaited. @returns the end that comes before that */
  async #toFirst(frame: Frame): Promise<RunEnd | undefined> {
    if (this.#isReady) return undefined;
    const { processors } = this.#options;
    let passing: CpuModel | undefined;
    while (this.#first !== undefined) {
      const first = this.#first;
      const stop = await this.#forward(frame, { ...NOTHING, stopAt: first.stopAt, passing });
      if (stop.kind === 'end') return stop.end;
      passing = processors.current;
      if (first.isThere?.(passing) !== false) this.#first = first.then?.(passing);
    }
    this.#isReady = true;
    this.#options.onReady();
    return undefined;
  }

  async #obey(frame: Frame, interrupted: () => boolean, betweenSlices: () => void): Promise<RunEnd> {
    for (;;) {
      if (!(await this.#awaitOrder(interrupted, betweenSlices))) return { kind: 'interrupted' };
      if (this.#end !== undefined && !this.#goesBack) return this.#end;
      this.#end = undefined;
      const told = await this.#carryOut(frame, interrupted);
      // Who looks at the run sees that the machine is another.
      if (this.#goesBack) betweenSlices();
      if (told.kind === 'until') continue;
      if (told.kind === 'end' && !this.#isToBeTold(told.end, frame)) return told.end;
      if (told.kind === 'end') this.#end = told.end;
      const { current: cpu } = this.#options.processors;
      this.#shown = { cpu, pc: cpu.pc };
      this.#tell(told);
    }
  }

  /** Waits until there is something to do. @returns whether there is: the machine is to end otherwise */
  async #awaitOrder(interrupted: () => boolean, betweenSlices: () => void): Promise<boolean> {
    for (;;) {
      if (this.#isKilled || interrupted()) return false;
      if (this.#pending !== undefined) return true;
      await this.#pause();
      betweenSlices();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), LOOK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }

  /** Whether what it is to do leads back in time. */
  get #goesBack(): boolean {
    return this.#pending?.order.backwards === true && this.#options.past !== undefined;
  }

  async #carryOut(frame: Frame, interrupted: () => boolean): Promise<Told | { readonly kind: 'until' }> {
    const { past } = this.#options;
    const { order } = this.#pending ?? { order: CONTINUE };
    const { cpu, pc } = this.#shown ?? {};
    const wishes: Wishes = {
      stopAt: this.stops.breakpoints,
      watches: this.stops.watches,
      step: order.step,
      among: order.among,
      passing: cpu?.pc === pc ? cpu : undefined,
    };
    if (order.backwards && past !== undefined) return past.back(frame, wishes);
    const stop = await this.#forward(frame, wishes);
    if (stop.kind !== 'end' || stop.end.kind !== 'interrupted' || !this.#wantsStop || interrupted()) return stop;
    return { kind: 'interrupted' };
  }

  #forward(frame: Frame, wishes: Wishes): Promise<Stop> {
    return forward(this.#options.processors, this.#run, frame, wishes);
  }

  /** An end of the machine's own, or of what runs on it: a debugger may want to see how it came to that. */
  #isToBeTold(end: RunEnd, { bounds }: Frame): boolean {
    if (this.#pending?.tell === undefined) return false;
    return OWN_ENDS.includes(end.kind) || (end.kind === 'interrupted' && bounds.isOver?.() === true);
  }

  #tell(told: Told): void {
    const pending = this.#pending;
    this.#pending = undefined;
    this.#wantsStop = false;
    pending?.tell?.(told);
  }

  /** The machine is no more. */
  close(): void {
    this.#tell({ kind: 'gone' });
  }
}

/** Whether so much time has passed since it last had. */
const atMostEvery = (milliseconds: number): (() => boolean) => {
  let next = 0;
  return () => {
    const now = performance.now();
    if (now < next) return false;
    next = now + milliseconds;
    return true;
  };
};

/** Looks of what types are counted: stops are none. */
const seldomDelivering = (input: NonNullable<Frame['input']>): NonNullable<Frame['input']> => {
  const seldom = atMostEvery(LEAST_MS);
  return {
    deliver: (isIdle) => (isIdle || seldom() ? input.deliver(isIdle) : false),
    wait: (ticks) => input.wait(ticks),
  };
};
