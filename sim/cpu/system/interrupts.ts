/** Interrupts: who takes them, and when they are masked. */
import type { Controls } from './controls.js';
import { HCR } from '../state/control-bits.js';
import type { InterruptInput } from '../state/model.js';

/** Bits of PSTATE's D, A, I and F, as `daif` has them. */
const MASK_OF: Readonly<Record<InterruptInput, number>> = { irq: 2, fiq: 1 };
/** HCR_EL2 routes them to EL2. */
const ROUTING: Readonly<Record<InterruptInput, number>> = { irq: HCR.IMO, fiq: HCR.FMO };
/** Offsets in the vector table behind those of synchronous exceptions (Arm ARM D1.10.2). */
export const INTERRUPT_OFFSET: Readonly<Record<InterruptInput, bigint>> = { irq: 0x80n, fiq: 0x100n };

/** The exception level that takes an interrupt now; undefined while it is masked (Arm ARM D1.13.1, D1.13.2). */
export const interruptTarget = (input: InterruptInput, { el, bit }: Controls, daif: number): 1 | 2 | undefined => {
  const target = bit('HCR_EL2', HCR.TGE) || bit('HCR_EL2', ROUTING[input]) ? 2 : 1;
  if (el > target) return undefined;
  // PSTATE masks nothing that goes to a higher exception level.
  const isMasked = (daif & MASK_OF[input]) !== 0 && !(target === 2 && el < 2);
  return isMasked ? undefined : target;
};
