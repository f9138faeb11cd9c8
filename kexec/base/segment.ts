/** Segments, and the plan of a load that they make. */
import type { Range } from './range.js';

/** One piece of memory that the kernel shall fill (`struct kexec_segment`, kexec/kexec.h). */
export interface Segment {
  /** The first bytes of the memory; what is behind them is zero. `data.length <= memory.size`. */
  readonly data: Uint8Array;
  /** Where it goes: physical addresses, page-aligned start and size. */
  readonly memory: Range;
  /** The made-up address of `data` in messages; 0 prints as "(nil)". */
  readonly buf: bigint;
}

/** What a load computed, before anyone is told. */
export interface LoadPlan {
  readonly segments: readonly Segment[];
  /** Physical address at which the kernel jumps into what was loaded. */
  readonly entry: bigint;
  /** Flags of kexec_load(2), the architecture in bits 31..16. */
  readonly flags: bigint;
  /** Where the purgatory was put; undefined without one. */
  readonly purgatory?: Range;
}
