import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { type GuestMemory, guestLog } from '../../../../../sim/kernel/log/guest-log.js';
import { ImageSymbols } from '../../../../../sim/kernel/log/image-symbols.js';

const KERNEL = Range.sized(0x4020_0000n, 0x4_0000n);
/** Where the kernel's first byte is by its own addresses. */
const VIRTUAL = 0xffff_8000_8000_0000n;
const COUNT_BITS = 7;
const COUNT = 1 << COUNT_BITS;
const RING = 0x1000;
const DESCS = 0x2000;
const TEXT = 0x8000;
const INFOS = 0x1_0000;

interface Built {
  /** Bytes of struct printk_info. */
  readonly infoSize: number;
  /** Offset of the ring of texts. */
  readonly textRing: 40 | 48;
  readonly first?: bigint;
}

/** A kernel in memory with two lines in its log. */
const kernelWith = ({ infoSize, textRing, first = 0n }: Built, ring = RING): Uint8Array => {
  const bytes = new Uint8Array(Number(KERNEL.size));
  const view = new DataView(bytes.buffer);
  const pointer = (at: number, to: number): void => view.setBigUint64(at, VIRTUAL + BigInt(to), true);
  const id = (i: bigint): bigint => BigInt.asUintN(62, BigInt(COUNT) * 3n + i);
  const lines = ['Booting Linux', 'no memory found'];
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

const memoryOf = (kernel: Uint8Array, isMapped = true): GuestMemory => ({
  read: (physAddr, sizeBytes) => {
    const at = Number(physAddr - KERNEL.start);
    return at < 0 || at + sizeBytes > kernel.length ? undefined : kernel.slice(at, at + sizeBytes);
  },
  translate: (virtAddr) => (isMapped && virtAddr >= VIRTUAL ? virtAddr - VIRTUAL + KERNEL.start : undefined),
});

const LOG = '[    0.000000] Booting Linux\n[    0.001500] no memory found\n';

describe('the log of a kernel in memory', () => {
  test.each<Built>([
    { infoSize: 88, textRing: 40 },
    { infoSize: 88, textRing: 48 },
    { infoSize: 112, textRing: 48 },
    { infoSize: 112, textRing: 48, first: 77n },
  ])('is found by what it looks like: %p', (built) => {
    expect(guestLog(memoryOf(kernelWith(built)), KERNEL, undefined)).toBe(LOG);
  });

  test('is found by its name', () => {
    const symbols = new ImageSymbols([{ offset: 0x1800, name: 'printk_rb_static' }]);
    const kernel = kernelWith({ infoSize: 88, textRing: 48 }, 0x1800);
    // This one, which is no ring, is not looked at.
    new DataView(kernel.buffer).setUint32(RING, COUNT_BITS, true);
    expect(guestLog(memoryOf(kernel), KERNEL, symbols)).toBe(LOG);
  });

  test('is not there where nothing is mapped, or no ring is', () => {
    const kernel = kernelWith({ infoSize: 88, textRing: 48 });
    expect(guestLog(memoryOf(kernel, false), KERNEL, undefined)).toBeUndefined();
    expect(guestLog(memoryOf(new Uint8Array(kernel.length)), KERNEL, undefined)).toBeUndefined();
    expect(guestLog(memoryOf(new Uint8Array(8)), KERNEL, undefined)).toBeUndefined();
  });

  test('is as much as can be read of it where it is broken', () => {
    const kernel = kernelWith({ infoSize: 88, textRing: 48 });
    new DataView(kernel.buffer).setBigUint64(RING + 24, 1n << 60n, true);
    expect(guestLog(memoryOf(kernel), KERNEL, undefined)).toBe(LOG);
  });
});
