/** Relocatable ELF objects: placing them, relocating them, and setting their symbols (kexec/kexec-elf-rel.c). */
import {
  ET_REL,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHN_ABS,
  SHN_COMMON,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB,
  STB_GLOBAL,
  STT_NOTYPE,
  isLittleEndian,
  maxAddress,
  readRelocation,
  readSymbol,
  sizesOf,
  symbolBinding,
  symbolType,
  type ElfRelocation,
  type ElfSymbol,
} from './elf.js';
import { Errno, KexecError, strerror } from '../base/error.js';
import { hex, hex16 } from '../base/format.js';
import { buildElfInfo, type ElfInfo, type ElfOptions, type ElfSection } from './kexec-elf.js';
import type { Log } from '../base/log.js';
import type { Placement } from '../memory/placement.js';
import { latin1 } from '../base/scan.js';
import type { LoadedPurgatory } from './loaded-purgatory.js';
import type { RelocationRule } from './relocation-rule.js';
import { alignUp, s64, u64 } from '../base/u64.js';

/** How a relocatable object is to be loaded. */
export interface RelocatableLoad {
  /** EM_* number of the machine that the object must be for. */
  readonly machine: number;
  readonly placement: Placement;
  readonly relocations: readonly RelocationRule[];
  readonly log: Log;
  /** Lowest address for the object. */
  readonly min: bigint;
  /** Highest address for the object, inclusive. */
  readonly max: bigint;
  readonly from: 'bottom' | 'top';
}

/** A section where it was loaded: `addr` is the new address, and `data` is in the image. */
type LoadedSection = ElfSection;

/**
 * More than this is refused, as malloc() would refuse it at some point: a few bytes of headers may ask for
 * exabytes of alignment.
 */
export const MAX_IMAGE_BYTES = 64n << 20n;

/**
 * Reads a relocatable object for the given machine (build_elf_rel_info(), kexec/kexec-elf-rel.c).
 * @param machine an EM_* number
 * @returns undefined when the bytes are no such thing; for some faults the log says why
 */
export const buildElfRelInfo = (bytes: Uint8Array, machine: number, options: ElfOptions): ElfInfo | undefined => {
  const info = buildElfInfo(bytes, options);
  const usable = info?.type === ET_REL && info.sectionHeaders.length > 0 && info.machine === machine;
  return usable ? info : undefined;
};

/**
 * Reads and loads an object (elf_rel_build_load(), kexec/kexec-elf-rel.c).
 * @param subject the object's name in errors
 * @throws KexecError
 */
export const loadRelocatable = (bytes: Uint8Array, subject: string, load: RelocatableLoad): RelocatableObject => {
  const info = buildElfRelInfo(bytes, load.machine, { log: load.log });
  if (info === undefined) throw KexecError.die('ELF rel parse failed', { subject });
  return elfRelLoad(info, subject, load);
};

/**
 * Places an object, whose bytes become a segment, and applies its relocations (elf_rel_load(),
 * kexec/kexec-elf-rel.c). Where the original would read or write outside of a section, this throws.
 * @param subject the object's name in errors
 * @throws KexecError
 */
export const elfRelLoad = (info: ElfInfo, subject: string, load: RelocatableLoad): RelocatableObject => {
  checkTables(info, subject);
  const footprint = measure(info.sectionHeaders);
  if (footprint.dataSize > MAX_IMAGE_BYTES) {
    throw KexecError.die(`Cannot malloc ${s64(footprint.dataSize)} bytes: ${strerror(Errno.ENOMEM)}`, {
      subject: subject,
    });
  }
  const image = new Uint8Array(Number(footprint.dataSize));
  const size = u64(footprint.dataSize + footprint.bssPad + footprint.bssSize);
  const highest = maxAddress(info);
  const address = load.placement.addBuffer({
    data: image,
    memsz: size,
    align: footprint.align,
    min: load.min,
    max: load.max < highest ? load.max : highest,
    from: load.from,
  });
  const sections = placeSections(info.sectionHeaders, { image, address, footprint, subject });
  const entry = relocatedEntry(info, sections);
  const object = new RelocatableObject(info, sections, address, size, entry, subject);
  relocate(object, image, load);
  return object;
};

/**
 * A relocatable object in its place. The bytes of its sections are those of the segment, so that a symbol can be set
 * until the segment is handed to the kernel.
 */
