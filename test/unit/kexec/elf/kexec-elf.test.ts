import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { KexecError } from '../../../../kexec/base/error.js';
import { buildElfExecInfo, elfExecLoad } from '../../../../kexec/elf/kexec-elf-exec.js';
import { buildElfInfo } from '../../../../kexec/elf/kexec-elf.js';
import { silentLog } from '../../../../kexec/base/log.js';
import {
  ARM64_CORE,
  ARM64_EXECUTABLE,
  ARM64_OBJECT,
  buildElf,
  concat,
  note,
  type BuiltSection,
  type BuiltSegment,
  type ElfKind,
} from '../../../support/files/elf-builder.js';
import { keepingLog } from '../../../support/files/memory-system.js';

const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_NOTE = 4;
const SHT_PROGBITS = 1;
const SHT_SYMTAB = 2;
const SHT_NOTE = 7;
const SHT_NOBITS = 8;

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const U64_MAX = 2n ** 64n - 1n;
const load: BuiltSegment = {
  type: PT_LOAD,
  data: bytes(1, 2, 3),
  flags: 5,
  vaddr: 0x1000,
  paddr: 0x2000,
  memsz: 16,
  align: 8,
};

/** The file with `value` at `at`, little-endian. */
const patched = (file: Uint8Array, at: number, value: bigint, size: 2 | 4 | 8): Uint8Array => {
  const copy = file.slice();
  const view = new DataView(copy.buffer);
  if (size === 2) view.setUint16(at, Number(value), true);
  else if (size === 4) view.setUint32(at, Number(value), true);
  else view.setBigUint64(at, value, true);
  return copy;
};

const said = (file: Uint8Array, skipFileSizeCheck = false): [string, boolean] => {
  const log = keepingLog();
  const info = buildElfInfo(file, { log, skipFileSizeCheck });
  return [log.text(), info !== undefined];
};

