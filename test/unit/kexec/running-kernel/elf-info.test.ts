import { describe, expect, test } from '@jest/globals';
import { readKcore, type Kcore } from '../../../../kexec/running-kernel/elf-info.js';
import { Errno, KexecError, SystemError } from '../../../../kexec/base/error.js';
import { silentLog } from '../../../../kexec/base/log.js';
import { Vmcoreinfo, scanVmcoreinfo } from '../../../../kexec/running-kernel/vmcoreinfo.js';
import { ARM64_CORE, buildElf, concat, note, type BuiltSegment } from '../../../support/files/elf-builder.js';
import { keepingLog, memorySystem, type MemoryFile } from '../../../support/files/memory-system.js';
import { recordedFile } from '../../../support/recorded.js';

const PT_LOAD = 1;
const PT_NOTE = 4;
const U64_MAX = 2n ** 64n - 1n;
const KCORE = '/proc/kcore';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const vmcoreinfo = (text: string): Uint8Array => note(ARM64_CORE, 'VMCOREINFO\0', 0, ascii(text));
const notes = (...parts: readonly Uint8Array[]): BuiltSegment => ({ type: PT_NOTE, data: concat(...parts) });
const core = (...segments: readonly BuiltSegment[]): Uint8Array => buildElf(ARM64_CORE, [], { segments });

const read = (file: MemoryFile, previous?: Kcore): { readonly kcore: Kcore; readonly text: string } => {
  const log = keepingLog();
  const kcore = readKcore(memorySystem({ [KCORE]: file }), KCORE, log, { previous });
  return { kcore, text: log.text() };
};

const exit = (file: MemoryFile): [number, string] => {
  try {
    read(file);
  } catch (error) {
    if (error instanceof KexecError) return [error.exitCode, error.text];
    throw error;
  }
  return [0, ''];
};

describe('a recorded /proc/kcore', () => {
  test.each([
    ['virt-2g', '6.1.0-50-cloud-arm64', 0xffffabf740000000n, 48],
    ['virt-8g', '6.1.0-50-cloud-arm64', 0xffffd1ef80000000n, 48],
    ['virt-el2-4g', '6.12.107+deb13-cloud-arm64', 0xfff0e44440000000n, 52],
  ])('of %s', (machine, release, physOffset, vaBits) => {
    const { kcore, text } = read(recordedFile(machine, '/proc/kcore'));
    expect([text, kcore.result]).toEqual(['', 0]);
    expect(kcore.vmcoreinfo.osRelease).toBe(release);
    expect([kcore.physOffset, kcore.vaBits]).toEqual([physOffset, vaBits]);
    expect([kcore.programHeaders.length, kcore.ptLoadCount]).toEqual([6, 5]);
  });
});

describe('ptLoads', () => {
  const load = (paddr: bigint, vaddr: bigint): BuiltSegment => ({
    type: PT_LOAD,
    data: new Uint8Array(),
    paddr,
    vaddr,
    memsz: 0x10,
  });
  const file = core(notes(), load(0x1000n, 0x2000n), load(U64_MAX, U64_MAX));

  test('takes the first of all headers, as many as are PT_LOAD', () => {
    expect(read(file).kcore.ptLoads()).toEqual([
      { physAddr: 0n, physEnd: 0n, virtAddr: 0n, virtEnd: 0n },
      { physAddr: 0x1000n, physEnd: 0x1010n, virtAddr: 0x2000n, virtEnd: 0x2010n },
    ]);
  });

  test('counts those of an earlier reading, and ends with the headers', () => {
    const again = read(file, read(file).kcore).kcore;
    expect(again.ptLoadCount).toBe(4);
    expect(again.ptLoads()).toHaveLength(3);
    expect(again.ptLoads()[2]).toEqual({ physAddr: U64_MAX, physEnd: 0xfn, virtAddr: U64_MAX, virtEnd: 0xfn });
  });
});

