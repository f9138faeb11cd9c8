/** ELF files, checked as far as the tool relies on them (kexec/kexec-elf.c). */
import {
  EI_CLASS,
  EI_DATA,
  EI_NIDENT,
  EI_VERSION,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  EV_CURRENT,
  NOTE_HEADER_SIZE,
  PT_NOTE,
  SHT_DYNAMIC,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB,
  hasElfMagic,
  isLittleEndian,
  readFileHeader,
  readProgramHeader,
  readSectionHeader,
  sizesOf,
  type ElfFileHeader,
  type ElfLayout,
  type ElfProgramHeader,
  type ElfSectionHeader,
  type ElfSizes,
} from './elf.js';
import { hex } from '../base/format.js';
import type { Log } from '../base/log.js';
import { cString, latin1 } from '../base/scan.js';
import { U64_MAX, s64, u64 } from '../base/u64.js';

/** A program header and the segment's bytes in the file. */
export interface ElfSegment extends ElfProgramHeader {
  /** A view of the file, cut where the file ends. */
  readonly data: Uint8Array;
}

/** A section header and the section's bytes in the file. */
export interface ElfSection extends ElfSectionHeader {
  /** A view of the file, cut where the file ends; empty for SHT_NOBITS. */
  readonly data: Uint8Array;
}

export interface ElfNote {
  readonly type: number;
  /** Without its NUL. */
  readonly name: string;
  /** A view of the file. */
  readonly desc: Uint8Array;
}

/** An ELF file, checked as far as the tool relies on it (`struct mem_ehdr`, kexec/kexec-elf.h). */
export interface ElfInfo extends ElfLayout {
  readonly type: number;
  readonly machine: number;
  readonly version: number;
  readonly entry: bigint;
  readonly flags: number;
  /** Index of the section that holds the names of the sections. */
  readonly shstrndx: number;
  readonly programHeaders: readonly ElfSegment[];
  readonly sectionHeaders: readonly ElfSection[];
  readonly notes: readonly ElfNote[];
  /** Bytes in the file. */
  readonly fileSize: number;
}

export interface ElfOptions {
  /** Segments and sections may lie beyond the end of the file (ELF_SKIP_FILESZ_CHECK). */
  readonly skipFileSizeCheck?: boolean;
  readonly log: Log;
}

/**
 * Reads an ELF file (build_elf_info(), kexec/kexec-elf.c). Where the original's sums wrap at 2^64, and where it
 * follows a table that the header counts but does not place, the file is taken for a broken one here.
 * @returns undefined when the bytes cannot be used as ELF; for some faults the log says why
 */
export const buildElfInfo = (bytes: Uint8Array, options: ElfOptions): ElfInfo | undefined => {
  const layout = readLayout(bytes);
  if (layout === undefined) return undefined;
  const sizes = sizesOf(layout);
  if (bytes.length < sizes.header) return undefined;
  const header = readFileHeader(bytes, layout);
  if (!isSaneHeader(header, sizes) || bytes[EI_VERSION] !== EV_CURRENT) return undefined;

  const programHeaders = buildProgramHeaders(bytes, layout, header, options);
  if (programHeaders === undefined) return undefined;
  const sectionHeaders = buildSectionHeaders(bytes, layout, header, options);
  if (sectionHeaders === undefined) return undefined;
  const noteArea = findNotes(programHeaders, sectionHeaders, header);
  const notes = noteArea && buildNotes(noteArea, layout, options.log);
  if (notes === undefined) return undefined;

  const { type, machine, version, entry, flags, shstrndx } = header;
  return {
    ...layout,
    type,
    machine,
    version,
    entry,
    flags,
    shstrndx,
    programHeaders,
    sectionHeaders,
    notes,
    fileSize: bytes.length,
  };
};

const readLayout = (bytes: Uint8Array): ElfLayout | undefined => {
  if (bytes.length < EI_NIDENT || !hasElfMagic(bytes)) return undefined;
  const fileClass = bytes[EI_CLASS]!;
  const data = bytes[EI_DATA]!;
  if (fileClass !== ELFCLASS32 && fileClass !== ELFCLASS64) return undefined;
  if (data !== ELFDATA2LSB && data !== ELFDATA2MSB) return undefined;
  return { class: fileClass, data };
};

const isSaneHeader = (header: ElfFileHeader, sizes: ElfSizes): boolean =>
  header.ehsize === sizes.header &&
  (header.phnum === 0 || header.phentsize === sizes.programHeader) &&
  (header.shnum === 0 || header.shentsize === sizes.sectionHeader) &&
  header.version === EV_CURRENT;

/** The part of the file from `offset` on, as much of it as there is. */
const viewOf = (bytes: Uint8Array, offset: bigint, size: bigint): Uint8Array => {
  const length = BigInt(bytes.length);
  const start = offset < length ? offset : length;
  const end = start + size < length ? start + size : length;
  return bytes.subarray(Number(start), Number(end));
};

const fits = (offset: bigint, size: bigint, bytes: Uint8Array): boolean => offset + size <= BigInt(bytes.length);

