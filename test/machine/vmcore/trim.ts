/** Makes a small core file of a large one: the same notes, and of the memory what the kernel's log is in. */
import {
  ELFCLASS64,
  ELFDATA2LSB,
  PT_LOAD,
  PT_NOTE,
  readFileHeader,
  readProgramHeader,
  sizesOf,
  type ElfProgramHeader,
} from '../../../kexec/elf/elf.js';
import { silentLog } from '../../../kexec/base/log.js';
import { Vmcoreinfo, scanVmcoreinfo } from '../../../kexec/running-kernel/vmcoreinfo.js';

const LAYOUT = { class: ELFCLASS64, data: ELFDATA2LSB } as const;
const { header: HEADER_SIZE, programHeader: PROGRAM_HEADER_SIZE } = sizesOf(LAYOUT);
const PAGE_SIZE = 4096n;

/** What is at a physical address of the crashed machine. */
export type Memory = (address: bigint, size: bigint) => Buffer;

interface Piece {
  readonly vaddr: bigint;
  readonly size: bigint;
}

const vmcoreinfoOf = (notes: Buffer): Vmcoreinfo => {
  const name = notes.indexOf('VMCOREINFO\0', 0, 'latin1');
  const values = new Map<string, string>();
  scanVmcoreinfo(notes.subarray(name + 12, name + 12 + notes.readUInt32LE(name - 8)), values, silentLog);
  return new Vmcoreinfo(values);
};

/** Where the parts of the lockless ring buffer are (struct printk_ringbuffer, kernel/printk/printk_ringbuffer.h). */
const piecesOfLog = (info: Vmcoreinfo, read: (piece: Piece) => Buffer): readonly Piece[] => {
  const field = (...names: readonly string[]): number =>
    names.reduce((sum, name) => sum + Number(info.offsetOf(name)), 0);
  const pointer = { vaddr: info.symbol('prb')!, size: 8n };
  const ring = { vaddr: read(pointer).readBigUInt64LE(), size: info.sizeOf('printk_ringbuffer')! };
  const bytes = read(ring);
  const inDescRing = (name: string): number => field('printk_ringbuffer.desc_ring', `prb_desc_ring.${name}`);
  const inTextRing = (name: string): number => field('printk_ringbuffer.text_data_ring', `prb_data_ring.${name}`);
  const count = 1n << BigInt(bytes.readUInt32LE(inDescRing('count_bits')));
  const textSize = 1n << BigInt(bytes.readUInt32LE(inTextRing('size_bits')));
  return [
    pointer,
    ring,
    { vaddr: bytes.readBigUInt64LE(inDescRing('descs')), size: count * info.sizeOf('prb_desc')! },
    { vaddr: bytes.readBigUInt64LE(inDescRing('infos')), size: count * info.sizeOf('printk_info')! },
    { vaddr: bytes.readBigUInt64LE(inTextRing('data')), size: textSize },
  ];
};

const covers = ({ type, vaddr, memsz }: ElfProgramHeader, address: bigint): boolean =>
  type === PT_LOAD && vaddr <= address && address < vaddr + memsz;

const writeProgramHeader = (
  bytes: Buffer,
  at: number,
  { type, flags, offset, vaddr, paddr, filesz, memsz, align }: ElfProgramHeader,
): void => {
  bytes.writeUInt32LE(type, at);
  bytes.writeUInt32LE(flags, at + 4);
  [offset, vaddr, paddr, filesz, memsz, align].forEach((value, i) => bytes.writeBigUInt64LE(value, at + 8 + 8 * i));
};

/**
 * @param head the start of /proc/vmcore, headers and notes
 * @returns a core file with the headers and notes, and PT_LOAD headers for the pages that the log is in
 */
export const trimCore = (head: Buffer, memory: Memory): Buffer => {
  const { phnum, phoff } = readFileHeader(head, LAYOUT);
  const headers = Array.from({ length: phnum }, (_, i) =>
    readProgramHeader(head, LAYOUT, Number(phoff) + i * PROGRAM_HEADER_SIZE),
  );
  const note = headers.find(({ type }) => type === PT_NOTE)!;
  const notes = head.subarray(Number(note.offset), Number(note.offset + note.filesz));

  const headerOf = ({ vaddr }: Piece): ElfProgramHeader => {
    const found = headers.find((header) => covers(header, vaddr));
    if (found === undefined) throw new Error(`no program header covers 0x${vaddr.toString(16)}`);
    return found;
  };
  const read = (piece: Piece): Buffer => {
    const { vaddr, paddr } = headerOf(piece);
    return memory(piece.vaddr - vaddr + paddr, piece.size);
  };
  const pages = new Map<bigint, ElfProgramHeader>();
  for (const piece of piecesOfLog(vmcoreinfoOf(notes), read)) {
    const header = headerOf(piece);
    const end = piece.vaddr + piece.size;
    for (let page = piece.vaddr - (piece.vaddr % PAGE_SIZE); page < end; page += PAGE_SIZE) pages.set(page, header);
  }
  const runs: { start: bigint; end: bigint; header: ElfProgramHeader }[] = [];
  for (const [page, header] of [...pages].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const last = runs.at(-1);
    if (last?.end === page && last.header === header) last.end += PAGE_SIZE;
    else runs.push({ start: page, end: page + PAGE_SIZE, header });
  }

  const notesAt = HEADER_SIZE + (1 + runs.length) * PROGRAM_HEADER_SIZE;
  const start = Buffer.alloc(notesAt);
  head.copy(start, 0, 0, HEADER_SIZE);
  start.writeBigUInt64LE(BigInt(HEADER_SIZE), 32);
  start.writeUInt16LE(1 + runs.length, 56);
  writeProgramHeader(start, HEADER_SIZE, { ...note, offset: BigInt(notesAt) });
  let offset = BigInt(notesAt + notes.length);
  const parts = runs.map((run, i) => {
    const size = run.end - run.start;
    const paddr = run.start - run.header.vaddr + run.header.paddr;
    const header = { ...run.header, offset, vaddr: run.start, paddr, filesz: size, memsz: size };
    writeProgramHeader(start, HEADER_SIZE + (1 + i) * PROGRAM_HEADER_SIZE, header);
    offset += size;
    return memory(paddr, size);
  });
  return Buffer.concat([start, notes, ...parts]);
};
