import { beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { vmcoreDmesg } from '../../../browser.js';
import { compatFor, type Release } from '../../../kexec/base/compat.js';
import type { CoreSource } from '../../../kexec/running-kernel/core-reader.js';
import { Errno, KexecError, SystemError } from '../../../kexec/base/error.js';
import { DEBIAN_RELEASES } from '../../conformance/debian.js';
import { DATA, FAULTS, allCases } from '../../machine/vmcore/cases.js';
import { mismatch, ourOutcome, readRealOutcomes } from '../../machine/vmcore/outcome.js';
import { coreOf, recordLog, ringbufferLog, type InfoLines } from '../../support/files/core-builder.js';
import { keepingLog, memorySystem } from '../../support/files/memory-system.js';
import { useTempDir } from '../../support/machine/sim-support.js';

const temp = useTempDir();
const recorded = (name: string): Uint8Array => gunzipSync(readFileSync(join(DATA, `${name}.core.gz`)));

const REAL = readRealOutcomes();
const CASES = allCases();

describe('does as the real one', () => {
  test('of which all outcomes are kept', () => {
    expect(CASES.length).toBeGreaterThan(300);
    expect(Object.keys(REAL).sort()).toEqual(CASES.map(({ name }) => name).sort());
    for (const name of FAULTS.keys()) expect(REAL).toHaveProperty([name]);
  });

  test.each(CASES)('$name', ({ name, core }) => {
    const file = join(temp.make('core'), 'core');
    writeFileSync(file, core());
    const wrong = DEBIAN_RELEASES.map((release) => {
      const theirs = REAL[name]!.find(({ releases }) => releases.includes(release));
      return mismatch(name, release, theirs, ourOutcome(file, 'core', release));
    });
    expect(wrong).toEqual(DEBIAN_RELEASES.map(() => undefined));
  });
});

/** All text, or the error. */
const dmesg = (core: Uint8Array, options: Parameters<typeof vmcoreDmesg>[2] = {}): string =>
  [...vmcoreDmesg(memorySystem({ core }), 'core', options)].join('');

const errorOf = (source: CoreSource): KexecError => {
  try {
    Array.from(vmcoreDmesg(source, 'core'));
  } catch (error) {
    if (error instanceof KexecError) return error;
    throw error;
  }
  throw new Error('no error');
};

describe('vmcoreDmesg', () => {
  test.each(['5.10', '6.1', '6.12'])("prints Linux %s's last words", (release) => {
    const text = dmesg(recorded(`${release}-texts`));
    expect(text).toMatch(new RegExp(`Linux version ${release.replace('.', '\\.')}\\.`));
    expect(text).toMatch(/\] first line\nsecond line\n\nfourth line\n/);
    expect(text).toMatch(/UTF-8: Gr\\xc3\\xbc\\xc3\\x9fe/);
    expect(text).toMatch(/Kernel panic - not syncing: sysrq triggered crash\n[^]*Bye!\n$/);
  });

  test('prints records of nothing, however many, for which the original has no room', () => {
    const records = Array.from({ length: 300 }, () => ({ text: '' }));
    expect(dmesg(coreOf(recordLog(records, { size: 8192 })))).toBe('[    0.000000] \n'.repeat(300));
  });

  test('gives what is there before it fails', () => {
    const text = vmcoreDmesg(
      memorySystem({
        core: coreOf(ringbufferLog([{ text: 'a' }, { text: 'b', begin: 500, next: 4, textLength: 600 }])),
      }),
      'core',
    );
    expect(text.next()).toEqual({ done: false, value: '[    0.000000] a\n' });
    expect(() => text.next()).toThrow('The log is corrupted: byte 0x8 of text_data is wanted, which has 512 bytes');
  });

  test('ends, however far the head is from the tail', () => {
    const core = coreOf(ringbufferLog([{ text: 'a' }], { tail: 5, head: 4 }));
    expect(errorOf(memorySystem({ core }))).toMatchObject({
      exitCode: 68,
      message: 'The log is corrupted: its oldest record, 5, is too far from its newest, 4',
    });
  });

  test('reads no more of a large file than the log', () => {
    const core = recorded('6.12-texts');
    let bytes = 0;
    const source: CoreSource = {
      readAt: (_path, offset, length) => {
        const part = core.subarray(offset, offset + length);
        bytes += part.length;
        return part;
      },
    };
    expect([...vmcoreDmesg(source, 'core')].join('')).toContain('Bye!');
    expect(bytes).toBeLessThan(4 * core.length);
  });

  test('says why a file is none, in one error', () => {
    expect(errorOf(memorySystem({ core: 'MZ' }))).toMatchObject({
      exitCode: 3,
      text: 'Read of e_ident from core failed: Success\nUnable to read ELF information from vmcore\n',
    });
    expect(errorOf(memorySystem({}))).toMatchObject({
      exitCode: 2,
      errno: -Errno.ENOENT,
      message: 'Cannot open core: No such file or directory',
    });
  });

  test('tells of a fault of the disk wherever the log is', () => {
    const core = recorded('6.12-texts');
    const endings = Array.from({ length: 50 }, (_, i) => {
      const at = Math.floor((core.length * i) / 50);
      const source: CoreSource = {
        readAt: (path, offset, length) => {
          if (offset <= at && at < offset + length) throw new SystemError('read', path, Errno.EIO);
          return core.subarray(offset, offset + length);
        },
      };
      try {
        return [...vmcoreDmesg(source, 'core')].at(-1);
      } catch (error) {
        return (error as KexecError).message.replace(/[^]*: (Input\/output error)(\nUnable to read.*)?$/, '$1');
      }
    });
    expect(new Set(endings)).toEqual(new Set(['Input/output error', '[    6.788257] Bye!\n']));
  });

  test('warns of a PHYS_OFFSET that is no number, and goes on', () => {
    const built = ringbufferLog([{ text: 'a' }]);
    const log = keepingLog();
    expect(dmesg(coreOf({ ...built, info: { ...built.info, 'NUMBER(PHYS_OFFSET)': 'x' } }), { log })).toBe(
      '[    0.000000] a\n',
    );
    expect(log.text()).toBe('Invalid data NUMBER(PHYS_OFFSET)=x\n');
  });

  describe('of the development tree, where no program header has the address of the log', () => {
    const PAGE_OFFSET = { 'NUMBER(PAGE_OFFSET)': 'ffff000000000000' };
    const NOT_COVERED = 'No program header covering vaddr 0xffff000008000000 found kexec bug?';
    const {
      info,
      segments: [variables, log],
      ...rest
    } = recordLog([{ text: 'a' }]);
    const outcome = (numbers: InfoLines, release: Release = '2.0.32.git'): string => {
      const core = coreOf({ ...rest, info: { ...info, ...numbers }, segments: [variables!, { ...log!, vaddr: 0n }] });
      try {
        return dmesg(core, { compat: compatFor(release) });
      } catch (error) {
        return (error as KexecError).message;
      }
    };

    test.each<[string, InfoLines, string]>([
      ['found by the linear map', { ...PAGE_OFFSET, 'NUMBER(PHYS_OFFSET)': '0x40000000' }, '[    0.000000] a\n'],
      ['found by its other name', { ...PAGE_OFFSET, 'NUMBER(phys_ram_base)': '0x40000000' }, '[    0.000000] a\n'],
      [
        'found by the last of two',
        { ...PAGE_OFFSET, 'NUMBER(PHYS_OFFSET)': '0', 'NUMBER(phys_ram_base)': '0x40000000' },
        '[    0.000000] a\n',
      ],
      ['not found at another place', { ...PAGE_OFFSET, 'NUMBER(PHYS_OFFSET)': '0x80000000' }, NOT_COVERED],
      ['not found without PAGE_OFFSET', { 'NUMBER(PHYS_OFFSET)': '0x40000000' }, NOT_COVERED],
      ['not found without PHYS_OFFSET', PAGE_OFFSET, NOT_COVERED],
      [
        'not found below the linear map',
        { 'NUMBER(PAGE_OFFSET)': 'ffffff0000000000', 'NUMBER(PHYS_OFFSET)': '0' },
        NOT_COVERED,
      ],
    ])('it is %s', (_, numbers, expected) => {
      expect(outcome(numbers)).toBe(expected);
    });

    test('2.0.32 does not look there', () => {
      expect(outcome({ ...PAGE_OFFSET, 'NUMBER(PHYS_OFFSET)': '0x40000000' }, '2.0.32')).toBe(
        NOT_COVERED.replace(' found', 'found'),
      );
    });
  });

  test('knows no ring buffer as 2.0.20', () => {
    expect(() => dmesg(recorded('6.1-texts'), { compat: compatFor('2.0.20') })).toThrow('Missing the log_buf symbol');
  });
});

