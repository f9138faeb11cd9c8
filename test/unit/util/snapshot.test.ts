import { describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fdt } from '../../../kexec/device-tree/libfdt.js';
import { runKexecSim } from '../../../sim/commands/index.js';
import type { KernelFacts } from '../../../sim/kernel/facts/facts.js';
import { MachineFiles } from '../../../sim/kernel/recording/machine-files.js';
import { recordedMachine } from '../../../sim/kernel/recorded-system.js';
import { type FdtNode, buildFdt, deviceTreeFiles } from '../../conformance/fdt.js';
import { MACHINES, contents } from '../../support/files/fdt-support.js';
import { recordedFiles } from '../../support/recorded.js';
import { runToEnd } from '../../support/run-support.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../support/machine/sim-support.js';

const temp = useTempDir();
const SCRIPT = 'util/snapshot.sh';
const PAYLOAD = 'machines/payload/Image';

interface Recorded {
  readonly status: number | null;
  readonly log: string;
  readonly archive: string;
  /** What is in the directory of temporary files in the end. */
  readonly left: readonly string[];
}

/** What the script is given: the machine's files below a directory, and a uname that is the machine's. */
const environment = (root: string, release = '6.1.0-test', machine = 'aarch64') => {
  const [bin, tmp] = [temp.make('bin'), temp.make('tmp')];
  const answers = `-s) echo Linux ;; -r) echo ${release} ;; -v) echo '#1 SMP' ;; -m) echo ${machine} ;; *) echo "$1: host-name" ;;`;
  writeFileSync(join(bin, 'uname'), `#!/bin/sh\ncase $1 in ${answers} esac\n`);
  chmodSync(join(bin, 'uname'), 0o755);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}`, TMPDIR: tmp, SNAPSHOT_ROOT: root };
};

const record = (root: string, ...options: readonly string[]): Recorded => {
  const archive = join(temp.make('out'), 'board.tar.gz');
  const env = environment(root);
  const { status, stderr } = spawnSync('/bin/sh', [SCRIPT, '-o', archive, ...options], { env, timeout: 60_000 });
  return { status, log: stderr.toString(), archive, left: readdirSync(env.TMPDIR) };
};

const machineRoot = (files: Readonly<Record<string, string | Uint8Array>> = {}): string => {
  const root = temp.make('root');
  writeTree(root, { ...SMALL_MACHINE, 'proc/cmdline': 'root=/dev/vda token=hunter2\n', ...files });
  return root;
};

/** A bundled machine in a directory, as it lay below the root of its files. */
const unpacked = (machine: string): string => {
  const root = temp.make('root');
  writeTree(root, Object.fromEntries(recordedFiles(machine)));
  return root;
};

const read = (files: MachineFiles, path: string): string => Buffer.from(files.readFile(path)).toString('latin1');

test('says at the end that nothing can be loaded onto a machine that is no arm64 one, or has no device tree', () => {
  const last = (log: string): string => log.trimEnd().split('\n').at(-1)!;
  const archive = join(temp.make('out'), 'board.tar.gz');
  const env = environment(machineRoot(), '6.1.0-test', 'x86_64');
  const { stderr } = spawnSync('/bin/sh', [SCRIPT, '-o', archive], { env, timeout: 60_000 });
  expect(last(stderr.toString())).toMatch(
    /bytes\. No kernel can be loaded onto it: it is of no arm64 machine, but of x86_64$/,
  );
  const root = temp.make('root');
  writeTree(root, { 'proc/iomem': SMALL_MACHINE['proc/iomem']!, 'proc/version': SMALL_MACHINE['proc/version']! });
  expect(last(record(root).log)).toMatch(/bytes\. No kernel can be loaded onto it: there is no device tree, neither /);
  expect(last(record(machineRoot()).log)).toMatch(/bytes\. Use it with KEXEC_MACHINE=/);
});

describe('a recording by the script', () => {
  test.each(MACHINES)('of %s gives what the machine gives', async (machine) => {
    const { status, archive, log, left } = record(unpacked(machine), '--kallsyms', '--kcore');
    expect([status, left]).toEqual([0, []]);
    expect(log).not.toContain('WARNING');
    const states = [temp.make('state'), temp.make('state')] as const;
    for (const load of ['-l', '-p']) {
      const args = ['-d', load, PAYLOAD, '--reuse-cmdline', '--serial=ttyAMA0'];
      const [real, own] = [
        await runToEnd(args, { KEXEC_MACHINE: machine, KEXEC_STATE: states[0] }),
        await runToEnd(args, { KEXEC_MACHINE: archive, KEXEC_STATE: states[1] }),
      ];
      expect(own).toEqual(real);
      expect(own.code).toBe(load === '-p' && machine === 'virt-8g' ? 1 : 0);
    }
    const [real, own] = [
      recordedMachine({ machine, env: {}, state: states[0] }),
      recordedMachine({ machine: archive, env: {}, state: states[1] }),
    ];
    expect(own).toMatchObject({ name: 'board', nrCpus: real.nrCpus, machine: 'aarch64', pageSize: real.pageSize });
    const told = ({ stuckCpus, ...facts }: KernelFacts) => ({ ...facts, stuck: stuckCpus?.() });
    expect(told(own.kernel.facts)).toEqual(told(real.kernel.facts));
  });

  const SECRETS: FdtNode = {
    properties: { '#address-cells': 2, 'serial-number': 'SN-1234', compatible: 'board' },
    children: {
      chosen: {
        properties: {
          'kaslr-seed': 0x1122_3344_5566_7788n,
          'rng-seed': new Uint8Array(64).fill(7),
          bootargs: 'token=hunter2',
          'stdout-path': '/uart',
        },
      },
      'ethernet@0,1': {
        properties: {
          'local-mac-address': Uint8Array.of(2, 3, 4, 5, 6, 7),
          'mac-address-cells': 1,
          reg: 5,
          empty: new Uint8Array(),
        },
      },
    },
  };
  const DEVICE_TREE = 'sys/firmware/devicetree/base';

  /** Properties that are zeros in the recording and were not on the machine, in the blob and in the directory. */
  const blanked = (...options: readonly string[]): readonly string[] => {
    const blob = buildFdt(SECRETS, { padding: 4096 });
    const tree = deviceTreeFiles(SECRETS, DEVICE_TREE);
    const { status, archive, log } = record(
      machineRoot({ ...Object.fromEntries(tree), 'sys/firmware/fdt': blob }),
      ...options,
    );
    expect([status, log]).toEqual([0, expect.not.stringContaining('left out: sys')]);
    const files = MachineFiles.open(archive);
    const [was, is] = [contents(new Fdt(blob, 'blob')), contents(new Fdt(files.readFile('/sys/firmware/fdt'), 'fdt'))];
    const changed = [...was].filter(([path, value]) => is.get(path) !== value).map(([path]) => path.slice(1));
    expect([...is.keys()]).toEqual([...was.keys()]);
    for (const path of changed) expect(is.get(`/${path}`)).toMatch(/^(?:00)+$/);
    for (const [path, bytes] of tree) {
      const name = path.slice(DEVICE_TREE.length + 1);
      const expected = changed.includes(name) ? '\0'.repeat(bytes.length) : Buffer.from(bytes).toString('latin1');
      expect([name, read(files, `/${path}`)]).toEqual([name, expected]);
    }
    return changed.sort();
  };

  test('has zeros for seeds, serial numbers and MAC addresses, unless they are asked for', () => {
    const [seeds, ids] = [
      ['chosen/kaslr-seed', 'chosen/rng-seed'],
      ['ethernet@0,1/local-mac-address', 'serial-number'],
    ];
    expect(blanked()).toEqual([...seeds, ...ids]);
    expect(blanked('--seeds')).toEqual(ids);
    expect(blanked('--ids')).toEqual(seeds);
    expect(blanked('--ids', '--seeds')).toEqual([]);
    expect(blanked('--no-cmdline')).toEqual(['chosen/bootargs', ...seeds, ...ids]);
  });

  test('has no device tree that the script could not blank', () => {
    const blob = buildFdt(SECRETS);
    for (const broken of [blob.slice(0, blob.length / 2), new Uint8Array(100), new Uint8Array(), Buffer.from('text')]) {
      const { status, archive, log } = record(machineRoot({ 'sys/firmware/fdt': broken }));
      expect([status, log]).toEqual([0, expect.stringContaining('sys/firmware/fdt is left out')]);
      expect(MachineFiles.open(archive).kind('/sys/firmware/fdt')).toBeUndefined();
    }
  });

  test('keeps of kcore the headers and VMCOREINFO', () => {
    const { archive } = record(unpacked('virt-2g'), '--kcore', '--no-cmdline');
    const kcore = read(MachineFiles.open(archive), '/proc/kcore');
    expect(kcore).toContain('KERNELOFFSET=41dce1400000');
    for (const secret of ['console=', 'PWD=', 'root=']) expect(kcore).not.toContain(secret);
    const broken = record(
      machineRoot({ 'proc/kcore': readFileSync('machines/virt-2g/proc/kcore').subarray(0, 900) }),
      '--kcore',
    );
    expect(broken.log).toContain('proc/kcore is left out');
    expect(MachineFiles.open(broken.archive).kind('/proc/kcore')).toBeUndefined();
  });

  test('has nothing that was not asked for', () => {
    const root = machineRoot({
      'proc/kallsyms': 'ffff800008000000 T _text\nffff800008000001 T secret_symbol\n',
      'proc/kcore': 'core',
      'proc/vmcore': 'core',
      'proc/1/environ': 'x',
      'sys/kernel/notes': 'x',
      'sys/class/net/eth0/address': '02:03:04:05:06:07\n',
      'sys/class/net/eth0/flags': '0x1003\n',
    });
    const { archive, log } = record(root);
    const files = MachineFiles.open(archive);
    expect(
      [files.list('/proc'), files.list('/sys/kernel'), files.list('/sys/class/net/eth0')].map((names) =>
        [...names].sort(),
      ),
    ).toEqual([
      ['cmdline', 'device-tree', 'iomem', 'meminfo', 'version'],
      ['kexec_crash_loaded', 'kexec_loaded'],
      ['flags'],
    ]);
    expect(log).toContain('left out: proc/kallsyms (--kallsyms), proc/kcore (--kcore).');
    expect(log).toContain('look for passwords');
    expect(files.note('uname')).toBe('Linux (none) 6.1.0-test #1 SMP aarch64\n');
    expect(read(MachineFiles.open(record(root, '--kallsyms').archive), '/proc/kallsyms')).toBe(
      'ffff800008000000 T _text\n',
    );
    const closed = record(root, '--no-cmdline').archive;
    expect(read(MachineFiles.open(closed), '/proc/cmdline')).toBe('\n');
  });

  test('says so when addresses are hidden', () => {
    const hidden = record(
      machineRoot({ 'proc/kallsyms': '0000000000000000 T _text\n0000000000000000 T _stext\n' }),
      '--kallsyms',
    );
    expect(hidden.log).toContain('WARNING: proc/kallsyms has no addresses');
    const root = machineRoot({ 'proc/iomem': '00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n' });
    const refused = record(root);
    expect(refused).toMatchObject({ status: 1, left: [] });
    expect(refused.log).toMatch(/^snapshot: proc\/iomem tells no addresses[^\n]*--partial\n$/);
    expect(existsSync(refused.archive)).toBe(false);
    const partial = record(root, '--partial');
    expect(partial.log).toContain('WARNING: proc/iomem tells no addresses');
    expect(MachineFiles.open(partial.archive).kind('/proc/meminfo')).toBe('file');
  });

  test('notes what the page size and the configuration are', () => {
    const root = machineRoot({
      'proc/self/smaps': 'ab-cd r-xp\nSize: 8 kB\nKernelPageSize:       16 kB\nKernelPageSize: 2048 kB\n',
      'boot/config-6.1.0-test':
        'CONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\nCONFIG_NET=y\nCONFIG_ARM64=y\nCONFIG_ARM64_VA_BITS=48\nCONFIG_CMA_ALIGNMENT=9\n',
      'sys/kernel/debug/kho/out/scratch_phys': '0x50000000\n',
      'sys/kernel/debug/cma/reserved/bitmap': '0 4294967295\n',
    });
    const { archive } = record(root);
    expect(recordedMachine({ machine: archive, env: { HOME: temp.path } }).pageSize).toBe(16384n);
    expect(MachineFiles.open(archive).note('config')).toBe(
      'CONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\nCONFIG_ARM64=y\nCONFIG_CMA_ALIGNMENT=9\n',
    );
    expect(MachineFiles.open(archive).readText('/sys/kernel/debug/kho/out/scratch_phys')).toBe('0x50000000\n');
    expect(MachineFiles.open(archive).readText('/sys/kernel/debug/cma/reserved/bitmap')).toBe('0 4294967295\n');
    mkdirSync(join(root, 'proc'), { recursive: true });
    const zipped = spawnSync('gzip', ['-c'], { input: 'CONFIG_KEXEC_FILE=y\n' }).stdout;
    writeFileSync(join(root, 'proc/config.gz'), zipped);
    expect(MachineFiles.open(record(root).archive).note('config')).toBe('CONFIG_KEXEC_FILE=y\n');
  });

  test('waits for no pipe, and follows no link that a kernel would not have', () => {
    const root = machineRoot();
    rmSync(join(root, 'proc/meminfo'));
    spawnSync('mkfifo', [join(root, 'proc/meminfo'), join(root, 'sys/firmware/devicetree/base/pipe')]);
    const { status, log, archive } = record(root);
    expect([status, log]).toEqual([0, expect.stringContaining('not on this machine: proc/meminfo')]);
    expect(MachineFiles.open(archive).list('/sys/firmware/devicetree/base')).toEqual(['model']);
  });
});

describe('the script', () => {
  test('writes over nothing', () => {
    const directory = temp.make('out');
    const [there, link] = [join(directory, 'there'), join(directory, 'link')];
    writeFileSync(there, 'mine');
    symlinkSync(join(directory, 'target'), link);
    const env = environment(machineRoot());
    for (const file of [there, link, join(directory, 'none/x')]) {
      const { status } = spawnSync('/bin/sh', [SCRIPT, '-o', file], { env });
      expect([file, status]).toEqual([file, 1]);
    }
    expect(readFileSync(there, 'utf8')).toBe('mine');
    expect(readdirSync(directory).sort()).toEqual(['link', 'there']);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });

  test('writes to a pipe, a file of its own choice, and without gzip', () => {
    const env = environment(machineRoot());
    // As it comes through ssh: the shell reads the script from where its commands would read, too.
    const { stdout } = spawnSync('/bin/sh', ['-s', '--', '-o-', '--kcore', '--dmesg'], {
      env,
      input: readFileSync(SCRIPT),
    });
    const file = join(temp.make('piped'), 'p');
    writeFileSync(file, stdout);
    expect(MachineFiles.open(file).kind('/proc/iomem')).toBe('file');

    const directory = temp.make('cwd');
    const bin = temp.make('tools');
    for (const tool of 'awk cat dd find grep mkdir mktemp od rm sed tar wc ls cut'.split(' ')) {
      const path = spawnSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
      symlinkSync(path, join(bin, tool));
    }
    const [first] = env.PATH.split(':');
    const script = join(process.cwd(), SCRIPT);
    expect(spawnSync('/bin/sh', [script], { env: { ...env, PATH: `${first!}:${bin}` }, cwd: directory }).status).toBe(
      0,
    );
    expect(readdirSync(directory)).toEqual(['machine.tar']);
    expect(statSync(join(directory, 'machine.tar')).mode & 0o777).toBe(0o600);
    expect(MachineFiles.open(join(directory, 'machine.tar')).kind('/proc/iomem')).toBe('file');
    rmSync(join(bin, 'awk'));
    const { status, stderr } = spawnSync('/bin/sh', [script], {
      env: { ...env, PATH: `${first!}:${bin}` },
      cwd: directory,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([1, 'snapshot: awk is needed\n']);
  });

  test('gives up when it cannot blank a secret', () => {
    const env = environment(machineRoot({ 'sys/firmware/devicetree/base/serial-number': 'SN-1234\0' }));
    const [bin] = env.PATH.split(':');
    symlinkSync('/bin/false', join(bin!, 'dd'));
    const { status, stdout, stderr } = spawnSync('/bin/sh', [SCRIPT, '-o', '-'], { env, encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([1, '', expect.stringMatching(/cannot blank sys\S*serial-number\n$/)]);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });

  test('clears up when it is stopped', async () => {
    const root = machineRoot();
    const env = environment(root);
    // Stands in for a tar that takes long.
    const [bin] = env.PATH.split(':');
    writeFileSync(join(bin!, 'tar'), '#!/bin/sh\necho tar >&2\nexec sleep 1\n');
    chmodSync(join(bin!, 'tar'), 0o755);
    const child = spawn('/bin/sh', [SCRIPT, '-o', '-'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (/^tar$/m.test(log)) child.kill('SIGTERM');
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });

  test('tells its options', () => {
    const help = spawnSync('/bin/sh', [SCRIPT, '-h'], { encoding: 'utf8' });
    expect([help.status, help.stderr]).toEqual([0, '']);
    for (const option of readFileSync(SCRIPT, 'utf8').matchAll(/^\t(-[a-z-]+)(?: \| (--[a-z]+))?\) /gm)) {
      for (const name of option.slice(1).filter((each) => each)) expect(help.stdout).toContain(name);
    }
    const bad = spawnSync('/bin/sh', [SCRIPT, '--bogus'], { encoding: 'utf8' });
    expect([bad.status, bad.stdout, bad.stderr]).toEqual([1, '', help.stdout]);
    expect(spawnSync('/bin/sh', [SCRIPT, '-o'], { encoding: 'utf8' }).stderr).toBe('snapshot: -o needs a file\n');
  });
});

describe('kexec-sim snapshot', () => {
  const snapshot = async (...args: readonly string[]): Promise<string> => {
    let text = '';
    await runKexecSim(['snapshot', ...args], '1', { env: {}, out: (more) => (text += more) });
    return text;
  };

  test('prints the script', async () => {
    expect(await snapshot()).toBe(readFileSync(SCRIPT, 'utf8'));
  });

  test('writes it, ready to be run', async () => {
    const file = join(temp.make('script'), 'record.sh');
    expect(await snapshot('-o', file)).toBe('');
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual([readFileSync(SCRIPT, 'utf8'), 0o755]);
    await expect(snapshot('-o', `${file}/x`)).rejects.toThrow(`Cannot write ${file}/x: Not a directory`);
  });
});
