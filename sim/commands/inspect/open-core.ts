/** Opens a core file: what /proc/vmcore is, or what an emulator wrote of a machine. */
import { closeSync, readSync } from 'node:fs';
import { failing } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { silentLog } from '../../../kexec/base/log.js';
import { Range } from '../../../kexec/base/range.js';
import { u64 } from '../../../kexec/base/u64.js';
import { notesIn } from '../../../kexec/elf/elf-note.js';
import {
  EM_AARCH64,
  ET_CORE,
  type ElfProgramHeader,
  PT_LOAD,
  PT_NOTE,
  programHeaders64,
} from '../../../kexec/elf/elf.js';
import { Vmcoreinfo, scanVmcoreinfo } from '../../../kexec/running-kernel/vmcoreinfo.js';
import { type ReadPhysical, type StoppedProcessor, numberAt } from '../../kernel/inspect/stopped.js';
import { hostCall } from '../../kernel/recording/host-files.js';
import { openRegular } from '../../kernel/recording/input-files.js';
import type { OpenedMachine } from './opened.js';
import { treeText } from '../../kernel/inspect/tree-text.js';

const WHAT = 'Cannot read';
/** The headers of a core file are read; those of a thousand pieces of memory have less. */
export const MAX_HEADERS_BYTES = 1 << 20;
/** The same of its notes: those of a thousand processors have less. */
export const MAX_NOTES_BYTES = 4 << 20;

