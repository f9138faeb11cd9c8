/** Invented core files with a kernel's log in each of the forms that it has had. */
import { ARM64_CORE, buildElf, note, type BuiltSegment, type ElfKind, type Value } from './elf-builder.js';

/** VMCOREINFO, a line each. */
export type InfoLines = Readonly<Record<string, string>>;

/** What is in the crashed machine's memory, and what its kernel tells of it. */
export interface BuiltLog {
  readonly kind: ElfKind;
  readonly info: InfoLines;
  readonly segments: readonly BuiltSegment[];
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** The core file of a log: notes first, as in /proc/vmcore. */
export const coreOf = ({ kind, info, segments }: BuiltLog): Uint8Array => {
  const lines = Object.entries(info).map(([key, value]) => `${key}=${value}\n`);
  return buildElf(kind, [], {
    segments: [{ type: 4, data: note(kind, 'VMCOREINFO\0', 0, ascii(lines.join(''))) }, ...segments],
  });
};

/** Bytes that numbers are put in, in the class and byte order of a file. */
const createMemory = ({ wide, littleEndian }: ElfKind, size: number) => {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  return {
    bytes,
    u16: (at: number, value: number) => view.setUint16(at, value, littleEndian),
    u32: (at: number, value: number) => view.setUint32(at, value, littleEndian),
    u64: (at: number, value: Value) => view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), littleEndian),
    word: (at: number, value: Value) => {
      if (wide) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), littleEndian);
      else view.setUint32(at, Number(BigInt.asUintN(32, BigInt(value))), littleEndian);
    },
  };
};

/** Where variables are: in the kernel's image. */
const imageAddress = ({ wide }: ElfKind): bigint => (wide ? 0xffff_8000_1000_0000n : 0xc001_0000n);
/** Where a log is that was allocated: in the linear map. */
const linearAddress = ({ wide }: ElfKind): bigint => (wide ? 0xffff_0000_0800_0000n : 0xc800_0000n);
const hex = (value: bigint): string => value.toString(16);

/** Room between variables. */
const STEP = 8;

interface Variable {
  readonly name: string;
  readonly value: Value;
  readonly isPointer?: boolean;
}

const variablesOf = (kind: ElfKind, variables: readonly Variable[]) => {
  const memory = createMemory(kind, variables.length * STEP);
  variables.forEach(({ value, isPointer }, i) =>
    isPointer ? memory.word(i * STEP, value) : memory.u32(i * STEP, Number(BigInt.asUintN(32, BigInt(value)))),
  );
  const symbols = variables.map(({ name }, i) => [`SYMBOL(${name})`, hex(imageAddress(kind) + BigInt(i * STEP))]);
  return {
    segment: { type: 1, data: memory.bytes, vaddr: imageAddress(kind), paddr: 0x4021_0000 },
    symbols: Object.fromEntries(symbols) as InfoLines,
  };
};

const OS_RELEASE = { OSRELEASE: '0.0.0-invented' };

export interface CharacterLogOptions {
  readonly kind?: ElfKind;
  /** Number of characters that were ever logged. */
  readonly end?: number;
  /** Bytes of the buffer as the kernel's variable says. */
  readonly length?: Value;
}

/** Characters in a ring, as before Linux 3.5. */
export const characterLog = (buffer: Uint8Array, options: CharacterLogOptions = {}): BuiltLog => {
  const { kind = ARM64_CORE, end = buffer.length, length = buffer.length } = options;
  const { segment, symbols } = variablesOf(kind, [
    { name: 'log_buf', value: linearAddress(kind), isPointer: true },
    { name: 'log_end', value: end },
    { name: 'log_buf_len', value: length },
    { name: 'logged_chars', value: 0 },
  ]);
  return {
    kind,
    info: { ...OS_RELEASE, ...symbols },
    segments: [segment, { type: 1, data: buffer, vaddr: linearAddress(kind), paddr: 0x4800_0000 }],
  };
};

export interface BuiltRecord {
  readonly text: string;
  /** Nanoseconds. */
  readonly time?: Value;
  /**
   * Bytes to the next record, when that is to be something else than where this one ends; 0 is the end of the buffer.
   */
  readonly length?: number;
  /** Bytes of text, when that is to be something else. */
  readonly textLength?: number;
}