export class RelocatableObject implements LoadedPurgatory {
  constructor(
    readonly info: ElfInfo,
    readonly sections: readonly LoadedSection[],
    /** Address of the first byte. */
    readonly address: bigint,
    /** Bytes of memory, those of bss included. */
    readonly size: bigint,
    /** The relocated entry point; that of the file when no section of code holds it. */
    readonly entry: bigint,
    /** The object's name in errors. */
    readonly subject: string,
  ) {}

  /**
   * The global symbol of that name (elf_rel_find_symbol(), kexec/kexec-elf-rel.c).
   * @throws KexecError when it is in no section
   */
  findSymbol(name: string): ElfSymbol | undefined {
    const wanted = Uint8Array.from(`${name}\0`, (char) => char.charCodeAt(0));
    const { symbol: symbolSize } = sizesOf(this.info);
    for (const table of this.sections) {
      // QUIRK-15: wherever the original checks a section number (kexec/kexec-elf-rel.c), one just past the table is let
      // through. A table of symbols with a larger one is passed over; for that one, what is read past the table in the
      // original is an error here.
      if (table.type !== SHT_SYMTAB || table.link > this.sections.length) continue;
      const names = this.section(table.link, 'string table').data;
      for (let at = 0; at + symbolSize <= table.data.length; at += symbolSize) {
        const symbol = readSymbol(table.data, this.info, at);
        if (symbolBinding(symbol.info) !== STB_GLOBAL || !startsWith(names, symbol.name, wanted)) continue;
        if (symbol.shndx === SHN_UNDEF || symbol.shndx >= this.sections.length) {
          throw this.fault(`Symbol: ${name} has Bad section index ${symbol.shndx}`);
        }
        return symbol;
      }
    }
    return undefined;
  }

  /** elf_rel_get_addr(). @throws KexecError when there is no such symbol */
  symbolAddress(name: string): bigint {
    const symbol = this.findSymbol(name);
    if (symbol === undefined) throw this.fault(`Symbol: ${name} not found cannot retrive it's address`);
    return u64(this.sections[symbol.shndx]!.addr + symbol.value);
  }

  /** elf_rel_set_symbol(). @throws KexecError when there is no such symbol of that size in a section with bytes */
  setSymbol(name: string, value: Uint8Array): void {
    const symbol = this.findSymbol(name);
    if (symbol === undefined) throw this.fault(`Symbol: ${name} not found cannot set`);
    if ((this.sections[symbol.shndx]!.flags & SHF_ALLOC) === 0n) {
      throw this.fault(`Symbol: ${name} is in a section that is not loaded`);
    }
    this.bytesOf(name, symbol, value.length).set(value);
  }

  /**
   * A copy of a symbol's bytes (elf_rel_get_symbol()).
   * @throws KexecError when there is no such symbol of that size in a section with bytes
   */
  getSymbol(name: string, size: number): Uint8Array {
    const symbol = this.findSymbol(name);
    if (symbol === undefined) throw this.fault(`Symbol: ${name} not found cannot get`);
    return this.bytesOf(name, symbol, size).slice();
  }

  /** Section `index`, which `what` is said to be. @throws KexecError when there is none */
  section(index: number, what: string): LoadedSection {
    const section = this.sections[index];
    if (section === undefined) throw this.fault(`Invalid section number ${index} of a ${what}`);
    return section;
  }

  fault(message: string): KexecError {
    return KexecError.die(message, { subject: this.subject });
  }

  private bytesOf(name: string, { shndx, value, size: symbolSize }: ElfSymbol, size: number): Uint8Array {
    if (symbolSize !== BigInt(size)) throw this.fault(`Symbol: ${name} has size: ${s64(symbolSize)} not ${size}`);
    const section = this.sections[shndx]!;
    // QUIRK-16: elf_rel_get_symbol() says "cannot set" as well.
    if (section.type === SHT_NOBITS) throw this.fault(`Symbol: ${name} is in a bss section cannot set`);
    if (value + symbolSize > BigInt(section.data.length)) throw this.fault(`Symbol: ${name} is outside of its section`);
    return section.data.subarray(Number(value), Number(value) + size);
  }
}

const startsWith = (bytes: Uint8Array, at: number, wanted: Uint8Array): boolean =>
  at + wanted.length <= bytes.length && wanted.every((byte, i) => bytes[at + i] === byte);

const isAllocated = ({ flags }: ElfSection): boolean => (flags & SHF_ALLOC) !== 0n;

/** Symbols and relocations in sections that overlap could be read a million times over. */
const checkTables = (info: ElfInfo, subject: string): void => {
  const tables = info.sectionHeaders.filter(({ type }) => [SHT_SYMTAB, SHT_RELA, SHT_REL].includes(type));
  const bytes = tables.reduce((sum, { data }) => sum + data.length, 0);
  if (bytes > info.fileSize) throw KexecError.die('The tables of the object overlap', { subject });
};