describe('the command', () => {
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/vmcore-dmesg', ...args], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      encoding: 'latin1',
    });
    return { code: status, out: stdout, err: stderr };
  };
  let core = '';
  beforeAll(() => {
    core = join(temp.make('core'), 'vmcore');
    writeFileSync(core, recorded('6.12-wrapped'));
  });

  test('writes the log to stdout', () => {
    const { code, out, err } = run([core]);
    expect([code, err]).toEqual([0, '']);
    expect(out).toBe(dmesg(recorded('6.12-wrapped')));
  });

  test.each<[readonly string[], Readonly<Record<string, string>>, number, RegExp]>([
    [[], {}, 1, /^usage: vmcore-dmesg <kernel core file>\n$/],
    [['a', 'b'], {}, 1, /^usage: vmcore-dmesg <kernel core file>\n$/],
    [['--help'], {}, 2, /^Cannot open --help: No such file or directory\n$/],
    [['-'], {}, 2, /^Cannot open -: No such file or directory\n$/],
    [[''], {}, 2, /^Cannot open : No such file or directory\n$/],
    [['.'], {}, 3, /^Read of e_ident from \. failed: Is a directory\nUnable to read ELF information from vmcore\n$/],
    [['package.json'], {}, 4, /^Missing elf signature\nUnable to read ELF information from vmcore\n$/],
    [['/proc/vmcore'], {}, 2, /^Cannot open \/proc\/vmcore: No such file or directory\n$/],
    [['package.json'], { KEXEC_COMPAT: '9.9' }, 1, /^vmcore-dmesg: KEXEC_COMPAT: "9\.9" is not [^\n]*\n$/],
    [['package.json'], { KEXEC_MACHINE: '/none/such' }, 1, /^[^\n]*\/none\/such[^\n]*\n$/],
  ])('%j', (args, env, code, err) => {
    expect(run(args, env)).toEqual({ code, out: '', err: expect.stringMatching(err) });
  });

  test('takes /proc/vmcore from the recorded machine', () => {
    const machine = temp.make('machine');
    mkdirSync(join(machine, 'proc'));
    mkdirSync(join(machine, 'sys'));
    writeFileSync(join(machine, 'proc', 'vmcore'), recorded('5.10-texts'));
    expect(run(['/proc/vmcore'], { KEXEC_MACHINE: machine })).toEqual({
      code: 0,
      out: dmesg(recorded('5.10-texts')),
      err: '',
    });
  });

  test('does not wait for a pipe', () => {
    const pipe = join(temp.make('pipe'), 'pipe');
    spawnSync('mkfifo', [pipe]);
    expect(run([pipe])).toMatchObject({
      code: 3,
      err: `Read of e_ident from ${pipe} failed: Illegal seek\nUnable to read ELF information from vmcore\n`,
    });
  });

  test('reads from a file of terabytes', () => {
    const built = ringbufferLog([{ text: 'far away' }]);
    const far = 2 ** 33;
    const small = coreOf(built);
    const file = join(temp.make('large'), 'vmcore');
    const fd = openSync(file, 'w');
    // The last segment, which has the texts, goes to the far end.
    const text = built.segments.at(-1)!.data;
    const header = 64 + built.segments.length * 56;
    const head = Buffer.from(small);
    head.writeBigUInt64LE(BigInt(far), header + 8);
    writeSync(fd, head);
    writeSync(fd, text, 0, text.length, far);
    ftruncateSync(fd, far * 2);
    closeSync(fd);
    expect(run([file])).toEqual({ code: 0, out: '[    0.000000] far away\n', err: '' });
  });

  test('says when it cannot write', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, ['bin/vmcore-dmesg', core], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'latin1',
    });
    closeSync(full);
    expect([status, stderr]).toEqual([54, 'Failed to write out the dmesg log buffer!: No space left on device\n']);
  });

  test('ends quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, ['bin/vmcore-dmesg', core], { stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.on('data', (bytes: Buffer) => {
      err += bytes.toString('latin1');
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([code, err]).toEqual([141, '']);
  });
});
