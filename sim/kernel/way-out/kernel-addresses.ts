/** Where the running kernel has its memory, in virtual addresses. */
import type { Range } from '../../../kexec/base/range.js';
import { alignDown, u64 } from '../../../kexec/base/u64.js';

/** Where a kernel's virtual addresses lead (Documentation/arch/arm64/memory.rst). */
export interface KernelAddresses {
  /** Bits of a virtual address that the tables resolve; the others are all ones. */
  readonly addressBits: number;
  /** The address of RAM in the linear map. */
  readonly linear: (physAddr: bigint) => bigint;
  /** The address of the kernel's own code and data. */
  readonly image: (physAddr: bigint) => bigint;
}

/** CONFIG_ARM64_VA_BITS of Debian and of most. */
const DEFAULT_VA_BITS = 48;
/** What a processor without FEAT_LVA resolves; a kernel built for 52 bits makes do with them. */
const MOST_BITS = 48;
const FEWEST_BITS = 36;

const GiB = 1n << 30n;
/** The kernel lies above its modules, for which there are 128 MiB behind the linear map. */
const MODULES_BYTES = 128n << 20n;
/** Physical addresses at which a kernel may begin (Documentation/arch/arm64/booting.rst). */
const KERNEL_ALIGNMENT = 2n << 20n;

/** A value of VMCOREINFO, "NUMBER(name)=". */
const numberIn = (vmcoreinfo: string, name: string): bigint | undefined => {
  const match = new RegExp(`(?:^|\\n)NUMBER\\(${name}\\)=(0x[0-9a-f]{1,16}|\\d{1,19})\\n`).exec(vmcoreinfo);
  return match === null ? undefined : BigInt(match[1]!);
};

/**
 * The addresses that VMCOREINFO tells, or else those of a kernel without KASLR (arch/arm64/mm/init.c,
 * arch/arm64/include/asm/memory.h).
 * @param vmcoreinfo its text, or text that has it somewhere
 * @param ram not empty
 * @param image physical address at which the kernel lies, a multiple of 64 KiB
 */
export const kernelAddresses = (vmcoreinfo: string, ram: readonly Range[], image: bigint): KernelAddresses => {
  const vaBits = Number(numberIn(vmcoreinfo, 'VA_BITS') ?? BigInt(DEFAULT_VA_BITS));
  const t1sz = numberIn(vmcoreinfo, 'TCR_EL1_T1SZ');
  const wanted = t1sz === undefined ? vaBits : 64 - Number(t1sz);
  const addressBits = wanted >= FEWEST_BITS ? Math.min(wanted, MOST_BITS) : DEFAULT_VA_BITS;
  const lowest = u64(-(1n << BigInt(addressBits)));
  const middle = u64(-(1n << BigInt(addressBits - 1)));

  const bottom = ram.reduce((least, { start }) => (start < least ? start : least), ram[0]!.start);
  const top = ram.reduce((most, { last }) => (last > most ? last : most), 0n);
  const plain = {
    linear: lowest - alignDown(bottom, GiB),
    image: middle + MODULES_BYTES - alignDown(image, KERNEL_ALIGNMENT),
  };

  const physOffset = numberIn(vmcoreinfo, 'PHYS_OFFSET');
  const told = physOffset === undefined ? plain.linear : u64(-(1n << BigInt(vaBits)) - physOffset);
  const isLinear = (address: bigint): boolean => lowest <= address && address < middle;
  // A recording may have values that do not belong together.
  const linear = isLinear(u64(bottom + told)) && isLinear(u64(top + told)) ? told : plain.linear;
  const voffset = numberIn(vmcoreinfo, 'kimage_voffset') ?? plain.image;
  const offset = u64(image + voffset) >= middle ? voffset : plain.image;
  return {
    addressBits,
    linear: (physAddr) => u64(physAddr + linear),
    image: (physAddr) => u64(physAddr + offset),
  };
};
