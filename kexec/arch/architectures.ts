/** The architectures that there are: the one place that names them. */
import type { Architecture, ArchitectureFacts } from '../architecture.js';
import { ARM64_FACTS } from './arm64/options-arm64.js';

/** An architecture whose code is loaded when it is needed. */
export interface ArchitectureEntry extends ArchitectureFacts {
  readonly load: () => Promise<Architecture>;
}

/** The first one stands for machines that none of them knows. */
export type Architectures = readonly [ArchitectureEntry, ...ArchitectureEntry[]];

export const ARCHITECTURES: Architectures = [
  { ...ARM64_FACTS, load: async () => (await import('./arm64/kexec-arm64.js')).arm64 },
];

/** @param machine uname's */
export const architectureOf = (machine: string, architectures: Architectures): ArchitectureEntry =>
  architectures.find(({ machines }) => machines.has(machine)) ?? architectures[0];
