/** The ELF file format as far as the tool reads it: numbers of <elf.h>, and its structures in both classes. */

/** Values of `e_ident[EI_CLASS]`. */
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;

/** Values of `e_ident[EI_DATA]`. */
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;

/** The only value of `e_ident[EI_VERSION]` and of `e_version`. */
export const EV_CURRENT = 1;

/** Bytes of `e_ident`, and places in it. */
export const EI_NIDENT = 16;
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const EI_VERSION = 6;

/** Object file types. */
export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const ET_CORE = 4;

/** Machines. */
export const EM_386 = 3;
export const EM_AARCH64 = 183;

/** Types and flags of program headers. */
export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** Types and flags of section headers. */
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_RELA = 4;
export const SHT_DYNAMIC = 6;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHF_ALLOC = 0x2n;
export const SHF_EXECINSTR = 0x4n;

/** Section indices with a meaning of their own. */
export const SHN_UNDEF = 0;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;

/** Binding and type of a symbol, the halves of its `info`. */
export const STB_GLOBAL = 1;
export const STT_NOTYPE = 0;
export const symbolBinding = (info: number): number => info >> 4;
export const symbolType = (info: number): number => info & 0xf;

/** Note headers are the same in both classes: `n_namesz`, `n_descsz` and `n_type`. */
export const NOTE_HEADER_SIZE = 12;

/** What the bytes of a file have to be read with. */
export interface ElfLayout {
  /** ELFCLASS32 or ELFCLASS64. */
  readonly class: number;
  /** ELFDATA2LSB or ELFDATA2MSB. */
  readonly data: number;
}

/** Bytes of each structure. */
export interface ElfSizes {
  readonly header: number;
  readonly programHeader: number;
  readonly sectionHeader: number;
  readonly symbol: number;
  readonly rel: number;
  readonly rela: number;
  readonly dynamic: number;
}

const SIZES_32: ElfSizes = {
  header: 52,
  programHeader: 32,
  sectionHeader: 40,
  symbol: 16,
  rel: 8,
  rela: 12,
  dynamic: 8,
};
const SIZES_64: ElfSizes = {
  header: 64,
  programHeader: 56,
  sectionHeader: 64,
  symbol: 24,
  rel: 16,
  rela: 24,
  dynamic: 16,
};

export const sizesOf = (layout: ElfLayout): ElfSizes => (layout.class === ELFCLASS32 ? SIZES_32 : SIZES_64);

export const isLittleEndian = (layout: ElfLayout): boolean => layout.data === ELFDATA2LSB;

/** Highest address that the class can express (`elf_max_addr()`, kexec/kexec-elf.c). */
export const maxAddress = (layout: ElfLayout): bigint =>
  layout.class === ELFCLASS32 ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;

export interface ElfFileHeader {
  readonly type: number;
  readonly machine: number;
  readonly version: number;
  readonly entry: bigint;
  /** File offset of the program headers. */
  readonly phoff: bigint;
  /** File offset of the section headers. */
  readonly shoff: bigint;
  readonly flags: number;
  readonly ehsize: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

/** Sizes and offsets in bytes, addresses as in the file. */
export interface ElfProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

/** Sizes and offsets in bytes, addresses as in the file. */
export interface ElfSectionHeader {
  /** Offset of the name in the section that holds the names. */
  readonly name: number;
  readonly type: number;
  readonly flags: bigint;
  readonly addr: bigint;
  readonly offset: bigint;
  readonly size: bigint;
  readonly link: number;
  readonly info: number;
  readonly addralign: bigint;
  readonly entsize: bigint;
}

export interface ElfSymbol {
  /** Offset of the name in the string table. */
  readonly name: number;
  readonly info: number;
  readonly other: number;
  readonly shndx: number;
  readonly value: bigint;
  readonly size: bigint;
}

export interface ElfRelocation {
  readonly offset: bigint;
  readonly symbol: number;
  readonly type: number;
  /** 0 in sections of type SHT_REL. */
  readonly addend: bigint;
}

/** Reads one field after the other. Precondition of every method: the bytes are there. */
class FieldReader {
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly #wide: boolean;

  constructor(
    bytes: Uint8Array,
    layout: ElfLayout,
    private at: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = isLittleEndian(layout);
    this.#wide = layout.class !== ELFCLASS32;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), this.#littleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), this.#littleEndian);
  }

  /** A field that is as wide as the class's addresses. */
  word(): bigint {
    return this.#wide ? this.#view.getBigUint64(this.#advance(8), this.#littleEndian) : BigInt(this.u32());
  }

