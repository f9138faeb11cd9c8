import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../../kexec/base/error.js';
import { Range } from '../../../../../kexec/base/range.js';
import { readProgramHeader } from '../../../../../kexec/elf/elf.js';
import { loadHeader, noteHeader } from '../../../../../kexec/running-kernel/crashdump-elf.js';
import { type Dump, type DumpSource, dumpOf } from '../../../../../sim/kernel/vmcore/dump.js';
import {
  type CrashedOptions,
  ELFCOREHDR,
  INFO,
  LOADS,
  type PageMemory,
  RAM,
  REGION,
  TREE,
  crashTree,
  crashedMemory,
  noteHeaders,
} from '../../../../support/machine/crashed-memory.js';
import { elfFile } from '../../../../support/machine/dump-file.js';

const refuse = (why: string): KexecError => KexecError.die(why);

const dump = (memory: PageMemory, more: Partial<DumpSource> = {}): Dump => dumpOf({ memory, refuse, ...more });
const dumped = (options: CrashedOptions = {}): Dump => dump(crashedMemory(options));

const LAYOUT = { class: 2, data: 1 } as const;
const headersOf = (made: Dump) =>
  Array.from({ length: new DataView(made.headers.buffer).getUint16(56, true) }, (_, i) =>
    readProgramHeader(made.headers, LAYOUT, 64 + 56 * i),
  );

describe('the file', () => {
  test('has one PT_NOTE with the notes at their real sizes, then the memory in the order of the elfcorehdr', async () => {
    const made = dumped();
    const [notes, ...loads] = headersOf(made);
    const info = 12 + 12 + Math.ceil(INFO.length / 4) * 4;
    expect(notes).toMatchObject({ type: 4, flags: 0, offset: 0x1000n, vaddr: 0n, paddr: 0n, align: 4n });
    expect([notes?.filesz, notes?.memsz]).toEqual([BigInt(2 * 412 + info), BigInt(2 * 412 + info)]);
    expect(loads).toEqual(LOADS.map((load, i) => ({ ...load, offset: [0x2000n, 0x14000n, 0x201_4000n][i] })));
    expect(made.sizeBytes).toBe(0x201_4000n + RAM.end - REGION.end);
    const file = await elfFile(made);
    expect(BigInt(file.length)).toBe(made.sizeBytes);
    expect(file.toString('latin1', 0x2800, 0x2816)).toBe('text of the old kernel');
    expect(file.toString('latin1', 0x14000 + 0x20_0800, 0x14000 + 0x20_0804)).toBe('text');
    expect(file.toString('latin1', 0x14000 + 0x30_0000, 0x14000 + 0x30_000a)).toBe('its memory');
    expect(file.toString('latin1', 0x201_4000 + 0x80_0000, 0x201_4000 + 0x80_000e)).toBe('and more of it');
  });

  test('is told of', () => {
    expect(dumped()).toMatchObject({ elfcorehdr: ELFCOREHDR, processors: 2, warnings: [] });
    expect(dumped().vmcoreinfo.osRelease).toBe('6.1.0-old');
    expect(dumped().captureKernel).toEqual({ release: '6.12.0-test', pageSize: 4096n, noteAlign: 4n, found: true });
  });

  test('has notes without an alignment where the capture kernel is older than 6.5', () => {
    const alignOf = (release: string): bigint | undefined => headersOf(dumped({ release }))[0]?.align;
    expect(['5.10.0-32', '6.1.0-50', '6.4.16', '6.5.0', '7.2.1'].map(alignOf)).toEqual([0n, 0n, 0n, 4n, 4n]);
  });

  test.each([
    [4n, 0x4000n],
    [6n, 0x1_0000n],
  ])('is in pages of the capture kernel (flags %s)', (pageFlags, size) => {
    const made = dumped({
      pageFlags,
      loads: [loadHeader(0x4020_1000n, 5n, 0x1000n), loadHeader(RAM.start, 6n, 0x1000n)],
    });
    const [notes, first, second] = headersOf(made);
    expect([notes?.offset, made.notes.length]).toEqual([size, Number(size)]);
    // The offset keeps the place in its page, the memory before it is there, too.
    expect(first?.offset).toBe(2n * size + 0x1000n);
    expect(second?.offset).toBe(3n * size);
    expect(made.sizeBytes).toBe(4n * size);
  });

  test('has zeros for the rest of a page that begins or ends with RAM', async () => {
    const ram = Range.between(0x4000_0000n, 0x43ff_f000n);
    const made = dumped({ ram: [ram], pageFlags: 6n, loads: [loadHeader(0x43ff_0000n, 0n, 0xf000n)] });
    expect(made.pieces).toEqual([
      { memory: Range.sized(0x43ff_0000n, 0x1_0000n), asked: Range.sized(0x43ff_0000n, 0xf000n) },
    ]);
    expect((await elfFile(made)).subarray(-0x1000).every((byte) => byte === 0)).toBe(true);
  });

  test('has memory of ranges that follow each other as one piece', () => {
    const ram = [Range.sized(0x4000_0000n, 0x100_0000n), Range.sized(0x4100_0000n, 0x300_0000n)];
    expect(dumped({ ram }).pieces).toHaveLength(3);
    expect(() => dumped({ ram: [ram[0]!, Range.sized(0x4100_1000n, 0x2ff_f000n)] })).toThrow('where there is no RAM');
  });
});

