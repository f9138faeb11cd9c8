/** A kernel in memory that has a log, and does nothing else. */

/** Where a kernel of such a log has it, from its first byte on. */
const DESCS = 0x2000;
const TEXT = 0x8000;
const INFOS = 0x1_0000;
export const RING = 0x1000;
/** The number of records, as a power of 2. */
export const COUNT_BITS = 7;
const COUNT = 1 << COUNT_BITS;

export interface LogKernel {
  readonly lines: readonly string[];
  /** Where the kernel's first byte is by its own addresses. */
  readonly virtual: bigint;
  readonly sizeBytes: number;
  /** Bytes of struct printk_info. */
  readonly infoSize: number;
  /** Offset of the ring of texts. */
  readonly textRing: 40 | 48;
  /** Number of the first record. */
  readonly first?: bigint;
  readonly ring?: number;
}

export const logKernel = ({
  lines,
  virtual,
  sizeBytes,
  infoSize,
  textRing,
  first = 0n,
  ring = RING,
}: LogKernel): Uint8Array => {
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  const pointer = (at: number, to: number): void => view.setBigUint64(at, virtual + BigInt(to), true);
  const id = (i: bigint): bigint => BigInt.asUintN(62, BigInt(COUNT) * 3n + i);
  view.setUint32(ring, COUNT_BITS, true);
  pointer(ring + 8, DESCS);
  pointer(ring + 16, INFOS);
  view.setBigUint64(ring + 24, id(BigInt(lines.length)), true);
  view.setBigUint64(ring + 32, id(0n), true);
  view.setUint32(ring + textRing, COUNT_BITS + 5, true);
  pointer(ring + textRing + 8, TEXT);
  let at = 0;
  lines.forEach((line, i) => {
    const record = id(BigInt(i + 1));
    const slot = Number(record % BigInt(COUNT));
    const length = 8 + line.length + (8 - (line.length % 8));
    view.setBigUint64(DESCS + 24 * slot, (2n << 62n) | record, true);
    view.setBigUint64(DESCS + 24 * slot + 8, BigInt(at), true);
    view.setBigUint64(DESCS + 24 * slot + 16, BigInt(at + length), true);
    view.setBigUint64(INFOS + infoSize * slot, first + BigInt(i), true);
    view.setBigUint64(INFOS + infoSize * slot + 8, BigInt(i) * 1_500_000n, true);
    view.setUint16(INFOS + infoSize * slot + 16, line.length, true);
    bytes.set(
      Array.from(line, (character) => character.charCodeAt(0)),
      TEXT + at + 8,
    );
    at += length;
  });
  return bytes;
};

const GIB = 0x4000_0000;
/** Of 39 bits, the first that the upper table maps. */
const UPPER = 0xffff_ff80_0000_0000n;
const TABLE = 0x3000;
const CODE = 0x40;
const SIZE = 0x2_0000;

/** A block of 1 GiB: normal memory that has been accessed, shareable. */
const BLOCK = 0x701n;

/**
 * An Image that panics before it has a console: it maps its memory, and goes round in a loop for ever, with a log that
 * nobody has printed.
 * @param start where it will lie, in the GiB from 0x40000000 on
 */
export const panickedImage = (start: bigint, lines: readonly string[]): Uint8Array => {
  const virtual = UPPER + start - BigInt(GIB);
  const bytes = logKernel({ lines, virtual, sizeBytes: SIZE, infoSize: 88, textRing: 40 });
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x1400_0000 | (CODE / 4), true);
  view.setBigUint64(16, BigInt(SIZE), true);
  view.setUint32(56, 0x644d_5241, true);
  // The first GiB of the upper addresses, and the memory at its own address.
  [0, 1].forEach((i) => view.setBigUint64(TABLE + 8 * i, BigInt(GIB) | BLOCK, true));
  const adr = TABLE - CODE;
  const code = [
    0x1000_0000 | ((adr >> 2) << 5), // adr x0, TABLE
    0xd518_2000, // msr ttbr0_el1, x0
    0xd518_2020, // msr ttbr1_el1, x0
    0xd280_0321, // mov x1, #0x19: 39 bits
    0xf2b0_0321, // movk x1, #0x8019, lsl #16: the upper ones too, pages of 4 KiB
    0xf2c0_0041, // movk x1, #2, lsl #32
    0xd518_2041, // msr tcr_el1, x1
    0xd280_1fe1, // mov x1, #0xff
    0xd518_a201, // msr mair_el1, x1
    0xd281_0021, // mov x1, #0x801
    0xf2a6_1a01, // movk x1, #0x30d0, lsl #16
    0xd518_1001, // msr sctlr_el1, x1
    0xd503_3fdf, // isb
    0x9100_0400, // 1: add x0, x0, #1
    0x17ff_ffff, // b 1b
  ];
  code.forEach((word, i) => view.setUint32(CODE + 4 * i, word >>> 0, true));
  return bytes;
};
