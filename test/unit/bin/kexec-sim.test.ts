import { describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Range } from '../../../kexec/base/range.js';
import { SIM_OPTIONS } from '../../../kexec/options/options.js';
import { recordedMachine } from '../../../sim/kernel/recorded-system.js';
import { NAMES } from '../../../sim/commands/index.js';
import { DEFAULT_MACHINE } from '../../../sim/kernel/recording/machines.js';
import { buildElf, symbolSections } from '../../support/files/elf-builder.js';
import { KEXEC_SIM, SMALL_MACHINE, useTempDir, writeTree } from '../../support/machine/sim-support.js';

const temp = useTempDir();

interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Answer => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [KEXEC_SIM, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: temp.path, ...env },
  });
  return { status, stdout, stderr };
};

const ok = (stdout: string): Answer => ({ status: 0, stdout, stderr: '' });
const fails = (line: string): Answer => ({ status: 1, stdout: '', stderr: `kexec-sim: ${line}\n` });

/** A state directory of virt-2g with a kernel, a device tree and a purgatory loaded. */
const loaded = async (): Promise<string> => {
  const state = temp.make('state');
  const system = recordedMachine({ state, env: {} });
  const image = new Uint8Array(5000).fill(1);
  image.set([0x41, 0x52, 0x4d, 0x64], 56);
  const pieces = [image, Uint8Array.of(0xd0, 0x0d, 0xfe, 0xed), Uint8Array.of(1, 2, 3)];
  const segments = pieces.map((data, i) => ({
    data,
    memory: Range.sized(0x6000_0000n + BigInt(i) * 0x2000n, 0x2000n),
    buf: 0n,
  }));
  expect(await system.kexecLoad({ entry: 0x6000_4010n, flags: 0xb7_0000n, segments })).toBe(0);
  return state;
};

