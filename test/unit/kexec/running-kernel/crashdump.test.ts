import { describe, expect, test } from '@jest/globals';
import { crashCreateElf64Headers, type CrashHeaderRequest } from '../../../../kexec/running-kernel/crashdump-elf.js';
import { getCrashNotesPerCpu, getKernelVmcoreinfo } from '../../../../kexec/running-kernel/crashdump.js';
import { Errno, KexecError } from '../../../../kexec/base/error.js';
import { isLittleEndian, readFileHeader, readProgramHeader } from '../../../../kexec/elf/elf.js';
import { silentLog } from '../../../../kexec/base/log.js';
import { RANGE_RAM, RANGE_RESERVED, Range } from '../../../../kexec/base/range.js';
import { keepingLog, memorySystem, type MemoryFile } from '../../../support/files/memory-system.js';

const U64_MAX = 2n ** 64n - 1n;
const CPU0 = '/sys/devices/system/cpu/cpu0/crash_notes';
const VMCOREINFO = '/sys/kernel/vmcoreinfo';

type Files = Readonly<Record<string, MemoryFile>>;

const textOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof KexecError && error.died) return error.text;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('getCrashNotesPerCpu', () => {
  const get = (files: Files): unknown => getCrashNotesPerCpu(memorySystem(files), 0, silentLog);

  test.each<[string, string, bigint, bigint]>([
    ['bfbd4000\n', '424\n', 0xbfbd4000n, 424n],
    [' 0xBF', '\t+7 bytes', 0xbfn, 7n],
    ['-1\nsecond', '-1', U64_MAX, U64_MAX],
    ['123456789abcdef01', '99999999999999999999999', U64_MAX, U64_MAX],
    [`${' '.repeat(158)}12`, '1', 1n, 1n],
    ['7\x003', '4\x002', 7n, 4n],
  ])('reads %j and %j', (notes, size, address, bytes) => {
    expect(get({ [CPU0]: notes, [`${CPU0}_size`]: size })).toEqual({ address, size: bytes });
  });

  test('takes 1024 bytes when the size is not told', () => {
    expect(get({ [CPU0]: '1000' })).toEqual({ address: 0x1000n, size: 1024n });
    expect(get({ [CPU0]: '1000', [`${CPU0}_size`]: { call: 'open', errno: Errno.EACCES } })).toMatchObject({
      size: 1024n,
    });
  });

  test('says what it found', () => {
    const log = keepingLog(true);
    getCrashNotesPerCpu(memorySystem({ [CPU0]: 'bfbd4000', [`${CPU0}_size`]: '424' }), 0, log);
    expect(log.text()).toBe('get_crash_notes_per_cpu: crash_notes addr = bfbd4000, size = 424\n');
  });

  test('a CPU may be missing', () => {
    expect(get({ '/sys/devices/x': '' })).toBeUndefined();
  });

  test.each<[string, Files, string]>([
    ['no sysfs', {}, '"/sys/devices" does not exist. Sysfs does not seem to be mounted. Try mounting sysfs.\n'],
    ['no access', { [CPU0]: { call: 'open', errno: Errno.EACCES } }, `Could not open "${CPU0}": Permission denied\n`],
    [
      'sysfs of no access',
      { '/sys/devices': { call: 'stat' as 'open', errno: Errno.EACCES } },
      'Could not open "/sys/devices": Permission denied\n',
    ],
    ['an empty file', { [CPU0]: '' }, `Cannot parse ${CPU0}: No such file or directory\n`],
    ['no number', { [CPU0]: 'x1' }, `Cannot parse ${CPU0}: No such file or directory\n`],
    ['an empty line', { [CPU0]: '\n1' }, `Cannot parse ${CPU0}: No such file or directory\n`],
    ['a directory', { [CPU0]: { call: 'read', errno: Errno.EISDIR } }, `Cannot parse ${CPU0}: Is a directory\n`],
    [
      'no number of bytes',
      { [CPU0]: '1', [`${CPU0}_size`]: 'a' },
      `Cannot parse ${CPU0}_size: No such file or directory\n`,
    ],
  ])('dies of %s', (_what, files, text) => {
    expect(textOf(() => get(files))).toBe(text);
  });
});

describe('getKernelVmcoreinfo', () => {
  const get = (files: Files): unknown => getKernelVmcoreinfo(memorySystem(files));

  test('reads two hexadecimal numbers', () => {
    expect(get({ [VMCOREINFO]: '0x0000000042308000 1024\n' })).toEqual({ address: 0x42308000n, size: 0x1024n });
  });

  test('may be missing, for whatever reason', () => {
    expect(get({})).toBeUndefined();
    expect(get({ [VMCOREINFO]: { call: 'open', errno: Errno.EACCES } })).toBeUndefined();
  });

  test.each(['', '\n', 'x'])('dies of %j', (text) => {
    expect(textOf(() => get({ [VMCOREINFO]: text }))).toBe(`Cannot parse ${VMCOREINFO}: No such file or directory\n`);
  });

  test.each(['1', '1 x'])('dies of %j with the errno that a converted number leaves', (text) => {
    expect(textOf(() => get({ [VMCOREINFO]: text }))).toBe(`Cannot parse ${VMCOREINFO}: Success\n`);
  });
});

