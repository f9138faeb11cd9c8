/** A purgatory out of a kexec binary that holds one. */
import {
  EI_CLASS,
  EI_DATA,
  EI_NIDENT,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  ET_DYN,
  ET_EXEC,
  ET_REL,
  EV_CURRENT,
  SHT_NOBITS,
  SHT_SYMTAB,
  hasElfMagic,
  isLittleEndian,
  readFileHeader,
  readSectionHeader,
  readSymbol,
  sizesOf,
  type ElfFileHeader,
  type ElfLayout,
  type ElfSectionHeader,
  type ElfSymbol,
} from './elf.js';
import { KexecError } from '../base/error.js';

/** What tells a purgatory from any other relocatable object, whatever the machine (purgatory/purgatory.c). */
const PURGATORY_SYMBOLS = ['purgatory_start', 'sha256_digest'];

/** A kexec binary has one object in it, some forty sections and, unstripped, a few thousand symbols. */
const MAX_OBJECTS = 16;
const MAX_SECTIONS = 4096;
const MAX_SYMBOLS = 1 << 16;

/** An ELF file whose sections lie within the bytes that it was read from. */
interface Elf extends ElfLayout {
  readonly header: ElfFileHeader;
  readonly sections: readonly ElfSectionHeader[];
  /** From the ELF header on; what the file ends with may be something else's. */
  readonly bytes: Uint8Array;
}

/**
 * Finds the purgatory that a kexec-tools binary carries: an array named `purgatory` that holds a relocatable object
 * (util/bin-to-hex.c). Distributions strip their binaries; then the object is found by its own ELF header and by the
 * symbols that every purgatory has.
 * @param kexecBinary an ELF executable, for any machine
 * @param name the binary's name in errors
 * @returns a copy of the object's bytes
 * @throws KexecError when there is not exactly one purgatory
 */
export const extractPurgatory = (kexecBinary: Uint8Array, name: string): Uint8Array => {
  const fault = (message: string): KexecError => KexecError.die(`${name}: ${message}`, { subject: name });

  const executable = readElf(kexecBinary);
  if (executable === undefined || ![ET_EXEC, ET_DYN].includes(executable.header.type)) {
    throw fault('not an ELF executable');
  }

  const named = findArray(executable);
  if (named !== undefined) {
    const object = readElf(named);
    if (object === undefined || !isPurgatory(object)) throw fault('its symbol "purgatory" is not a purgatory');
    return named.slice();
  }

  const objects = findObjects(kexecBinary, fault);
  const purgatories = objects.filter(isPurgatory);
  if (purgatories.length > 1) throw fault(`${purgatories.length} purgatories in it, which one is meant?`);
  const [purgatory] = purgatories;
  if (purgatory === undefined) {
    throw fault(objects.length === 0 ? 'no relocatable object in it' : 'no purgatory in it');
  }
  return purgatory.bytes.slice(0, endOf(purgatory));
};

/** The ELF file at the start of `bytes`; undefined when there is none, or when a part of it is not there. */
const readElf = (bytes: Uint8Array): Elf | undefined => {
  if (bytes.length < EI_NIDENT || !hasElfMagic(bytes)) return undefined;
  const layout = { class: bytes[EI_CLASS]!, data: bytes[EI_DATA]! };
  if (layout.class !== ELFCLASS32 && layout.class !== ELFCLASS64) return undefined;
  if (layout.data !== ELFDATA2LSB && layout.data !== ELFDATA2MSB) return undefined;

  const sizes = sizesOf(layout);
  if (bytes.length < sizes.header) return undefined;
  const header = readFileHeader(bytes, layout);
  const { shoff, shnum } = header;
  const isPlausible =
    header.version === EV_CURRENT && header.ehsize === sizes.header && header.shentsize === sizes.sectionHeader;
  if (!isPlausible || shnum === 0 || shnum > MAX_SECTIONS) return undefined;
  const length = BigInt(bytes.length);
  if (shoff + BigInt(shnum * sizes.sectionHeader) > length) return undefined;

  const sections: ElfSectionHeader[] = [];
  for (let i = 0; i < shnum; i++) {
    const section = readSectionHeader(bytes, layout, Number(shoff) + i * sizes.sectionHeader);
    if (hasBytes(section) && section.offset + section.size > length) return undefined;
    sections.push(section);
  }
  return { ...layout, header, sections, bytes };
};