describe('readKcore', () => {
  const good = core(notes(vmcoreinfo('NUMBER(PHYS_OFFSET)=0x40000000\n')));
  const patched = (at: number, ...values: number[]): Uint8Array => {
    const file = good.slice();
    file.set(values, at);
    return file;
  };

  test.each<[string, MemoryFile, number, string]>([
    ['short', good.subarray(0, 15), 3, 'Read of e_ident from (null) failed: Success\n'],
    ['unreadable', { call: 'read', errno: Errno.EIO }, 3, 'Read of e_ident from (null) failed: Input/output error\n'],
    ['no ELF file', patched(1, 0), 4, 'Missing elf signature\n'],
    ['of another version', patched(6, 0), 5, 'Bad elf version\n'],
    ['of another class', patched(4, 7), 6, 'Unknown elf class 7\n'],
    ['of another byte order', patched(5, 9), 7, 'Unkown elf data order 9\n'],
  ])('returns why a file is none: %s', (_what, file, result, message) => {
    const { kcore, text } = read(file);
    expect([kcore.result, text, kcore.physOffset, kcore.ptLoads()]).toEqual([result, message, undefined, []]);
  });

  test('keeps what an earlier reading found', () => {
    const { kcore } = read(good.subarray(0, 3), read(good).kcore);
    expect([kcore.result, kcore.physOffset]).toEqual([3, 0x40000000n]);
  });

  test.each<[string, MemoryFile, number, string]>([
    ['a short header', good.subarray(0, 63), 10, 'Read of Elf header from (null) failed: Success\n'],
    ['a bad version', patched(20, 2), 11, 'Bad Elf header version 2\n'],
    ['bad program headers', patched(54, 55), 12, 'Bad Elf progra header size 55 expected 56\n'],
    ['bad program headers of class 32', patched(4, 1), 12, 'Bad Elf progra header size 0 expected 32\n'],
    ['short program headers', good.subarray(0, 100), 16, 'Read of program header @ 64 for 56 bytes failed: Success\n'],
    [
      'program headers at an offset below 0',
      patched(39, 0x80),
      16,
      'Read of program header @ 9223372036854775872 for 56 bytes failed: Invalid argument\n',
    ],
    [
      'short notes',
      core({ ...notes(), offset: 0x10, filesz: 100_000 }),
      22,
      'Cannot read note section @ 0x10 of 100000 bytes: Success\n',
    ],
    [
      'notes at an offset below 0',
      core({ ...notes(), offset: 2n ** 63n }),
      22,
      'Cannot read note section @ 0x8000000000000000 of 0 bytes: Invalid argument\n',
    ],
    ['endless notes', core({ ...notes(), filesz: 2n ** 62n }), 21, 'Cannot malloc 4611686018427387904 bytes\n'],
    ['notes of -1 bytes', core({ ...notes(), filesz: U64_MAX }), 21, 'Cannot malloc 18446744073709551615 bytes\n'],
  ])('exits for %s', (_what, file, exitCode, message) => {
    expect(exit(file)).toEqual([exitCode, message]);
  });

  test('lets the caller speak when the file cannot be opened', () => {
    expect(() => read({ call: 'open', errno: Errno.EACCES })).toThrow(SystemError);
  });

  test('names the file when told its name', () => {
    const log = keepingLog();
    readKcore(memorySystem({ [KCORE]: '' }), KCORE, log, { name: 'vmcore' });
    expect(log.text()).toBe('Read of e_ident from vmcore failed: Success\n');
  });

  test('bounds the bytes of notes', () => {
    const system = {
      ...memorySystem({}),
      readAt: (_path: string, offset: number, length: number) => endless(offset, length),
    };
    const file = core({ ...notes(), filesz: 2n ** 39n });
    const endless = (offset: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(length);
      bytes.set(file.subarray(offset, offset + length));
      return bytes;
    };
    expect(() => readKcore(system, KCORE, silentLog)).toThrow('Cannot malloc 549755813888 bytes');
  });

  test.each([
    ['the last note decides', [vmcoreinfo('NUMBER(VA_BITS)=39\n'), vmcoreinfo('NUMBER(VA_BITS)=48\n')], 48],
    ['other names are left out', [note(ARM64_CORE, 'VMCOREINF\0', 0, ascii('NUMBER(VA_BITS)=48\n'))], undefined],
    ['other types are left out', [note(ARM64_CORE, 'VMCOREINFO\0', 1, ascii('NUMBER(VA_BITS)=48\n'))], undefined],
    [
      'a note behind one that is too long is left out',
      [ascii('\x01\0\0\0\xff\xff\xff\xff\0\0\0\0'), vmcoreinfo('NUMBER(VA_BITS)=48\n')],
      undefined,
    ],
  ])('%s', (_what, parts, vaBits) => {
    expect(read(core(notes(...parts))).kcore.vaBits).toBe(vaBits);
  });

  test('takes 13 bytes behind the notes for an error, and others not', () => {
    const results = Array.from(
      { length: 16 },
      (_, extra) => read(core(notes(vmcoreinfo('A=1\n'), new Uint8Array(extra)))).kcore.result,
    );
    expect(results).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0]);
  });
});

