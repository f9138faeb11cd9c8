/** A processor is run in slices of the host's time, between which the host breathes, until something ends the run. */
import type { CpuModel, RunLimits, StopReason } from '../../cpu/state/model.js';

/** What ends the runs of a command besides what the guest does. */
export interface RunBounds {
  /** Instructions, counted from the processor's start; undefined for no limit. */
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

/** Slices last about as long as it takes a user to notice a delay; signals are seen between them. */
const SLICE_MS = 50;

/** @param betweenSlices called after each slice */
export const runCpu = async (
  cpu: CpuModel,
  limits: Pick<RunLimits, 'stopAt' | 'stopOnException'>,
  { maxInstructions, deadline, interrupted }: RunBounds,
  betweenSlices: () => void = () => {},
): Promise<RunEnd> => {
  for (;;) {
    const left = maxInstructions === undefined ? undefined : maxInstructions - cpu.instructions;
    if (left !== undefined && left <= 0n) return { kind: 'max-instructions' };
    if (performance.now() >= deadline) return { kind: 'timeout' };
    if (interrupted()) return { kind: 'interrupted' };
    const end = Math.min(deadline, performance.now() + SLICE_MS);
    const reason = cpu.run({
      ...limits,
      ...(left === undefined ? {} : { maxInstructions: left }),
      interrupted: () => performance.now() >= end,
    });
    betweenSlices();
    if (reason.kind !== 'interrupted') return reason;
    await breathe();
  }
};

/** Timers and signals have their turn. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
