/** The ELF header that a crash dump starts from (kexec/crashdump-elf.c). */
import { getCrashNotesPerCpu, getKernelVmcoreinfo, type NoteMemory } from './crashdump.js';
import {
  EI_CLASS,
  EI_DATA,
  EI_VERSION,
  ELFCLASS64,
  ELFDATA2LSB,
  ET_CORE,
  EV_CURRENT,
  PF_R,
  PF_W,
  PF_X,
  PT_LOAD,
  PT_NOTE,
  isLittleEndian,
  sizesOf,
  writeProgramHeader64,
  type ElfLayout,
  type ElfProgramHeader,
} from '../elf/elf.js';
import { hex } from '../base/format.js';
import type { Log } from '../base/log.js';
import { RANGE_RAM, type MemoryRange } from '../base/range.js';
import type { System } from '../base/system.js';
import { alignUp } from '../base/u64.js';

/**
 * The header's size is a multiple of this: its address is told to the second kernel in KiB on some architectures
 * (ELF_CORE_HEADER_ALIGN, kexec/crashdump.h).
 */
export const ELF_CORE_HEADER_ALIGN = 1024n;

export interface CrashHeaderRequest {
  readonly system: System;
  readonly log: Log;
  /** What errno was left at, for messages that print it unset; ENOENT unless given. */
  readonly leftoverErrno?: number;
  /** EM_* number of the running kernel's machine. */
  readonly machine: number;
  /** Byte order, ELFDATA2LSB or ELFDATA2MSB; little-endian unless given. */
  readonly data?: number;
  /** Whether the running kernel is to be come back to, for which nothing is told of VMCOREINFO. */
  readonly preservesContext: boolean;
  /** Where the running kernel is, with a header of its own unless `kernSize` is 0. */
  readonly kernVaddrStart: bigint;
  readonly kernPaddrStart: bigint;
  /** Bytes. */
  readonly kernSize: bigint;
  /** Memory that is to be dumped. */
  readonly ranges: readonly MemoryRange[];
  physToVirt(address: bigint): bigint;
}

/**
 * Makes the ELF header that /proc/vmcore of the second kernel starts from: a note for each CPU that is there and one
 * for VMCOREINFO, the kernel, and the RAM (crash_create_elf64_headers(), kexec/crashdump-elf.c). Xen, which has ways
 * of its own for most of it, is left out.
 * @returns the header, with room for what could have been in it, padded with zeros to 1 KiB
 * @throws KexecError
 */
export const crashCreateElf64Headers = (request: CrashHeaderRequest): Uint8Array => {
  const { system, log, ranges } = request;
  const vmcoreinfo = getKernelVmcoreinfo(system, request.leftoverErrno);
  const room = system.nrCpus + (vmcoreinfo === undefined ? 0 : 1) + ranges.length + (request.kernSize === 0n ? 0 : 1);
  const layout = { class: ELFCLASS64, data: request.data ?? ELFDATA2LSB };
  const sizes = sizesOf(layout);
  const size = alignUp(BigInt(sizes.header + room * sizes.programHeader), ELF_CORE_HEADER_ALIGN);

  const headers: ElfProgramHeader[] = [];
  const add = (name: string, header: ElfProgramHeader): void => {
    headers.push(header);
    log.dbg(describe(name, header));
  };
  for (let cpu = 0; cpu < system.nrCpus; cpu++) {
    const notes = getCrashNotesPerCpu(system, cpu, log, request.leftoverErrno);
    if (notes !== undefined) add('Elf header', noteHeader(notes));
  }
  if (vmcoreinfo !== undefined && !request.preservesContext) {
    add('vmcoreinfo header', noteHeader(vmcoreinfo));
  }
  if (request.kernSize !== 0n) {
    add('Kernel text Elf header', loadHeader(request.kernPaddrStart, request.kernVaddrStart, request.kernSize));
  }
  for (const { range, type } of ranges) {
    if (type !== RANGE_RAM || (range.start === 0n && range.last === 0n)) continue;
    add('Elf header', loadHeader(range.start, request.physToVirt(range.start), range.size));
  }

  return formatCore(headers, Number(size), request.machine, layout);
};

/**
 * The file header of a core, and its program headers.
 * @param size bytes; zeros are behind the headers
 * @param machine EM_* number
 */
export const formatCore = (
  headers: readonly ElfProgramHeader[],
  size: number,
  machine: number,
  layout: ElfLayout = { class: ELFCLASS64, data: ELFDATA2LSB },
): Uint8Array => {
  const sizes = sizesOf(layout);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const littleEndian = isLittleEndian(layout);
  bytes.set([0x7f, 0x45, 0x4c, 0x46]);
  bytes[EI_CLASS] = layout.class;
  bytes[EI_DATA] = layout.data;
  bytes[EI_VERSION] = EV_CURRENT;
  view.setUint16(16, ET_CORE, littleEndian);
  view.setUint16(18, machine, littleEndian);
  view.setUint32(20, EV_CURRENT, littleEndian);
  view.setBigUint64(32, BigInt(sizes.header), littleEndian);
  view.setUint16(52, sizes.header, littleEndian);
  view.setUint16(54, sizes.programHeader, littleEndian);
  view.setUint16(56, headers.length, littleEndian);
  headers.forEach((header, i) => {
    writeProgramHeader64(view, sizes.header + i * sizes.programHeader, header, littleEndian);
  });
  return bytes;
};

/** A PT_NOTE of memory in which notes will be. */
export const noteHeader = ({ address, size }: NoteMemory): ElfProgramHeader => ({
  type: PT_NOTE,
  flags: 0,
  offset: address,
  vaddr: 0n,
  paddr: address,
  filesz: size,
  memsz: size,
  align: 0n,
});

/** A PT_LOAD of memory. @param paddr physical address @param vaddr virtual address @param size bytes */
export const loadHeader = (paddr: bigint, vaddr: bigint, size: bigint): ElfProgramHeader => ({
  type: PT_LOAD,
  flags: PF_R | PF_W | PF_X,
  offset: paddr,
  vaddr,
  paddr,
  filesz: size,
  memsz: size,
  align: 0n,
});

const describe = (name: string, header: ElfProgramHeader): string => {
  const { offset, paddr, vaddr, filesz, memsz } = header;
  const fields = { p_offset: offset, p_paddr: paddr, p_vaddr: vaddr, p_filesz: filesz, p_memsz: memsz };
  const shown = Object.entries(fields).map(([field, value]) => `${field} = 0x${hex(value)}`);
  return `${name}: p_type = ${header.type}, ${shown.join(' ')}\n`;
};
