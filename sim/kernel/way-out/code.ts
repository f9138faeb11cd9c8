/** The pieces of machine code in relocation.o. */
import { KexecError } from '../../../kexec/base/error.js';
import {
  ELFCLASS64,
  ELFDATA2LSB,
  type ElfSectionHeader,
  SHF_ALLOC,
  SHT_SYMTAB,
  readFileHeader,
  readSectionHeader,
  readSymbol,
  sizesOf,
} from '../../../kexec/elf/elf.js';
import { cString, latin1 } from '../../../kexec/base/scan.js';
import { relocation } from './relocation.js';

/** A part of a kernel that is machine code: it can be put anywhere, at a multiple of what its section says. */
export interface CodePiece {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly symbols: readonly PieceSymbol[];
}

export interface PieceSymbol {
  readonly name: string;
  /** Bytes from the piece's start. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

const LAYOUT = { class: ELFCLASS64, data: ELFDATA2LSB } as const;

/** The pieces that the sources in this directory are assembled into: one for each section that has code. */
export const codePieces = (): readonly CodePiece[] => {
  const header = readFileHeader(relocation, LAYOUT);
  const { sectionHeader } = sizesOf(LAYOUT);
  const sections = Array.from({ length: header.shnum }, (_, i) =>
    readSectionHeader(relocation, LAYOUT, Number(header.shoff) + i * sectionHeader),
  );
  const names = bytesOf(sections[header.shstrndx]!);
  const symbols = symbolsOf(sections);
  return sections.flatMap((section, index) => {
    if ((section.flags & SHF_ALLOC) === 0n) return [];
    const own = symbols.filter(({ shndx }) => shndx === index);
    return [{ name: textAt(names, section.name), bytes: bytesOf(section), symbols: own.map(({ symbol }) => symbol) }];
  });
};

/** @throws KexecError when there is no such piece */
export const findPiece = (pieces: readonly CodePiece[], name: string): CodePiece => {
  const piece = pieces.find((one) => one.name === name);
  if (piece === undefined) throw KexecError.die(`relocation code: no section ${name}`, { subject: name });
  return piece;
};

interface SectionSymbol {
  /** Index of the section. */
  readonly shndx: number;
  readonly symbol: PieceSymbol;
}

const symbolsOf = (sections: readonly ElfSectionHeader[]): readonly SectionSymbol[] => {
  const table = sections.find(({ type }) => type === SHT_SYMTAB);
  if (table === undefined) return [];
  const names = bytesOf(sections[table.link]!);
  const bytes = bytesOf(table);
  const { symbol: size } = sizesOf(LAYOUT);
  return Array.from({ length: bytes.length / size }, (_, i) => readSymbol(bytes, LAYOUT, i * size))
    .filter((symbol) => symbol.size > 0n)
    .map((symbol) => ({
      shndx: symbol.shndx,
      symbol: { name: textAt(names, symbol.name), offset: Number(symbol.value), size: Number(symbol.size) },
    }));
};

const bytesOf = ({ offset, size }: ElfSectionHeader): Uint8Array =>
  relocation.subarray(Number(offset), Number(offset + size));

const textAt = (bytes: Uint8Array, at: number): string => cString(latin1(bytes.subarray(at)));
