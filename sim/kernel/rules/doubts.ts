/**
 * What a machine may do otherwise than its simulated kernel, which takes a load: said in the kernel's log, and by nobody
 * else. A real kernel knows.
 */
import type { KernelFacts } from '../facts/facts.js';
import type { KernelSegment, SlotName } from './kexec-load.js';

/** What a load takes, and what there was, both in bytes. */
export interface MemoryShortage {
  readonly need: bigint;
  readonly available: bigint;
}

/** While a load is made, there are the files, in kexec or in the kernel, and the kernel's copies of them. */
export const shortOfMemory = (
  { availableBytes: available }: Pick<KernelFacts, 'availableBytes'>,
  segments: readonly Pick<KernelSegment, 'memsz' | 'bufsz'>[],
): MemoryShortage | undefined => {
  const need = segments.reduce((sum, { memsz, bufsz }) => sum + memsz + bufsz, 0n);
  return available === undefined || need <= available ? undefined : { need, available };
};

const KIB = 10n;

/** A crash kernel goes into memory that is set aside for it. */
export const doubtsOf = (facts: KernelFacts, slot: SlotName, segments: readonly KernelSegment[]): readonly string[] => {
  if (slot === 'crash') return [];
  const short = shortOfMemory(facts, segments);
  const byFile = segments.some(({ role }) => role !== undefined);
  return [
    ...(short === undefined
      ? []
      : [
          `the load takes ${short.need >> KIB} KiB for a moment, for files and copies, and ${short.available >> KIB} KiB were available: it may fail on the machine itself`,
        ]),
    ...(byFile && facts.handover !== undefined && facts.handover.scratch === undefined
      ? [
          'kernel handover is on, and its scratch areas are not recorded: places are others on the machine itself, where the load may be answered EADDRNOTAVAIL',
        ]
      : []),
  ].map((text) => `<4>kexec-ts: ${text}`);
};