describe('the capture kernel', () => {
  test('tells its release though it has written over its header', () => {
    const memory = crashedMemory().write(REGION.start, new Uint8Array(64));
    expect(dump(memory).captureKernel).toEqual({
      ...{ release: '6.12.0-test', pageSize: 4096n, noteAlign: 4n, found: true },
    });
  });

  test('is taken for the old one where it does not tell', () => {
    const lost = (vmcoreinfo: string) =>
      dump(crashedMemory({ vmcoreinfo }).write(REGION.start, new Uint8Array(0x1_0000))).captureKernel;
    expect(lost(INFO)).toEqual({ release: '6.1.0-old', pageSize: 4096n, noteAlign: 0n, found: false });
    expect(lost('PAGESIZE=65536\nCRASHTIME=1\n')).toEqual({
      ...{ release: undefined, pageSize: 65536n, noteAlign: 4n, found: false },
    });
  });

  test("'s tree lies in the memory that it may use, whatever copies of it are elsewhere", () => {
    const memory = crashedMemory();
    memory.write(0x4100_0000n, crashTree(0x4110_0000n, [REGION]));
    memory.write(REGION.start + 0x70_0000n, crashTree(ELFCOREHDR, [REGION]));
    expect(dump(memory).elfcorehdr).toBe(ELFCOREHDR);
  });

  test("'s tree is one whose elfcorehdr is there, where another is left of an earlier load", () => {
    const memory = crashedMemory().write(REGION.start + 0x70_0000n, crashTree(0x42e0_0000n, [REGION]));
    expect(dump(memory).elfcorehdr).toBe(ELFCOREHDR);
    memory.write(0x42e0_0000n, memory.read(ELFCOREHDR, 4096));
    const both = 'two device trees tell of different elfcorehdrs: 0x42e00000 (tree at 0x42700000), 0x42f00000';
    expect(() => dump(memory)).toThrow(both);
    for (const elfcorehdr of [0x42e0_0000n, ELFCOREHDR])
      expect(dump(memory, { elfcorehdr }).elfcorehdr).toBe(elfcorehdr);
    expect(dump(memory, { tree: TREE }).elfcorehdr).toBe(ELFCOREHDR);
  });

  describe('finds the header by its command line', () => {
    const ELSEWHERE = REGION.start + 0x90_0000n;
    const told = (release: string, byTree: bigint | undefined, bootargs: string) => {
      const memory = crashedMemory({ release }).write(TREE, crashTree(byTree, [REGION], bootargs));
      memory.write(ELSEWHERE, memory.read(ELFCOREHDR, 4096));
      return memory;
    };
    const place = (...args: Parameters<typeof told>) => {
      const memory = told(...args);
      const [found, atEntry] = [dump(memory), dump(memory, { tree: TREE })];
      expect(atEntry.elfcorehdr).toBe(found.elfcorehdr);
      return [found.elfcorehdr, found.elfcorehdrFrom];
    };

    test('where the tree tells of none, in each release', () => {
      for (const release of ['5.10.0-32', '6.12.0-test']) {
        expect(place(release, undefined, 'quiet elfcorehdr=4K@0x42900000')).toEqual([
          ELSEWHERE,
          'elfcorehdr=4K@0x42900000',
        ]);
      }
    });

    test('against the tree since 5.15; before, the tree counts', () => {
      expect(place('5.10.0-32', ELFCOREHDR, 'elfcorehdr=1065M')).toEqual([ELFCOREHDR, 'linux,elfcorehdr']);
      expect(place('5.14.21', ELFCOREHDR, 'elfcorehdr=1065M')).toEqual([ELFCOREHDR, 'linux,elfcorehdr']);
      expect(place('5.15.0', ELFCOREHDR, 'elfcorehdr=1065M')).toEqual([ELSEWHERE, 'elfcorehdr=1065M']);
      expect(place('7.2.1', ELFCOREHDR, 'elfcorehdr=1065M')).toEqual([ELSEWHERE, 'elfcorehdr=1065M']);
    });

    test('and there is none where that leads nowhere', () => {
      expect(() => dump(told('7.2.1', ELFCOREHDR, 'elfcorehdr=there'))).toThrow(
        'the elfcorehdr at 0x0 is not in RAM: the capture kernel dies of it',
      );
      expect(dump(told('7.2.1', ELFCOREHDR, 'elfcorehdr -- elfcorehdr=1')).elfcorehdr).toBe(ELFCOREHDR);
    });
  });

  test('has no /proc/vmcore without a tree that tells of it', () => {
    const memory = crashedMemory().write(TREE, new Uint8Array(8));
    expect(() => dump(memory)).toThrow('no device tree in its memory tells of an elfcorehdr');
    expect(() => dump(memory, { tree: TREE })).toThrow("the capture kernel's device tree has no linux,elfcorehdr");
    expect(dump(memory, { elfcorehdr: ELFCOREHDR }).processors).toBe(2);
  });
});

