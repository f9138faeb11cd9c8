/** ELF files for tests, of parts that need not fit together. */

/** A number that may be too large for a plain one. */
export type Value = number | bigint;

/** A section of an invented ELF file. */
export interface BuiltSection {
  readonly name: string;
  readonly type: number;
  readonly data: Uint8Array;
  readonly addr?: Value;
  readonly link?: number;
  readonly info?: number;
  readonly flags?: number;
  readonly addralign?: Value;
  readonly entsize?: number;
  /** Bytes, when the header is to say something else than `data.length`. */
  readonly size?: Value;
}

/** A program header of an invented ELF file, and the bytes that it speaks of. */
export interface BuiltSegment {
  readonly type: number;
  readonly data: Uint8Array;
  readonly flags?: number;
  readonly vaddr?: Value;
  readonly paddr?: Value;
  readonly memsz?: Value;
  readonly align?: Value;
  /** Where the bytes are, when the header is to say something else. */
  readonly offset?: Value;
  /** Bytes in the file, when the header is to say something else than `data.length`. */
  readonly filesz?: Value;
}

/** A symbol of an invented ELF file, in the section of that index. */
export interface BuiltSymbol {
  readonly name: string;
  readonly section: number;
  readonly value: number;
  readonly size: number;
  /** Binding and type; a global object unless given. */
  readonly info?: number;
}

/** A relocation of an invented ELF file. */
export interface BuiltRelocation {
  readonly offset: Value;
  /** Index in the symbol table, where 0 is no symbol. */
  readonly symbol: number;
  readonly type: number;
  readonly addend: Value;
}

export interface ElfKind {
  readonly wide: boolean;
  readonly littleEndian: boolean;
  readonly type: number;
  readonly machine: number;
}

export const ARM64_EXECUTABLE: ElfKind = { wide: true, littleEndian: true, type: 3, machine: 183 };
export const ARM64_OBJECT: ElfKind = { wide: true, littleEndian: true, type: 1, machine: 183 };
export const ARM64_CORE: ElfKind = { wide: true, littleEndian: true, type: 4, machine: 183 };

/** Writes numbers one after the other, in the class and byte order of an ELF file. */
const createWriter = ({ wide, littleEndian }: ElfKind) => {
  const bytes: number[] = [];
  const put = (value: Value, size: number): void => {
    const order = Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
    bytes.push(...(littleEndian ? order : order.reverse()));
  };
  return {
    bytes,
    u8: (value: number) => put(value, 1),
    u16: (value: number) => put(value, 2),
    u32: (value: number) => put(value, 4),
    word: (value: Value) => put(value, wide ? 8 : 4),
  };
};

const textBytes = (texts: readonly string[]): Uint8Array =>
  Uint8Array.from(`\0${texts.map((text) => `${text}\0`).join('')}`, (char) => char.charCodeAt(0));

const offsetsOf = (texts: readonly string[]): number[] => {
  let at = 1;
  return texts.map((text) => (at += text.length + 1) - text.length - 1);
};

const NO_SYMBOL: BuiltSymbol = { name: '', section: 0, value: 0, size: 0, info: 0 };

/** The symbol table and its string table, which must be the section of index `strtab`. */
export const symbolSections = (kind: ElfKind, symbols: readonly BuiltSymbol[], strtab: number): BuiltSection[] => {
  const names = symbols.map(({ name }) => name);
  const offsets = offsetsOf(names);
  const out = createWriter(kind);
  for (const [i, { section, value, size, info = 0x11 }] of [NO_SYMBOL, ...symbols].entries()) {
    out.u32(i === 0 ? 0 : offsets[i - 1]!);
    if (!kind.wide) [value, size].forEach(out.word);
    out.u8(info);
    out.u8(0);
    out.u16(section);
    if (kind.wide) [value, size].forEach(out.word);
  }
  return [
    { name: '.symtab', type: 2, data: Uint8Array.from(out.bytes), link: strtab, entsize: kind.wide ? 24 : 16 },
    { name: '.strtab', type: 3, data: textBytes(names) },
  ];
};