describe('VMCOREINFO', () => {
  const scan = (text: string): { readonly info: Vmcoreinfo; readonly text: string } => {
    const log = keepingLog();
    const values = new Map<string, string>();
    scanVmcoreinfo(ascii(text), values, log);
    return { info: new Vmcoreinfo(values), text: log.text() };
  };

  test('gives numbers by their kind', () => {
    const { info } = scan(
      'OSRELEASE=6.1\nSYMBOL(prb)=ffff0010\nSIZE(log)=16\nOFFSET(log.len)=8x\nnonsense\nLENGTH(a)=1=2\n',
    );
    expect(info.osRelease).toBe('6.1');
    expect(info.symbol('prb')).toBe(0xffff0010n);
    expect(info.sizeOf('log')).toBe(16n);
    expect(info.offsetOf('log.len')).toBe(8n);
    expect(info.text('LENGTH(a)')).toBe('1=2');
    expect([info.symbol('none'), info.physOffset, info.vaBits]).toEqual([undefined, undefined, undefined]);
  });

  test.each<[string, bigint | undefined, boolean]>([
    ['0x40000000', 0x40000000n, true],
    ['40000000', 40000000n, true],
    ['4000000a', 0x4000000an, true],
    [' 12', 12n, true],
    ['-1', undefined, true],
    ['-0x80000000', 0xffffffff80000000n, true],
    ['', 0n, true],
    ['12 ', 0x12n, false],
    ['0x', 0n, false],
    ['what', 0n, false],
    ['9223372036854775807', 0x7fffffffffffffffn, false],
    ['99999999999999999999', undefined, true],
  ])('PHYS_OFFSET %j is %s', (shown, value, valid) => {
    const { info, text } = scan(`NUMBER(PHYS_OFFSET)=${shown}\nNUMBER(VA_BITS)=48\n`);
    expect(info.physOffset).toBe(value);
    expect(text).toBe(valid ? '' : `Invalid data NUMBER(PHYS_OFFSET)=${shown}\n`);
    expect(info.vaBits).toBe(valid ? 48 : undefined);
  });

  test.each<[string, number | undefined]>([
    ['48', 48],
    ['48 bits', 48],
    ['x', 0],
    ['-1', undefined],
    ['4294967344', 48],
    ['4294967295', undefined],
    ['2147483648', -2147483648],
  ])('VA_BITS %j is %s', (shown, value) => {
    expect(scan(`NUMBER(VA_BITS)=${shown}\n`).info.vaBits).toBe(value);
  });

  test('a line ends at a NUL', () => {
    expect(scan('NUMBER(PHYS_OFFSET)=1\0 rest\n').info.physOffset).toBe(1n);
  });

  test('the last line needs no newline, but is cut after 1023 bytes', () => {
    expect(scan('A=1\nCRASHTIME=5').info.text('CRASHTIME')).toBe('5');
    expect(scan(`OSRELEASE=${'x'.repeat(5000)}`).info.osRelease).toHaveLength(1013);
    expect(scan(`OSRELEASE=${'x'.repeat(5000)}\n`).info.osRelease).toHaveLength(4095);
  });
});