describe('a kernel that has not panicked', () => {
  test('is none to make a dump of', () => {
    const options = { processors: [0n, 0n], vmcoreinfo: 'OSRELEASE=6.1.0-old\n' };
    expect(() => dumped(options)).toThrow('a crash kernel is loaded, but the kernel has not panicked');
  });

  test('is told from one whose processors have saved nothing', () => {
    const { processors, warnings } = dumped({ processors: [0n, 7n] });
    expect([processors, warnings]).toEqual([1, ['Zero PT_NOTE entries found']]);
    expect(dumped({ processors: [0n] }).processors).toBe(0);
  });
});

describe('notes', () => {
  const NOTES = 0x4010_0000n;
  const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

  test('that are longer than their segment are dropped, as Linux drops them', () => {
    const memory = crashedMemory().write(NOTES + 412n, words(5, 0x1000, 1));
    const { processors, warnings } = dump(memory);
    expect([processors, warnings]).toEqual([
      2,
      ['Exceeded p_memsz, dropping PT_NOTE entry n_namesz=0x5, n_descsz=0x1000'],
    ]);
    const first = crashedMemory().write(NOTES, words(0xffff_ffff, 0xffff_ffff));
    expect(dump(first).warnings).toEqual([
      'Exceeded p_memsz, dropping PT_NOTE entry n_namesz=0xffffffff, n_descsz=0xffffffff',
      'Zero PT_NOTE entries found',
    ]);
  });

  test('that fill their segment are whole', () => {
    const headers = [noteHeader({ address: NOTES, size: 412n }), ...noteHeaders(0), ...LOADS];
    expect(dumped({ headers })).toMatchObject({ processors: 1, warnings: [] });
    const short = [noteHeader({ address: NOTES, size: 411n }), ...noteHeaders(0), ...LOADS];
    expect(dumped({ headers: short }).processors).toBe(0);
  });

  test('cost their headers their places, even where others stand there', () => {
    const [first, second, third] = LOADS;
    const [cpu, info] = noteHeaders(1);
    const { programHeaders, pieces } = dumped({ headers: [first!, second!, third!, cpu!, info!] });
    expect(programHeaders.map(({ type }) => type)).toEqual([4, 1, 4, 4]);
    expect(pieces.map(({ asked }) => asked?.start)).toEqual([third!.paddr]);
  });

  test.each([
    ['no RAM', [noteHeader({ address: 0x1000n, size: 424n })], 'notes at 0x1000 (0x1a8 bytes), where there is no RAM'],
    ['no bytes', [noteHeader({ address: NOTES, size: 0n })], 'that have no bytes'],
    ['too many bytes', [noteHeader({ address: NOTES, size: 0x40_0001n })], 'for which Linux has no memory'],
    [
      'too many bytes in all',
      Array.from({ length: 17 }, () => noteHeader({ address: NOTES, size: 0x40_0000n })),
      'more than 67108864 bytes of notes',
    ],
    ['none at all', LOADS, 'tells of no notes'],
  ])('in segments with %s are refused', (_, headers, message) => {
    expect(() => dumped({ headers })).toThrow(message);
  });
});

