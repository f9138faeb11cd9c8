/** A machine runs forward until something comes that somebody wants to look at: the one way in which debuggers run it. */
import type { AccessWatch, CpuModel } from '../../cpu/state/model.js';
import type { GuestLimits, OutsideInput, Processors, RunBounds, RunEnd, RunMachine } from '../machine/processors.js';

/** What those say of the run whose machine it is: a debugger's wishes come on top. */
export interface Frame {
  readonly limitsOf: (cpu: CpuModel) => GuestLimits;
  readonly bounds: RunBounds;
  readonly betweenSlices: () => void;
  readonly input: OutsideInput | undefined;
}

/** What a debugger wants to look at. The same sets and arrays as long as they are the same. */
export interface Wishes {
  readonly stopAt: ReadonlySet<bigint>;
  readonly watches: readonly AccessWatch[];
  /** It is to carry out one instruction. */
  readonly step?: CpuModel | undefined;
  /** The only ones that run; all by default. */
  readonly among?: ReadonlySet<CpuModel> | undefined;
  /** Instructions of all processors, counted from their start. */
  readonly until?: bigint | undefined;
  /** It has been looked at where it stands, and goes on from there without stopping again. */
  readonly passing?: CpuModel | undefined;
}

export type Stop =
  | { readonly kind: 'breakpoint' | 'step'; readonly cpu: CpuModel }
  /** Before the access. */
  | { readonly kind: 'watchpoint'; readonly cpu: CpuModel; readonly virtAddr: bigint; readonly isWrite: boolean }
  /** So many instructions have been carried out as {@link Wishes.until} says. */
  | { readonly kind: 'until' }
  /** What the frame ends for. */
  | { readonly kind: 'end'; readonly end: RunEnd };

const NO_STOPS: ReadonlySet<bigint> = new Set<bigint>();

/** A processor at an instruction that it has not carried out yet, though a wait begun anew may be counted. */
class Standing {
  #instructions: bigint;
  readonly #pc: bigint;

  constructor(readonly cpu: CpuModel) {
    this.#instructions = cpu.instructions;
    this.#pc = cpu.pc;
  }

  isStill(): boolean {
    const { instructions, pc } = this.cpu;
    if (pc !== this.#pc || instructions - this.#instructions > 1n) return false;
    this.#instructions = instructions;
    return true;
  }

  get hasRun(): boolean {
    return this.cpu.pc !== this.#pc || this.cpu.instructions !== this.#instructions;
  }
}

/** Both of two sets of addresses, which mostly are the ones that were asked for before. */
class Both {
  #one = NO_STOPS;
  #other = NO_STOPS;
  #both = NO_STOPS;

  of(one: ReadonlySet<bigint>, other: ReadonlySet<bigint>): ReadonlySet<bigint> {
    if (one.size === 0) return other;
    if (one === this.#one && other === this.#other) return this.#both;
    [this.#one, this.#other] = [one, other];
    return (this.#both = new Set([...one, ...other]));
  }
}

/**
 * Runs a machine on. Whatever is wished for, the processors' turns are those of a run without wishes, and so is all
 * that the guest does, but where only some of them may run.
 * @param run how the machine is run @throws MachineError
 */
export const forward = async (
  processors: Processors,
  run: RunMachine,
  { limitsOf, bounds, betweenSlices, input }: Frame,
  wishes: Wishes,
): Promise<Stop> => {
  const { stopAt, watches, until, among } = wishes;
  const step = wishes.step && new Standing(wishes.step);
  const passing = wishes.passing && new Standing(wishes.passing);
  const both = new Both();
  const isPassing = (cpu: CpuModel): boolean => passing?.cpu === cpu && passing.isStill();
  const isStepping = (cpu: CpuModel): boolean => step?.cpu === cpu && step.isStill();
  const most = bounds.maxInstructions;
  const isUntilFirst = until !== undefined && (most === undefined || until <= most);
  const end = await run(
    (cpu) => {
      const own = limitsOf(cpu);
      const isOwnStop = own.stopAt?.has(cpu.pc) === true;
      return {
        ...own,
        stopAt: both.of(own.stopAt ?? NO_STOPS, stopAt),
        watches,
        passesFirst: !isOwnStop && (isPassing(cpu) || isStepping(cpu)),
        ...(isStepping(cpu) ? { maxInstructions: 1n } : {}),
      };
    },
    { ...bounds, among, ...(isUntilFirst ? { maxInstructions: until } : {}) },
    betweenSlices,
    input,
  );
  const cpu = processors.current;
  switch (end.kind) {
    case 'watchpoint':
      return { kind: 'watchpoint', cpu, virtAddr: end.virtAddr, isWrite: end.isWrite };
    case 'stop-at': {
      const isOwn = limitsOf(cpu).stopAt?.has(end.pc) === true;
      if (stopAt.has(end.pc) && !(isOwn && isPassing(cpu))) return { kind: 'breakpoint', cpu };
      return step?.cpu === cpu && step.hasRun ? { kind: 'step', cpu } : { kind: 'end', end };
    }
    case 'max-instructions': {
      if (step?.cpu === cpu && step.hasRun) return { kind: 'step', cpu };
      return isUntilFirst && processors.instructions >= until ? { kind: 'until' } : { kind: 'end', end };
    }
    default:
      return { kind: 'end', end };
  }
};