const RECORD_HEADER = 16;

export interface RecordLogOptions {
  readonly kind?: ElfKind;
  /** Where the first record is, and where the next would be. */
  readonly first?: number;
  readonly next?: number;
  /** Bytes of the buffer as the kernel's variable says. */
  readonly length?: Value;
  /** Bytes of the buffer. */
  readonly size?: number;
  /** Name of the structure: log before Linux 3.11. */
  readonly structure?: string;
}

/** Records of varying size, as from Linux 3.5 to 5.9. They are put into the buffer one behind the other. */
export const recordLog = (records: readonly BuiltRecord[], options: RecordLogOptions = {}): BuiltLog => {
  const { kind = ARM64_CORE, first = 0, size = 1024, length = size, structure = 'printk_log' } = options;
  const memory = createMemory(kind, size);
  let at = 0;
  for (const { text, time = 0, length: recordLength, textLength = text.length } of records) {
    const end = at + RECORD_HEADER + Math.ceil(text.length / 4) * 4;
    memory.u64(at, time);
    memory.u16(at + 8, recordLength ?? end - at);
    memory.u16(at + 10, textLength);
    memory.bytes.set(ascii(text), at + RECORD_HEADER);
    at = end;
  }
  const { segment, symbols } = variablesOf(kind, [
    { name: 'log_buf', value: linearAddress(kind), isPointer: true },
    { name: 'log_buf_len', value: length },
    { name: 'log_first_idx', value: first },
    { name: 'log_next_idx', value: options.next ?? at },
  ]);
  const info = {
    ...OS_RELEASE,
    ...symbols,
    [`SIZE(${structure})`]: String(RECORD_HEADER),
    [`OFFSET(${structure}.ts_nsec)`]: '0',
    [`OFFSET(${structure}.len)`]: '8',
    [`OFFSET(${structure}.text_len)`]: '10',
    [`OFFSET(${structure}.dict_len)`]: '12',
  };
  return {
    kind,
    info,
    segments: [segment, { type: 1, data: memory.bytes, vaddr: linearAddress(kind), paddr: 0x4800_0000 }],
  };
};

/** States of a descriptor (enum desc_state, kernel/printk/printk_ringbuffer.h). */
export const RESERVED = 0;
export const COMMITTED = 1;
export const FINALIZED = 2;
export const REUSABLE = 3;

export interface BuiltDescriptor {
  readonly text: string;
  readonly time?: Value;
  readonly state?: number;
  /** The id in the state variable, when it is to be something else than the record's. */
  readonly id?: Value;
  /** Where the text's block begins and ends, when that is to be something else. */
  readonly begin?: Value;
  readonly next?: Value;
  readonly textLength?: number;
}

export interface RingbufferOptions {
  readonly kind?: ElfKind;
  /** Id of the first record. */
  readonly tail?: Value;
  /** Id of the last one, when it is to be something else. */
  readonly head?: Value;
  readonly countBits?: number;
  readonly sizeBits?: number;
  /** What the kernel's variables say of these. */
  readonly saidCountBits?: number;
  readonly saidSizeBits?: number;
  /** Where the first text begins. */
  readonly textStart?: number;
}

const INFO_SIZE = 88;

