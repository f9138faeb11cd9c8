/** Reads a board's RAM for those who ask for what may not be there. */
import { attempt } from '../../../kexec/base/attempt.js';
import type { ReadPhysical } from '../../kernel/inspect/stopped.js';
import { MachineError } from '../../machine/error.js';
import type { PhysicalMemory } from '../../machine/memory.js';

export const readFrom =
  (memory: Pick<PhysicalMemory, 'read'>): ReadPhysical =>
  (physAddr, sizeBytes) => {
    const bytes = attempt(MachineError, () => memory.read(physAddr, sizeBytes));
    return bytes instanceof MachineError ? undefined : bytes;
  };
