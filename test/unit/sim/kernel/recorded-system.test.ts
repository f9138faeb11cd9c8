import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Errno, SystemError } from '../../../../kexec/base/error.js';
import { Range } from '../../../../kexec/base/range.js';
import type { KexecLoadCall } from '../../../../kexec/base/system.js';
import { type RecordedMachineOptions, recordedMachine } from '../../../../sim/kernel/recorded-system.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../support/machine/sim-support.js';

const temp = useTempDir();

const makeMachine = (files: Readonly<Record<string, string>> = {}): string => {
  const directory = temp.make('machine');
  writeTree(directory, { ...SMALL_MACHINE, ...files });
  return directory;
};

const open = (options: Partial<RecordedMachineOptions> = {}) =>
  recordedMachine({ machine: makeMachine(), state: temp.make('state'), env: {}, ...options });

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const load = (fill = 1, start = 0x6000_0000n, flags = 0xb7_0000n): KexecLoadCall => ({
  entry: start,
  flags,
  segments: [{ data: new Uint8Array(5000).fill(fill), memory: Range.sized(start, 0x2000n), buf: 0n }],
});

const errnoOf = (action: () => unknown): number => {
  try {
    action();
  } catch (error) {
    if (error instanceof SystemError) return error.errno;
    throw error;
  }
  return 0;
};

describe('what the machine is', () => {
  test.each([
    ['virt-2g', 1, '6.1', 442799n, 0xa9a0_0000n],
    ['virt-8g', 4, '6.1', 2034573n, undefined],
    ['virt-el2-4g', 2, '6.12', 938895n, 0xec00_0000n],
  ] as const)('%s', (machine, nrCpus, generation, totalRamPages, crashStart) => {
    const system = recordedMachine({ machine, state: temp.make('state'), env: {} });
    expect(system).toMatchObject({ name: machine, pageSize: 4096n, machine: 'aarch64', nrCpus });
    expect(system.kernel.facts).toMatchObject({ generation, totalRamPages });
    expect(system.kernel.facts.crashRegion?.start).toBe(crashStart);
    expect(system.readFile('/sys/firmware/fdt')).toHaveLength(1 << 20);
    expect(system.list('/proc/device-tree')).toContain('chosen');
  });

  test('CPUs are those that are possible, or have a directory, or are online', () => {
    const cpus = (files: Readonly<Record<string, string>>): number =>
      open({
        machine: makeMachine(
          Object.fromEntries(Object.entries(files).map(([name, list]) => [`sys/devices/system/cpu/${name}`, list])),
        ),
      }).nrCpus;
    expect(cpus({ possible: '0-3,8\n', online: '0\n' })).toBe(5);
    expect(cpus({ possible: 'rubbish', 'cpu0/x': '', 'cpu12/x': '', 'cpufreq/x': '' })).toBe(2);
    expect(cpus({ online: '0-1\n' })).toBe(2);
    expect(cpus({})).toBe(1);
  });

  test('the page size is the user’s, or what VMCOREINFO says, or what is noted, or 4096', () => {
    const kcore = { 'proc/kcore': 'ELF\0VMCOREINFO\0OSRELEASE=6.1\nPAGESIZE=65536\n' };
    expect(open().pageSize).toBe(4096n);
    expect(open({ machine: makeMachine(kcore) }).pageSize).toBe(65536n);
    expect(open({ machine: makeMachine(kcore), pageSize: '16384' }).pageSize).toBe(16384n);
    expect(open({ pageSize: 65536n }).pageSize).toBe(65536n);
    expect(open({ machine: makeMachine({ pagesize: '16384\n' }) }).pageSize).toBe(16384n);
    expect(open({ machine: makeMachine({ ...kcore, pagesize: '16384\n' }) }).pageSize).toBe(65536n);
    expect(() => open({ machine: makeMachine({ pagesize: '5\n' }) })).toThrow(/\/pagesize: bad page size 5: /);
    for (const pagesize of ['0', '99999999999999999999', '\x1b[2J']) {
      expect(() => open({ machine: makeMachine({ pagesize }) })).toThrow(/\/pagesize: bad page size [ -~]*$/);
    }
    for (const pageSize of ['8192', '4k', '-4096', '0x1000', 1n]) {
      expect(() => open({ pageSize })).toThrow(/^KEXEC_PAGE_SIZE: bad page size .*4096, 16384, 65536$/);
    }
  });

  test('uname’s machine is what the recording says', () => {
    expect(open().machine).toBe('aarch64');
    expect(open({ machine: makeMachine({ uname: 'Linux x 6.1 #1 armv7l GNU/Linux\n' }) }).machine).toBe('armv7l');
    expect(open({ machine: makeMachine({ uname: '\n' }) }).machine).toBe('aarch64');
    for (const uname of ['???\n', 'Linux \x1b[31m\n']) {
      expect(() => open({ machine: makeMachine({ uname }) })).toThrow(
        /\/uname: "(?:\?\?\?|\\x1b\[31m)" is no name of an architecture$/,
      );
    }
  });

  test.each([
    ['Linux version 4.19.0', '5.10'],
    ['Linux version 5.15.0', '5.10'],
    ['Linux version 5.16.0', '6.1'],
    ['Linux version 6.1.0-50', '6.1'],
    ['Linux version 6.6.1', '6.1'],
    ['Linux version 6.8', '6.12'],
    ['Linux version 6.17.0', '6.12'],
    ['Linux version 6.18.0', '7.2'],
    ['Linux version 9.1', '7.2'],
    ['rubbish', '6.12'],
  ])('%s answers as %s', (version, generation) => {
    expect(open({ machine: makeMachine({ 'proc/version': version }) }).kernel.facts.generation).toBe(generation);
  });

  test('RAM is MemTotal, or else that of the memory map', () => {
    expect(open().kernel.facts.totalRamPages).toBe(442799n);
    expect(open({ machine: makeMachine({ 'proc/meminfo': 'MemTotal: much\n' }) }).kernel.facts.totalRamPages).toBe(
      0x80000n,
    );
    expect(open({ pageSize: 65536n }).kernel.facts.totalRamPages).toBe(27674n);
  });
});

