/**
 * Where a kernel in memory keeps its log: the ring buffer of printk (kernel/printk/printk_ringbuffer.h), since 5.10.
 */
import type { ImageSymbols } from './image-symbols.js';

/** One ring buffer: struct printk_ringbuffer, as bytes, and what its fields say. */
export interface PrintkRing {
  readonly bytes: Uint8Array;
  /** Offset of its text_data_ring. */
  readonly textRing: number;
  /** Number of descriptors and of infos. */
  readonly count: number;
  readonly textBytes: number;
  /** Virtual addresses. */
  readonly descs: bigint;
  readonly infos: bigint;
  readonly text: bigint;
  /** Id of its oldest record. */
  readonly tailId: bigint;
}

/** Offsets of fields of struct prb_desc_ring, with which it begins. */
const FIELD = { descs: 8, infos: 16, tailId: 32 } as const;
/** Where struct prb_data_ring follows: up to 5.x, and with last_finalized_id before it. */
const TEXT_RINGS = [48, 40] as const;
const DATA_RING_BYTES = 32;
const RING_BYTES = TEXT_RINGS[0] + DATA_RING_BYTES;

/** log2 of the bytes of text that there are for each descriptor (PRB_AVGBITS, kernel/printk/printk.c). */
const BITS_PER_RECORD = 5;
/** CONFIG_LOG_BUF_SHIFT is 12 to 25; log_buf_len= may be 2 GiB at most, of which nobody reads so much here. */
const MIN_TEXT_BITS = 12;
const MAX_TEXT_BITS = 26;

/** Bits 63 to 48 of a kernel's addresses are ones, or bits 63 to 52 where it has 52 bits. */
const isKernelAddress = (address: bigint): boolean => address >> 52n === 0xfffn && address % 8n === 0n;

/** The ring at an offset; undefined where there is none, or none that is in use. */
export const ringAt = (image: DataView, at: number): PrintkRing | undefined => {
  if (at < 0 || at + RING_BYTES > image.byteLength) return undefined;
  const countBits = image.getUint32(at, true);
  const textBits = countBits + BITS_PER_RECORD;
  if (textBits < MIN_TEXT_BITS || textBits > MAX_TEXT_BITS || image.getUint32(at + 4, true) !== 0) return undefined;
  const textRing = TEXT_RINGS.find((offset) => image.getUint32(at + offset, true) === textBits);
  if (textRing === undefined) return undefined;
  const descs = image.getBigUint64(at + FIELD.descs, true);
  const infos = image.getBigUint64(at + FIELD.infos, true);
  const text = image.getBigUint64(at + textRing + 8, true);
  if (![descs, infos, text].every(isKernelAddress)) return undefined;
  return {
    bytes: new Uint8Array(image.buffer, image.byteOffset + at, RING_BYTES),
    textRing,
    count: 2 ** countBits,
    textBytes: 2 ** textBits,
    descs,
    infos,
    text,
    tailId: image.getBigUint64(at + FIELD.tailId, true),
  };
};

/** One that is made at boot, because the log shall be larger, takes the place of the one that is in the Image. */
const NAMES = ['printk_rb_dynamic', 'printk_rb_static'] as const;

/**
 * The ring in use: by the symbols of the Image, or, where it has none for data (CONFIG_KALLSYMS_ALL), by what a ring
 * must look like.
 * @param image the kernel as it is in memory, with its variables
 */
export const findRing = (image: Uint8Array, symbols: ImageSymbols | undefined): PrintkRing | undefined => {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (const name of NAMES) {
    const ring = ringAt(view, symbols?.offsetOf(name) ?? -1);
    if (ring !== undefined) return ring;
  }
  const rings: PrintkRing[] = [];
  for (let at = 0; at + RING_BYTES <= image.length; at += 8) {
    const ring = ringAt(view, at);
    if (ring !== undefined) rings.push(ring);
  }
  // The dynamic one lies behind the static one, in .bss.
  return rings.at(-1);
};
