import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Range } from '../../../../../kexec/base/range.js';
import { recordedMachine } from '../../../../../sim/kernel/recorded-system.js';
import { readCallFile, replay } from '../../../../../sim/kernel/replay.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

const open = (record?: string) => {
  const machine = temp.make('machine');
  writeTree(machine, SMALL_MACHINE);
  return recordedMachine({ machine, state: temp.make('state'), record, env: {} });
};

const segment = (start: bigint, data: Uint8Array) => ({ data, memory: Range.sized(start, 0x2000n), buf: 0n });

const replayFrom = async (path: string, system = open()): Promise<readonly unknown[]> => {
  const results: unknown[] = [];
  for await (const result of replay(system.kernel, readCallFile(path))) results.push(result);
  return results;
};

const replayCalls = (calls: unknown): Promise<readonly unknown[]> => {
  const folder = temp.make('calls');
  writeFileSync(join(folder, 'calls.json'), JSON.stringify(calls));
  return replayFrom(folder);
};

const LOAD = { call: 'kexec_load', entry: '0x60000000', flags: '0x0' };
const SEGMENT = { bufsz: '0x10', mem: '0x60000000', memsz: '0x1000', buf: 'valid' };

describe('recording', () => {
  test('writes what design and readers expect, over several commands', async () => {
    const record = join(temp.make('record'), 'new');
    const system = open(record);
    const data = new Uint8Array(5000).fill(3);
    await system.kexecLoad({
      entry: 0x6000_0000n,
      flags: 0xb7_0000n,
      segments: [segment(0x6000_0000n, data), segment(0x6100_0000n, new Uint8Array())],
    });
    await system.kexecLoad({ entry: 1n, flags: 0n, segments: [segment(0x6000_0001n, data)] });
    await system.kexecFileLoad({
      kernel: data,
      initrd: undefined,
      cmdline: 'root=/dev/vda',
      cmdlineLen: 14,
      flags: 0n,
    });
    await system.rebootKexec();
    await open(record).kexecLoad({ entry: 0n, flags: 1n, segments: [] });

    const one = '"bufsz":"0x1388","mem":"0x60000000","memsz":"0x2000","file":"call0-segment0.bin"';
    const two = '"bufsz":"0x0","mem":"0x61000000","memsz":"0x2000","file":"call0-segment1.bin"';
    const bad = '"bufsz":"0x1388","mem":"0x60000001","memsz":"0x2000","file":"call1-segment0.bin"';
    expect(readFileSync(join(record, 'calls.json'), 'utf8').split('\n')).toEqual([
      '[',
      `{"call":"kexec_load","entry":"0x60000000","flags":"0xb70000","segments":[{${one}},{${two}}],"result":0},`,
      `{"call":"kexec_load","entry":"0x1","flags":"0x0","segments":[{${bad}}],"result":-99},`,
      '{"call":"kexec_file_load","flags":"0x0","cmdline":"root=/dev/vda","cmdlineLen":14,"kernelFile":"call2-kernel.bin","initrdFile":null,"result":-38},',
      '{"call":"reboot","cmd":"0x45584543","result":0},',
      '{"call":"kexec_load","entry":"0x0","flags":"0x1","segments":[],"result":0}',
      ']',
      '',
    ]);
    expect(readdirSync(record).sort()).toEqual(
      ['call0-segment0.bin', 'call0-segment1.bin', 'call1-segment0.bin', 'call2-kernel.bin', 'calls.json'].sort(),
    );
    for (const name of ['call0-segment0.bin', 'call1-segment0.bin', 'call2-kernel.bin']) {
      expect(new Uint8Array(readFileSync(join(record, name)))).toEqual(data);
    }
  });

  test('shares the bytes with the state, and keeps them when the state goes on', async () => {
    const record = temp.make('record');
    const system = open(record);
    const load = (fill: number) =>
      system.kexecLoad({ entry: 0n, flags: 0n, segments: [segment(0x6000_0000n, new Uint8Array(100).fill(fill))] });
    await load(1);
    expect(statSync(join(record, 'call0-segment0.bin')).nlink).toBe(2);
    await load(2);
    expect(statSync(join(record, 'call0-segment0.bin')).nlink).toBe(1);
    expect(readFileSync(join(record, 'call0-segment0.bin'))[99]).toBe(1);
    expect(readFileSync(join(record, 'call1-segment0.bin'))[99]).toBe(2);
  });

  test('does not write into what a killed recorder shared with the state', async () => {
    const record = temp.make('record');
    const system = open(record);
    const load = (fill: number) =>
      system.kexecLoad({ entry: 0n, flags: 0n, segments: [segment(0x6000_0000n, new Uint8Array(100).fill(fill))] });
    await load(1);
    writeFileSync(join(record, 'calls.json'), '[]');
    expect(await system.kexecLoad({ entry: 0n, flags: 0n, segments: [segment(1n, new Uint8Array(9))] })).toBe(-99);
    const file = readdirSync(system.stateDirectory).find((name) => name.endsWith('.bin'))!;
    expect(readFileSync(join(system.stateDirectory, file))).toHaveLength(100);
  });

  test.each([
    ['{"a":1}', 'must be an array'],
    ['[{]', 'not JSON'],
  ])('refuses to add to %s', async (text, reason) => {
    const record = temp.make('record');
    writeFileSync(join(record, 'calls.json'), text);
    await expect(open(record).rebootKexec()).rejects.toThrow(`${record}/calls.json: ${reason}`);
    expect(readFileSync(join(record, 'calls.json'), 'utf8')).toBe(text);
    expect(existsSync(join(record, 'calls.json.lock'))).toBe(false);
  });

  test('names a directory that cannot be used', async () => {
    const record = join(temp.make('record'), 'file');
    writeFileSync(record, '');
    await expect(open(record).rebootKexec()).rejects.toThrow(`Cannot record to ${record}: File exists`);
  });
});