describe('files', () => {
  test('of /proc and /sys are the machine’s however they are named, others the host’s', () => {
    const system = open();
    for (const path of [
      '/proc/version',
      '//proc/./version',
      '/tmp/../proc/version',
      `${'../'.repeat(30)}proc/version`,
    ]) {
      expect(text(system.readFile(path))).toBe(SMALL_MACHINE['proc/version']);
    }
    const file = join(temp.make('host'), 'file');
    writeFileSync(file, 'host');
    expect(text(system.readFile(file))).toBe('host');
    expect(system.stat(file)).toEqual({ kind: 'file', size: 4 });
    expect(text(system.readAt(file, 1, 2))).toBe('os');
    expect(system.list(join(file, '..'))).toEqual(['file']);
    expect(text(system.readFile('package.json'))).toContain('"kexec-ts"');
    symlinkSync(file, `${file}.link`);
    expect(system.lstat(`${file}.link`).kind).toBe('symlink');
    expect(system.stat(`${file}.link`).kind).toBe('file');
  });

  test('errors of the host have Linux’ numbers', () => {
    const system = open();
    expect(errnoOf(() => system.readFile('/nope'))).toBe(Errno.ENOENT);
    expect(errnoOf(() => system.readFile(''))).toBe(Errno.ENOENT);
    expect(errnoOf(() => system.readFile('a\0b'))).toBe(Errno.ENOENT);
    expect(errnoOf(() => system.readFile('/tmp'))).toBe(Errno.EISDIR);
    expect(errnoOf(() => system.stat('package.json/x'))).toBe(Errno.ENOTDIR);
    expect(errnoOf(() => system.list('package.json'))).toBe(Errno.ENOTDIR);
  });

  test('devices have no end, and so no bytes', () => {
    const system = open();
    expect(system.stat('/dev/zero')).toEqual({ kind: 'character', size: 0 });
    expect(system.readFile('/dev/zero')).toHaveLength(0);
    expect(system.readAt('/dev/zero', 0, 100)).toHaveLength(0);
  });

  test('larger than any buffer are refused, not tried', () => {
    const file = join(temp.make('host'), 'sparse');
    writeFileSync(file, '');
    truncateSync(file, 2 ** 42);
    expect(errnoOf(() => open().readFile(file))).toBe(Errno.EFBIG);
  });

  test('of what is loaded tell what is loaded, where the recording has them', async () => {
    const system = open();
    const both = (): readonly string[] =>
      ['/sys/kernel/kexec_loaded', '/sys/kernel/kexec_crash_loaded'].map((path) => text(system.readFile(path)));
    expect(both()).toEqual(['0\n', '0\n']);
    expect(await system.kexecLoad(load())).toBe(0);
    expect(both()).toEqual(['1\n', '0\n']);
    expect(await system.kexecLoad(load(1, 0xa9a0_0000n, 1n))).toBe(0);
    expect(both()).toEqual(['1\n', '1\n']);
    expect(text(system.readAt('/sys/kernel/kexec_loaded', 0, 1))).toBe('1');
    expect(system.stat('/sys/kernel/kexec_loaded')).toEqual({ kind: 'file', size: 2 });
    expect(await system.rebootKexec()).toEqual({ kind: 'over', exitCode: 0 });
    expect(both()).toEqual(['0\n', '0\n']);
    expect(await system.rebootKexec()).toEqual({ kind: 'refused', errno: -Errno.EINVAL });

    const without = temp.make('machine');
    writeTree(without, { 'proc/iomem': '' });
    expect(errnoOf(() => open({ machine: without }).readFile('/sys/kernel/kexec_loaded'))).toBe(Errno.ENOENT);
  });

  test('recorded as loaded say so until something else is loaded', async () => {
    const system = open({ machine: makeMachine({ 'sys/kernel/kexec_crash_loaded': '1\n' }) });
    expect(system.kernel.state.crash).toBe('unknown');
    expect(text(system.readFile('/sys/kernel/kexec_crash_loaded'))).toBe('1\n');
    expect(await system.kexecLoad({ entry: 0n, flags: 1n, segments: [] })).toBe(0);
    expect(text(system.readFile('/sys/kernel/kexec_crash_loaded'))).toBe('0\n');
  });
});