const buildProgramHeaders = (
  bytes: Uint8Array,
  layout: ElfLayout,
  { phoff, phnum }: ElfFileHeader,
  { skipFileSizeCheck = false, log }: ElfOptions,
): ElfSegment[] | undefined => {
  if (phnum === 0) return [];
  if (phoff === 0n) return undefined;
  const { programHeader: size } = sizesOf(layout);
  const tableSize = BigInt(phnum * size);
  if (!fits(phoff, tableSize, bytes)) {
    if (skipFileSizeCheck) {
      log.err(`ELF program headers truncated have ${bytes.length} bytes need ${u64(phoff + tableSize)} bytes\n`);
    }
    return undefined;
  }
  const segments: ElfSegment[] = [];
  for (let i = 0; i < phnum; i++) {
    const header = readProgramHeader(bytes, layout, Number(phoff) + i * size);
    if (!skipFileSizeCheck && !fits(header.offset, header.filesz, bytes)) return undefined;
    if (header.paddr !== U64_MAX && header.paddr + header.memsz > U64_MAX) return undefined;
    segments.push({ ...header, data: viewOf(bytes, header.offset, header.filesz) });
  }
  return segments;
};

/** Size that the entries of a section of this type must have; undefined when any will do. */
const entrySizeOf = (type: number, sizes: ElfSizes): number | undefined => {
  switch (type) {
    case SHT_SYMTAB:
      return sizes.symbol;
    case SHT_RELA:
      return sizes.rela;
    case SHT_REL:
      return sizes.rel;
    case SHT_DYNAMIC:
      return sizes.dynamic;
    default:
      return undefined;
  }
};

const buildSectionHeaders = (
  bytes: Uint8Array,
  layout: ElfLayout,
  { shoff, shnum }: ElfFileHeader,
  { skipFileSizeCheck = false, log }: ElfOptions,
): ElfSection[] | undefined => {
  if (shoff === 0n || shnum === 0) return [];
  const sizes = sizesOf(layout);
  if (!fits(shoff, BigInt(shnum * sizes.sectionHeader), bytes)) return undefined;
  const sections: ElfSection[] = [];
  for (let i = 0; i < shnum; i++) {
    const header = readSectionHeader(bytes, layout, Number(shoff) + i * sizes.sectionHeader);
    const { type, offset, size } = header;
    const entrySize = entrySizeOf(type, sizes);
    if (entrySize !== undefined && header.entsize !== BigInt(entrySize)) {
      log.err(`Bad section header(${hex(type)}) entsize: ${s64(header.entsize)}\n`);
      return undefined;
    }
    const hasBytes = type !== SHT_NOBITS;
    if (!skipFileSizeCheck && hasBytes && !fits(offset, size, bytes)) return undefined;
    if (header.addr + size > U64_MAX) return undefined;
    sections.push({ ...header, data: hasBytes ? viewOf(bytes, offset, size) : new Uint8Array() });
  }
  return sections;
};

/** Where the notes are. */
interface NoteArea {
  /** As much of it as the file has. */
  readonly data: Uint8Array;
  /** Bytes as the header says: more than there are when the file ends early. */
  readonly size: bigint;
}

/**
 * The first note segment, or else the first note section; an empty area without either. binutils before 2.18 could
 * make note segments of offset 0, which are none.
 * @returns undefined when the sections would have to be searched, and are counted but not there
 */
const findNotes = (
  segments: readonly ElfSegment[],
  sections: readonly ElfSection[],
  header: ElfFileHeader,
): NoteArea | undefined => {
  const segment = segments.find(({ type, offset }) => type === PT_NOTE && offset !== 0n);
  if (segment !== undefined) return { data: segment.data, size: segment.filesz };
  if (sections.length !== header.shnum) return undefined;
  return sections.find(({ type }) => type === SHT_NOTE) ?? { data: new Uint8Array(), size: 0n };
};

/** Bytes that a name or a description takes up, padding included. */
const padded = (size: number): number => Math.ceil(size / 4) * 4;

/** Every header and every name must be in the file; what a description lacks at the file's end is left out. */
const buildNotes = ({ data, size }: NoteArea, layout: ElfLayout, log: Log): ElfNote[] | undefined => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const littleEndian = isLittleEndian(layout);
  const end = Number(size);
  const notes: ElfNote[] = [];
  for (let at = 0; at < end;) {
    const nameAt = at + NOTE_HEADER_SIZE;
    const hasHeader = nameAt <= data.length;
    const nameSize = hasHeader ? view.getUint32(at, littleEndian) : 0;
    const descSize = hasHeader ? view.getUint32(at + 4, littleEndian) : 0;
    const descAt = nameAt + padded(nameSize);
    const next = descAt + padded(descSize);
    if (!hasHeader || next > end || nameAt + nameSize > data.length) {
      log.err('ELF Note corrupted !\n');
      return undefined;
    }
    if (nameSize !== 0 && data[nameAt + nameSize - 1] !== 0) {
      log.err('Warning: Elf Note name is not null terminated\n');
    }
    notes.push({
      type: view.getUint32(at + 8, littleEndian),
      name: cString(latin1(data.subarray(nameAt, nameAt + nameSize))),
      desc: data.subarray(descAt, descAt + descSize),
    });
    at = next;
  }
  return notes;
};