describe('an elfcorehdr', () => {
  const broken = (at: number, bytes: readonly number[]): PageMemory =>
    crashedMemory().write(ELFCOREHDR + BigInt(at), Uint8Array.from(bytes));

  test.each([
    ['a magic', 0, [0]],
    ['a class of 64 bits', 4, [3]],
    ['version 1', 6, [2]],
    ['the type of a core file', 16, [2, 0]],
    ['the machine', 18, [62, 0]],
    ['version 1 in its header, too', 20, [0]],
    ['the size of a file header', 52, [63]],
    ['the size of program headers', 54, [57]],
    ['program headers', 56, [0, 0]],
  ])('without %s is none', (_, at, bytes) => {
    expect(() => dump(broken(at, bytes))).toThrow(/"Core image elf header (not found|is not sane)", as Linux says/);
  });

  test('of 32 bits is none of arm64', () => {
    expect(() => dump(broken(4, [1]))).toThrow('is of 32 bits');
  });

  test('is read whatever it says of its program headers', () => {
    expect(dump(broken(32, [0, 0, 0, 0])).processors).toBe(2);
  });

  test('outside of RAM, or that ends there, is refused', () => {
    const memory = crashedMemory();
    expect(() => dump(memory, { elfcorehdr: 0x1000n })).toThrow('the elfcorehdr at 0x1000 is not in RAM');
    memory.write(RAM.end - 64n, memory.read(ELFCOREHDR, 64));
    expect(() => dump(memory, { elfcorehdr: RAM.end - 64n })).toThrow('is not in RAM: the capture kernel dies of it');
  });

  test('that tells of memory that is not RAM is refused', () => {
    const loads = [loadHeader(RAM.end - 0x1000n, 0n, 0x1001n)];
    expect(() => dumped({ loads })).toThrow('memory at 0x43fff000 (0x1001 bytes), where there is no RAM');
    expect(() => dumped({ loads: [loadHeader(0xffff_ffff_ffff_f000n, 0n, 0x2000n)] })).toThrow('there is no RAM');
  });

  test('that tells of more memory than there can be is refused', () => {
    const loads = Array.from({ length: 5 }, () => loadHeader(RAM.start, 0n, RAM.size));
    expect(() => dumped({ loads })).toThrow("more than 4 times the machine's RAM");
    expect(dumped({ loads: loads.slice(0, 3) }).pieces).toHaveLength(3);
  });

  test('that tells of no bytes has a page where they would be in one', () => {
    const loads = [
      loadHeader(0x4030_0800n, 0n, 0n),
      loadHeader(0x4030_0000n, 0n, 0n),
      loadHeader(0xffff_ffff_ffff_ff00n, 0n, 0n),
    ];
    const made = dumped({ loads });
    expect(made.pieces.map(({ memory }) => memory.size)).toEqual([0x1000n, 0x1000n]);
    expect(headersOf(made).map(({ offset }) => offset)).toEqual([0x1000n, 0x2800n, 0x3000n, 0x3f00n]);
  });
});