const hasBytes = ({ type }: ElfSectionHeader): boolean => type !== SHT_NOBITS;

/** Length of the file in bytes: the table of sections mostly comes last, but need not. */
const endOf = ({ header, sections }: Elf): number => {
  const tableEnd = Number(header.shoff) + header.shnum * header.shentsize;
  return sections.filter(hasBytes).reduce((end, { offset, size }) => Math.max(end, Number(offset + size)), tableEnd);
};

/** Every relocatable object that lies whole in the file. @throws KexecError when too much looks like one */
const findObjects = (bytes: Uint8Array, fault: (message: string) => KexecError): Elf[] => {
  const objects: Elf[] = [];
  let headers = 0;
  for (let at = bytes.indexOf(0x7f); at >= 0; at = bytes.indexOf(0x7f, at + 1)) {
    if (!isRelocatable(bytes, at)) continue;
    if (++headers > MAX_OBJECTS) throw fault(`more than ${MAX_OBJECTS} relocatable objects in it`);
    const object = readElf(bytes.subarray(at));
    if (object !== undefined) objects.push(object);
  }
  return objects;
};

/** Whether what lies at `at` begins like an ELF file of type ET_REL: a test that costs little. */
const isRelocatable = (bytes: Uint8Array, at: number): boolean => {
  if (!hasTextAt(bytes, at, '\x7fELF')) return false;
  const [low, high] = bytes[at + EI_DATA] === ELFDATA2LSB ? [16, 17] : [17, 16];
  return bytes[at + low] === ET_REL && bytes[at + high] === 0;
};

const isPurgatory = (elf: Elf): boolean =>
  elf.header.type === ET_REL && PURGATORY_SYMBOLS.every((name) => findSymbol(elf, name) !== undefined);

/** The symbol of that name which is in a section. */
const findSymbol = (elf: Elf, name: string): ElfSymbol | undefined => {
  const table = elf.sections.find(({ type }) => type === SHT_SYMTAB);
  const names = table && elf.sections[table.link];
  if (names === undefined || !hasBytes(names)) return undefined;
  const wanted = `${name}\0`;
  const { symbol: symbolSize } = sizesOf(elf);
  const count = Math.min(Math.floor(Number(table!.size) / symbolSize), MAX_SYMBOLS);
  for (let i = 0; i < count; i++) {
    const symbol = readSymbol(elf.bytes, elf, Number(table!.offset) + i * symbolSize);
    if (symbol.shndx === 0 || symbol.shndx >= elf.sections.length) continue;
    if (BigInt(symbol.name + wanted.length) > names.size) continue;
    if (hasTextAt(elf.bytes, Number(names.offset) + symbol.name, wanted)) return symbol;
  }
  return undefined;
};

const hasTextAt = (bytes: Uint8Array, at: number, text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
};

/**
 * The bytes of the array named `purgatory`, as many as `purgatory_size` says or else as the symbol has; undefined
 * in a stripped executable.
 */
const findArray = (executable: Elf): Uint8Array | undefined => {
  const array = findSymbol(executable, 'purgatory');
  if (array === undefined) return undefined;
  const bytes = bytesOf(executable, array, array.size);
  const sizeVariable = findSymbol(executable, 'purgatory_size');
  const size = sizeVariable && readSize(executable, sizeVariable);
  return size !== undefined && size < bytes.length ? bytes.subarray(0, Number(size)) : bytes;
};

/** The value of a variable of type `size_t`; undefined when its bytes are not in the file. */
const readSize = (executable: Elf, symbol: ElfSymbol): bigint | undefined => {
  const wordSize = executable.class === ELFCLASS32 ? 4 : 8;
  const bytes = bytesOf(executable, symbol, BigInt(wordSize));
  if (bytes.length < wordSize) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, wordSize);
  return wordSize === 4
    ? BigInt(view.getUint32(0, isLittleEndian(executable)))
    : view.getBigUint64(0, isLittleEndian(executable));
};

/** The first `size` bytes of a symbol of an executable, as many of them as its section has. */
const bytesOf = ({ sections, bytes }: Elf, symbol: ElfSymbol, size: bigint): Uint8Array => {
  const section = sections[symbol.shndx]!;
  const offset = symbol.value - section.addr;
  if (!hasBytes(section) || offset < 0n || offset > section.size) return new Uint8Array();
  const left = section.size - offset;
  const start = Number(section.offset + offset);
  return bytes.subarray(start, start + Number(size < left ? size : left));
};
