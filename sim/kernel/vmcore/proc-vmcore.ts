/** What /proc/vmcore of a capture kernel is made of: headers, notes, and pieces of the old kernel's memory. */
import { hex } from '../../../kexec/base/format.js';
import { Range } from '../../../kexec/base/range.js';
import { alignDown, alignUp, u64 } from '../../../kexec/base/u64.js';
import { type ElfProgramHeader, PT_LOAD, PT_NOTE, sizesOf, writeProgramHeader64 } from '../../../kexec/elf/elf.js';
import type { CaptureKernel } from './capture-kernel.js';
import { type CoreHeaders, LAYOUT } from './elfcorehdr.js';
import type { MergedNotes } from './notes.js';
import { type OldMemory, type Refuse, hasRam } from './old-memory.js';

const { header: FILE_HEADER, programHeader: PROGRAM_HEADER } = sizesOf(LAYOUT);
/** Where e_phnum is (<elf.h>). */
const PHNUM = 56;

/** So many times as large as its RAM a machine's dump may be: real ones have the kernel's text twice. */
export const MOST_TIMES_RAM = 4n;

/** Memory of the old kernel. */
export interface VmcorePiece {
  /** Physical addresses, whole pages. */
  readonly memory: Range;
  /** What of it the elfcorehdr asks for; undefined for nothing. */
  readonly asked: Range | undefined;
}

/** The parts stand one behind the other, each in whole pages. */
export interface ProcVmcore {
  /** The ELF header and the program headers. */
  readonly headers: Uint8Array;
  readonly notes: Uint8Array;
  /** Bytes of the notes themselves, without what fills their last page. */
  readonly notesSize: number;
  readonly pieces: readonly VmcorePiece[];
  readonly programHeaders: readonly ElfProgramHeader[];
  readonly sizeBytes: bigint;
}

/**
 * Lays /proc/vmcore out: merge_note_headers_elf64() and process_ptload_program_headers_elf64(), fs/proc/vmcore.c.
 * @throws what `refuse` gives for memory that there is not
 */
export const procVmcore = (
  { fileHeader }: CoreHeaders,
  notes: MergedNotes,
  { pageSize, noteAlign }: CaptureKernel,
  memory: OldMemory,
  refuse: Refuse,
): ProcVmcore => {
  // The first header becomes that of all notes, and as many behind it go as there were others, whatever they are of.
  const kept = notes.programHeaders.slice(notes.segments);
  const phnum = 1 + kept.length;
  const headersSize = alignUp(BigInt(FILE_HEADER + phnum * PROGRAM_HEADER), pageSize);
  const notesSize = BigInt(notes.bytes.length);
  const noteHeader: ElfProgramHeader = {
    ...{ type: PT_NOTE, flags: 0, offset: headersSize, vaddr: 0n, paddr: 0n },
    ...{ filesz: notesSize, memsz: notesSize, align: noteAlign },
  };
  const pieces: VmcorePiece[] = [];
  let end = headersSize + alignUp(notesSize, pageSize);
  const ram = memory.ranges.reduce((sum, { size }) => sum + size, 0n);
  const placed = kept.map((header): ElfProgramHeader => {
    if (header.type !== PT_LOAD) return header;
    const piece = pieceOf(header, pageSize, memory, refuse);
    const offset = end + header.offset - piece.start;
    end += piece.size;
    if (end > MOST_TIMES_RAM * ram + headersSize)
      throw refuse(`the elfcorehdr tells of more than ${MOST_TIMES_RAM} times the machine's RAM`);
    if (piece.size > 0n) pieces.push(piece.piece);
    return { ...header, offset };
  });
  const programHeaders = [noteHeader, ...placed];
  return {
    headers: formatHeaders(fileHeader, programHeaders, Number(headersSize)),
    notes: inPages(notes.bytes, pageSize),
    notesSize: notes.bytes.length,
    ...{ pieces, programHeaders, sizeBytes: end },
  };
};

const pieceOf = (
  { offset, memsz }: ElfProgramHeader,
  pageSize: bigint,
  memory: OldMemory,
  refuse: Refuse,
): { readonly start: bigint; readonly size: bigint; readonly piece: VmcorePiece } => {
  if (memsz > 0n && !hasRam(memory, offset, memsz)) {
    const where = `0x${hex(offset)} (0x${hex(memsz)} bytes)`;
    throw refuse(
      `the elfcorehdr tells of memory at ${where}, where there is no RAM: whoever reads it in /proc/vmcore dies`,
    );
  }
  const start = alignDown(offset, pageSize);
  const size = u64(alignUp(offset + memsz, pageSize) - start);
  const asked = memsz === 0n ? undefined : Range.sized(offset, memsz);
  return { start, size, piece: { memory: Range.sized(start, size), asked } };
};

const formatHeaders = (
  fileHeader: Uint8Array,
  programHeaders: readonly ElfProgramHeader[],
  sizeBytes: number,
): Uint8Array => {
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(fileHeader);
  const view = new DataView(bytes.buffer);
  view.setUint16(PHNUM, programHeaders.length, true);
  programHeaders.forEach((header, i) => {
    writeProgramHeader64(view, FILE_HEADER + i * PROGRAM_HEADER, header, true);
  });
  return bytes;
};

const inPages = (bytes: Uint8Array, pageSize: bigint): Uint8Array => {
  const padded = new Uint8Array(Number(alignUp(BigInt(bytes.length), pageSize)));
  padded.set(bytes);
  return padded;
};