describe('crashCreateElf64Headers', () => {
  const files: Files = {
    [VMCOREINFO]: '42308000 1024',
    [CPU0]: 'bfbd4000',
    [`${CPU0}_size`]: '424',
    '/sys/devices/system/cpu/cpu2/crash_notes': 'bfbd8000',
  };
  const request: CrashHeaderRequest = {
    system: memorySystem(files, { nrCpus: 3 }),
    log: silentLog,
    machine: 183,
    preservesContext: false,
    kernVaddrStart: 0xffff800008000000n,
    kernPaddrStart: 0x40210000n,
    kernSize: 0x1a90000n,
    ranges: [
      { range: Range.inclusive(0x40000000n, 0xa99fffffn), type: RANGE_RAM },
      { range: Range.inclusive(0n, 0n), type: RANGE_RAM },
      { range: Range.inclusive(0x100n, 0x1ffn), type: RANGE_RESERVED },
    ],
    physToVirt: (address) => address + 0xffff000000000000n,
  };

  const layoutOf = (bytes: Uint8Array) => ({ class: bytes[4]!, data: bytes[5]! });
  const headersOf = (bytes: Uint8Array): string[] =>
    Array.from({ length: readFileHeader(bytes, layoutOf(bytes)).phnum }, (_, i) => {
      const { type, flags, offset, paddr, vaddr, filesz, memsz, align } = readProgramHeader(
        bytes,
        layoutOf(bytes),
        64 + i * 56,
      );
      return [type, flags, offset, paddr, vaddr, filesz, memsz, align].map((field) => field.toString(16)).join(' ');
    });

  test('tells of notes, kernel and memory', () => {
    const log = keepingLog(true);
    const bytes = crashCreateElf64Headers({ ...request, log });
    expect(bytes).toHaveLength(1024);
    expect([...bytes.subarray(0, 16)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(readFileHeader(bytes, layoutOf(bytes))).toEqual({
      type: 4,
      machine: 183,
      version: 1,
      entry: 0n,
      phoff: 64n,
      shoff: 0n,
      flags: 0,
      ehsize: 64,
      phentsize: 56,
      phnum: 5,
      shentsize: 0,
      shnum: 0,
      shstrndx: 0,
    });
    expect(headersOf(bytes)).toEqual([
      '4 0 bfbd4000 bfbd4000 0 1a8 1a8 0',
      '4 0 bfbd8000 bfbd8000 0 400 400 0',
      '4 0 42308000 42308000 0 1024 1024 0',
      '1 7 40210000 40210000 ffff800008000000 1a90000 1a90000 0',
      '1 7 40000000 40000000 ffff000040000000 69a00000 69a00000 0',
    ]);
    expect(log.text()).toBe(
      [
        'get_crash_notes_per_cpu: crash_notes addr = bfbd4000, size = 424',
        'Elf header: p_type = 4, p_offset = 0xbfbd4000 p_paddr = 0xbfbd4000 p_vaddr = 0x0 p_filesz = 0x1a8 p_memsz = 0x1a8',
        'get_crash_notes_per_cpu: crash_notes addr = bfbd8000, size = 1024',
        'Elf header: p_type = 4, p_offset = 0xbfbd8000 p_paddr = 0xbfbd8000 p_vaddr = 0x0 p_filesz = 0x400 p_memsz = 0x400',
        'vmcoreinfo header: p_type = 4, p_offset = 0x42308000 p_paddr = 0x42308000 p_vaddr = 0x0 p_filesz = 0x1024 p_memsz = 0x1024',
        'Kernel text Elf header: p_type = 1, p_offset = 0x40210000 p_paddr = 0x40210000 p_vaddr = 0xffff800008000000 p_filesz = 0x1a90000 p_memsz = 0x1a90000',
        'Elf header: p_type = 1, p_offset = 0x40000000 p_paddr = 0x40000000 p_vaddr = 0xffff000040000000 p_filesz = 0x69a00000 p_memsz = 0x69a00000',
        '',
      ].join('\n'),
    );
  });

  test('leaves VMCOREINFO out of a kernel that is to come back, and the kernel when it is not known', () => {
    expect(headersOf(crashCreateElf64Headers({ ...request, preservesContext: true, kernSize: 0n }))).toHaveLength(3);
  });

  test('has room for the CPUs that are not there', () => {
    const system = memorySystem(files, { nrCpus: 100 });
    const bytes = crashCreateElf64Headers({ ...request, system });
    expect(bytes).toHaveLength(Math.ceil((64 + (100 + 1 + 1 + 3) * 56) / 1024) * 1024);
    expect(headersOf(bytes)).toHaveLength(5);
  });

  test('fits an exact multiple of 1 KiB', () => {
    // 64 bytes and 72 program headers of 56.
    const system = memorySystem({ '/sys/devices/x': '' }, { nrCpus: 72 });
    expect(crashCreateElf64Headers({ ...request, system, kernSize: 0n, ranges: [] })).toHaveLength(4096);
  });

  test('can be big-endian', () => {
    const bytes = crashCreateElf64Headers({ ...request, data: 2 });
    expect(headersOf(bytes)).toEqual(headersOf(crashCreateElf64Headers(request)));
    expect(isLittleEndian(layoutOf(bytes))).toBe(false);
    expect([...bytes.subarray(16, 20)]).toEqual([0, 4, 0, 183]);
  });
});
