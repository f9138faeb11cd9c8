/** Logs of kernels since 5.10: the lockless ring buffer of printk. */
import { u64 } from '../kexec/base/u64.js';
import type { CoreBlock, CoreMemory } from './core-memory.js';
import { shown, timestamp } from './log-text.js';

/** States of a descriptor in which its record can be read (enum desc_state, kernel/printk/printk_ringbuffer.h). */
const READABLE_STATES: readonly bigint[] = [1n, 2n];

/**
 * Records that are looked for at most, when there are fewer descriptors: a tail that does not lead to the head is one
 * of a broken log, where the original goes round for ages.
 */
const MAX_WALK = 1n << 16n;

/** struct printk_ringbuffer and what it points to. Offsets are bytes from the start of a descriptor or an info. */
interface Ringbuffer {
  readonly tail: bigint;
  readonly head: bigint;
  /** Number of descriptors, and of infos. */
  readonly count: bigint;
  readonly descs: CoreBlock;
  readonly descSize: bigint;
  readonly stateOffset: bigint;
  readonly beginOffset: bigint;
  readonly nextOffset: bigint;
  readonly infos: CoreBlock;
  readonly infoSize: bigint;
  readonly timeOffset: bigint;
  readonly lengthOffset: bigint;
  readonly text: CoreBlock;
  readonly textSize: bigint;
  readonly wordSize: bigint;
  /** Bits of a descriptor's state variable that are its id; the two above are its state. */
  readonly idBits: number;
}

/** `1 << bits` of C's int as arm64 computes it, then as `unsigned long`. */
const powerOfTwo = (bits: number): bigint => u64(BigInt(1 << bits));

/** The start of dump_dmesg_lockless(). @param symbol address of the pointer to the ring buffer */
const openRingbuffer = (memory: CoreMemory, symbol: bigint): Ringbuffer => {
  const { vmcoreinfo, wordSize } = memory;
  // What VMCOREINFO does not say is 0.
  const sizeOf = (type: string): bigint => vmcoreinfo.sizeOf(type) ?? 0n;
  const offsetOf = (...fields: readonly string[]): bigint =>
    fields.reduce((sum, field) => sum + (vmcoreinfo.offsetOf(field) ?? 0n), 0n);
  /** As struct_val_u16() and its siblings take it. */
  const narrowOffsetOf = (field: string): bigint => BigInt.asUintN(32, offsetOf(field));

  const prb = memory.block('prb', memory.pointerAt(symbol), sizeOf('printk_ringbuffer'));
  const descRing = offsetOf('printk_ringbuffer.desc_ring');
  const count = powerOfTwo(prb.u32(descRing + narrowOffsetOf('prb_desc_ring.count_bits')));
  const descSize = sizeOf('prb_desc');
  const descs = memory.block('descs', prb.word(descRing + offsetOf('prb_desc_ring.descs')), u64(descSize * count));
  const infoSize = sizeOf('printk_info');
  // QUIRK-36: this offset is taken from the start of the whole (dump_dmesg_lockless(), util_lib/elf_info.c).
  const infos = memory.block('infos', prb.word(offsetOf('prb_desc_ring.infos')), u64(infoSize * count));
  const textRing = offsetOf('printk_ringbuffer.text_data_ring');
  const textSize = powerOfTwo(prb.u32(textRing + narrowOffsetOf('prb_data_ring.size_bits')));
  const text = memory.block('text_data', prb.word(textRing + offsetOf('prb_data_ring.data')), textSize);

  const id = (field: string): bigint => prb.word(descRing + offsetOf(field, 'atomic_long_t.counter'));
  const position = (field: string): bigint => offsetOf('prb_desc.text_blk_lpos', field);
  return {
    tail: id('prb_desc_ring.tail_id'),
    head: id('prb_desc_ring.head_id'),
    count,
    descs,
    descSize,
    stateOffset: offsetOf('prb_desc.state_var', 'atomic_long_t.counter'),
    beginOffset: position('prb_data_blk_lpos.begin'),
    nextOffset: position('prb_data_blk_lpos.next'),
    infos,
    infoSize,
    timeOffset: narrowOffsetOf('printk_info.ts_nsec'),
    lengthOffset: narrowOffsetOf('printk_info.text_len'),
    text,
    textSize,
    wordSize,
    idBits: Number(wordSize) * 8 - 2,
  };
};

/** dump_record(): the record of an id, or "" when it is not there or not finished. */
const recordText = (ring: Ringbuffer, id: bigint): string => {
  const desc = (id % ring.count) * ring.descSize;
  const info = (id % ring.count) * ring.infoSize;
  const state = ring.descs.word(desc + ring.stateOffset);
  if (id !== BigInt.asUintN(ring.idBits, state) || !READABLE_STATES.includes(state >> BigInt(ring.idBits))) return '';

  const begin = ring.descs.word(desc + ring.beginOffset) % ring.textSize;
  const next = ring.descs.word(desc + ring.nextOffset) % ring.textSize;
  const start = timestamp(ring.infos.u64(info + ring.timeOffset));
  if (begin === next) return `${start}\n`;

  const length = BigInt(ring.infos.u16(info + ring.lengthOffset));
  // A block that would reach the end is at the start of the ring instead. Each begins with its descriptor's id.
  const textStart = (begin > next ? 0n : begin) + ring.wordSize;
  const room = next - textStart;
  const bytes = ring.text.bytes(textStart, room >= 0n && room < length ? room : length);
  return `${start}${Array.from(bytes, shown).join('')}\n`;
};

/**
 * The log of a kernel since 5.10, record by record (dump_dmesg_lockless(), util_lib/elf_info.c).
 * @param symbol address of the pointer to the ring buffer
 * @throws KexecError
 */
export function* ringbufferLog(memory: CoreMemory, symbol: bigint): Generator<string> {
  const ring = openRingbuffer(memory, symbol);
  const limit = ring.count > MAX_WALK ? ring.count : MAX_WALK;
  let id = ring.tail;
  for (let walked = 0n; id !== ring.head; walked++) {
    if (walked === limit) {
      throw memory.exit(
        68,
        `The log is corrupted: its oldest record, ${ring.tail}, is too far from its newest, ${ring.head}`,
      );
    }
    const text = recordText(ring, id);
    if (text !== '') yield text;
    id = BigInt.asUintN(ring.idBits, id + 1n);
  }
  yield recordText(ring, id);
}