/** What the loaded sections need, in bytes. */
interface Footprint {
  readonly align: bigint;
  readonly dataSize: bigint;
  /** Between the sections with bytes and those without. */
  readonly bssPad: bigint;
  readonly bssSize: bigint;
}

/** A section's alignment: 0 is as good as 1. Other values should be powers of two, but nothing checks that. */
const alignmentOf = ({ addralign }: ElfSection): bigint => (addralign === 0n ? 1n : addralign);

const measure = (sections: readonly ElfSection[]): Footprint => {
  const end = { data: 0n, bss: 0n };
  const align = { data: 1n, bss: 1n };
  for (const section of sections.filter(isAllocated)) {
    const kind = section.type === SHT_NOBITS ? 'bss' : 'data';
    const sectionAlign = alignmentOf(section);
    if (align[kind] < sectionAlign) align[kind] = sectionAlign;
    end[kind] = u64(alignUp(end[kind], sectionAlign) + section.size);
  }
  const misalignment = end.data & (align.bss - 1n);
  return {
    align: align.data < align.bss ? align.bss : align.data,
    dataSize: end.data,
    bssPad: misalignment === 0n ? 0n : u64(align.bss - misalignment),
    bssSize: end.bss,
  };
};

/** The image that sections are copied into, and where it goes. */
interface SectionImage {
  readonly image: Uint8Array;
  readonly address: bigint;
  readonly footprint: Footprint;
  readonly subject: string;
}

/** Copies the sections into the image and gives them their addresses. Sections that are not loaded stay as they are. */
const placeSections = (
  sections: readonly ElfSection[],
  { image, address, footprint, subject }: SectionImage,
): LoadedSection[] => {
  let dataAddress = address;
  let bssAddress = u64(address + footprint.dataSize + footprint.bssPad);
  return sections.map((section, index) => {
    if (!isAllocated(section)) return section;
    const { size } = section;
    if (section.type === SHT_NOBITS) {
      const addr = alignUp(bssAddress, alignmentOf(section));
      bssAddress = u64(addr + size);
      return { ...section, addr };
    }
    const addr = alignUp(dataAddress, alignmentOf(section));
    const offset = u64(addr - address);
    if (offset + size > BigInt(image.length) || BigInt(section.data.length) !== size) {
      throw KexecError.die(`Section ${index} does not fit into the image of the object`, { subject });
    }
    dataAddress = u64(addr + size);
    const data = image.subarray(Number(offset), Number(offset + size));
    data.set(section.data);
    return { ...section, addr, data };
  });
};

const relocatedEntry = (info: ElfInfo, sections: readonly LoadedSection[]): bigint => {
  const { entry } = info;
  const code = SHF_ALLOC | SHF_EXECINSTR;
  const index = info.sectionHeaders.findIndex(
    ({ flags, addr, size }) => (flags & code) === code && addr <= entry && addr + size > entry,
  );
  return index < 0 ? entry : u64(entry - info.sectionHeaders[index]!.addr + sections[index]!.addr);
};

/** Applies the relocations of all sections that were loaded. */
const relocate = (object: RelocatableObject, image: Uint8Array, load: RelocatableLoad): void => {
  const { info, sections } = object;
  const sizes = sizesOf(info);
  const rules = new Map(load.relocations.map((rule) => [rule.type, rule]));
  for (const table of sections) {
    if (table.type !== SHT_RELA && table.type !== SHT_REL) continue;
    if (table.info >= sections.length || table.link >= sections.length) throw object.fault('Invalid section number');
    const target = sections[table.info]!;
    const entries = sections[table.link]!;
    if (!isAllocated(target) || entries.link > sections.length) continue;
    const symbols = { entries, names: object.section(entries.link, 'string table') };
    const withAddend = table.type === SHT_RELA;
    const size = withAddend ? sizes.rela : sizes.rel;
    if (table.data.length % size !== 0) throw object.fault('A table of relocations ends within a relocation');
    for (let at = 0; at < table.data.length; at += size) {
      const relocation = readRelocation(table.data, info, at, withAddend);
      const value = resolve(object, relocation, symbols, load.log);
      const address = u64(target.addr + relocation.offset);
      load.log.dbg(`sym: ${value.name} value: ${hex(value.value)} addr: ${hex(address)}\n`);
      apply({ target, relocation, address, value: value.value }, { object, image, rules, log: load.log });
    }
  }
};

