/** The log of a kernel as it keeps it in memory: a ring buffer of printk (kernel/printk/printk_ringbuffer.h). */
import { concatBytes } from '../../../kexec/base/bytes.js';
import type { Vmcoreinfo } from '../../../kexec/running-kernel/vmcoreinfo.js';

/** A line of a kernel's log. */
export interface LogRecord {
  /** As in <linux/kern_levels.h>. */
  readonly level: number;
  /** Nanoseconds since the kernel was started. */
  readonly nanoseconds: bigint;
  readonly text: string;
}

/** CONFIG_LOG_BUF_SHIFT of Debian, and of arm64's defconfig. */
const TEXT_BITS = 17;
/** log2 of the bytes of text that there are for each record (PRB_AVGBITS, kernel/printk/printk.c). */
const BITS_PER_RECORD = 5;
const COUNT_BITS = TEXT_BITS - BITS_PER_RECORD;
const COUNT = 2 ** COUNT_BITS;
const TEXT_BYTES = 2 ** TEXT_BITS;
/** LOG_LINE_MAX: what is longer, printk cuts off. */
const MAX_TEXT = 1024 - 32;

const ID_BITS = 62;
/** desc_finalized of enum desc_state. */
const FINALIZED = 2n;
/** LOG_NEWLINE of enum printk_info_flags: the line is whole. */
const NEWLINE = 2;
const WORD = 8;

/** What VMCOREINFO must tell. */
const NEEDED = {
  sizes: ['printk_ringbuffer', 'prb_desc', 'printk_info'],
  offsets: [
    'printk_ringbuffer.desc_ring',
    'printk_ringbuffer.text_data_ring',
    'prb_desc_ring.count_bits',
    'prb_desc_ring.descs',
    'prb_desc_ring.infos',
    'prb_desc_ring.head_id',
    'prb_desc_ring.tail_id',
    'prb_desc.state_var',
    'prb_desc.text_blk_lpos',
    'prb_data_blk_lpos.begin',
    'prb_data_blk_lpos.next',
    'printk_info.seq',
    'printk_info.ts_nsec',
    'printk_info.text_len',
    'prb_data_ring.size_bits',
    'prb_data_ring.data',
    'prb_data_ring.head_lpos',
    'prb_data_ring.tail_lpos',
  ],
} as const;

type SizeName = (typeof NEEDED.sizes)[number];
type OffsetName = (typeof NEEDED.offsets)[number];

/** More has none of these structures. */
const MAX_STRUCT = 4096n;

/** Sizes and offsets of the structures, as a kernel's VMCOREINFO tells them. */
export interface PrintkLayout {
  readonly sizeOf: (type: SizeName) => number;
  readonly offsetOf: (field: OffsetName) => number;
}

/** @returns the first that is missing, or that cannot be */
export const printkLayout = (vmcoreinfo: Vmcoreinfo): PrintkLayout | { readonly missing: string } => {
  const sizes = new Map<string, number>();
  const offsets = new Map<string, number>();
  for (const name of NEEDED.sizes) {
    const size = vmcoreinfo.sizeOf(name);
    if (size === undefined || size === 0n || size > MAX_STRUCT) return { missing: `SIZE(${name})` };
    sizes.set(name, Number(size));
  }
  for (const name of NEEDED.offsets) {
    const offset = vmcoreinfo.offsetOf(name);
    if (offset === undefined || offset >= MAX_STRUCT) return { missing: `OFFSET(${name})` };
    offsets.set(name, Number(offset));
  }
  const layout: PrintkLayout = { sizeOf: (name) => sizes.get(name)!, offsetOf: (name) => offsets.get(name)! };
  return outside(layout) ?? layout;
};

/** A field of a kernel that does not fit into its structure. */
const outside = ({ sizeOf, offsetOf }: PrintkLayout): { readonly missing: string } | undefined => {
  const ring = offsetOf('printk_ringbuffer.desc_ring');
  const text = offsetOf('printk_ringbuffer.text_data_ring');
  const lpos = offsetOf('prb_desc.text_blk_lpos');
  const ends: readonly (readonly [OffsetName, SizeName, number])[] = [
    ...NEEDED.offsets
      .filter((name) => name.startsWith('prb_desc_ring.'))
      .map((name) => [name, 'printk_ringbuffer', ring] as const),
    ...NEEDED.offsets
      .filter((name) => name.startsWith('prb_data_ring.'))
      .map((name) => [name, 'printk_ringbuffer', text] as const),
    ...NEEDED.offsets
      .filter((name) => name.startsWith('printk_info.'))
      .map((name) => [name, 'printk_info', 0] as const),
    ['prb_desc.state_var', 'prb_desc', 0],
    ['prb_data_blk_lpos.begin', 'prb_desc', lpos],
    ['prb_data_blk_lpos.next', 'prb_desc', lpos],
  ];
  const wrong = ends.find(([name, type, base]) => base + offsetOf(name) + WORD > sizeOf(type));
  return wrong && { missing: `OFFSET(${wrong[0]})` };
};

/** Bytes of the arrays that the ring buffer points to. */
export const printkSizes = ({
  sizeOf,
}: PrintkLayout): { readonly descs: number; readonly infos: number; readonly text: number } => ({
  descs: COUNT * sizeOf('prb_desc'),
  infos: COUNT * sizeOf('printk_info'),
  text: TEXT_BYTES,
});

