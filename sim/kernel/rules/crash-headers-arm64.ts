/** The ELF header that a crash kernel on arm64 is given: what of the old kernel's memory its dump has. */
import { formatCore, loadHeader, noteHeader } from '../../../kexec/running-kernel/crashdump-elf.js';
import { EM_AARCH64, type ElfProgramHeader } from '../../../kexec/elf/elf.js';
import type { Range } from '../../../kexec/base/range.js';
import type { DumpFacts } from '../facts/file-load-machine.js';
import { withoutRange } from '../facts/page-allocator.js';

/** ELF_CORE_HEADER_ALIGN (include/linux/crash_core.h). */
const ALIGNMENT = 4096;
const FILE_HEADER = 64;
const PROGRAM_HEADER = 56;

/**
 * The ELF header from which the crash kernel makes its /proc/vmcore: prepare_elf_headers(),
 * arch/arm64/kernel/machine_kexec_file.c, and crash_prepare_elf64_headers(), kernel/crash_core.c.
 * @param excluded memory that is not to be dumped
 */
export const prepareElfHeaders = (facts: DumpFacts, excluded: readonly Range[]): Uint8Array => {
  const { cpuNotes, possibleCpus, vmcoreinfo, kernelImage, linear } = facts;
  const ranges = excluded.reduce(withoutRange, [...facts.ram]);
  const headers: readonly ElfProgramHeader[] = [
    ...cpuNotes.map(noteHeader),
    noteHeader(vmcoreinfo),
    loadHeader(kernelImage.paddr, kernelImage.vaddr, kernelImage.size),
    ...ranges.map(({ start, size }) => loadHeader(start, linear(start), size)),
  ];
  // There is room for every possible CPU, and a header for each that is present.
  const room = possibleCpus + 2 + ranges.length;
  const bytes = FILE_HEADER + room * PROGRAM_HEADER;
  return formatCore(headers, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT, EM_AARCH64);
};