interface Resolved {
  /** The symbol's name; empty when nobody will see it. */
  readonly name: string;
  /** Symbol + addend. */
  readonly value: bigint;
}

/** A symbol table and the names in it. */
interface Symbols {
  readonly entries: LoadedSection;
  readonly names: LoadedSection;
}

/** Finds what a relocation refers to. */
const resolve = (
  object: RelocatableObject,
  relocation: ElfRelocation,
  { entries, names }: Symbols,
  log: Log,
): Resolved => {
  const { info, sections } = object;
  const { symbol: symbolSize } = sizesOf(info);
  const at = relocation.symbol * symbolSize;
  if (at + symbolSize > entries.data.length) {
    throw object.fault(`A relocation refers to symbol ${relocation.symbol}, which is outside of the symbol table`);
  }
  const symbol = readSymbol(entries.data, info, at);
  const nameOf = (): string => symbolName(object, symbol, names);
  const name = log.debug ? nameOf() : '';
  if (log.debug) {
    const [infoByte, other] = [symbol.info, symbol.other].map((byte) => hex(byte).padStart(2, '0'));
    const shown = `${name.padStart(10)} info: ${infoByte} other: ${other} shndx: ${hex(symbol.shndx)}`;
    log.dbg(`sym: ${shown} value: ${hex(symbol.value)} size: ${hex(symbol.size)}\n`);
  }
  // A relocation without a symbol, or against an untyped one that is undefined, takes 0 as the symbol's value.
  if (symbol.shndx === SHN_UNDEF && symbolType(symbol.info) !== STT_NOTYPE) {
    throw object.fault(`Undefined symbol: ${nameOf()}`);
  }
  if (symbol.shndx === SHN_COMMON) throw object.fault(`symbol: '${nameOf()}' in common section`);
  if (symbol.shndx !== SHN_ABS && symbol.shndx >= sections.length) {
    throw object.fault(`Invalid section: ${symbol.shndx} for symbol ${nameOf()}`);
  }
  const base = symbol.shndx === SHN_ABS ? 0n : sections[symbol.shndx]!.addr;
  return { name, value: u64(symbol.value + base + relocation.addend) };
};

/** A symbol without a name is called like its section. */
const symbolName = (object: RelocatableObject, symbol: ElfSymbol, names: LoadedSection): string => {
  const [table, at] =
    symbol.name !== 0
      ? [names, symbol.name]
      : [object.section(object.info.shstrndx, 'string table'), object.section(symbol.shndx, 'symbol').name];
  const end = table.data.indexOf(0, at);
  if (at >= table.data.length || end < 0) throw object.fault('The name of a symbol is outside of the string table');
  return latin1(table.data.subarray(at, end));
};

/** The eight bytes at `at`, as the debug log shows them; what is behind the image counts as zero. */
const wordAt = (image: Uint8Array, at: number): string => {
  const bytes = new Uint8Array(8);
  bytes.set(image.subarray(at, at + 8));
  return hex16(new DataView(bytes.buffer).getBigUint64(0, true));
};

/** A relocation, what it refers to, and where that is written. */
interface Change {
  readonly target: LoadedSection;
  readonly relocation: ElfRelocation;
  /** The address of its place. */
  readonly address: bigint;
  /** Symbol + addend. */
  readonly value: bigint;
}

interface Relocator {
  readonly object: RelocatableObject;
  readonly image: Uint8Array;
  readonly rules: ReadonlyMap<number, RelocationRule>;
  readonly log: Log;
}

/** Changes the bytes at a relocation's place (machine_apply_elf_rel() of the architecture). */
const apply = (
  { target, relocation: { offset, type }, address, value }: Change,
  { object, image, rules, log }: Relocator,
): void => {
  const rule = rules.get(type);
  if (rule === undefined) throw object.fault(`machine_apply_elf_rel: ERROR Unknown type: ${type}`);
  if (offset + BigInt(rule.size) > BigInt(target.data.length)) {
    throw object.fault(`A relocation at 0x${hex(offset)} is outside of its section`);
  }
  const at = target.data.byteOffset - image.byteOffset + Number(offset);
  const before = log.debug ? wordAt(image, at) : '';
  const place = new DataView(image.buffer, image.byteOffset + at, image.length - at);
  rule.apply(place, address, value, isLittleEndian(object.info));
  log.dbg(`machine_apply_elf_rel: ${rule.name} ${before}->${log.debug ? wordAt(image, at) : ''}\n`);
};
