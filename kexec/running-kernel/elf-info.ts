/** Headers and notes of core files, /proc/kcore and /proc/vmcore (util_lib/elf_info.c). */
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
  PT_LOAD,
  PT_NOTE,
  hasElfMagic,
  isLittleEndian,
  readFileHeader,
  readProgramHeader,
  sizesOf,
  type ElfLayout,
  type ElfProgramHeader,
} from '../elf/elf.js';
import { DEFAULT_COMPAT, type Compat } from '../base/compat.js';
import { CoreReader, type CoreSource } from './core-reader.js';
import { strerror } from '../base/error.js';
import { orNull } from '../base/format.js';
import type { Log } from '../base/log.js';
import { u64 } from '../base/u64.js';
import { Vmcoreinfo, scanVmcoreinfo } from './vmcoreinfo.js';

/** Addresses of memory that a core file holds; ends are exclusive and wrap at 2^64. */
export interface CoreLoad {
  readonly physAddr: bigint;
  readonly physEnd: bigint;
  readonly virtAddr: bigint;
  readonly virtEnd: bigint;
}

/** What read_elf() of util_lib/elf_info.c learns of a core file and keeps in its statics. */
export class Kcore {
  constructor(
    /** 0, or what went wrong: 3 to 7 in the first bytes, -1 in the notes. */
    readonly result: number,
    readonly layout: ElfLayout | undefined,
    /** `e_machine`; 0 as long as none was read. */
    readonly machine: number,
    readonly programHeaders: readonly ElfProgramHeader[],
    /** Number of PT_LOAD headers, those of earlier readings included. */
    readonly ptLoadCount: number,
    readonly vmcoreinfo: Vmcoreinfo,
  ) {}

  /** NUMBER(PHYS_OFFSET) of VMCOREINFO, two's complement. */
  get physOffset(): bigint | undefined {
    return this.vmcoreinfo.physOffset;
  }

  /** NUMBER(VA_BITS) of VMCOREINFO. */
  get vaBits(): number | undefined {
    return this.vmcoreinfo.vaBits;
  }

  /**
   * What get_pt_load() gives for 0, 1, ... until it ends.
   * QUIRK-20: it takes the index for one of *all* program headers, and ends at the number of PT_LOAD headers, which
   * counts those of every reading. Past the last header the original reads what is behind its table; this ends there.
   */
  ptLoads(): readonly CoreLoad[] {
    return this.programHeaders.slice(0, this.ptLoadCount).map(({ paddr, vaddr, memsz }) => ({
      physAddr: paddr,
      physEnd: u64(paddr + memsz),
      virtAddr: vaddr,
      virtEnd: u64(vaddr + memsz),
    }));
  }
}

export const EMPTY_KCORE = new Kcore(0, undefined, 0, [], 0, new Vmcoreinfo(new Map()));

export interface KcoreOptions {
  readonly compat?: Compat;
  /** The last reading: the original keeps what it found, and counts on. */
  readonly previous?: Kcore | undefined;
  /** The file's name in messages; kexec sets none, vmcore-dmesg does. */
  readonly name?: string | undefined;
  /** What errno was left at before, for messages about a file that merely ended; 0 unless given. */
  readonly leftoverErrno?: number;
}

/**
 * Reads the headers and notes of a core file, /proc/kcore or /proc/vmcore (read_elf(), util_lib/elf_info.c).
 * @throws SystemError when the file cannot be opened (call "open")
 * @throws KexecError with exit code 10, 11, 12, 16, 21 or 22, where the original exits with it
 */
