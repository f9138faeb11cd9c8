/** The lines between a processor and the interrupt controller. */

/** The inputs of a processor that the interrupt controller drives. */
export type InterruptInput = 'irq' | 'fiq';

/**
 * The timers of a processor, whose outputs are lines to the interrupt controller: EL1's physical and virtual, and
 * EL2's.
 */
export type TimerName = 'physical' | 'virtual' | 'hypervisor';