describe('replaying', () => {
  test('what was recorded gives the same results', async () => {
    const record = temp.make('record');
    const system = open(record);
    const data = new Uint8Array(5000).fill(3);
    await system.kexecLoad({ entry: 0x6000_0000n, flags: 0n, segments: [segment(0x6000_0000n, data)] });
    await system.kexecLoad({ entry: 0n, flags: 0n, segments: [segment(0x6000_0001n, data)] });
    await system.kexecFileLoad({ kernel: data, initrd: data, cmdline: undefined, cmdlineLen: 0, flags: 0n });
    await system.rebootKexec();
    const recorded = JSON.parse(readFileSync(join(record, 'calls.json'), 'utf8')) as readonly object[];
    const loaded = ['1', '1', '1', '0'].map((kexec_loaded) => ({ kexec_loaded, kexec_crash_loaded: '0' }));
    const target = open();
    expect(await replayFrom(record, target)).toEqual(recorded.map((call, i) => ({ ...call, ...loaded[i] })));
    expect(await replayFrom(join(record, 'calls.json'))).toHaveLength(4);
  });

  test('tries what a kernel answers', async () => {
    const results = await replayCalls([
      { ...LOAD, segments: [SEGMENT] },
      { ...LOAD, segments: [{ ...SEGMENT, buf: 'bad' }] },
      { ...LOAD, segments: [{ ...SEGMENT, buf: 'null', bufsz: '0x0' }] },
      { ...LOAD, segments: [SEGMENT], nrSegments: '0x11' },
      { ...LOAD, segments: [SEGMENT], nrSegments: 2 },
      { ...LOAD, segments: [SEGMENT], segmentsPtr: 'bad' },
      { ...LOAD, segments: [], who: 'nobody' },
      { call: 'reboot', cmd: '0x45584543', who: 'nobody' },
      { call: 'reboot', cmd: '0x45584543', magic1: '0x1' },
      { ...LOAD, segments: [SEGMENT], nrSegments: '0x0', note: 'ignored' },
      { call: 'read', path: '/proc/sys/kernel/kexec_load_disabled' },
      { call: 'read', path: '/proc/sys/kernel/kexec_load_limit_panic' },
      { call: 'write', path: '/proc/sys/kernel/kexec_load_disabled', data: '1\n' },
      { ...LOAD, segments: [SEGMENT] },
    ]);
    expect(results.map((one) => (one as { readonly result: number }).result)).toEqual([
      0, -14, 0, -22, -14, -14, -1, -1, -22, 0, 0, -2, 0, -1,
    ]);
    expect(results[3]).toEqual({
      ...LOAD,
      segments: [SEGMENT],
      nrSegments: '0x11',
      result: -22,
      kexec_loaded: '1',
      kexec_crash_loaded: '0',
    });
    expect(results[9]).toMatchObject({ kexec_loaded: '0' });
    expect(results[10]).toMatchObject({ reads: '0' });
    expect(results[11]).toMatchObject({ reads: null });
  });

  test('does not allocate what a segment says it has', async () => {
    const huge = { ...SEGMENT, bufsz: '0xffffffffffffffff' };
    expect(await replayCalls([{ ...LOAD, segments: [huge] }])).toMatchObject([{ result: -22 }]);
  });

  test.each([
    ['not an array', {}, 'must be an array'],
    ['no call', [{}], 'call 0: "call" is missing'],
    ['an unknown call', [{ call: 'fork' }], 'call 0, "call": must be one of "kexec_load"'],
    ['no object', [1], 'call 0: must be an object'],
    [
      'an ioctl that is not ours',
      [{ call: 'ioctl', request: 'TIOCSTI', interface: 'lo', flags: '0x0' }],
      '"request": must be one of "SIOCSIFFLAGS"',
    ],
    ['a program without arguments', [{ call: 'execve', path: '/sbin/shutdown' }], '"argv" is missing'],
    [
      'an argument that is none',
      [{ call: 'execve', path: '/sbin/shutdown', argv: [1] }],
      'argument 0: must be a string',
    ],
    ['no segments', [LOAD], 'call 0: "segments" is missing'],
    ['segments of another type', [{ ...LOAD, segments: {} }], 'call 0, "segments": must be an array'],
    [
      'a segment without bytes',
      [{ ...LOAD, segments: [{ ...SEGMENT, buf: undefined }] }],
      'must have either "file" or "buf"',
    ],
    [
      'a segment with two kinds of bytes',
      [{ ...LOAD, segments: [{ ...SEGMENT, file: 'x' }] }],
      'must have either "file" or "buf"',
    ],
    ['a negative number', [{ ...LOAD, entry: -1, segments: [] }], 'call 0, "entry": must be a number from "0x0"'],
    ['a negative hex number', [{ ...LOAD, entry: '-0x1', segments: [] }], '"entry": must be a number'],
    ['2^64', [{ ...LOAD, flags: '0x10000000000000000', segments: [] }], '"flags": must be a number'],
    ['a decimal string', [{ ...LOAD, flags: '12', segments: [] }], '"flags": must be a number'],
    ['a fraction', [{ ...LOAD, flags: 0.5, segments: [] }], '"flags": must be a number'],
    [
      'a pointer that is none',
      [{ ...LOAD, segments: [{ ...SEGMENT, buf: 'odd' }] }],
      '"buf": must be one of "valid", "null", "bad"',
    ],
    ['an unknown user', [{ ...LOAD, segments: [], who: 'me' }], '"who": must be one of "root", "nobody"'],
    [
      'a file elsewhere',
      [{ ...LOAD, segments: [{ ...SEGMENT, buf: undefined, file: '../x' }] }],
      'must be the name of a file in the same folder',
    ],
    [
      'an absolute file',
      [{ ...LOAD, segments: [{ ...SEGMENT, buf: undefined, file: '/etc/passwd' }] }],
      'must be the name of a file',
    ],
    [
      'a missing file',
      [{ ...LOAD, segments: [{ ...SEGMENT, buf: undefined, file: 'x' }] }],
      '/x: No such file or directory',
    ],
    [
      'a missing kernel',
      [{ call: 'kexec_file_load', flags: '0x0', cmdline: null, cmdlineLen: 0, kernelFile: 'k', initrdFile: null }],
      '/k: No such file or directory',
    ],
  ])('refuses %s', async (_, calls, reason) => {
    await expect(replayCalls(calls)).rejects.toThrow(reason);
  });

  test('refuses files that are short, or lead elsewhere', async () => {
    const folder = temp.make('calls');
    writeFileSync(join(folder, 'short'), 'x');
    symlinkSync('/etc/passwd', join(folder, 'link'));
    symlinkSync('short', join(folder, 'near'));
    const write = (file: string, bufsz: string): void =>
      writeFileSync(
        join(folder, 'calls.json'),
        JSON.stringify([{ ...LOAD, segments: [{ ...SEGMENT, buf: undefined, bufsz, file }] }]),
      );
    write('short', '0x10');
    await expect(replayFrom(folder)).rejects.toThrow(`${folder}/short: holds 1 bytes of 16`);
    write('link', '0x1');
    await expect(replayFrom(folder)).rejects.toThrow(`${folder}/link: leads out of its folder`);
    write('near', '0x1');
    expect(await replayFrom(folder)).toMatchObject([{ result: 0 }]);
    await expect(replayFrom(join(folder, 'nope'))).rejects.toThrow(
      `Cannot read ${folder}/nope: No such file or directory`,
    );
  });
});
