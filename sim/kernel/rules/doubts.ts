/**
 * What a machine may do otherwise than its simulated kernel, which has taken a load: said in the kernel's log, in lines
 * of ours.
 */
import type { KernelFacts } from '../facts/facts.js';
import { KEXEC_FILE_NO_CMA } from '../../../kexec/base/uapi.js';

/** Of an image, as far as it counts here. */
interface Loaded {
  readonly flags: bigint;
  readonly segments: readonly {
    readonly memsz: bigint;
    readonly bufsz: bigint;
    /** Undefined where the caller of kexec_load(2) made it. */
    readonly role?: string | undefined;
  }[];
}

/** What a load takes, and what there was, both in bytes. */
export interface MemoryShortage {
  readonly need: bigint;
  readonly available: bigint;
}

/** While a load is made, there are the files, in kexec or in the kernel, and the kernel's copies of them. */
export const shortOfMemory = (
  { availableBytes: available }: Pick<KernelFacts, 'availableBytes'>,
  segments: Loaded['segments'],
): MemoryShortage | undefined => {
  const need = segments.reduce((sum, { memsz, bufsz }) => sum + memsz + bufsz, 0n);
  return available === undefined || need <= available ? undefined : { need, available };
};

const KIB = 10n;

/** A crash kernel goes into memory that is set aside for it. */
export const doubtsOf = (
  facts: KernelFacts,
  slot: 'normal' | 'crash',
  { segments, flags }: Loaded,
): readonly string[] => {
  if (slot === 'crash') return [];
  const { handover, contiguous } = facts;
  const short = shortOfMemory(facts, segments);
  const byFile = segments.some(({ role }) => role !== undefined);
  const takesContiguous = byFile && handover === undefined && (flags & KEXEC_FILE_NO_CMA) === 0n;
  return [
    short &&
      `the load takes ${short.need >> KIB} KiB for a moment, for files and copies, and ${short.available >> KIB} KiB were available: it may fail on the machine itself`,
    byFile &&
      handover !== undefined &&
      handover.scratch === undefined &&
      'kernel handover is on, and its scratch areas are not recorded: places are others on the machine itself, where the load may be answered EADDRNOTAVAIL',
    takesContiguous &&
      (contiguous?.total ?? 0n) > 0n &&
      contiguous?.area === undefined &&
      'the kernel puts what it loads into contiguous memory (CMA), of which the recording does not tell where it is free: places are others on the machine itself',
  ].flatMap((text) => (typeof text === 'string' ? [`<4>kexec-ts: ${text}`] : []));
};
