import type { CpuModel, RunLimits, StopReason } from '../../cpu/state/model.js';

/** What ends a run besides what the guest does. */
export interface RunBounds {
  /** Instructions, counted from the processor's start; undefined for no limit. */
  readonly maxInstructions: bigint | undefined;
  /** Milliseconds of the host's time; undefined for no limit. */
  readonly timeoutMs: number | undefined;
  /** Whether the user wants an end. */
  readonly interrupted: () => boolean;
}

export type RunEnd = StopReason | { readonly kind: 'timeout' };

/** Slices last about as long as it takes a user to notice a delay; signals are seen between them. */
const SLICE_MS = 50;
const FIRST_SLICE = 1_000_000;
const LARGEST_SLICE = 1_000_000_000;

/**
 * Runs a processor in slices, and lets the host breathe between them.
 * @param betweenSlices called after each slice
 */
export const runCpu = async (
  cpu: CpuModel,
  limits: Pick<RunLimits, 'stopAt' | 'stopOnException'>,
  { maxInstructions, timeoutMs, interrupted }: RunBounds,
  betweenSlices: () => void = () => {},
): Promise<RunEnd> => {
  const deadline = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  let slice = FIRST_SLICE;
  for (;;) {
    const left = maxInstructions === undefined ? undefined : maxInstructions - cpu.instructions;
    if (left !== undefined && left <= 0n) return { kind: 'max-instructions' };
    const size = left !== undefined && left < BigInt(slice) ? left : BigInt(slice);
    const start = performance.now();
    const late = (): boolean => performance.now() > deadline;
    const reason = cpu.run({ ...limits, maxInstructions: size, interrupted: late });
    const spent = performance.now() - start;
    betweenSlices();
    if (reason.kind === 'interrupted') return { kind: 'timeout' };
    if (reason.kind !== 'max-instructions') return reason;
    if (late()) return { kind: 'timeout' };
    await breathe();
    if (interrupted()) return { kind: 'interrupted' };
    slice = Math.min(LARGEST_SLICE, Math.max(1000, Math.round((slice * SLICE_MS) / Math.max(spent, 1))));
  }
};

/** Timers and signals have their turn. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