/** Relocations of section `target`, against the symbols of section `symtab`. */
export const relocationSection = (
  kind: ElfKind,
  relocations: readonly BuiltRelocation[],
  { symtab, target }: { readonly symtab: number; readonly target: number },
): BuiltSection => {
  const out = createWriter(kind);
  for (const { offset, symbol, type, addend } of relocations) {
    out.word(offset);
    out.word((BigInt(symbol) << (kind.wide ? 32n : 8n)) + BigInt(type));
    out.word(addend);
  }
  return {
    name: '.rela',
    type: 4,
    data: Uint8Array.from(out.bytes),
    link: symtab,
    info: target,
    entsize: kind.wide ? 24 : 12,
  };
};

/** A note; `name` gets no NUL by itself. */
export const note = (kind: ElfKind, name: string, type: number, desc: Uint8Array): Uint8Array => {
  const out = createWriter(kind);
  [name.length, desc.length, type].forEach(out.u32);
  for (const bytes of [Uint8Array.from(name, (char) => char.charCodeAt(0)), desc]) {
    bytes.forEach(out.u8);
    while (out.bytes.length % 4 !== 0) out.u8(0);
  }
  return Uint8Array.from(out.bytes);
};

/** Bytes one behind the other. */
export const concat = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

const alignTo16 = (value: number): number => Math.ceil(value / 16) * 16;

/**
 * An ELF file: header, program headers, the bytes of segments and sections, .shstrtab, the section headers. Section 0
 * is added.
 */
export const buildElf = (
  kind: ElfKind,
  given: readonly BuiltSection[],
  { segments = [], entry = 0 }: { readonly segments?: readonly BuiltSegment[]; readonly entry?: Value } = {},
): Uint8Array => {
  const sections = [
    ...given,
    { name: '.shstrtab', type: 3, data: textBytes([...given.map(({ name }) => name), '.shstrtab']) },
  ];
  const nameOffsets = offsetsOf(sections.map(({ name }) => name));
  const headerSize = kind.wide ? 64 : 52;
  const segmentHeaderSize = kind.wide ? 56 : 32;
  let end = headerSize + segments.length * segmentHeaderSize;
  const place = ({ data }: { readonly data: Uint8Array }): number => {
    const at = alignTo16(end);
    end = at + data.length;
    return at;
  };
  const segmentOffsets = segments.map(place);
  const offsets = sections.map(place);
  const shoff = alignTo16(end);

  const head = createWriter(kind);
  [0x7f, 0x45, 0x4c, 0x46, kind.wide ? 2 : 1, kind.littleEndian ? 1 : 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0].forEach(head.u8);
  head.u16(kind.type);
  head.u16(kind.machine);
  head.u32(1);
  [entry, segments.length > 0 ? headerSize : 0, shoff].forEach(head.word);
  head.u32(0);
  head.u16(headerSize);
  [segmentHeaderSize, segments.length, kind.wide ? 64 : 40, sections.length + 1, sections.length].forEach(head.u16);
  segments.forEach((segment, i) => {
    const { type, data, flags = 0, vaddr = 0, paddr = 0, align = 0, offset = segmentOffsets[i]! } = segment;
    const { filesz = data.length, memsz = data.length } = segment;
    head.u32(type);
    if (kind.wide) head.u32(flags);
    [offset, vaddr, paddr, filesz, memsz].forEach(head.word);
    if (!kind.wide) head.u32(flags);
    head.word(align);
  });

  const table = createWriter(kind);
  const sectionHeader = (section: Partial<BuiltSection>, name: number, offset: number, size: Value): void => {
    table.u32(name);
    table.u32(section.type ?? 0);
    [section.flags ?? 0, section.addr ?? 0, offset, section.size ?? size].forEach(table.word);
    table.u32(section.link ?? 0);
    table.u32(section.info ?? 0);
    [section.addralign ?? 1, section.entsize ?? 0].forEach(table.word);
  };
  sectionHeader({}, 0, 0, 0);
  sections.forEach((section, i) => sectionHeader(section, nameOffsets[i]!, offsets[i]!, section.data.length));

  const bytes = new Uint8Array(shoff + table.bytes.length);
  bytes.set(head.bytes);
  segments.forEach(({ data }, i) => bytes.set(data, segmentOffsets[i]));
  sections.forEach(({ data }, i) => bytes.set(data, offsets[i]));
  bytes.set(table.bytes, shoff);
  return bytes;
};
