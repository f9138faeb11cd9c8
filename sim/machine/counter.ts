/**
 * The system counter (Arm ARM D11.1.2). Its time is that of the instructions: one takes a nanosecond. So a run is the
 * same every time, on every host.
 */

/** Hz; CNTFRQ_EL0 on QEMU's board `virt`, which the recorded machines are. */
export const COUNTER_FREQUENCY = 62_500_000n;

const INSTRUCTIONS_PER_SECOND = 1_000_000_000n;

/** After how many instructions the counter first shows a value. */
export const instructionsAt = (count: bigint): bigint =>
  (count * INSTRUCTIONS_PER_SECOND + COUNTER_FREQUENCY - 1n) / COUNTER_FREQUENCY;

/** What the counter shows after so many instructions. */
export const counterAt = (instructions: bigint): bigint => (instructions * COUNTER_FREQUENCY) / INSTRUCTIONS_PER_SECOND;