/** @throws KexecError where the file is no core file of an arm64 machine */
export const openCore = (path: string): OpenedMachine => {
  const { file, sizeBytes } = failing(WHAT, path, () => openRegular(path));
  const read = (offset: number, length: number): Uint8Array => {
    if (offset >= sizeBytes) return new Uint8Array();
    const bytes = new Uint8Array(Math.min(length, sizeBytes - offset));
    const count = hostCall(WHAT, path, () => readSync(file, bytes, 0, bytes.length, offset));
    return bytes.subarray(0, count);
  };
  try {
    return { ...coreOf(path, sizeBytes, read), close: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
};

/** Pieces of memory that a core file has: a real one has some tens. */
export const MOST_PIECES = 1024;

/** Bytes of the file; fewer at its end. */
type ReadFile = (offset: number, length: number) => Uint8Array;

/** What a core file is of. @param path for messages @throws KexecError */
export const coreOf = (path: string, fileBytes: number, read: ReadFile): Omit<OpenedMachine, 'close'> => {
  const refuse = (why: string): KexecError => KexecError.die(`${path}: ${why}`, { subject: path });
  const head = read(0, MAX_HEADERS_BYTES);
  const headers = programHeaders64(head);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 20 || view.getUint16(16, true) !== ET_CORE || headers.length === 0) {
    throw refuse('no core file: neither a vmcore in the ELF format nor a machine that kexec-sim has saved');
  }
  if (view.getUint16(18, true) !== EM_AARCH64) throw refuse('not of an arm64 machine');
  const loads = headers.flatMap((header) => loadOf(header, fileBytes));
  if (loads.length > MOST_PIECES) throw refuse(`more than ${MOST_PIECES} pieces of memory`);
  const { vmcoreinfo, statuses } = readNotes(headers, read);
  const system = systemRegisters(vmcoreinfo);
  const processors = (statuses.length > 0 ? statuses : [new Uint8Array(PRSTATUS_BYTES)]).map((status) =>
    processorOf(status, system),
  );
  const release = vmcoreinfo.osRelease;
  return {
    machine: { read: readLoads(loads, read), ram: ramOf(loads), processors, current: 0 },
    kernels: kernelsOf(vmcoreinfo, loads),
    texts: { iomem: () => undefined, kimage: () => undefined, dtb: (node) => treeText(undefined, node) },
    greeting: `${path}: ${release === undefined ? 'a core file without VMCOREINFO' : `Linux ${release}`}, registers of ${statuses.length} processor${statuses.length === 1 ? '' : 's'}`,
  };
};

/** A piece of memory, as much of it as the file has; none for what has no bytes there. */
const loadOf = (header: ElfProgramHeader, fileBytes: number): readonly ElfProgramHeader[] => {
  const { type, offset, filesz, paddr, memsz } = header;
  const left = BigInt(fileBytes) - offset;
  const size = [filesz, memsz, left, (1n << 64n) - paddr].reduce((least, one) => (one < least ? one : least));
  return type === PT_LOAD && size > 0n ? [{ ...header, filesz: size, memsz: size }] : [];
};

/** /proc/vmcore has pieces twice that the kernel is in: the ranges are told once. */
const ramOf = (loads: readonly ElfProgramHeader[]): readonly Range[] => {
  const ranges = loads.map(({ paddr, memsz }) => Range.sized(paddr, memsz));
  return ranges.filter(
    (range, i) => !ranges.some((other, j) => i !== j && other.covers(range) && (!range.covers(other) || j < i)),
  );
};

/** Memory that the file has. */
const readLoads =
  (loads: readonly ElfProgramHeader[], read: ReadFile): ReadPhysical =>
  (physAddr, sizeBytes) => {
    const bytes = new Uint8Array(sizeBytes);
    const end = physAddr + BigInt(sizeBytes);
    for (let at = physAddr; at < end;) {
      const load = loads.find(({ paddr, memsz }) => paddr <= at && at < paddr + memsz);
      if (load === undefined) return undefined;
      const inLoad = at - load.paddr;
      const stop = load.paddr + load.memsz < end ? load.paddr + load.memsz : end;
      const length = Number(stop - at);
      const piece = read(Number(load.offset + inLoad), length);
      if (piece.length < length) return undefined;
      bytes.set(piece, Number(at - physAddr));
      at = stop;
    }
    return bytes;
  };

/** `struct elf_prstatus` of arm64, and where the registers are in it. */
const PRSTATUS_BYTES = 392;
const PR_REG = 112;
const NT_PRSTATUS = 1;

interface Notes {
  readonly vmcoreinfo: Vmcoreinfo;
  readonly statuses: readonly Uint8Array[];
}

const readNotes = (headers: readonly ElfProgramHeader[], read: ReadFile): Notes => {
  const values = new Map<string, string>();
  const statuses: Uint8Array[] = [];
  for (const { type, offset, filesz } of headers) {
    if (type !== PT_NOTE) continue;
    const bytes = read(Number(offset), Math.min(Number(filesz), MAX_NOTES_BYTES));
    for (const { name, type: kind, desc } of notesIn(bytes)) {
      if (name === 'VMCOREINFO') scanVmcoreinfo(desc, values, silentLog);
      else if (name === 'CORE' && kind === NT_PRSTATUS && desc.length >= PRSTATUS_BYTES) statuses.push(desc.slice());
    }
  }
  return { vmcoreinfo: new Vmcoreinfo(values), statuses };
};

const processorOf = (status: Uint8Array, system: ReadonlyMap<string, bigint>): StoppedProcessor => {
  const field = (index: number): bigint => numberAt(status.subarray(PR_REG + 8 * index, PR_REG + 8 * index + 8));
  // A kernel's registers are those of EL1, as far as anybody knows its tables.
  const pstate = field(33);
  return {
    x: field,
    sp: field(31),
    pc: field(32),
    pstate: (pstate >> 2n) % 4n === 0n ? pstate | 4n : pstate,
    system: (name) => system.get(name),
  };
};

const numberOf = (vmcoreinfo: Vmcoreinfo, key: string): bigint | undefined => {
  const text = vmcoreinfo.text(key);
  return text !== undefined && /^(?:0x)?[0-9a-f]{1,16}$/i.test(text)
    ? BigInt(text.startsWith('0x') ? text : `0x${text}`)
    : undefined;
};

/** TCR_EL1.TG1 by the size of a page. */
const TG1: ReadonlyMap<string, bigint> = new Map([
  ['4096', 2n],
  ['16384', 1n],
  ['65536', 3n],
]);

/** Registers that follow from what a kernel says of itself: those by which its own addresses are resolved. */
const systemRegisters = (vmcoreinfo: Vmcoreinfo): ReadonlyMap<string, bigint> => {
  const offset = numberOf(vmcoreinfo, 'NUMBER(kimage_voffset)');
  const tables = vmcoreinfo.symbol('swapper_pg_dir');
  const granule = TG1.get(vmcoreinfo.text('PAGESIZE') ?? '');
  if (offset === undefined || tables === undefined || granule === undefined) return new Map();
  const size = numberOf(vmcoreinfo, 'NUMBER(TCR_EL1_T1SZ)') ?? BigInt(64 - (vmcoreinfo.vaBits ?? 48));
  return new Map([
    ['SCTLR_EL1', 1n],
    ['TCR_EL1', (granule << 30n) | ((size & 63n) << 16n)],
    ['TTBR1_EL1', u64(tables - offset)],
  ]);
};

/** What lies between an Image's first byte and _stext (SEGMENT_ALIGN, arch/arm64/kernel/vmlinux.lds.S). */
const HEAD_BYTES = [0x1_0000n, 0x1000n, 0n];

/** Of the pieces of memory that have the kernel's code by its address, the smallest is its Image. */
const kernelsOf = (vmcoreinfo: Vmcoreinfo, loads: readonly ElfProgramHeader[]): OpenedMachine['kernels'] => {
  const [offset, running] = [numberOf(vmcoreinfo, 'NUMBER(kimage_voffset)'), vmcoreinfo.symbol('_stext')];
  if (offset === undefined || running === undefined) return [];
  const [image] = loads
    .filter(({ vaddr, memsz }) => vaddr <= running && running < vaddr + memsz)
    .toSorted((a, b) => (a.memsz < b.memsz ? -1 : 1));
  return [
    ...(image === undefined ? [] : [{ start: image.paddr, sizeBytes: image.memsz, running }]),
    ...HEAD_BYTES.map((head) => ({ start: u64(running - offset - head), running })),
  ];
};