describe('loading', () => {
  test('is kept between commands, each machine’s on its own', async () => {
    const machine = makeMachine();
    const env = { XDG_STATE_HOME: temp.make('xdg') };
    const first = recordedMachine({ machine, env });
    expect(existsSync(first.stateDirectory)).toBe(false);
    expect(await first.kexecLoad(load())).toBe(0);
    expect(recordedMachine({ machine, env }).kernel.state.normal).toMatchObject({ entry: 0x6000_0000n });
    expect(recordedMachine({ machine: makeMachine(), env }).kernel.state.normal).toBeUndefined();
    expect(first.stateDirectory).toMatch(/\/kexec-ts\/machine-\d+-[0-9a-f]{8}$/);
    const atHome = (variables: Readonly<Record<string, string>>): string =>
      recordedMachine({ machine, env: variables }).stateDirectory;
    expect(atHome({ HOME: '/h', XDG_STATE_HOME: 'relative' })).toMatch(/^\/h\/\.local\/state\/kexec-ts\//);
    for (const HOME of [undefined, '', 'relative'])
      expect(atHome(HOME === undefined ? {} : { HOME })).toContain(userInfo().homedir);
  });

  test('twice at once: one gets EBUSY', async () => {
    const options = { machine: makeMachine(), state: temp.make('state') };
    const results = await Promise.all([open(options).kexecLoad(load(1)), open(options).kexecLoad(load(2))]);
    expect([...results].sort()).toEqual([-Errno.EBUSY, 0].sort());
    expect(await open(options).kexecLoad(load(3))).toBe(0);
    expect(readdirSync(options.state).filter((name) => name !== 'dmesg')).toHaveLength(3);
    expect(open(options).kernel.log).toEqual([
      { level: 5, text: 'kexec-ts: kexec_load: Device or resource busy: another load is under way' },
    ]);
  });

  test('a file is not supported', async () => {
    const call = { kernel: new Uint8Array(), initrd: undefined, cmdline: undefined, cmdlineLen: 0, flags: 0n };
    expect(await open().kexecFileLoad(call)).toBe(-Errno.ENOSYS);
  });

  test('a refused load leaves nothing but a line in the log', async () => {
    const state = temp.make('state');
    const system = open({ state });
    expect(await system.kexecLoad(load(1, 0x6000_0001n))).toBe(-Errno.EADDRNOTAVAIL);
    expect(readdirSync(state)).toEqual(['dmesg']);
  });

  test('tells what the kernel logs', async () => {
    const system = open();
    const memory = Range.inclusive(0xa9a0_0000n, 0xb99f_ffffn);
    const call = { entry: memory.start, flags: 1n, segments: [{ data: new Uint8Array(), memory, buf: 0n }] };
    expect(await system.kexecLoad(call)).toBe(-Errno.ENOMEM);
    expect(system.kernel.log).toMatchObject([
      { level: 3, text: 'kexec: Could not allocate control_code_buffer' },
      {
        level: 5,
        text: expect.stringMatching(/^kexec-ts: kexec_load: Cannot allocate memory: the segments leave no page/),
      },
    ]);
  });

  test('stores data, not the zeros behind it', async () => {
    const state = temp.make('state');
    await open({ state }).kexecLoad(load());
    const file = readdirSync(state).find((name) => name.endsWith('.bin'))!;
    expect(statSync(join(state, file)).size).toBe(5000);
  });
});

test('random numbers are the host’s, or those that were given', () => {
  expect(open().random(40)).toHaveLength(40);
  expect(open({ random: (length) => new Uint8Array(length).fill(7) }).random(3)).toEqual(Uint8Array.of(7, 7, 7));
});
