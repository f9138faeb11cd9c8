/**
 * Writes a dump in the kdump-compressed format of makedumpfile, which crash, drgn and makedumpfile itself read: each
 * page of memory once, deflated, and all that are zeros as one (makedumpfile -c -d 1; its IMPLEMENTATION, and
 * diskdump_mod.h).
 */
import { alignUp } from '../../../kexec/base/u64.js';
import { PROGRESS_BYTES } from '../../../kexec/base/progress.js';
import { Range } from '../../../kexec/base/range.js';
import { PT_LOAD } from '../../../kexec/elf/elf.js';
import type { Dump } from './dump.js';
import { notesIn } from './notes.js';
import type { DumpProgress, DumpSink } from './write-vmcore.js';

/** A sink that what was skipped can be written to. */
export interface PatchableSink extends DumpSink {
  /** Precondition: the bytes were skipped. */
  writeAt(offset: number, bytes: Uint8Array): void;
}

const SIGNATURE = 'KDUMP   ';
const VERSION = 6;
/** DUMP_DH_COMPRESSED_ZLIB, of the file and of a page. */
const ZLIB = 1;
/** DL_EXCLUDE_ZERO. */
const WITHOUT_ZEROS = 1;

/** struct disk_dump_header: where its fields are. */
const HEADER = {
  ...{ version: 8, utsname: 12, status: 424, blockSize: 428, subHeaderBlocks: 432, bitmapBlocks: 436 },
  ...{ maxMapnr: 440, writtenBlocks: 452, processors: 460 },
} as const;
/** What makedumpfile says whatever it has written. */
const WRITTEN_BLOCKS = 2;

/** struct kdump_sub_header. */
const SUB_HEADER = {
  ...{ physBase: 0, dumpLevel: 8, vmcoreinfo: 32, vmcoreinfoSize: 40, notes: 48, notesSize: 56, maxMapnr: 96 },
  bytes: 104,
} as const;

/** struct page_desc: offset, size, flags, and flags of the page. */
const DESC_BYTES = 24;

/** struct new_utsname: six strings. */
const UTS_BYTES = 65;
const UTS_NAMES = 6;
/** Where the machine is among them. */
const UTS_RELEASE = 2;
const UTS_MACHINE = 4;

/** What is written without a pause. */
const BREATH_PAGES = 1024;

/**
 * @param deflate gives the zlib stream (RFC 1950) of a page
 * @returns how many bytes of memory are in the file
 * @throws what the sink throws
 */
export const writeKdumpCompressed = async (
  dump: Dump,
  sink: PatchableSink,
  deflate: (page: Uint8Array) => Uint8Array,
  { file, progress, breathe }: DumpProgress,
): Promise<number> => {
  const { memory, captureKernel } = dump;
  const pageSize = Number(captureKernel.pageSize);
  const ranges = union(dump.pieces.map((piece) => piece.memory));
  const maxMapnr = Number((ranges.at(-1)?.end ?? 0n) / captureKernel.pageSize);
  const pages = ranges.reduce((sum, { size }) => sum + Number(size / captureKernel.pageSize), 0);
  const blocks = (sizeBytes: number): number => Math.ceil(sizeBytes / pageSize);
  const bitmapBlocks = blocks(Math.ceil(maxMapnr / 8));
  const subHeader = inBlocks(subHeaderOf(dump, pageSize, maxMapnr), pageSize);
  const header = headerOf(dump, { pageSize, maxMapnr, subHeaderBlocks: blocks(subHeader.length), bitmapBlocks });
  sink.write(inBlocks(header, pageSize));
  sink.write(subHeader);
  // The first bitmap tells where there is memory, the second what of it is in the file.
  writeBitmap(sink, ranges, captureKernel.pageSize, bitmapBlocks * pageSize);
  writeBitmap(sink, ranges, captureKernel.pageSize, bitmapBlocks * pageSize);
  const descsAt = pageSize + subHeader.length + 2 * bitmapBlocks * pageSize;
  sink.skip(pages * DESC_BYTES);
  const zero = descsAt + pages * DESC_BYTES;
  sink.write(new Uint8Array(pageSize));

  const descs = new Descs(sink, descsAt);
  let [end, filled, done, told] = [zero + pageSize, 0, 0, 0];
  const zeros = (count: number): void => {
    for (let i = 0; i < count; i++) descs.add(zero, pageSize, 0);
    done += count;
  };
  for (const range of ranges) {
    const first = done;
    const indexOf = (physAddr: bigint): number => first + Number((physAddr - range.start) / captureKernel.pageSize);
    for (const page of pagesOf(memory.filled(range), pageSize)) {
      zeros(indexOf(page.physAddr) - done);
      const packed = deflate(page.bytes);
      const [bytes, flags] = packed.length < pageSize ? [packed, ZLIB] : [page.bytes, 0];
      sink.write(bytes);
      descs.add(end, bytes.length, flags);
      end += bytes.length;
      filled += pageSize;
      done++;
      if (done % BREATH_PAGES === 0) await breathe();
      if ((done - told) * pageSize >= PROGRESS_BYTES) {
        told = done;
        progress?.({ what: `writing ${file}`, unit: 'bytes', done: done * pageSize, total: pages * pageSize });
      }
    }
    zeros(indexOf(range.end) - done);
  }
  descs.flush();
  return filled;
};

