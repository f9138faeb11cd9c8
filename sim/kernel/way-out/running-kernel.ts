/** Where the running kernel is in memory. */
import { KexecError } from '../../../kexec/base/error.js';
import { alignDown, alignUp } from '../../../kexec/base/u64.js';
import type { PhysicalMemory } from '../../machine/memory.js';
import type { KexecMachine } from './kexec-machine.js';
import { type CodePiece, codePieces, findPiece } from './code.js';
import { type KernelAddresses, kernelAddresses } from './kernel-addresses.js';
import { PAGE_KERNEL, PAGE_KERNEL_ROX, PageTable } from './page-table.js';
import { type PlacedCode, placeCode } from './place-code.js';
import type { Relocation } from '../facts/generations.js';
import { kernelImage, residentPages } from './resident.js';

/** The parts of a running kernel that the way out of it needs, in memory. Addresses are physical. */
export interface RunningKernel {
  readonly addresses: KernelAddresses;
  /** Where its code comes from. */
  readonly pieces: readonly CodePiece[];
  /** The end of machine_kexec(), and what it leads to outside of the control page. */
  readonly code: PlacedCode;
  /** Vectors for EL2, in a kernel that was booted there. */
  readonly hypStub: PlacedCode;
  /** The end of a page for the stack. */
  readonly stackEnd: bigint;
  /** swapper_pg_dir: the linear map, and the parts of the kernel's image that are listed here. */
  readonly table: PageTable;
  /** reserved_pg_dir: maps nothing. */
  readonly reservedTable: bigint;
  /** idmap_pg_dir: maps the page of the code at its physical address. */
  readonly identity: PageTable;
}

/**
 * Bits of a physical address: an identity map has as many where the kernel's own addresses have fewer than it needs
 * (idmap_t0sz, arch/arm64/mm/mmu.c), and always for the relocation (trans_pgd_idmap_page(), arch/arm64/mm/trans_pgd.c).
 */
export const IDENTITY_BITS = 48;

/** __hyp_stub_vectors must be at a multiple of 2 KiB, and is as long. */
const VECTORS_BYTES = 2048n;

/** @throws KexecError when nobody tells where the kernel is, or it has no room */
export const placeKernel = (machine: KexecMachine, memory: PhysicalMemory, relocation: Relocation): RunningKernel => {
  const { pageSize, resources, vmcoreinfo } = machine;
  const image = kernelImage(resources);
  if (image === undefined || !memory.isRam(image.start, image.size)) {
    const message = 'simulated machine: /proc/iomem does not tell where in "System RAM" the "Kernel code" is';
    throw KexecError.die(message, { subject: 'iomem' });
  }
  const addresses = kernelAddresses(vmcoreinfo, memory.ranges, image.start);
  const { code: page, allocate } = residentPages(machine, image, addresses);
  const { addressBits } = addresses;

  const pieces = codePieces();
  const hypStub = placeCode(memory, findPiece(pieces, 'hyp_stub'), page, addresses.image(page));
  const codeAt = page + VECTORS_BYTES;
  const code = placeCode(memory, findPiece(pieces, `kernel.${relocation}`), codeAt, addresses.image(codeAt));

  const stack = allocate();
  const table = new PageTable({ memory, pageSize, addressBits, allocate });
  mapLinear(table, memory, addresses, pageSize);
  table.map(addresses.image(page), page, pageSize, PAGE_KERNEL_ROX);
  table.map(addresses.image(stack), stack, pageSize, PAGE_KERNEL);
  const reservedTable = allocate();
  memory.clear(reservedTable, Number(pageSize));
  const identityBits = page >> BigInt(addressBits) === 0n ? addressBits : IDENTITY_BITS;
  const identity = new PageTable({ memory, pageSize, addressBits: identityBits, allocate });
  identity.map(page, page, pageSize, PAGE_KERNEL_ROX);
  return { addresses, pieces, code, hypStub, stackEnd: stack + pageSize, table, reservedTable, identity };
};

/** Maps all RAM, by blocks: so does a kernel that was started with `rodata=on`. */
export const mapLinear = (
  table: PageTable,
  { ranges }: PhysicalMemory,
  { linear }: KernelAddresses,
  pageSize: bigint,
): void => {
  for (const { start, end } of ranges) {
    const first = alignUp(start, pageSize);
    table.map(linear(first), first, alignDown(end, pageSize) - first, PAGE_KERNEL);
  }
};
