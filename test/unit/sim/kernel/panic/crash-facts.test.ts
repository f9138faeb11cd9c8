import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crashFacts } from '../../../../../sim/kernel/panic/crash-facts.js';
import { cpuList, formatCpuList } from '../../../../../sim/kernel/facts/facts.js';
import { packageId, utsOf } from '../../../../../sim/kernel/panic/uts.js';
import { recordedMachine } from '../../../../../sim/kernel/recorded-system.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();
const open = (machine: string) => recordedMachine({ machine, state: temp.make('state'), env: {} });

describe('what a recording tells of the dump of its kernel', () => {
  test('is where VMCOREINFO and the notes are, and what the first says', () => {
    const { vmcoreinfoAt, vmcoreinfo, online, notesOf } = crashFacts(open('virt-8g'));
    expect(vmcoreinfoAt).toEqual({ address: 0x1_0089_a000n, size: 0x1024n });
    const lines = new TextDecoder().decode(vmcoreinfo).split('\n');
    expect([lines[0], lines.at(-2), lines.at(-1)]).toEqual([
      'OSRELEASE=6.1.0-50-cloud-arm64',
      'NUMBER(KERNELPACMASK)=0x0',
      '',
    ]);
    expect(online).toEqual([0, 1, 2, 3]);
    expect(notesOf(3)).toEqual({ address: 0x2_3efc_c000n, size: 424n });
    expect(notesOf(4)).toBeUndefined();
  });

  test('may be nothing', () => {
    const machine = temp.make('machine');
    writeTree(machine, SMALL_MACHINE);
    const { vmcoreinfoAt, vmcoreinfo, online, notesOf } = crashFacts(open(machine));
    expect([vmcoreinfoAt, vmcoreinfo, online, notesOf(0)]).toEqual([undefined, undefined, [0], undefined]);
  });

  test.each([
    'not ELF',
    '\x7fELF\x02\x01\x01'.padEnd(64, '\xff'),
    '\x7fELF\x02\x01\x01'.padEnd(32, '\0') + '\x40'.padEnd(24, '\0') + '\x01\0\0\0\0\0\0\0',
  ])('is nothing where /proc/kcore is broken: %j', (kcore) => {
    const machine = temp.make('machine');
    writeTree(machine, { ...SMALL_MACHINE, 'proc/kcore': Uint8Array.from(kcore, (byte) => byte.charCodeAt(0)) });
    expect(crashFacts(open(machine)).vmcoreinfo).toBeUndefined();
  });
});

test('what a kernel calls itself is in /proc/version', () => {
  const uts = utsOf(open('virt-8g').files)!;
  expect(uts).toEqual({
    nodename: '(none)',
    release: '6.1.0-50-cloud-arm64',
    version: '#1 SMP Debian 6.1.176-1 (2026-07-02)',
  });
  expect(packageId(uts)).toBe(' Debian 6.1.176-1');
  expect(packageId({ ...uts, version: '#1 SMP' })).toBe('');
});

describe('lists of processors', () => {
  test.each([
    ['0', [0]],
    ['0-3,8', [0, 1, 2, 3, 8]],
    ['', undefined],
    ['3-1', undefined],
    ['0-99999', undefined],
    [undefined, undefined],
  ])('%j', (text, numbers) => {
    expect(cpuList(text)).toEqual(numbers);
  });

  test('are written as they are read', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 64 }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, (cpus) => expect(cpuList(formatCpuList(cpus))).toEqual(cpus.toSorted((a, b) => a - b))),
    );
  });
});