describe('buildElfInfo', () => {
  const kinds: readonly ElfKind[] = [true, false].flatMap((wide) =>
    [true, false].map((littleEndian) => ({ wide, littleEndian, type: 2, machine: 40 })),
  );

  test.each(kinds)('reads class wide=$wide, littleEndian=$littleEndian', (kind) => {
    const text: BuiltSection = {
      name: '.text',
      type: SHT_PROGBITS,
      data: bytes(9, 8),
      addr: 0x100,
      flags: 6,
      link: 1,
      info: 2,
      addralign: 4,
    };
    const info = buildElfInfo(buildElf(kind, [text], { segments: [load], entry: 0x1234 }), { log: silentLog })!;
    expect(info).toMatchObject({
      class: kind.wide ? 2 : 1,
      data: kind.littleEndian ? 1 : 2,
      type: 2,
      machine: 40,
      version: 1,
      entry: 0x1234n,
      flags: 0,
      shstrndx: 2,
      notes: [],
    });
    expect(info.programHeaders).toHaveLength(1);
    expect(info.programHeaders[0]).toMatchObject({
      type: PT_LOAD,
      flags: 5,
      vaddr: 0x1000n,
      paddr: 0x2000n,
      filesz: 3n,
      memsz: 16n,
      align: 8n,
    });
    expect([...info.programHeaders[0]!.data]).toEqual([1, 2, 3]);
    expect(info.sectionHeaders).toHaveLength(3);
    expect(info.sectionHeaders[1]).toMatchObject({
      type: 1,
      flags: 6n,
      addr: 0x100n,
      size: 2n,
      link: 1,
      info: 2,
      addralign: 4n,
    });
    expect([...info.sectionHeaders[1]!.data]).toEqual([9, 8]);
  });

  test('segment and section bytes are views of the file', () => {
    const file = buildElf(ARM64_EXECUTABLE, [], { segments: [load] });
    const info = buildElfInfo(file, { log: silentLog })!;
    expect(info.programHeaders[0]!.data.buffer).toBe(file.buffer);
  });

  const good = buildElf(ARM64_EXECUTABLE, [{ name: '.text', type: SHT_PROGBITS, data: bytes(1) }], {
    segments: [load],
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['15 bytes', good.subarray(0, 15)],
    ['63 bytes', good.subarray(0, 63)],
    ['another magic', patched(good, 0, 0x7e454c46n, 4)],
    ['class 3', patched(good, 4, 0x0103n, 2)],
    ['byte order 0', patched(good, 4, 0x0002n, 2)],
    ['e_ident version 2', patched(good, 6, 2n, 2)],
    ['e_version 2', patched(good, 20, 2n, 4)],
    ['e_ehsize 63', patched(good, 52, 63n, 2)],
    ['e_phentsize 55', patched(good, 54, 55n, 2)],
    ['e_shentsize 63', patched(good, 58, 63n, 2)],
    ['program headers without a place', patched(good, 32, 0n, 8)],
    ['sections to search for notes without a place', patched(good, 40, 0n, 8)],
    ['program headers behind the end', patched(good, 32, BigInt(good.length), 8)],
    ['program headers whose end wraps', patched(good, 32, U64_MAX, 8)],
    ['section headers whose end wraps', patched(good, 40, U64_MAX - 3n, 8)],
    ['more section headers than there are', patched(good, 60, 0xffffn, 2)],
  ])('%s is no ELF file, without a word', (_what, file) => {
    expect(said(file)).toEqual(['', false]);
  });

  test('headers of tables that are not used may have any size', () => {
    const file = buildElf(ARM64_EXECUTABLE, []);
    expect(said(patched(file, 54, 1n, 2))).toEqual(['', true]);
  });

  test.each<[string, Partial<BuiltSegment>, boolean]>([
    ['ends with the file', {}, true],
    ['is longer than the file', { filesz: 10_000 }, false],
    ['wraps in the file', { filesz: U64_MAX }, false],
    ['starts behind the file', { offset: 2n ** 63n, filesz: 0 }, false],
    ['wraps in memory', { paddr: U64_MAX - 8n, memsz: 16 }, false],
    ['ends where memory ends', { paddr: U64_MAX - 16n, memsz: 16 }, true],
    ['has no physical address', { paddr: U64_MAX, memsz: 16 }, true],
  ])('a segment that %s', (_what, change, usable) => {
    expect(said(buildElf(ARM64_EXECUTABLE, [], { segments: [{ ...load, ...change }] }))).toEqual(['', usable]);
  });

  test.each<[string, Partial<BuiltSection>, boolean]>([
    ['is longer than the file', { size: 10_000 }, false],
    ['is longer than the file, but has no bytes there', { type: SHT_NOBITS, size: 10_000 }, true],
    ['wraps in memory', { addr: U64_MAX }, false],
  ])('a section that %s', (_what, change, usable) => {
    const section = { name: '.data', type: SHT_PROGBITS, data: bytes(1), ...change };
    expect(said(buildElf(ARM64_OBJECT, [section]))).toEqual(['', usable]);
  });

  test.each([
    [SHT_SYMTAB, 23, '2'],
    [4, 16, '4'],
    [6, 0, '6'],
    [9, 24, '9'],
  ])('entries of a section of type %i may not have %i bytes', (type, entsize, shown) => {
    const file = buildElf(ARM64_OBJECT, [{ name: '.x', type, data: bytes(), entsize }]);
    expect(said(file)).toEqual([`Bad section header(${shown}) entsize: ${entsize}\n`, false]);
  });

  test('the size of an entry is printed as a signed number', () => {
    const file = buildElf(ARM64_OBJECT, [{ name: '.x', type: SHT_SYMTAB, data: bytes() }]);
    const shoff = Number(new DataView(file.buffer).getBigUint64(40, true));
    expect(said(patched(file, shoff + 64 + 56, U64_MAX, 8))).toEqual(['Bad section header(2) entsize: -1\n', false]);
  });

  test('without the check of sizes, segments are cut where the file ends', () => {
    const file = buildElf(ARM64_CORE, [], {
      segments: [
        { ...load, filesz: U64_MAX },
        { ...load, offset: U64_MAX },
      ],
    });
    const info = buildElfInfo(file, { log: silentLog, skipFileSizeCheck: true })!;
    expect(info.programHeaders.map(({ data }) => data.length > 0)).toEqual([true, false]);
    expect(info.programHeaders[0]!.data.at(-1)).toBe(file.at(-1));
  });

  test('without the check of sizes, truncated program headers are told of', () => {
    const file = buildElf(ARM64_CORE, [], { segments: [load, load] });
    expect(said(file.subarray(0, 100), true)).toEqual([
      'ELF program headers truncated have 100 bytes need 176 bytes\n',
      false,
    ]);
  });
});

