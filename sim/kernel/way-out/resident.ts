/** The memory of the running kernel, of which the way out takes pages. */
import { KexecError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import { alignDown, alignUp } from '../../../kexec/base/u64.js';
import type { KexecMachine } from './kexec-machine.js';
import { kernelSymbol } from '../facts/kallsyms.js';
import type { Resource } from '../facts/iomem.js';
import type { KernelAddresses } from './kernel-addresses.js';

/** Pages of a kernel's own that its code for kexec and its page tables are in. */
export interface ResidentPages {
  /** Physical address of the page that the code is in. */
  readonly code: bigint;
  /** Takes another page of the kernel. @throws KexecError when it has no more */
  readonly allocate: () => bigint;
}

const KERNEL_CODE = 'Kernel code';

/** What the kernel occupies; undefined when the recording does not tell. */
export const kernelImage = (resources: readonly Resource[]): Range | undefined =>
  resources.find(({ name }) => name === KERNEL_CODE)?.range;

/**
 * Pages of the kernel's image. The code goes to where the kernel has its own that runs in the identity map, if
 * /proc/kallsyms tells; its page tables are somewhere in the image as well, and so are these.
 */
export const residentPages = (
  { kallsyms, pageSize }: KexecMachine,
  image: Range,
  addresses: KernelAddresses,
): ResidentPages => {
  const start = alignUp(image.start, pageSize);
  const end = alignDown(image.end, pageSize);
  const symbol = kernelSymbol(kallsyms, '__idmap_text_start');
  const told = symbol === undefined ? start : alignDown(symbol - addresses.image(0n), pageSize);
  const code = start <= told && told < end ? told : start;
  let next = start;
  return {
    code,
    allocate: () => {
      if (next === code) next += pageSize;
      if (next >= end) {
        throw KexecError.die('simulated machine: the kernel has no room for its page tables', { subject: 'iomem' });
      }
      next += pageSize;
      return next - pageSize;
    },
  };
};
