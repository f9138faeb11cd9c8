/** The architecture that an ELF file is for, by name. */
import { EI_CLASS, EI_DATA, EM_AARCH64, readFileHeader } from './elf.js';

/** Architectures that kexec-tools knows, by `e_machine`, as uname(2) calls them. */
const NAMES: Readonly<Record<number, string>> = {
  3: 'i386',
  4: 'm68k',
  8: 'mips',
  15: 'hppa',
  20: 'ppc',
  21: 'ppc64',
  22: 's390',
  40: 'arm',
  42: 'sh',
  50: 'ia64',
  62: 'x86_64',
  [EM_AARCH64]: 'aarch64',
  189: 'microblaze',
  243: 'riscv64',
  252: 'csky',
  258: 'loongarch64',
};

/** @param file with a whole ELF header */
export const elfMachineName = (file: Uint8Array): string => {
  const { machine } = readFileHeader(file, { class: file[EI_CLASS]!, data: file[EI_DATA]! });
  return NAMES[machine] ?? `ELF machine ${machine}`;
};