/** Ranges that overlap or touch, as one; in order. */
const union = (ranges: readonly Range[]): readonly Range[] => {
  const joined: Range[] = [];
  for (const range of [...ranges].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = joined.at(-1);
    if (last === undefined || range.start > last.end) joined.push(range);
    else if (range.last > last.last) joined[joined.length - 1] = Range.inclusive(last.start, range.last);
  }
  return joined;
};

interface Piece {
  readonly physAddr: bigint;
  readonly bytes: Uint8Array;
}

/** Pieces of 4 KiB and more, in order, as whole pages of the kernel. */
function* pagesOf(pieces: Iterable<Piece>, pageSize: number): Generator<Piece> {
  let page: { physAddr: bigint; bytes: Uint8Array } | undefined;
  for (const { physAddr, bytes } of pieces) {
    for (let at = 0; at < bytes.length;) {
      const address = physAddr + BigInt(at);
      const inPage = Number(address % BigInt(pageSize));
      const start = address - BigInt(inPage);
      if (page !== undefined && page.physAddr !== start) yield page;
      if (page?.physAddr !== start) page = { physAddr: start, bytes: new Uint8Array(pageSize) };
      const part = bytes.subarray(at, at + pageSize - inPage);
      page.bytes.set(part, inPage);
      at += part.length;
    }
  }
  if (page !== undefined) yield page;
}

/** Descriptors of pages, written many at a time. */
class Descs {
  readonly #bytes = new Uint8Array(DESC_BYTES << 12);
  readonly #view = new DataView(this.#bytes.buffer);
  #filled = 0;

  constructor(
    private readonly sink: PatchableSink,
    private at: number,
  ) {}

