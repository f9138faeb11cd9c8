/** The log of a kernel that lies in a machine's memory, whether it ever printed it or not. */
import { attempt } from '../../../kexec/base/attempt.js';
import { concatBytes } from '../../../kexec/base/bytes.js';
import { KexecError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import { elfNote } from '../../../kexec/elf/elf-note.js';
import { vmcoreDmesg } from '../../../vmcore-dmesg/vmcore-dmesg.js';
import type { ImageSymbols } from './image-symbols.js';
import { findRing, type PrintkRing } from './printk-ring.js';

/** A machine's memory as its kernel sees it. */
export interface GuestMemory {
  /** Bytes at a physical address; undefined where there is no RAM. */
  readonly read: (physAddr: bigint, sizeBytes: number) => Uint8Array | undefined;
  /** Where a virtual address leads; undefined where nothing is mapped. */
  readonly translate: (virtAddr: bigint) => bigint | undefined;
}

/** A kernel takes so much at most, with its variables: more is no kernel. */
const MAX_IMAGE = 256n << 20n;
const PAGE = 4096n;

/**
 * Sizes of struct printk_info, which grew in 7.0 (CONFIG_PRINTK_EXECUTION_CTX), and where its number and length are.
 */
const INFO_SIZES = [88, 96, 104, 112, 120, 128] as const;
const INFO_SEQ = 0;
const INFO_TEXT_LENGTH = 16;
const DESC_BYTES = 24;

/**
 * The log, a line each, as `dmesg` has it; undefined where there is none to be found.
 * @param kernel the memory of the kernel's Image, its variables included
 */
export const guestLog = (
  { read, translate }: GuestMemory,
  kernel: Range,
  symbols: ImageSymbols | undefined,
): string | undefined => {
  const image = kernel.size > MAX_IMAGE ? undefined : read(kernel.start, Number(kernel.size));
  const ring = image && findRing(image, symbols);
  if (ring === undefined) return undefined;
  const mapped = (virtAddr: bigint, sizeBytes: number): Uint8Array | undefined =>
    readMapped({ read, translate }, virtAddr, sizeBytes);
  const descs = mapped(ring.descs, DESC_BYTES * ring.count);
  const text = mapped(ring.text, ring.textBytes);
  const infoSize = INFO_SIZES.find((size) => areInfos(mapped(ring.infos, size * ring.count), size, ring));
  const infos = infoSize === undefined ? undefined : mapped(ring.infos, infoSize * ring.count);
  if (descs === undefined || infos === undefined || text === undefined) return undefined;
  const core = coreFile(ring, infos.length / ring.count, [
    { virtAddr: ring.descs, bytes: descs },
    { virtAddr: ring.infos, bytes: infos },
    { virtAddr: ring.text, bytes: text },
  ]);
  return logOf(core);
};

const readMapped = ({ read, translate }: GuestMemory, virtAddr: bigint, sizeBytes: number): Uint8Array | undefined => {
  const pieces: Uint8Array[] = [];
  const end = virtAddr + BigInt(sizeBytes);
  for (let at = virtAddr; at < end;) {
    const pageEnd = at - (at % PAGE) + PAGE;
    const physAddr = translate(at);
    const piece = physAddr === undefined ? undefined : read(physAddr, Number((pageEnd < end ? pageEnd : end) - at));
    if (piece === undefined) return undefined;
    pieces.push(piece);
    at = pageEnd;
  }
  return concatBytes(pieces);
};

/** Records that are looked at. */
const PROBED = 16n;

/** Whether infos have a size: then the numbers of records follow each other, from the oldest one on. */
const areInfos = (bytes: Uint8Array | undefined, size: number, { count, tailId }: PrintkRing): boolean => {
  if (bytes === undefined) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = tailId + 1n;
  const sequence = (i: bigint): bigint =>
    view.getBigUint64(Number((first + i) % BigInt(count)) * size + INFO_SEQ, true);
  for (let i = 1n; i < PROBED; i++) {
    // Infos that were not in use yet have nothing in them.
    if (sequence(i) === 0n) return i > 1n;
    if (sequence(i) !== sequence(0n) + i) return false;
  }
  return true;
};

interface Piece {
  readonly virtAddr: bigint;
  readonly bytes: Uint8Array;
}

/** Nothing else is at these addresses, which only the core file has. */
const PRB = 0x1000n;
const RING = 0x2000n;

/** What the kernel would tell in its VMCOREINFO. */
const vmcoreinfo = ({ bytes, textRing }: PrintkRing, infoSize: number): string =>
  [
    `SYMBOL(prb)=${PRB.toString(16)}`,
    `SIZE(printk_ringbuffer)=${bytes.length}`,
    'OFFSET(printk_ringbuffer.desc_ring)=0',
    `OFFSET(printk_ringbuffer.text_data_ring)=${textRing}`,
    'OFFSET(prb_desc_ring.count_bits)=0',
    'OFFSET(prb_desc_ring.descs)=8',
    'OFFSET(prb_desc_ring.infos)=16',
    'OFFSET(prb_desc_ring.head_id)=24',
    'OFFSET(prb_desc_ring.tail_id)=32',
    `SIZE(prb_desc)=${DESC_BYTES}`,
    'OFFSET(prb_desc.state_var)=0',
    'OFFSET(prb_desc.text_blk_lpos)=8',
    'OFFSET(prb_data_blk_lpos.begin)=0',
    'OFFSET(prb_data_blk_lpos.next)=8',
    `SIZE(printk_info)=${infoSize}`,
    `OFFSET(printk_info.seq)=${INFO_SEQ}`,
    'OFFSET(printk_info.ts_nsec)=8',
    `OFFSET(printk_info.text_len)=${INFO_TEXT_LENGTH}`,
    'OFFSET(prb_data_ring.size_bits)=0',
    'OFFSET(prb_data_ring.data)=8',
    'OFFSET(atomic_long_t.counter)=0',
    '',
  ].join('\n');

const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const PT_LOAD = 1;
const PT_NOTE = 4;

/** A core file of the log's memory, for the reader of core files. */
const coreFile = (ring: PrintkRing, infoSize: number, pieces: readonly Piece[]): Uint8Array => {
  const pointer = new Uint8Array(8);
  new DataView(pointer.buffer).setBigUint64(0, RING, true);
  const note = elfNote({ name: 'VMCOREINFO', type: 0, desc: asciiBytes(vmcoreinfo(ring, infoSize)) });
  const segments = [
    { type: PT_NOTE, virtAddr: 0n, bytes: note },
    ...[{ virtAddr: PRB, bytes: pointer }, { virtAddr: RING, bytes: ring.bytes }, ...pieces].map((piece) => ({
      type: PT_LOAD,
      ...piece,
    })),
  ];
  const headers = new Uint8Array(ELF_HEADER + PROGRAM_HEADER * segments.length);
  const view = new DataView(headers.buffer);
  // e_ident: class 64, little endian, version 1; then ET_CORE, EM_AARCH64 and sizes.
  headers.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 4, true);
  view.setUint16(18, 183, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(ELF_HEADER), true);
  view.setUint16(52, ELF_HEADER, true);
  view.setUint16(54, PROGRAM_HEADER, true);
  view.setUint16(56, segments.length, true);
  let offset = headers.length;
  segments.forEach(({ type, virtAddr, bytes }, i) => {
    const at = ELF_HEADER + PROGRAM_HEADER * i;
    view.setUint32(at, type, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, virtAddr, true);
    view.setBigUint64(at + 24, virtAddr, true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    view.setBigUint64(at + 40, BigInt(bytes.length), true);
    offset += bytes.length;
  });
  return concatBytes([headers, ...segments.map(({ bytes }) => bytes)]);
};

const asciiBytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** As much as can be read of it: a kernel that ended in the middle of a record has told the rest before. */
const logOf = (core: Uint8Array): string | undefined => {
  let log = '';
  const source = {
    readAt: (_path: string, offset: number, length: number): Uint8Array => core.subarray(offset, offset + length),
  };
  attempt(KexecError, () => {
    for (const text of vmcoreDmesg(source, 'memory')) log += text;
  });
  return log === '' ? undefined : log;
};