  #advance(size: number): number {
    const at = this.at;
    this.at += size;
    return at;
  }
}

/** The file header at the start of `bytes`. Precondition: `sizesOf(layout).header` bytes. */
export const readFileHeader = (bytes: Uint8Array, layout: ElfLayout): ElfFileHeader => {
  const field = new FieldReader(bytes, layout, EI_NIDENT);
  return {
    type: field.u16(),
    machine: field.u16(),
    version: field.u32(),
    entry: field.word(),
    phoff: field.word(),
    shoff: field.word(),
    flags: field.u32(),
    ehsize: field.u16(),
    phentsize: field.u16(),
    phnum: field.u16(),
    shentsize: field.u16(),
    shnum: field.u16(),
    shstrndx: field.u16(),
  };
};

/** The program header at `at`. Precondition: its bytes are there. */
export const readProgramHeader = (bytes: Uint8Array, layout: ElfLayout, at: number): ElfProgramHeader => {
  const field = new FieldReader(bytes, layout, at);
  const type = field.u32();
  // The classes disagree about the place of the flags.
  const flagsOf64 = layout.class === ELFCLASS32 ? 0 : field.u32();
  const offset = field.word();
  const vaddr = field.word();
  const paddr = field.word();
  const filesz = field.word();
  const memsz = field.word();
  const flags = layout.class === ELFCLASS32 ? field.u32() : flagsOf64;
  return { type, flags, offset, vaddr, paddr, filesz, memsz, align: field.word() };
};

/**
 * The program headers of a 64-bit little-endian file, as the kernels' own are, as far as the bytes have them: none where
 * they are no ELF file.
 */
export const programHeaders64 = (bytes: Uint8Array): readonly ElfProgramHeader[] => {
  const layout = { class: ELFCLASS64, data: ELFDATA2LSB };
  if (bytes.length < SIZES_64.header || !hasElfMagic(bytes)) return [];
  const { phoff, phnum } = readFileHeader(bytes, layout);
  const headers: ElfProgramHeader[] = [];
  for (
    let at = Number(phoff), n = 0;
    n < phnum && at + SIZES_64.programHeader <= bytes.length;
    n++, at += SIZES_64.programHeader
  ) {
    headers.push(readProgramHeader(bytes, layout, at));
  }
  return headers;
};

/** Writes a program header of class 64 at `at`. Precondition: there is room. */
export const writeProgramHeader64 = (
  view: DataView,
  at: number,
  { type, flags, offset, vaddr, paddr, filesz, memsz, align }: ElfProgramHeader,
  littleEndian: boolean,
): void => {
  view.setUint32(at, type, littleEndian);
  view.setUint32(at + 4, flags, littleEndian);
  [offset, vaddr, paddr, filesz, memsz, align].forEach((field, i) => {
    view.setBigUint64(at + 8 + i * 8, field, littleEndian);
  });
};

/** The section header at `at`. Precondition: its bytes are there. */
export const readSectionHeader = (bytes: Uint8Array, layout: ElfLayout, at: number): ElfSectionHeader => {
  const field = new FieldReader(bytes, layout, at);
  return {
    name: field.u32(),
    type: field.u32(),
    flags: field.word(),
    addr: field.word(),
    offset: field.word(),
    size: field.word(),
    link: field.u32(),
    info: field.u32(),
    addralign: field.word(),
    entsize: field.word(),
  };
};

/** The symbol at `at`. Precondition: its bytes are there. */
export const readSymbol = (bytes: Uint8Array, layout: ElfLayout, at: number): ElfSymbol => {
  const field = new FieldReader(bytes, layout, at);
  const name = field.u32();
  if (layout.class === ELFCLASS32) {
    const value = field.word();
    const size = field.word();
    return { name, value, size, info: field.u8(), other: field.u8(), shndx: field.u16() };
  }
  return { name, info: field.u8(), other: field.u8(), shndx: field.u16(), value: field.word(), size: field.word() };
};

/** The relocation at `at`, with or without an addend of its own. Precondition: its bytes are there. */
export const readRelocation = (
  bytes: Uint8Array,
  layout: ElfLayout,
  at: number,
  withAddend: boolean,
): ElfRelocation => {
  const field = new FieldReader(bytes, layout, at);
  const offset = field.word();
  const info = field.word();
  const typeBits = layout.class === ELFCLASS32 ? 8n : 32n;
  return {
    offset,
    symbol: Number(info >> typeBits),
    type: Number(BigInt.asUintN(Number(typeBits), info)),
    addend: withAddend ? field.word() : 0n,
  };
};

/** Whether the bytes begin as every ELF file does. */
export const hasElfMagic = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
