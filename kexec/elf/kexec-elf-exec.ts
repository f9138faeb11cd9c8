/** ELF executables and their segments (kexec/kexec-elf-exec.c). */
import { ET_CORE, ET_DYN, ET_EXEC, PT_INTERP, PT_LOAD } from './elf.js';
import { KexecError } from '../base/error.js';
import { buildElfInfo, type ElfInfo, type ElfOptions } from './kexec-elf.js';
import { u64 } from '../base/u64.js';

/**
 * Reads an ELF executable that stands on its own (build_elf_exec_info(), kexec/kexec-elf-exec.c).
 * @returns undefined when the bytes are no such thing; for some faults the log says why
 */
export const buildElfExecInfo = (bytes: Uint8Array, options: ElfOptions): ElfInfo | undefined => {
  const info = buildElfInfo(bytes, options);
  if (info === undefined || ![ET_EXEC, ET_DYN, ET_CORE].includes(info.type)) return undefined;
  if (info.programHeaders.length === 0) {
    options.log.err('No ELF program header\n');
    return undefined;
  }
  // An ordinary program names its interpreter: nobody wants to boot one.
  if (info.programHeaders.some(({ type }) => type === PT_INTERP)) {
    options.log.err('Requires an ELF interpreter\n');
    return undefined;
  }
  return info;
};

/**
 * Takes one piece of the executable into the load.
 * @param data the first bytes; the rest of the memory is zero
 * @param base where it goes, by the file's `p_paddr`; a virtual address in an arm64 vmlinux
 * @param memsz bytes of memory
 */
export type AddSegment = (data: Uint8Array, base: bigint, memsz: bigint) => void;

/**
 * Loads what an executable has to load (elf_exec_load(), kexec/kexec-elf-exec.c).
 *
 * The original looks for a place for ET_DYN files, but not on arm64: there `p_paddr` is a virtual address, which
 * add_segment() turns into a physical one, and `loadBase` is 0.
 *
 * @param loadBase what is added to the addresses in the file
 * @returns the entry point, `loadBase` included
 * @throws KexecError when there are no program headers, and what `addSegment` throws
 */
export const elfExecLoad = (info: ElfInfo, addSegment: AddSegment, loadBase = 0n): bigint => {
  if (info.programHeaders.length === 0) throw KexecError.failed('No program header?');
  for (const { type, data, paddr, memsz } of info.programHeaders) {
    if (type !== PT_LOAD) continue;
    const bytes = BigInt(data.length) > memsz ? data.subarray(0, Number(memsz)) : data;
    addSegment(bytes, u64(paddr + loadBase), memsz);
  }
  return u64(info.entry + loadBase);
};
