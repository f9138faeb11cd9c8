/** The ELF header that kexec leaves for the capture kernel: where the old kernel's notes and its memory are. */
import { hex } from '../../../kexec/base/format.js';
import {
  EI_CLASS,
  EI_VERSION,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_AARCH64,
  ET_CORE,
  EV_CURRENT,
  type ElfProgramHeader,
  hasElfMagic,
  readFileHeader,
  readProgramHeader,
  sizesOf,
} from '../../../kexec/elf/elf.js';
import type { OldMemory, Refuse } from './old-memory.js';

/** Linux reads it so, whatever it says of itself. */
export const LAYOUT = { class: ELFCLASS64, data: ELFDATA2LSB } as const;
const { header: FILE_HEADER, programHeader: PROGRAM_HEADER } = sizesOf(LAYOUT);

export interface CoreHeaders {
  /** The ELF file header, as it lies in memory. */
  readonly fileHeader: Uint8Array;
  readonly programHeaders: readonly ElfProgramHeader[];
}

/**
 * Reads and checks the headers as parse_crash_elf_headers() and parse_crash_elf64_headers() do, fs/proc/vmcore.c.
 * @param physAddr where the elfcorehdr is
 * @throws what `refuse` gives for what Linux makes no /proc/vmcore of
 */
export const readCoreHeaders = (
  memory: Pick<OldMemory, 'isRam' | 'read'>,
  physAddr: bigint,
  refuse: Refuse,
): CoreHeaders => {
  const where = `the elfcorehdr at 0x${hex(physAddr)}`;
  const read = (sizeBytes: number): Uint8Array => {
    if (!memory.isRam(physAddr, BigInt(sizeBytes)))
      throw refuse(`${where} is not in RAM: the capture kernel dies of it`);
    return memory.read(physAddr, sizeBytes);
  };
  const fileHeader = read(FILE_HEADER);
  if (!hasElfMagic(fileHeader)) throw refuse(`${where} is none: "Core image elf header not found", as Linux says`);
  if (fileHeader[EI_CLASS] === ELFCLASS32) throw refuse(`${where} is of 32 bits, and no arm64 kernel's`);
  const { type, machine, version, ehsize, phentsize, phnum } = readFileHeader(fileHeader, LAYOUT);
  const isSane =
    fileHeader[EI_CLASS] === ELFCLASS64 &&
    fileHeader[EI_VERSION] === EV_CURRENT &&
    type === ET_CORE &&
    machine === EM_AARCH64 &&
    version === EV_CURRENT &&
    ehsize === FILE_HEADER &&
    phentsize === PROGRAM_HEADER &&
    phnum > 0;
  if (!isSane) throw refuse(`${where} is broken: "Core image elf header is not sane", as Linux says`);
  // The program headers are behind the file header, wherever e_phoff says that they are.
  const bytes = read(FILE_HEADER + phnum * PROGRAM_HEADER);
  const programHeaders = Array.from({ length: phnum }, (_, i) =>
    readProgramHeader(bytes, LAYOUT, FILE_HEADER + i * PROGRAM_HEADER),
  );
  return { fileHeader, programHeaders };
};
