import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { type GuestMemory, guestLog } from '../../../../../sim/kernel/log/guest-log.js';
import { COUNT_BITS, type LogKernel, RING, logKernel } from '../../../../support/files/log-kernel.js';
import { ImageSymbols } from '../../../../../sim/kernel/log/image-symbols.js';

const KERNEL = Range.sized(0x4020_0000n, 0x4_0000n);
/** Where the kernel's first byte is by its own addresses. */
const VIRTUAL = 0xffff_8000_8000_0000n;

type Built = Pick<LogKernel, 'infoSize' | 'textRing' | 'first'>;

/** A kernel in memory with two lines in its log. */
const kernelWith = (built: Built, ring = RING): Uint8Array =>
  logKernel({
    ...built,
    lines: ['Booting Linux', 'no memory found'],
    virtual: VIRTUAL,
    sizeBytes: Number(KERNEL.size),
    ring,
  });

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
