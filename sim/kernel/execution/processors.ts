/** A machine's processors are run in turns, with time for the host in between, until something ends the run. */
import type { CpuModel, RunLimits, StopReason } from '../../cpu/state/model.js';

/** What ends the runs of a command besides what the guest does. */
export interface RunBounds {
  /** Instructions of all processors, counted from their start; undefined for no limit. */
  readonly maxInstructions: bigint | undefined;
  /** When time is up, as `performance.now()` tells time; one for all runs of the command. */
  readonly deadline: number;
  /** Whether the user wants an end. */
  readonly interrupted: () => boolean;
}

export type RunEnd = StopReason | { readonly kind: 'timeout' };

/** {@link RunBounds.deadline} from now. @param timeoutMs milliseconds; undefined for no limit */
export const deadlineIn = (timeoutMs: number | undefined): number =>
  timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;

/** What the guest may do on one of the processors. */
export type GuestLimits = Pick<RunLimits, 'stopAt' | 'stopOnException'>;

/** Slices last about as long as it takes a user to notice a delay; signals are seen between them. */
const SLICE_MS = 50;

/** Turns are counted in instructions, so that a run is the same each time. */
const TURN = 100_000n;

export class Processors {
  readonly #cpus: readonly CpuModel[];
  /** Index of the one whose turn it is. */
  #current = 0;
  #turnEnd: bigint;
  /** How many in a row, up to the last one, have said that nothing but another processor can help them. */
  #stuck = 0;

  /** @param first the one that boots */
  constructor(
    readonly first: CpuModel,
    ...others: readonly CpuModel[]
  ) {
    this.#cpus = [first, ...others];
    this.#turnEnd = first.instructions + TURN;
  }

  /** The one whose turn it is; the one that ended the run, when that is over. */
  get current(): CpuModel {
    return this.#cpus[this.#current] ?? this.first;
  }

  /** Instructions of all of them. */
  get instructions(): bigint {
    return this.#cpus.reduce((sum, { instructions }) => sum + instructions, 0n);
  }

  [Symbol.iterator](): Iterator<CpuModel> {
    return this.#cpus[Symbol.iterator]();
  }

  /** @param betweenSlices called now and then, and at the end */
  async run(
    limitsOf: (cpu: CpuModel) => GuestLimits,
    bounds: RunBounds,
    betweenSlices: () => void = () => {},
  ): Promise<RunEnd> {
    for (;;) {
      const sliceEnd = Math.min(bounds.deadline, performance.now() + SLICE_MS);
      const end = this.#boundReached(bounds) ?? this.#runSlice(limitsOf, bounds, sliceEnd);
      betweenSlices();
      if (end !== undefined) return end;
      await breathe();
    }
  }

  #boundReached({ maxInstructions, deadline, interrupted }: RunBounds): RunEnd | undefined {
    if (maxInstructions !== undefined && this.instructions >= maxInstructions) return { kind: 'max-instructions' };
    if (performance.now() >= deadline) return { kind: 'timeout' };
    return interrupted() ? { kind: 'interrupted' } : undefined;
  }

  /** @returns undefined when the time is over */
  #runSlice(
    limitsOf: (cpu: CpuModel) => GuestLimits,
    { maxInstructions }: RunBounds,
    sliceEnd: number,
  ): StopReason | undefined {
    const interrupted = (): boolean => performance.now() >= sliceEnd;
    for (;;) {
      const cpu = this.current;
      const left = maxInstructions === undefined ? undefined : maxInstructions - this.instructions;
      if (left !== undefined && left <= 0n) return { kind: 'max-instructions' };
      const most = least(left, this.#leftOfTurn);
      const end = cpu.run({ ...limitsOf(cpu), ...(most === undefined ? {} : { maxInstructions: most }), interrupted });
      if (end.kind === 'interrupted') return undefined;
      if (!this.#goesOn(end)) return end;
      if (interrupted()) return undefined;
    }
  }

  /** Gives the turn to the next processor where it is due. @returns whether the run goes on */
  #goesOn({ kind }: StopReason): boolean {
    if (kind === 'max-instructions') {
      this.#stuck = 0;
      if (this.#leftOfTurn === 0n) this.#next();
      return true;
    }
    // A processor that waits can be woken by one that does not.
    if (kind !== 'stuck' || ++this.#stuck >= this.#cpus.length) return false;
    this.#next();
    return true;
  }

  /** Instructions; undefined for one that is alone. */
  get #leftOfTurn(): bigint | undefined {
    return this.#cpus.length === 1 ? undefined : this.#turnEnd - this.current.instructions;
  }

  #next(): void {
    this.#current = (this.#current + 1) % this.#cpus.length;
    this.#turnEnd = this.current.instructions + TURN;
  }
}

const least = (a: bigint | undefined, b: bigint | undefined): bigint | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
};

/** Timers and signals have their turn. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