/** Virtual addresses of the arrays. */
export interface PrintkPlaces {
  readonly descs: bigint;
  readonly infos: bigint;
  readonly text: bigint;
}

export interface PrintkMemory {
  /** struct printk_ringbuffer. */
  readonly ring: Uint8Array;
  readonly descs: Uint8Array;
  readonly infos: Uint8Array;
  readonly text: Uint8Array;
}

/** A record's place among all that there have been, from 0 on. */
interface Numbered {
  readonly seq: number;
  readonly record: LogRecord;
  readonly bytes: Uint8Array;
}

const blockBytes = ({ bytes }: Numbered): number => WORD + Math.ceil(bytes.length / WORD) * WORD;

/** The newest that fit, as the ring would hold them; the oldest are lost. */
const kept = (records: readonly LogRecord[]): readonly Numbered[] => {
  const encoder = new TextEncoder();
  const all = records.map((record, seq) => ({ seq, record, bytes: encoder.encode(record.text).subarray(0, MAX_TEXT) }));
  let used = 0;
  let first = all.length;
  while (first > 0 && all.length - first < COUNT - 1) {
    used += blockBytes(all[first - 1]!);
    // A block that ended with the buffer would be taken for one that wraps.
    if (used >= TEXT_BYTES) break;
    first--;
  }
  return all.slice(first);
};

/** The first id that a record gets (DESC0_ID + 1): counting goes on from there, and its place is its rest by COUNT. */
const idOf = (seq: number): bigint => BigInt.asUintN(ID_BITS, BigInt(seq - COUNT));
/** Where the text begins (BLK0_LPOS): logical positions wrap in 64 bits. */
const FIRST_LPOS = BigInt.asUintN(64, BigInt(-TEXT_BYTES));

/** The ring buffer with these lines in it, as printk would have put them there one after the other. */
export const printkMemory = (
  layout: PrintkLayout,
  { descs, infos, text }: PrintkPlaces,
  records: readonly LogRecord[],
): PrintkMemory => {
  const { sizeOf, offsetOf } = layout;
  const sizes = printkSizes(layout);
  const numbered = kept(records);
  const [descView, infoView] = [sizes.descs, sizes.infos].map((size) => new DataView(new ArrayBuffer(size))) as [
    DataView,
    DataView,
  ];
  const textBlocks: Uint8Array[] = [];
  let lpos = FIRST_LPOS;
  for (const one of numbered) {
    const id = idOf(one.seq);
    const next = BigInt.asUintN(64, lpos + BigInt(blockBytes(one)));
    const desc = (one.seq % COUNT) * sizeOf('prb_desc');
    const lposAt = desc + offsetOf('prb_desc.text_blk_lpos');
    descView.setBigUint64(desc + offsetOf('prb_desc.state_var'), (FINALIZED << BigInt(ID_BITS)) | id, true);
    descView.setBigUint64(lposAt + offsetOf('prb_data_blk_lpos.begin'), lpos, true);
    descView.setBigUint64(lposAt + offsetOf('prb_data_blk_lpos.next'), next, true);
    const info = (one.seq % COUNT) * sizeOf('printk_info');
    infoView.setBigUint64(info + offsetOf('printk_info.seq'), BigInt(one.seq), true);
    infoView.setBigUint64(info + offsetOf('printk_info.ts_nsec'), one.record.nanoseconds, true);
    const length = info + offsetOf('printk_info.text_len');
    infoView.setUint16(length, one.bytes.length, true);
    // Behind it are the facility, which is the kernel's own, and a byte of flags and level.
    infoView.setUint8(length + 3, NEWLINE | (one.record.level << 5));
    const block = new Uint8Array(blockBytes(one));
    new DataView(block.buffer).setBigUint64(0, id, true);
    block.set(one.bytes, WORD);
    textBlocks.push(block);
    lpos = next;
  }
  const ring = new DataView(new ArrayBuffer(sizeOf('printk_ringbuffer')));
  const descRing = offsetOf('printk_ringbuffer.desc_ring');
  const dataRing = offsetOf('printk_ringbuffer.text_data_ring');
  ring.setUint32(descRing + offsetOf('prb_desc_ring.count_bits'), COUNT_BITS, true);
  ring.setUint32(dataRing + offsetOf('prb_data_ring.size_bits'), TEXT_BITS, true);
  for (const [at, value] of [
    [descRing + offsetOf('prb_desc_ring.descs'), descs],
    [descRing + offsetOf('prb_desc_ring.infos'), infos],
    [descRing + offsetOf('prb_desc_ring.head_id'), idOf(records.length - 1)],
    [descRing + offsetOf('prb_desc_ring.tail_id'), idOf(records.length - Math.max(numbered.length, 1))],
    [dataRing + offsetOf('prb_data_ring.data'), text],
    [dataRing + offsetOf('prb_data_ring.head_lpos'), lpos],
    [dataRing + offsetOf('prb_data_ring.tail_lpos'), FIRST_LPOS],
  ] as const) {
    ring.setBigUint64(at, value, true);
  }
  return {
    ring: new Uint8Array(ring.buffer),
    descs: new Uint8Array(descView.buffer),
    infos: new Uint8Array(infoView.buffer),
    text: concatBytes([...textBlocks]),
  };
};