describe('notes', () => {
  const kind = ARM64_CORE;
  const segmentOf = (data: Uint8Array): BuiltSegment => ({ type: PT_NOTE, data });
  const first = note(kind, 'CORE\0', 1, bytes(1, 2, 3, 4, 5));
  const second = note(kind, '', 2, bytes());

  test('are read from the first segment of notes that has an offset', () => {
    const segments = [{ ...segmentOf(bytes()), offset: 0 }, segmentOf(concat(first, second)), segmentOf(bytes(1))];
    const info = buildElfInfo(buildElf(kind, [], { segments }), { log: silentLog })!;
    expect(info.notes.map(({ name, type, desc }) => [name, type, [...desc]])).toEqual([
      ['CORE', 1, [1, 2, 3, 4, 5]],
      ['', 2, []],
    ]);
  });

  test('are read from the first section of notes otherwise', () => {
    const file = buildElf(kind, [{ name: '.note', type: SHT_NOTE, data: first }]);
    expect(buildElfInfo(file, { log: silentLog })!.notes).toHaveLength(1);
  });

  test('may have a name without NUL', () => {
    const file = buildElf(kind, [], { segments: [segmentOf(note(kind, 'ABCD', 7, bytes(1)))] });
    const log = keepingLog();
    expect(buildElfInfo(file, { log })!.notes[0]).toMatchObject({ name: 'ABCD', type: 7 });
    expect(log.text()).toBe('Warning: Elf Note name is not null terminated\n');
  });

  test.each([
    ['a header is cut', first.subarray(0, 11)],
    ['a name is cut', patched(second, 0, 4n, 4)],
    ['a description is cut', first.subarray(0, first.length - 1)],
    ['the padded size of a name wraps at 32 bits', patched(second, 0, 0xffff_ffffn, 4)],
    ['something follows', concat(first, bytes(0))],
  ])('are corrupted when %s', (_what, data) => {
    const file = buildElf(kind, [], { segments: [segmentOf(data)] });
    expect(said(file)).toEqual(['ELF Note corrupted !\n', false]);
  });

  test('of a recorded /proc/kcore', () => {
    const file = readFileSync('machines/virt-2g/proc/kcore');
    const info = buildElfInfo(file, { log: silentLog, skipFileSizeCheck: true })!;
    expect(info.notes.map(({ name, type }) => [name, type])).toEqual([
      ['CORE', 1],
      ['CORE', 3],
      ['CORE', 4],
      ['VMCOREINFO', 0],
    ]);
    expect(info.programHeaders).toHaveLength(6);
    expect(said(file)).toEqual(['', false]);
  });
});

describe('buildElfExecInfo', () => {
  const build = (kind: ElfKind, segments: readonly BuiltSegment[]): [string, boolean] => {
    const log = keepingLog();
    const info = buildElfExecInfo(buildElf(kind, [], { segments }), { log });
    return [log.text(), info !== undefined];
  };

  test.each([2, 3, 4])('takes type %i', (type) => {
    expect(build({ ...ARM64_EXECUTABLE, type }, [load])).toEqual(['', true]);
  });

  test.each([0, 1, 5, 0xff00])('does not take type %i', (type) => {
    expect(build({ ...ARM64_EXECUTABLE, type }, [load])).toEqual(['', false]);
  });

  test('wants program headers', () => {
    expect(build(ARM64_EXECUTABLE, [])).toEqual(['No ELF program header\n', false]);
  });

  test('wants no interpreter', () => {
    const interp = { type: PT_INTERP, data: bytes() };
    expect(build(ARM64_EXECUTABLE, [load, interp])).toEqual(['Requires an ELF interpreter\n', false]);
  });
});

describe('elfExecLoad', () => {
  const infoOf = (segments: readonly BuiltSegment[]) =>
    buildElfExecInfo(buildElf(ARM64_EXECUTABLE, [], { segments, entry: 0x1234 }), { log: silentLog })!;

  test('adds what is to be loaded', () => {
    const added: [number[], bigint, bigint][] = [];
    const segments = [load, { type: PT_NOTE, data: bytes() }, { ...load, paddr: 0x8000, memsz: 2 }];
    const entry = elfExecLoad(infoOf(segments), (data, base, memsz) => added.push([[...data], base, memsz]));
    expect(entry).toBe(0x1234n);
    expect(added).toEqual([
      [[1, 2, 3], 0x2000n, 16n],
      [[1, 2], 0x8000n, 2n],
    ]);
  });

  test('adds the base to the addresses, modulo 2^64', () => {
    const bases: bigint[] = [];
    const entry = elfExecLoad(infoOf([load]), (_data, base) => bases.push(base), U64_MAX);
    expect([entry, ...bases]).toEqual([0x1233n, 0x1fffn]);
  });

  test('fails without program headers', () => {
    const info = buildElfInfo(buildElf(ARM64_EXECUTABLE, []), { log: silentLog })!;
    expect(() => elfExecLoad(info, () => {})).toThrow(KexecError);
  });
});