/** The lockless ring buffer since Linux 5.10. */
export const ringbufferLog = (records: readonly BuiltDescriptor[], options: RingbufferOptions = {}): BuiltLog => {
  const {
    kind = ARM64_CORE,
    countBits = 4,
    sizeBits = 9,
    saidCountBits = countBits,
    saidSizeBits = sizeBits,
    textStart = 0,
  } = options;
  const tail = BigInt(options.tail ?? 0x1000);
  const word = kind.wide ? 8 : 4;
  const idBits = word * 8 - 2;
  const [count, textSize] = [2 ** countBits, 2 ** sizeBits];
  const descSize = 3 * word;
  const image = imageAddress(kind);
  const [descsAt, infosAt, textAt] = [0n, 0x10_0000n, 0x20_0000n].map((distance) => linearAddress(kind) + distance) as [
    bigint,
    bigint,
    bigint,
  ];

  const descs = createMemory(kind, count * descSize);
  const infos = createMemory(kind, count * INFO_SIZE);
  const text = createMemory(kind, textSize);
  let lpos = textStart;
  records.forEach((record, i) => {
    const id = BigInt.asUintN(idBits, tail + BigInt(i));
    const index = Number(id % BigInt(count));
    const size = word + Math.ceil(record.text.length / word) * word;
    // A block that reaches the end or beyond is put at the start (get_next_lpos(), kernel/printk/printk_ringbuffer.c).
    const nextTurn = Math.floor((lpos + size) / textSize);
    const end = Math.floor(lpos / textSize) === nextTurn ? lpos + size : nextTurn * textSize + size;
    text.word((end - size) % textSize, id);
    text.bytes.set(ascii(record.text), ((end - size) % textSize) + word);
    descs.word(index * descSize, (BigInt(record.state ?? FINALIZED) << BigInt(idBits)) | BigInt(record.id ?? id));
    descs.word(index * descSize + word, record.begin ?? lpos);
    descs.word(index * descSize + 2 * word, record.next ?? end);
    infos.u64(index * INFO_SIZE, i);
    infos.u64(index * INFO_SIZE + 8, record.time ?? i * 1_000_000);
    infos.u16(index * INFO_SIZE + 16, record.textLength ?? record.text.length);
    lpos = end;
  });

  // The pointer to the ring buffer, then the ring buffer.
  const [prbAt, dataRingAt] = [16, 5 * word];
  const variables = createMemory(kind, prbAt + 10 * word);
  variables.word(0, image + BigInt(prbAt));
  variables.u32(prbAt, saidCountBits);
  variables.word(prbAt + word, descsAt);
  variables.word(prbAt + 2 * word, infosAt);
  variables.word(
    prbAt + 3 * word,
    options.head ?? BigInt.asUintN(idBits, tail + BigInt(Math.max(records.length, 1)) - 1n),
  );
  variables.word(prbAt + 4 * word, tail);
  variables.u32(prbAt + dataRingAt, saidSizeBits);
  variables.word(prbAt + dataRingAt + word, textAt);
  const info = {
    ...OS_RELEASE,
    'SYMBOL(prb)': hex(image),
    'SIZE(printk_ringbuffer)': String(10 * word),
    'OFFSET(printk_ringbuffer.desc_ring)': '0',
    'OFFSET(printk_ringbuffer.text_data_ring)': String(dataRingAt),
    'OFFSET(prb_desc_ring.count_bits)': '0',
    'OFFSET(prb_desc_ring.descs)': String(word),
    'OFFSET(prb_desc_ring.infos)': String(2 * word),
    'OFFSET(prb_desc_ring.head_id)': String(3 * word),
    'OFFSET(prb_desc_ring.tail_id)': String(4 * word),
    'SIZE(prb_desc)': String(descSize),
    'OFFSET(prb_desc.state_var)': '0',
    'OFFSET(prb_desc.text_blk_lpos)': String(word),
    'OFFSET(prb_data_blk_lpos.begin)': '0',
    'OFFSET(prb_data_blk_lpos.next)': String(word),
    'SIZE(printk_info)': String(INFO_SIZE),
    'OFFSET(printk_info.seq)': '0',
    'OFFSET(printk_info.ts_nsec)': '8',
    'OFFSET(printk_info.text_len)': '16',
    'OFFSET(printk_info.caller_id)': '20',
    'OFFSET(prb_data_ring.size_bits)': '0',
    'OFFSET(prb_data_ring.data)': String(word),
    'OFFSET(atomic_long_t.counter)': '0',
  };
  const segments = [
    { type: 1, data: variables.bytes, vaddr: image, paddr: 0x4021_0000 },
    { type: 1, data: descs.bytes, vaddr: descsAt, paddr: 0x4800_0000 },
    { type: 1, data: infos.bytes, vaddr: infosAt, paddr: 0x4810_0000 },
    { type: 1, data: text.bytes, vaddr: textAt, paddr: 0x4820_0000 },
  ];
  return { kind, info, segments };
};
