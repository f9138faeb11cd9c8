/** The notes that a kernel leaves when it panics, merged as the capture kernel merges them. */
import { concatBytes } from '../../../kexec/base/bytes.js';
import { hex } from '../../../kexec/base/format.js';
import { silentLog } from '../../../kexec/base/log.js';
import { NOTE_HEADER_SIZE, PT_NOTE, type ElfProgramHeader } from '../../../kexec/elf/elf.js';
import { Vmcoreinfo, scanVmcoreinfo } from '../../../kexec/running-kernel/vmcoreinfo.js';
import type { OldMemory, Refuse } from './old-memory.js';

/** Linux' kmalloc() gives no more at once to a kernel with pages of 4 KiB (KMALLOC_MAX_SIZE). */
export const MAX_NOTE_SEGMENT = 4n << 20n;
/** Of all segments of notes; those of a processor have 424 bytes, and the other one some pages. */
export const MAX_NOTES = 64n << 20n;

export interface MergedNotes {
  /** One note behind the other. */
  readonly bytes: Uint8Array;
  /** The program headers, in which those of notes have their real sizes. */
  readonly programHeaders: readonly ElfProgramHeader[];
  /** How many of them are notes'. */
  readonly segments: number;
  /** What Linux says of them. */
  readonly warnings: readonly string[];
}

/**
 * Finds how long the notes of each segment really are, and copies them: update_note_header_size_elf64() and
 * copy_notes_elf64(), fs/proc/vmcore.c.
 * @throws what `refuse` gives for what the capture kernel does not get through
 */
export const mergeNotes = (memory: OldMemory, headers: readonly ElfProgramHeader[], refuse: Refuse): MergedNotes => {
  const pieces: Uint8Array[] = [];
  const warnings: string[] = [];
  let left = MAX_NOTES;
  const programHeaders = headers.map((header): ElfProgramHeader => {
    if (header.type !== PT_NOTE) return header;
    const notes = wholeNotes(segmentOf(memory, header, left, refuse), warnings);
    left -= header.memsz;
    pieces.push(notes);
    return { ...header, memsz: BigInt(notes.length) };
  });
  // Linux would then clear all memory behind the headers.
  if (pieces.length === 0) throw refuse('the elfcorehdr tells of no notes: the capture kernel dies of it');
  return { bytes: concatBytes(pieces), programHeaders, segments: pieces.length, warnings };
};

const segmentOf = (
  memory: OldMemory,
  { offset, memsz }: ElfProgramHeader,
  left: bigint,
  refuse: Refuse,
): Uint8Array => {
  const where = `the elfcorehdr tells of notes at 0x${hex(offset)}`;
  if (memsz === 0n) throw refuse(`${where} that have no bytes: the capture kernel dies of it`);
  if (memsz > MAX_NOTE_SEGMENT) throw refuse(`${where} of 0x${hex(memsz)} bytes, for which Linux has no memory`);
  if (memsz > left) throw refuse(`the elfcorehdr tells of more than ${MAX_NOTES} bytes of notes`);
  if (!memory.isRam(offset, memsz)) throw refuse(`${where} (0x${hex(memsz)} bytes), where there is no RAM`);
  return memory.read(offset, Number(memsz));
};

/** The notes up to the first one without a name, or that is longer than its segment. */
const wholeNotes = (segment: Uint8Array, warnings: string[]): Uint8Array => {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  // What is behind the segment is not known, and changes nothing: no note has room there.
  const word = (at: number): number => (at + 4 <= segment.length ? view.getUint32(at, true) : 0);
  let size = 0;
  for (;;) {
    const nameSize = word(size);
    if (nameSize === 0) break;
    const descSize = word(size + 4);
    const end = size + NOTE_HEADER_SIZE + padded(nameSize) + padded(descSize);
    if (end > segment.length) {
      const sizes = `n_namesz=0x${hex(nameSize)}, n_descsz=0x${hex(descSize)}`;
      warnings.push(`Exceeded p_memsz, dropping PT_NOTE entry ${sizes}`);
      break;
    }
    size = end;
  }
  if (size === 0) warnings.push('Zero PT_NOTE entries found');
  return segment.subarray(0, size);
};

/** Notes are aligned to four bytes. */
const padded = (size: number): number => Math.ceil(size / 4) * 4;

export interface Note {
  /** With its NUL, as far as it has one. */
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

/** Precondition: the notes are whole. */
export function* notesIn(bytes: Uint8Array): Generator<Note> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const [nameSize, descSize] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    const desc = at + NOTE_HEADER_SIZE + padded(nameSize);
    yield {
      name: new TextDecoder('latin1').decode(bytes.subarray(at + NOTE_HEADER_SIZE, at + NOTE_HEADER_SIZE + nameSize)),
      type: view.getUint32(at + 8, true),
      desc: bytes.subarray(desc, desc + descSize),
    };
    at = desc + padded(descSize);
  }
}

const NT_PRSTATUS = 1;

/** What the notes tell: how many processors have saved their registers, and what the old kernel says of itself. */
export const readNotes = (bytes: Uint8Array): { readonly processors: number; readonly vmcoreinfo: Vmcoreinfo } => {
  const values = new Map<string, string>();
  let processors = 0;
  for (const { name, type, desc } of notesIn(bytes)) {
    if (name === 'CORE\0' && type === NT_PRSTATUS) processors++;
    if (name === 'VMCOREINFO\0') scanVmcoreinfo(desc, values, silentLog);
  }
  return { processors, vmcoreinfo: new Vmcoreinfo(values) };
};
