import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../../kexec/base/error.js';
import { Range } from '../../../../../kexec/base/range.js';
import { loadHeader } from '../../../../../kexec/running-kernel/crashdump-elf.js';
import { type Dump, dumpOf } from '../../../../../sim/kernel/vmcore/dump.js';
import { type CrashedOptions, INFO, RAM, REGION, crashedMemory } from '../../../../support/machine/crashed-memory.js';
import { compressedFile, readCompressed } from '../../../../support/machine/dump-file.js';

const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * i * 31 + (i >> 3)) & 255);

const dumped = (options: CrashedOptions = {}): Dump => {
  const memory = crashedMemory(options).write(0x4040_0000n, noise);
  return dumpOf({ memory, refuse: (why) => KexecError.die(why) });
};

describe('a compressed dump', () => {
  test.each([
    [2n, 4096],
    [4n, 16384],
    [6n, 65536],
  ])('has each page of memory once, whatever the size of pages (flags %s)', async (pageFlags, pageSize) => {
    const dump = dumped({ pageFlags });
    const { page } = readCompressed(await compressedFile(dump));
    for (const physAddr of [RAM.start, 0x4010_0000n, 0x4020_0000n, 0x4030_0000n, 0x4040_0000n, 0x4380_0000n]) {
      const found = page(Number(physAddr) / pageSize);
      expect(found?.equals(dump.memory.read(physAddr, pageSize))).toBe(true);
    }
    for (const physAddr of [0x3fff_0000, Number(REGION.start), Number(REGION.last - 0xffffn), Number(RAM.end)]) {
      expect(page(physAddr / pageSize)).toBeUndefined();
    }
  });

  test('has notes, VMCOREINFO, and what it knows of the kernel', async () => {
    const dump = dumped();
    const { notes, vmcoreinfo, processors, release } = readCompressed(await compressedFile(dump));
    expect(notes.equals(dump.notes.subarray(0, dump.notesSize))).toBe(true);
    expect(vmcoreinfo.toString('latin1')).toBe(INFO);
    expect([processors, release]).toEqual([2, '6.1.0-old']);
  });

  test("has the kernel's name as uname() tells it, where VMCOREINFO tells where that is", async () => {
    const vmcoreinfo = `${INFO}SYMBOL(init_uts_ns)=ffff800080001000\nOFFSET(uts_namespace.name)=8\n`;
    const name = Buffer.alloc(390);
    ['Linux', 'node', '6.1.0-by-uname'].forEach((text, i) => name.write(text, 65 * i));
    const memory = crashedMemory({ vmcoreinfo }).write(0x4020_1008n, name);
    const dump = dumpOf({ memory, refuse: (why) => KexecError.die(why) });
    expect(readCompressed(await compressedFile(dump)).release).toBe('6.1.0-by-uname');
  });

  test('leaves out nothing that is far away', async () => {
    const far = Range.sized(0x80_0000_0000n, 0x1_0000n);
    const memory = crashedMemory({
      ram: [RAM, far],
      loads: [loadHeader(RAM.start, 0n, 0x1000n), loadHeader(far.start, 0n, 0x1_0000n)],
    });
    memory.write(far.start + 0x3000n, noise);
    const dump = dumpOf({ memory, refuse: (why) => KexecError.die(why) });
    const { page } = readCompressed(await compressedFile(dump));
    expect(page(Number(far.start / 4096n) + 3)?.equals(noise)).toBe(true);
    expect(page(Number(far.start / 4096n) + 4)?.every((byte) => byte === 0)).toBe(true);
    expect(page(Number(far.end / 4096n))).toBeUndefined();
  });
});
