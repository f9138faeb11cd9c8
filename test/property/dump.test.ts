import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KexecError } from '../../kexec/base/error.js';
import { readFileHeader, readProgramHeader } from '../../kexec/elf/elf.js';
import { loadHeader, noteHeader } from '../../kexec/running-kernel/crashdump-elf.js';
import { type Dump, dumpOf } from '../../sim/kernel/vmcore/dump.js';
import { type PageMemory, crashedMemory } from '../support/machine/crashed-memory.js';
import { compressedFile, elfFile, readCompressed } from '../support/machine/dump-file.js';
import { ARM64_CORE, note } from '../support/files/elf-builder.js';

const LAYOUT = { class: 2, data: 1 } as const;
const NOTES = 0x4050_0000n;
const STEP = 0x1000n;
/** What may be dumped of the invented machine, in small. */
const FROM = 0x4010_0000n;
const WINDOW = 0x2_0000;

const aNote = fc
  .record({ name: fc.string({ minLength: 1, maxLength: 9 }), type: fc.nat(9), desc: fc.uint8Array({ maxLength: 60 }) })
  .map(({ name, type, desc }) => note(ARM64_CORE, `${name.replace(/[^ -~]/g, '?')}\0`, type, desc));
/** Notes of one segment, and what is behind them in it. */
const segment = fc.record({ notes: fc.array(aNote, { maxLength: 4 }), slack: fc.nat(40) });
const load = fc
  .record({ start: fc.nat(WINDOW - 1), size: fc.nat(WINDOW) })
  .map(({ start, size }) => loadHeader(FROM + BigInt(start), BigInt(start), BigInt(Math.min(size, WINDOW - start))));
const machine = fc.record({
  pageFlags: fc.constantFrom(2n, 4n, 6n),
  segments: fc.array(segment, { maxLength: 5 }),
  loads: fc.array(load, { maxLength: 6 }),
  bytes: fc.array(fc.record({ at: fc.nat(WINDOW - 100), bytes: fc.uint8Array({ maxLength: 99 }) }), { maxLength: 8 }),
});
type Machine = typeof machine extends fc.Arbitrary<infer T> ? T : never;

/** Bits 2 and 1 are 1 for 4 KiB, 2 for 16 KiB, 3 for 64 KiB. */
const pageSizeOf = ({ pageFlags }: Machine): bigint => 4096n << (pageFlags - 2n);

const notesOf = ({ segments }: Machine): Buffer => Buffer.concat(segments.flatMap(({ notes }) => notes));

/** In the first segment: without CRASHTIME nothing has crashed. */
const CRASH = note(ARM64_CORE, 'VMCOREINFO\0', 0, Buffer.from('CRASHTIME=1\n'));

const made = (value: Machine): { readonly memory: PageMemory; readonly dump: Dump } => {
  const { pageFlags, segments, loads, bytes } = value;
  const all = [{ notes: [CRASH], slack: 12 }, ...segments];
  const headers = all.map(({ notes, slack }, i) =>
    noteHeader({
      address: NOTES + BigInt(i) * STEP,
      size: BigInt(notes.reduce((sum, { length }) => sum + length, 0) + slack + 4),
    }),
  );
  const memory = crashedMemory({ pageFlags, processors: [], headers: [...headers, ...loads] });
  all.forEach(({ notes }, i) => memory.write(NOTES + BigInt(i) * STEP, Buffer.concat(notes)));
  for (const piece of bytes) memory.write(FROM + BigInt(piece.at), piece.bytes);
  return { memory, dump: dumpOf({ memory, refuse: (why) => KexecError.die(why) }) };
};

describe('a dump', () => {
  test('has all notes, one behind the other, and nothing between them', async () => {
    await fc.assert(
      fc.asyncProperty(machine, async (value) => {
        const file = await elfFile(made(value).dump);
        const { offset, filesz } = readProgramHeader(file, LAYOUT, 64);
        const notes = file.subarray(Number(offset) + CRASH.length, Number(offset + filesz));
        expect(notes.equals(notesOf(value))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('has of each program header the bytes of memory, at places of whole pages that follow each other', async () => {
    await fc.assert(
      fc.asyncProperty(machine, async (value) => {
        const { memory, dump } = made(value);
        const file = await elfFile(dump);
        const pageSize = pageSizeOf(value);
        const { phnum } = readFileHeader(file, LAYOUT);
        expect(phnum).toBe(1 + value.loads.length);
        let end = BigInt(dump.headers.length + dump.notes.length);
        value.loads.forEach(({ paddr, memsz, vaddr }, i) => {
          const header = readProgramHeader(file, LAYOUT, 64 + 56 * (i + 1));
          expect([header.vaddr, header.memsz]).toEqual([vaddr, memsz]);
          expect(header.offset).toBe(end + (paddr % pageSize));
          end += (((paddr % pageSize) + memsz + pageSize - 1n) / pageSize) * pageSize;
          const bytes = file.subarray(Number(header.offset), Number(header.offset + memsz));
          expect(bytes.equals(memory.read(paddr, Number(memsz)))).toBe(true);
        });
        expect([BigInt(file.length), end]).toEqual([dump.sizeBytes, dump.sizeBytes]);
      }),
      { numRuns: 40 },
    );
  });

  test('has the same memory when it is compressed', async () => {
    await fc.assert(
      fc.asyncProperty(machine, async (value) => {
        const { memory, dump } = made(value);
        const { page } = readCompressed(await compressedFile(dump));
        const pageSize = pageSizeOf(value);
        for (const { paddr, memsz } of value.loads) {
          for (let at = (paddr / pageSize) * pageSize; at < paddr + memsz; at += pageSize) {
            expect(page(Number(at / pageSize))?.equals(memory.read(at, Number(pageSize)))).toBe(true);
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});