export const readKcore = (
  system: CoreSource,
  path: string,
  log: Log,
  { compat = DEFAULT_COMPAT, previous = EMPTY_KCORE, name, leftoverErrno = 0 }: KcoreOptions = {},
): Kcore => {
  const reader = new CoreReader(system, path, leftoverErrno);
  const failed = (result: number, message: string): Kcore => {
    log.err(`${message}\n`);
    return new Kcore(
      result,
      previous.layout,
      previous.machine,
      previous.programHeaders,
      previous.ptLoadCount,
      previous.vmcoreinfo,
    );
  };

  const ident = reader.read(0n, BigInt(EI_NIDENT));
  if (!ident.complete) return failed(3, `Read of e_ident from ${orNull(name)} failed: ${strerror(ident.errno)}`);
  const [fileClass, data] = [ident.bytes[EI_CLASS]!, ident.bytes[EI_DATA]!];
  if (!hasElfMagic(ident.bytes)) return failed(4, 'Missing elf signature');
  if (ident.bytes[EI_VERSION] !== EV_CURRENT) return failed(5, 'Bad elf version');
  if (fileClass !== ELFCLASS32 && fileClass !== ELFCLASS64) return failed(6, `Unknown elf class ${fileClass}`);
  if (data !== ELFDATA2LSB && data !== ELFDATA2MSB) return failed(7, `Unkown elf data order ${data}`);

  const layout: ElfLayout = { class: fileClass, data };
  const { machine, programHeaders } = readHeaders(reader, layout, name);
  const vmcoreinfo = new Map(previous.vmcoreinfo.values);
  let result = 0;
  for (const { offset, filesz } of programHeaders.filter(({ type }) => type === PT_NOTE)) {
    const notes = reader.readNotes(offset, filesz);
    result = scanNotes(notes, layout, (desc) => scanVmcoreinfo(desc, vmcoreinfo, log, compat));
  }
  const loads = programHeaders.filter(({ type }) => type === PT_LOAD).length;
  return new Kcore(result, layout, machine, programHeaders, previous.ptLoadCount + loads, new Vmcoreinfo(vmcoreinfo));
};

interface Headers {
  readonly machine: number;
  readonly programHeaders: readonly ElfProgramHeader[];
}

/** read_elf32() and read_elf64(). */
const readHeaders = (reader: CoreReader, layout: ElfLayout, name: string | undefined): Headers => {
  const sizes = sizesOf(layout);
  const start = reader.read(0n, BigInt(sizes.header));
  if (!start.complete) {
    throw reader.exit(10, `Read of Elf header from ${orNull(name)} failed: ${strerror(start.errno)}`);
  }
  const { machine, version, phentsize, phnum, phoff } = readFileHeader(start.bytes, layout);
  if (version !== EV_CURRENT) throw reader.exit(11, `Bad Elf header version ${version}`);
  if (phentsize !== sizes.programHeader) {
    throw reader.exit(12, `Bad Elf progra header size ${phentsize} expected ${sizes.programHeader}`);
  }
  const tableSize = phnum * phentsize;
  const table = reader.read(phoff, BigInt(tableSize));
  if (!table.complete) {
    // QUIRK-21: read_elf32() prints "0x" and a decimal number.
    const where = `${layout.class === ELFCLASS32 ? '0x' : ''}${phoff}`;
    throw reader.exit(16, `Read of program header @ ${where} for ${tableSize} bytes failed: ${strerror(table.errno)}`);
  }
  const programHeaders = Array.from({ length: phnum }, (_, i) => readProgramHeader(table.bytes, layout, i * phentsize));
  return { machine, programHeaders };
};

/** Name of the notes of interest; the original compares its NUL as well, wherever the name's own size ends. */
const VMCOREINFO = Uint8Array.from('VMCOREINFO\0', (char) => char.charCodeAt(0));

/**
 * Hands the VMCOREINFO notes to `onVmcoreinfo` (scan_notes(), util_lib/elf_info.c). A note that would not end in the
 * segment ends the reading.
 * @returns 0, or -1 when exactly 13 bytes are left over, which the original takes for an error
 */
const scanNotes = (notes: Uint8Array, layout: ElfLayout, onVmcoreinfo: (desc: Uint8Array) => void): number => {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  const littleEndian = isLittleEndian(layout);
  const last = notes.length - 1;
  let at = 0;
  while (at + NOTE_HEADER_SIZE < last) {
    const nameSize = view.getUint32(at, littleEndian);
    const descSize = view.getUint32(at + 4, littleEndian);
    const type = view.getUint32(at + 8, littleEndian);
    const nameAt = at + NOTE_HEADER_SIZE;
    const descAt = nameAt + Math.ceil(nameSize / 4) * 4;
    const next = descAt + Math.ceil(descSize / 4) * 4;
    if (next > last + 1) break;
    if (type === 0 && VMCOREINFO.every((byte, i) => notes[nameAt + i] === byte)) {
      onVmcoreinfo(notes.subarray(descAt, descAt + descSize));
    }
    at = next;
  }
  return at + NOTE_HEADER_SIZE === last ? -1 : 0;
};
