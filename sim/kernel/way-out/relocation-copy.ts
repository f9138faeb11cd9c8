/** The copy of arm64_relocate_new_kernel that runs, and its arguments. */
import type { PhysicalMemory } from '../../machine/memory.js';
import type { KexecMachine } from './kexec-machine.js';
import { findPiece } from './code.js';
import { PAGE_KERNEL_ROX, PageTable } from './page-table.js';
import { type PlacedCode, placeCode } from './place-code.js';
import { IDENTITY_BITS, type RunningKernel, mapLinear } from './running-kernel.js';

/** What the copying works with when the MMU is on. */
export interface RelocationCopy {
  /** A copy of the kernel's linear map, for TTBR1. */
  readonly linear: PageTable;
  /** The control page at its physical address, for TTBR0. */
  readonly identity: PageTable;
  /** Vectors for EL2, on a machine that has it. */
  readonly vectors: PlacedCode | undefined;
}

/**
 * machine_kexec_post_load() (arch/arm64/kernel/machine_kexec.c) and trans_pgd.c of arch/arm64/mm.
 * @param controlCodePage physical address
 * @param allocate gives the physical address of a page that nothing is copied to
 */
export const copyForRelocation = (
  { pieces, addresses }: RunningKernel,
  { pageSize, bootEl }: KexecMachine,
  memory: PhysicalMemory,
  controlCodePage: bigint,
  allocate: () => bigint,
): RelocationCopy => {
  const vectors = bootEl === 2 ? placeCode(memory, findPiece(pieces, 'trans_pgd'), allocate()) : undefined;
  const linear = new PageTable({ memory, pageSize, addressBits: addresses.addressBits, allocate });
  mapLinear(linear, memory, addresses, pageSize);
  const identity = new PageTable({ memory, pageSize, addressBits: IDENTITY_BITS, allocate });
  identity.map(controlCodePage, controlCodePage, pageSize, PAGE_KERNEL_ROX);
  return { linear, identity, vectors };
};

/** What the code that copies reads of `struct kimage`. */
export interface KimageFields {
  readonly head: bigint;
  readonly start: bigint;
  readonly dtb: bigint;
}

/** Writes the fields that asm.h names, in its order, to a page at `physAddr`. */
export const storeKimageFields = (
  memory: PhysicalMemory,
  physAddr: bigint,
  { head, start, dtb }: KimageFields,
  { linear, vectors }: RelocationCopy,
  { addresses, reservedTable }: RunningKernel,
): void => {
  const physOffset = physAddr - addresses.linear(physAddr);
  // Linux' zero_page has no other use here than a table that maps nothing: the reserved one does.
  const fields = [head, start, dtb, vectors?.at ?? 0n, linear.root, reservedTable, physOffset];
  fields.forEach((value, i) => memory.write64(physAddr + BigInt(i * 8), value));
};