  add(offset: number, sizeBytes: number, flags: number): void {
    this.#view.setBigUint64(this.#filled, BigInt(offset), true);
    this.#view.setUint32(this.#filled + 8, sizeBytes, true);
    this.#view.setUint32(this.#filled + 12, flags, true);
    this.#filled += DESC_BYTES;
    if (this.#filled === this.#bytes.length) this.flush();
  }

  flush(): void {
    this.sink.writeAt(this.at, this.#bytes.subarray(0, this.#filled));
    this.at += this.#filled;
    this.#filled = 0;
  }
}

/** Bits of a bitmap that are made at a time, in bytes. */
const BITMAP_BYTES = 1 << 16;

/** A bit for each page, from the lowest on. */
const writeBitmap = (sink: DumpSink, ranges: readonly Range[], pageSize: bigint, sizeBytes: number): void => {
  let at = 0;
  let bytes = new Uint8Array(BITMAP_BYTES);
  let dirty = false;
  const flush = (): void => {
    const piece = bytes.subarray(0, Math.min(BITMAP_BYTES, sizeBytes - at));
    if (dirty) sink.write(piece);
    else sink.skip(piece.length);
    at += piece.length;
    if (dirty) bytes = new Uint8Array(BITMAP_BYTES);
    dirty = false;
  };
  for (const { start, end } of ranges) {
    const last = Number(end / pageSize);
    for (let pfn = Number(start / pageSize); pfn < last; pfn++) {
      const byte = Math.floor(pfn / 8);
      if (byte >= at + BITMAP_BYTES && dirty) flush();
      const behind = Math.floor((byte - at) / BITMAP_BYTES) * BITMAP_BYTES;
      if (behind > 0) {
        sink.skip(behind);
        at += behind;
      }
      bytes[byte - at]! |= 1 << (pfn % 8);
      dirty = true;
    }
  }
  if (dirty) flush();
  sink.skip(sizeBytes - at);
};

const inBlocks = (bytes: Uint8Array, pageSize: number): Uint8Array => {
  const padded = new Uint8Array(Number(alignUp(BigInt(bytes.length), BigInt(pageSize))));
  padded.set(bytes);
  return padded;
};

interface Sizes {
  readonly pageSize: number;
  readonly maxMapnr: number;
  readonly subHeaderBlocks: number;
  /** Of one bitmap. */
  readonly bitmapBlocks: number;
}

const headerOf = (dump: Dump, { pageSize, maxMapnr, subHeaderBlocks, bitmapBlocks }: Sizes): Uint8Array => {
  const bytes = new Uint8Array(HEADER.processors + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii(SIGNATURE));
  view.setInt32(HEADER.version, VERSION, true);
  bytes.set(utsnameOf(dump), HEADER.utsname);
  view.setUint32(HEADER.status, ZLIB, true);
  view.setInt32(HEADER.blockSize, pageSize, true);
  view.setInt32(HEADER.subHeaderBlocks, subHeaderBlocks, true);
  view.setUint32(HEADER.bitmapBlocks, 2 * bitmapBlocks, true);
  // The sub header has it with 64 bits, which counts.
  view.setUint32(HEADER.maxMapnr, Math.min(maxMapnr, 0xffff_ffff), true);
  view.setUint32(HEADER.writtenBlocks, WRITTEN_BLOCKS, true);
  view.setInt32(HEADER.processors, dump.processors, true);
  return bytes;
};

/** The sub header, and behind it the notes. */
const subHeaderOf = ({ notes, notesSize, vmcoreinfo }: Dump, pageSize: number, maxMapnr: number): Uint8Array => {
  const bytes = new Uint8Array(SUB_HEADER.bytes + notesSize);
  const view = new DataView(bytes.buffer);
  const at = pageSize + SUB_HEADER.bytes;
  bytes.set(notes.subarray(0, notesSize), SUB_HEADER.bytes);
  view.setBigUint64(SUB_HEADER.physBase, vmcoreinfo.physOffset ?? 0n, true);
  view.setInt32(SUB_HEADER.dumpLevel, WITHOUT_ZEROS, true);
  view.setBigUint64(SUB_HEADER.notes, BigInt(at), true);
  view.setBigUint64(SUB_HEADER.notesSize, BigInt(notesSize), true);
  const info = [...notesIn(notes.subarray(0, notesSize))].find(({ name }) => name === 'VMCOREINFO\0')?.desc;
  if (info !== undefined) {
    view.setBigUint64(SUB_HEADER.vmcoreinfo, BigInt(at + info.byteOffset - notes.byteOffset), true);
    view.setBigUint64(SUB_HEADER.vmcoreinfoSize, BigInt(info.length), true);
  }
  view.setBigUint64(SUB_HEADER.maxMapnr, BigInt(maxMapnr), true);
  return bytes;
};

/** Kernels up to 5.10 do not tell it: the name is behind a counter then. */
const USUAL_UTS_OFFSET = 4n;

/** What uname(2) tells, out of the old kernel's memory; where it is not there, what VMCOREINFO knows of it. */
const utsnameOf = ({ memory, programHeaders, vmcoreinfo }: Dump): Uint8Array => {
  const size = UTS_BYTES * UTS_NAMES;
  const symbol = vmcoreinfo.symbol('init_uts_ns');
  const virtAddr =
    symbol === undefined ? undefined : symbol + (vmcoreinfo.offsetOf('uts_namespace.name') ?? USUAL_UTS_OFFSET);
  const load = programHeaders.find(
    ({ type, vaddr, memsz }) =>
      type === PT_LOAD && virtAddr !== undefined && virtAddr >= vaddr && virtAddr + BigInt(size) <= vaddr + memsz,
  );
  const physAddr = load === undefined || virtAddr === undefined ? undefined : virtAddr - load.vaddr + load.paddr;
  if (physAddr !== undefined && memory.isRam(physAddr, BigInt(size))) {
    const bytes = memory.read(physAddr, size);
    if (bytes[0] !== 0) return bytes;
  }
  const bytes = new Uint8Array(size);
  bytes.set(ascii('Linux'));
  bytes.set(ascii(vmcoreinfo.osRelease ?? '').subarray(0, UTS_BYTES - 1), UTS_RELEASE * UTS_BYTES);
  bytes.set(ascii('aarch64'), UTS_MACHINE * UTS_BYTES);
  return bytes;
};

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
