/** The memory of a machine whose kernel has panicked, as what makes a dump of it sees it. */
import type { KexecError } from '../../../kexec/base/error.js';
import type { PhysicalMemory } from '../../machine/memory.js';

export type OldMemory = Pick<PhysicalMemory, 'ranges' | 'isRam' | 'read' | 'filled'>;

/** Makes the error for a machine of which there can be no dump. @param why a sentence without its end */
export type Refuse = (why: string) => KexecError;

/** Physical addresses have 48 bits (Arm ARM D8.1). */
const END = 1n << 48n;

/** Whether there is RAM from an address on, in one range or in several that follow each other. */
export const hasRam = ({ ranges }: OldMemory, physAddr: bigint, sizeBytes: bigint): boolean => {
  const end = physAddr + sizeBytes;
  let known: bigint | undefined = physAddr;
  for (let at = physAddr; known !== undefined && at < end; at = known ?? at) {
    known = ranges.find((range) => range.contains(at))?.end;
  }
  return known !== undefined && end <= END;
};