describe('kexec-sim', () => {
  test('--version is the package’s', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
    expect(run(['--version'])).toEqual(ok(`kexec-sim ${version}\n`));
  });

  test('--help names every command and the environment', () => {
    const { status, stdout, stderr } = run(['--help']);
    expect([status, stderr]).toEqual([0, '']);
    for (const word of [
      'machines',
      'status',
      'segments',
      'replay',
      'extract-purgatory',
      'completion',
      'KEXEC_MACHINE',
      'KEXEC_STATE',
    ]) {
      expect(stdout).toContain(word);
    }
  });

  test.each([
    [[], 'a command is needed'],
    [['bogus'], 'there is no command "bogus"'],
    [['load', 'x'], 'there is no command "load"'],
    [['--foo', 'status'], 'there is no option --foo', 'status '],
    [['status', '--bogus'], 'Unknown argument: bogus', 'status '],
    [['status', '--machine'], 'Not enough arguments following: machine', 'status '],
    [['segments', 'other'], 'Invalid values: Argument: image, Given: "other", Choices: "normal", "crash"', 'segments '],
    [['replay'], 'replay needs 1 argument, and has none', 'replay '],
    [['extract-purgatory', 'x'], 'extract-purgatory needs 2 arguments, and has 1', 'extract-purgatory '],
    [['machines', '--machine=x'], 'machines lists those that are bundled: --machine says nothing to it', 'machines '],
  ])('usage error: %j', (args: readonly string[], reason: string, command = '') => {
    expect(run(args)).toEqual(fails(`${reason}\nTry "kexec-sim ${command}--help".`));
  });

  test.each([[], ...NAMES.map((name) => [name])])('%s --help fits 80 columns', (...command) => {
    const { status, stdout } = run([...command, '--help']);
    expect(status).toBe(0);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test('errors are one line, whatever a file is called', () => {
    expect(run(['status', '--machine', 'nope'])).toEqual(
      fails(
        'No such machine: nope (a directory, a tar file, or one of virt-2g, virt-8g, virt-acpi-4g, virt-el2-4g, virt-file-2g)',
      ),
    );
    expect(run(['replay', '/no\nsuch'])).toEqual(fails('Cannot read /no such: No such file or directory'));
    expect(run(['status'], { KEXEC_PAGE_SIZE: '5' })).toEqual(
      fails('KEXEC_PAGE_SIZE: bad page size 5: must be one of 4096, 16384, 65536'),
    );
    const state = temp.make('state');
    writeFileSync(join(state, 'state.json'), '{"version":1');
    for (const command of ['status', 'segments']) {
      const { status, stderr } = run([command, '--state', state]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^kexec-sim: \S*state\.json: not JSON: [^\n]*\n$/);
    }
  });

  test('a reader that leaves early is no failure', async () => {
    const child = spawn(process.execPath, [KEXEC_SIM, 'machines'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect([status, stderr]).toEqual([0, '']);
  });

  test('machines', () => {
    expect(run(['machines']).stdout.split('\n')).toEqual([
      'NAME          KERNEL                      RAM      CPUS  CRASH KERNEL',
      'virt-2g       6.1.0-50-cloud-arm64        2.0 GiB  1     256.0 MiB at 0xa9a00000',
      'virt-8g       6.1.0-50-cloud-arm64        8.0 GiB  4     -',
      'virt-acpi-4g  6.12.117+deb13-cloud-arm64  4.0 GiB  2     256.0 MiB at 0xec000000',
      'virt-el2-4g   6.12.107+deb13-cloud-arm64  4.0 GiB  2     256.0 MiB at 0xec000000',
      'virt-file-2g  6.12.117                    2.0 GiB  2     256.0 MiB at 0xacc00000',
      '',
      'virt-2g is the machine where KEXEC_MACHINE and --machine name none.',
      '',
    ]);
    const machines = JSON.parse(run(['machines', '--json']).stdout) as readonly unknown[];
    expect(machines[0]).toEqual({
      name: 'virt-2g',
      default: true,
      kernel: '6.1.0-50-cloud-arm64',
      ramBytes: 2 ** 31,
      cpus: 1,
      crashKernel: { start: '0xa9a00000', last: '0xb99fffff', bytes: 2 ** 28 },
    });
    expect(machines[1]).toMatchObject({ crashKernel: null });
  });

  test('status', async () => {
    const state = await loaded();
    expect(run(['status', '--state', state])).toEqual(
      ok(
        [
          'machine  virt-2g (Linux 6.1.0-50-cloud-arm64, answers as 6.1)',
          `state    ${state}`,
          'normal   loaded: entry 0x60004010, 3 segments, 4.9 KiB of data in 24.0 KiB of memory',
          'crash    not loaded',
          '',
        ].join('\n'),
      ),
    );
    expect(JSON.parse(run(['status', '--json'], { KEXEC_STATE: state }).stdout)).toEqual({
      machine: 'virt-2g',
      kernel: '6.1.0-50-cloud-arm64',
      answersAs: '6.1',
      state,
      normal: { loaded: true, entry: '0x60004010', flags: '0xb70000', segments: 3, bytes: 5007, memoryBytes: 0x6000 },
      crash: { loaded: false },
      refusals: [],
    });
  });

  test('status tells of the network, where there is one', () => {
    const [machine, state] = [temp.make('machine'), temp.make('state')];
    const net = {
      'sys/class/net/lo/flags': '0x9\n',
      'sys/class/net/eth0/flags': '0x1002\n',
      'sys/class/net/odd/mtu': '1500\n',
    };
    writeTree(machine, { ...SMALL_MACHINE, ...net });
    const env = { KEXEC_MACHINE: machine, KEXEC_STATE: state };
    expect(run(['status'], env).stdout).toContain('\nnetwork  eth0 down, lo up, odd in an unknown state\n');
    expect(JSON.parse(run(['status', '--json'], env).stdout)).toMatchObject({
      interfaces: [
        { name: 'eth0', up: false },
        { name: 'lo', up: true },
        { name: 'odd', up: null },
      ],
    });
  });

  test('nothing that a recording says steers the terminal, or makes lines of its own', () => {
    const machine = temp.make('machine\x1b[2J');
    writeTree(machine, {
      ...SMALL_MACHINE,
      'proc/version': 'Linux version 6.1.0\x1b[31m\x9b\u202e (x)\n',
      'sys/class/net/eth0 up\nnormal   loaded: all is well/flags': '0x1003\n',
    });
    const env = { KEXEC_MACHINE: machine, KEXEC_STATE: temp.make('state') };
    const { status, stdout } = run(['status'], env);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(5);
    expect(stdout).toMatch(/^[ -~\n]*$/);
    expect(stdout).toContain('Linux 6.1.0\\x1b[31m\\x9b\\u{202e}');
    const { stdout: json } = run(['status', '--json'], env);
    expect(json).toMatch(/^[ -~\n]*$/);
    expect((JSON.parse(json) as { readonly kernel: string }).kernel).toBe('6.1.0\x1b[31m\x9b\u202e');
    expect(run(['status', '--machine', '/none\x1b[2J']).stderr).toMatch(/^[ -~]*\\x1b\[2J[ -~]*\n$/);
  });

  test.each([
    ['status', '--state', 'a', '--state', 'b'],
    ['status', '--machine.x=1'],
    ['status', '--no-machine'],
    ['status', '--machine', ''],
    ['status', '--__proto__.x=1'],
    ['diff', 'a', '--run', '1', '--run', '2'],
  ])('a mistake is no inside error: %s', (...args) => {
    const { status, stdout, stderr } = run(args);
    expect({ status, stdout }).toEqual({ status: args[0] === 'diff' ? 2 : 1, stdout: '' });
    expect(stderr).toMatch(
      /^kexec-sim: (?:Unknown arguments?: [^\n]*|--[a-z]+ is given (?:2 times|without a value))\nTry "kexec-sim (?:[a-z-]+ )?--help"\.\n$/,
    );
  });

  test('every command works in a directory that is gone, or says in a line why not', () => {
    const program = (name: string): string => resolve('bin', name);
    const image = resolve('machines/payload/Image');
    const state = temp.make('state');
    const there = (command: string, ...args: readonly string[]) => {
      const script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"';
      const { status, stdout, stderr } = spawnSync('sh', ['-c', script, '-', process.execPath, command, ...args], {
        cwd: temp.path,
        env: { PATH: process.env['PATH'], KEXEC_STATE: state },
        encoding: 'utf8',
      });
      return [status, stdout.split('\n')[0], stderr];
    };
    expect(there(program('kexec-sim'), 'status')).toEqual([0, expect.stringMatching(/^machine {2}virt-2g/), '']);
    expect(there(program('kexec-sim'), 'status', '--machine', './m')).toEqual([
      1,
      '',
      'kexec-sim: ./m: not a recorded machine: No such file or directory\n',
    ]);
    expect(there(program('kexec'), '-l', image)).toEqual([0, '', '']);
    expect(there(program('kexec'), '-l', 'Image')).toEqual([1, '', "Cannot open `Image': No such file or directory\n"]);
    expect(there(program('vmcore-dmesg'), 'x')).toEqual([2, '', 'Cannot open x: No such file or directory\n']);
  });

  test.each([
    ['kexec', ['-h'], 1],
    ['kexec', ['-v'], 1],
    ['kexec', ['--print-ckr-size'], 1],
    ['kexec-sim', ['machines'], 1],
    ['kexec-sim', ['--help'], 1],
    ['kexec-sim', ['completion', 'bash'], 1],
    [
      'kexec-sim',
      ['cpu', '--load', 'COPYING@0x40000000', '--pc', '0x40000000', '--json', '--max-instructions', '0'],
      1,
    ],
    ['bin-to-hex', ['--help'], 1],
  ] as const)('%s %j into a full disk is a failure, told in a line', (command, args, status) => {
    const script = 'exec "$@" > /dev/full';
    const ended = spawnSync('sh', ['-c', script, '-', process.execPath, resolve('bin', command), ...args], {
      env: { PATH: process.env['PATH'], KEXEC_STATE: temp.path },
      encoding: 'utf8',
    });
    expect(ended.status).toBe(status);
    expect(ended.stderr).toMatch(/^[^\n]*ENOSPC: no space left on device[^\n]*\n$/);
  });

  test('segments', async () => {
    const state = await loaded();
    expect(
      run(['segments', '--sim-state', state])
        .stdout.split('\n')
        .map((line) => line.replace(/[0-9a-f]{12} /, 'DIGEST ')),
    ).toEqual([
      'IMAGE   SEGMENT  MEM         MEMSZ   BUFSZ   SHA256        CONTENT',
      'normal  0        0x60000000  0x2000  0x1388  DIGEST  arm64 Image',
      'normal  1        0x60002000  0x2000  0x4     DIGEST  device tree',
      'normal  2        0x60004000  0x2000  0x3     DIGEST  purgatory',
      '',
    ]);
    expect(JSON.parse(run(['segments', 'normal', '--json', '--state', state]).stdout)).toContainEqual({
      image: 'normal',
      segment: 2,
      mem: '0x60004000',
      memsz: '0x2000',
      bufsz: '0x3',
      memoryBytes: 0x2000,
      bytes: 3,
      role: null,
      content: 'purgatory',
      sha256: '039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81',
    });
    expect(JSON.parse(run(['segments', 'crash', '--json', '--state', state]).stdout)).toEqual([]);
  });

  test('replay', () => {
    const folder = temp.make('calls');
    const state = join(folder, 'state');
    const segments = [{ bufsz: '0x10', mem: '0x60000000', memsz: '0x1000', buf: 'valid' }];
    const calls = [{ call: 'kexec_load', entry: '0x60000000', flags: '0x0', segments }];
    writeFileSync(join(folder, 'calls.json'), JSON.stringify(calls));
    const results = [{ ...calls[0], result: 0, kexec_loaded: '1', kexec_crash_loaded: '0' }];
    const { status, stdout, stderr } = run(['replay', folder], { KEXEC_STATE: state, KEXEC_MACHINE: 'virt-el2-4g' });
    expect([status, JSON.parse(stdout), stderr]).toEqual([0, results, '']);
    expect(run(['status', '--state', state]).stdout).toContain('normal   loaded: entry 0x60000000, 1 segment,');
    writeFileSync(join(folder, 'calls.json'), '[{}]');
    expect(run(['replay', join(folder, 'calls.json'), '--state', state])).toEqual(
      fails(`${folder}/calls.json: call 0: "call" is missing`),
    );
  });

  test('extract-purgatory says what is wrong with a file', () => {
    const folder = temp.make('purgatory');
    mkdirSync(join(folder, 'directory'));
    expect(run(['extract-purgatory', join(folder, 'nope'), join(folder, 'out')])).toEqual(
      fails(`Cannot read ${folder}/nope: No such file or directory`),
    );
    writeFileSync(join(folder, 'text'), 'no executable');
    const { status, stderr } = run(['extract-purgatory', join(folder, 'text'), join(folder, 'out')]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^kexec-sim: [^\n]+\n$/);
  });

  test('extract-purgatory names the architecture of a purgatory that is of no use', () => {
    const folder = temp.make('purgatory');
    const kind = { wide: true, littleEndian: true, machine: 62, type: 2 };
    const object = buildElf({ ...kind, type: 1 }, [
      { name: '.text', type: 1, data: new Uint8Array(64) },
      ...symbolSections(
        kind,
        ['purgatory_start', 'sha256_digest'].map((name) => ({ name, section: 1, value: 0, size: 32 })),
        3,
      ),
    ]);
    writeFileSync(join(folder, 'kexec'), buildElf(kind, [{ name: '.rodata', type: 1, data: object, addr: 0x18f70 }]));
    expect(run(['extract-purgatory', join(folder, 'kexec'), join(folder, 'out')])).toEqual(
      fails(`${folder}/kexec: its purgatory is for x86_64, and runs on no aarch64 machine`),
    );
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  test('machines and the help tell which machine is the default', () => {
    expect(run(['machines']).stdout).toContain(
      '\nvirt-2g is the machine where KEXEC_MACHINE and --machine name none.\n',
    );
    const machines = JSON.parse(run(['machines', '--json']).stdout) as readonly { name: string; default: boolean }[];
    expect(machines.filter((one) => one.default).map(({ name }) => name)).toEqual([DEFAULT_MACHINE]);
    expect(run(['--help']).stdout.replaceAll(/\s+/g, ' ')).toContain(`${DEFAULT_MACHINE} by default`);
    const option = SIM_OPTIONS.find(({ name }) => name === 'sim-machine');
    expect(option?.description).toContain(`${DEFAULT_MACHINE} by default`);
  });

  test('dmesg names the rule by which a load was refused', async () => {
    const state = temp.make('state');
    const system = recordedMachine({ state, env: {} });
    const segment = (start: bigint, size: bigint) => ({
      data: new Uint8Array(1),
      memory: Range.sized(start, size),
      buf: 0n,
    });
    const load = (start: bigint, size: bigint) =>
      system.kexecLoad({ entry: 0n, flags: 0n, segments: [segment(start, size)] });
    expect(await load(0x6000_0010n, 0x1000n)).toBe(-99);
    expect(await load(0x6000_0000n, 0x6000_0000n)).toBe(-22);
    expect(run(['dmesg', '--state', state])).toEqual(
      ok(
        'kexec-ts: kexec_load: Cannot assign requested address: segment 0, 0x1000 bytes at 0x60000010, does not begin and end with pages of 4096 bytes, below 2^64\n' +
          'kexec-ts: kexec_load: Invalid argument: segment 0, 0x60000000 bytes at 0x60000000, is larger than half of the memory, which is 221399 pages of 4096 bytes\n',
      ),
    );
  });

  test('completion is a script for a shell that it knows', () => {
    expect(run(['completion', 'bash'])).toMatchObject({ status: 0, stderr: '' });
    expect(run(['completion', 'zsh']).stdout).toMatch(/^#compdef kexec kexec-sim/);
    expect(run(['completion', 'csh'])).toMatchObject({ status: 1, stdout: '' });
  });
});
