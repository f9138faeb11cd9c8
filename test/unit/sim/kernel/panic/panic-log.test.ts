import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type Generation, traitsOf } from '../../../../../sim/kernel/facts/generations.js';
import { nullFault, oopsLines } from '../../../../../sim/kernel/panic/oops-log.js';
import {
  type Scene,
  SYSRQ_REASON,
  byeLine,
  panicLine,
  startingLine,
  stoppingLine,
  sysrqLine,
  whereLines,
} from '../../../../../sim/kernel/panic/panic-log.js';
import { vmcoreDmesg } from '../../../../../vmcore-dmesg/vmcore-dmesg.js';
import { memorySystem } from '../../../../support/files/memory-system.js';

const sceneOf = (generation: Generation, release: string, version: string, cpu: number): Scene => ({
  traits: traitsOf(generation).dying,
  uts: { nodename: '(none)', release, version },
  hardware: 'linux,dummy-virt (DT)',
  cpu,
  pid: 1,
  comm: 'init',
  isLoaded: true,
});

/** What Debian's kernels said that crashed in QEMU, from the cause on; without call traces. */
const realWords = (release: string): readonly string[] => {
  const core = new Uint8Array(gunzipSync(readFileSync(`test/data/vmcore/${release}-texts.core.gz`)));
  const log = [...vmcoreDmesg(memorySystem({ core }), 'core')].join('').split('\n');
  return log
    .map((line) => line.replace(/^\[ *\d+\.\d+\] /, ''))
    .slice(log.findIndex((line) => line.endsWith('sysrq: Trigger a crash')))
    .filter((line) => line !== '' && line !== 'Call trace:' && !/^ [a-z_]\w*(\.\w+)*\+0x/.test(line));
};

test.each([
  ['5.10', '5.10.0-32-cloud-arm64', '#1 SMP Debian 5.10.223-1 (2024-08-10)', 1],
  ['6.1', '6.1.0-50-cloud-arm64', '#1 SMP Debian 6.1.176-1 (2026-07-02)', 1],
  ['6.12', '6.12.107+deb13-cloud-arm64', '#1 SMP Debian 6.12.107-1 (2026-06-01)', 0],
] as const)('a panic of %s has the words of a real one', (generation, release, version, cpu) => {
  const scene = sceneOf(generation, release, version, cpu);
  const ours = [
    sysrqLine(),
    panicLine(SYSRQ_REASON),
    ...whereLines(scene),
    stoppingLine(),
    startingLine(),
    byeLine(),
  ].map(({ text }) => text);
  expect(ours).toEqual(realWords(generation));
});

describe('an oops', () => {
  const registers = { x: Array.from({ length: 31 }, (_, i) => BigInt(i)), sp: 0x1000n, pc: 0n, pstate: 0x6000_0005n };
  const linesOf = (generation: Generation): readonly string[] =>
    oopsLines(sceneOf(generation, '0', '#1', 0), registers, nullFault(0n), 4096n).map(({ text }) => text);

  test('of 5.10 has two registers in a line, and no status of the fault', () => {
    const lines = linesOf('5.10');
    expect(lines).toContain('  ESR = 0x86000004');
    expect(lines).toContain('pstate: 60000005 (nZCv daif -PAN -UAO -TCO BTYPE=--)');
    expect(lines).toContain('x29: 000000000000001d x28: 000000000000001c ');
    expect(lines.join('\n')).not.toContain('FSC');
  });

  test('of later ones has three, and the status', () => {
    const lines = linesOf('6.1');
    expect(lines).toContain('  ESR = 0x0000000086000004');
    expect(lines).toContain('  FSC = 0x04: level 0 translation fault');
    expect(lines).toContain('x2 : 0000000000000002 x1 : 0000000000000001 x0 : 0000000000000000');
    expect(lines).toContain('Internal error: Oops: 0000000086000004 [#1] SMP');
    expect(linesOf('7.2')).toContain('Internal error: Oops: 0000000086000004 [#1]  SMP');
  });

  test('of 6.12 tells ISS2 of a data abort', () => {
    const scene = sceneOf('6.12', '0', '#1', 0);
    const lines = oopsLines(scene, { ...registers, pc: 4n }, { esr: 0x9600_0045n, far: 0x1_0000n }, 4096n);
    expect(lines.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        'Unable to handle kernel paging request at virtual address 0000000000010000',
        '  ISV = 0, ISS = 0x00000045, ISS2 = 0x00000000',
        '  CM = 0, WnR = 1, TnD = 0, TagAccess = 0',
        '  GCS = 0, Overlay = 0, DirtyBit = 0, Xs = 0',
      ]),
    );
  });
});
