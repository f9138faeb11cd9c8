import type { Generation } from '../facts/facts.js';

/** How a kernel copies the new one into place: with the MMU off, up to release 5.15, or on. */
export type Relocation = 'mmu_off' | 'mmu_on';

export const relocationOf = (generation: Generation): Relocation => (generation === '5.10' ? 'mmu_off' : 'mmu_on');
