import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  DEFAULT_COMPAT,
  KexecError,
  bundledMachines,
  compatFor,
  createLog,
  extractPurgatory,
  kexecLoad,
  kexecUnload,
  loadKernel,
  parseCompat,
  parseIomem,
  purgatory,
  recordedMachine,
  runKexec,
  runVmcoreDmesg,
  type LoadPlan,
} from '../../../index.js';
import { fakeSystem, machineFiles, smallMachine } from '../../support/files/fake-system.js';
import { arm64Image, gzip, smallTree, uImage } from '../../support/files/kernel-files.js';
import { useTempDir, writeTree } from '../../support/machine/sim-support.js';

const temp = useTempDir();
const KERNEL = '/boot/Image';
const IOMEM = '40000000-7fffffff : System RAM\n';

const system = (kernel: Uint8Array = arm64Image()) =>
  fakeSystem({ ...smallMachine(IOMEM, smallTree()), [KERNEL]: kernel });

/** What can be compared: the made-up addresses of buffers too. */
const plain = (plan: LoadPlan) => ({
  ...plan,
  segments: plan.segments.map(({ data, memory, buf }) => ({
    data: [...data],
    start: memory.start,
    size: memory.size,
    buf,
  })),
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('loadKernel', () => {
  test('computes the same plan every time, and changes nothing that it is given', async () => {
    const files = {
      ...machineFiles('virt-2g'),
      [KERNEL]: arm64Image({ pe: true }),
      '/i': new Uint8Array(5000).fill(3),
    };
    const copy = Object.fromEntries(
      Object.entries(files).map(([path, file]) => [path, file instanceof Uint8Array ? Uint8Array.from(file) : file]),
    );
    const ourPurgatory = Buffer.from(purgatory);
    const options = { kernel: KERNEL, initrd: '/i', append: 'quiet', panic: true, purgatory: ourPurgatory };
    const one = await loadKernel(fakeSystem(files), options);
    const two = await loadKernel(fakeSystem(files), options);
    expect(plain(two)).toEqual(plain(one));
    expect(plain(await loadKernel(fakeSystem(copy), { ...options, purgatory }))).toEqual(plain(one));
    expect(Buffer.compare(ourPurgatory, purgatory)).toBe(0);
    for (const [path, file] of Object.entries(files)) {
      if (file instanceof Uint8Array) expect([path, Buffer.compare(file, copy[path] as Uint8Array)]).toEqual([path, 0]);
    }
  });

  test('of different kernels at the same time', async () => {
    const kernels = [arm64Image(), arm64Image({ seed: 9, imageSize: 0x100000n }), gzip(arm64Image())];
    const apart = [];
    for (const kernel of kernels) apart.push(plain(await loadKernel(system(kernel), { kernel: KERNEL })));
    const together = await Promise.all(
      kernels.map(async (kernel) => plain(await loadKernel(system(kernel), { kernel: KERNEL }))),
    );
    expect(together).toEqual(apart);
  });

  test('prints nothing, whether it succeeds or not', async () => {
    const spies = [
      jest.spyOn(process.stdout, 'write'),
      jest.spyOn(process.stderr, 'write'),
      jest.spyOn(fs, 'writeSync'),
      ...(['log', 'error', 'warn', 'info', 'debug'] as const).map((name) => jest.spyOn(console, name)),
    ];
    await loadKernel(system(), { kernel: KERNEL, serial: 'none' });
    await expect(loadKernel(system(new Uint8Array(1000)), { kernel: KERNEL })).rejects.toThrow(KexecError);
    await expect(loadKernel(system(), { kernel: '/none' })).rejects.toThrow(KexecError);
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  test('gives its words to a log', async () => {
    const words = { out: '', err: '' };
    const log = createLog(
      true,
      (text) => (words.out += text),
      (text) => (words.err += text),
    );
    await loadKernel(system(), { kernel: KERNEL, log });
    expect(words.err).toContain('image_arm64_load: kernel_segment: 0000000040000000\n');
    expect(words.out).toBe('');
  });

  test('throws KexecErrors that say what and where', async () => {
    await expect(loadKernel(system(), { kernel: '/none' })).rejects.toMatchObject({
      name: 'KexecError',
      message: "Cannot open `/none': No such file or directory",
      subject: '/none',
      exitCode: 1,
    });
    await expect(loadKernel(system(), { kernel: KERNEL, panic: true })).rejects.toMatchObject({
      subject: 'crashkernel',
    });
    await expect(loadKernel(system(), { kernel: KERNEL, type: 'x' })).rejects.toMatchObject({
      message: 'Unsupported kernel type x',
    });
    await expect(
      loadKernel(system(gzip(new Uint8Array(100_000))), { kernel: KERNEL, decompressLimitBytes: 1000 }),
    ).rejects.toThrow('decompresses to more than 1000 bytes');
  });

  test('knows a packed kernel in another packing', async () => {
    const plan = await loadKernel(system(gzip(uImage(gzip(arm64Image()), { compression: 1 }))), { kernel: KERNEL });
    expect(new Uint8Array(plan.segments[0]!.data)).toEqual(arm64Image());
  });

  test('follows another release', async () => {
    await expect(loadKernel(system(), { kernel: KERNEL, compat: parseCompat('2.0.20:')! })).resolves.toMatchObject({
      flags: 0xb70000n,
    });
    await expect(
      loadKernel(system(gzip(arm64Image())), { kernel: KERNEL, compat: parseCompat('2.0.32:')! }),
    ).rejects.toThrow('Cannot determine the file type');
    expect(DEFAULT_COMPAT.release).toBe('2.0.32');
  });
});

describe('kexec_file_load', () => {
  const filesOf = (directory: string): unknown =>
    fs
      .readdirSync(directory)
      .toSorted()
      .map((name) => [name, fs.readFileSync(`${directory}/${name}`, 'latin1')]);

  test.each(['-l', '-p'])('is called as the command does with -s %s', async (letter) => {
    const directory = temp.make(`file${letter}`);
    const [kernel, initrd] = [`${directory}/Image.gz`, `${directory}/initrd`];
    fs.writeFileSync(kernel, gzip(arm64Image({ pe: true })));
    fs.writeFileSync(initrd, 'initrd');
    const settings = { machine: 'virt-file-2g', state: `${directory}/state`, record: `${directory}/record` };
    const env = {
      KEXEC_MACHINE: settings.machine,
      KEXEC_STATE: settings.state,
      KEXEC_RECORD: settings.record,
    };
    const text: string[] = [];
    const say = (line: string): void => void text.push(line);
    const args = ['-s', letter, kernel, `--initrd=${initrd}`, '--append=quiet', '--reuse-cmdline'];
    const exitCode = await runKexec(args, { env, out: say, err: say });
    expect([exitCode, text]).toEqual([0, []]);
    const byCommand = filesOf(settings.record);
    fs.rmSync(settings.record, { recursive: true });

    const machine = recordedMachine(settings);
    const panic = letter === '-p';
    const options = { kernel, initrd, append: 'quiet', reuseCmdline: true, panic, kexecFileSyscall: true } as const;
    const plan = await loadKernel(machine, options);
    expect(plan.flags).toBe(panic ? 2n : 0n);
    await kexecLoad(machine, plan);
    expect(filesOf(settings.record)).toEqual(byCommand);
    await kexecUnload(machine, { kexecFileSyscall: true, panic });
    const loaded = `/sys/kernel/kexec_${panic ? 'crash_' : ''}loaded`;
    expect(Buffer.from(machine.readFile(loaded)).toString()).toBe('0\n');
  });

  test('is refused as the kernel refuses it', async () => {
    const machine = recordedMachine({ machine: 'virt-2g', state: temp.make('state') });
    const plan = await loadKernel(machine, { kernel: 'machines/payload/Image', kexecFileSyscall: true });
    const failure = { subject: 'kexec_file_load', errno: -38 };
    await expect(kexecLoad(machine, plan)).rejects.toMatchObject(failure);
    await expect(kexecUnload(machine, { kexecFileSyscall: true })).rejects.toMatchObject(failure);
    await expect(loadKernel(machine, { kernel: '/none', kexecFileSyscall: true })).rejects.toThrow(KexecError);
  });
});

const documented = [...fs.readFileSync('docs/library.md', 'utf8').matchAll(/```ts\n([^]*?)```/g)].map(
  ([, text]) => text!,
);

test.each(documented.map((text, i) => [i + 1, text] as const))('example %i of its documentation', (i, text) => {
  const directory = temp.make(`documented${i}`);
  const library = pathToFileURL(path.resolve('dist/index.js')).href;
  const browser = pathToFileURL(path.resolve('dist/browser.js')).href;
  const named = text.replace("'kexec-ts'", `'${library}'`).replace("'kexec-ts/browser'", `'${browser}'`);
  const code = named.replaceAll('/tmp/state', `${directory}/state`);
  fs.writeFileSync(`${directory}/example.mjs`, code);
  const printed = execFileSync(process.execPath, [`${directory}/example.mjs`], { encoding: 'utf8' });
  const lines = printed.split('\n').filter((line) => line !== '');
  if (text.includes('disassemble')) expect(lines).toEqual(['stp\tx29, x30, [sp, #-16]!', '1008']);
  else if (!text.includes('execution')) expect(lines).toHaveLength(3);
  else expect(lines.slice(0, 1)).toEqual([expect.stringContaining("{ kind: 'over', exitCode: 0 } ")]);
});

describe('what is given to the library without a compiler', () => {
  const anything = (value: unknown): never => value as never;
  const machine = system();

  test.each<[string, () => unknown]>([
    ['loadKernel: the system must be an object', () => loadKernel(anything(undefined), { kernel: KERNEL })],
    ['loadKernel: the options must be an object', () => loadKernel(machine, anything(null))],
    ['loadKernel: the options: "kernel" must be a string', () => loadKernel(machine, anything({}))],
    [
      'loadKernel: the options: "memMin" must be a bigint',
      () => loadKernel(machine, anything({ kernel: 'x', memMin: 5 })),
    ],
    ['kexecLoad: the plan must be an object', () => kexecLoad(machine, anything('x'))],
    [
      'kexecLoad: the segments: element 0: "data" must be a Uint8Array',
      () => kexecLoad(machine, anything({ entry: 0n, flags: 0n, segments: [{}] })),
    ],
    [
      'loadKernel: the options: "log": "err" must be a function',
      () => loadKernel(machine, anything({ kernel: KERNEL, log: { debug: false, out: () => {}, dbg: () => {} } })),
    ],
    [
      'loadKernel: the options: "compat": "libraries" must be a set',
      () => loadKernel(machine, anything({ kernel: KERNEL, compat: { ...DEFAULT_COMPAT, libraries: ['zlib'] } })),
    ],
    [
      'what readFile returns must be a Uint8Array',
      () => loadKernel({ ...machine, readFile: () => anything('bytes') }, { kernel: KERNEL }),
    ],
    [
      'what kexecLoad returns must be a number',
      () => kexecUnload({ ...machine, kexecLoad: () => anything(undefined) }),
    ],
    [
      'kexecLoad: the segments: element 0: "memory": "start" must be a bigint',
      () => kexecLoad(machine, anything({ entry: 0n, flags: 0n, segments: [{ data: new Uint8Array(), memory: {} }] })),
    ],
    [
      'recordedMachine: the options: "execution": "console" must be a function',
      () => recordedMachine(anything({ execution: { console: console } })),
    ],
    [
      'recordedMachine: the options: "execution": "until" must be "entry", "halt", "reboot", or "console:" and a text',
      () => recordedMachine(anything({ execution: { until: 'console:' } })),
    ],
    [
      'recordedMachine: the options: "execution": "quirks": element 0 must be one of psci-cpu0-only, cpu-on-below-1g, cpu-on-once',
      () => recordedMachine(anything({ execution: { quirks: ['x'] } })),
    ],
    [
      'recordedMachine: the options: "changes": "memory" must be a string',
      () => recordedMachine(anything({ changes: { memory: 4 } })),
    ],
    ['kexecUnload: the options: "panic" must be true or false', () => kexecUnload(machine, anything({ panic: 1 }))],
    [
      'recordedMachine: the options: "machine" must be a string',
      () => recordedMachine(anything({ machine: ['a', 'b'] })),
    ],
    ['recordedMachine: the options: "state" must be a string', () => recordedMachine(anything({ state: 5 }))],
    ['runKexec: the arguments: element 0 must be a string', () => runKexec(anything([5]), anything({}))],
    ['runKexec: the options: "env" must be an object', () => runKexec([], anything({}))],
    ['runVmcoreDmesg: the arguments must be an array', () => runVmcoreDmesg(anything('x'), anything({}))],
    ['parseIomem: argument 1 must be a string', () => parseIomem(anything(undefined))],
    ['extractPurgatory: argument 1 must be a Uint8Array', () => extractPurgatory(anything([1]), 'x')],
    ['compatFor: the libraries must be an array, or a set', () => compatFor('2.0.32', anything({ length: 2 ** 40 }))],
    ['createLog: argument 2 must be a function', () => createLog(true, anything(1), anything(1))],
  ])('%s', async (message, call) => {
    const error: unknown = await Promise.resolve()
      .then(call)
      .catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(KexecError);
    expect((error as KexecError).message).toBe(message);
  });
});

describe('a recorded machine', () => {
  test('takes what was computed, and gives it up again', async () => {
    const machine = recordedMachine({ machine: 'virt-2g', state: temp.make('state') });
    const plan = await loadKernel(machine, { kernel: 'machines/payload/Image' });
    await kexecLoad(machine, plan);
    expect(Buffer.from(machine.readFile('/sys/kernel/kexec_loaded')).toString()).toBe('1\n');
    await kexecUnload(machine);
    expect(Buffer.from(machine.readFile('/sys/kernel/kexec_loaded')).toString()).toBe('0\n');
  });

  test('refuses what a kernel would', async () => {
    const machine = recordedMachine({ machine: 'virt-2g', state: temp.make('state') });
    const plan = await loadKernel(machine, { kernel: 'machines/payload/Image' });
    await expect(kexecLoad(machine, { ...plan, flags: 0x30000n })).rejects.toMatchObject({
      name: 'KexecError',
      errno: -22,
    });
  });

  test('is one of those that come along', () => {
    expect(bundledMachines()).toEqual(expect.arrayContaining(['virt-2g', 'virt-8g', 'virt-el2-4g', 'virt-file-2g']));
    expect(() => recordedMachine({ machine: 'none-such' })).toThrow(KexecError);
  });
});

describe('runKexec', () => {
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const words = { out: '', err: '' };
    const code = await runKexec(args, {
      env: { KEXEC_STATE: temp.path, ...env },
      out: (text) => (words.out += text),
      err: (text) => (words.err += text),
    });
    return { code, ...words };
  };

  test('is the command without a process', async () => {
    const state = temp.make('state');
    const env = { KEXEC_STATE: state, KEXEC_MACHINE: 'virt-2g' };
    expect(await run(['-l', 'machines/payload/Image'], env)).toEqual({ code: 0, out: '', err: '' });
    expect((await run(['-S', '-l'], env)).code).toBe(1);
    expect((await run(['-S'], env)).code).toBe(0);
    expect((await run(['-u'], env)).code).toBe(0);
    expect((await run(['-S', '-l'], env)).code).toBe(0);
  });

  test('takes the machine from an option, or from the environment', async () => {
    expect((await run(['--sim-machine=virt-8g', '--print-ckr-size'], { KEXEC_MACHINE: 'virt-2g' })).out).toBe('0\n');
    expect((await run(['--print-ckr-size'], { KEXEC_MACHINE: 'virt-2g' })).out).toBe('268435456\n');
    expect((await run(['--print-ckr-size', '--sim-machine', 'none-such'])).code).toBe(1);
  });

  test('takes a machine that someone recorded', async () => {
    const directory = temp.make('machine');
    writeTree(directory, {
      'proc/iomem': '40000000-7fffffff : System RAM\n  50000000-50ffffff : Crash kernel\n',
      'sys/kernel/kexec_loaded': '0\n',
    });
    expect((await run([`--sim-machine=${directory}`, '--print-ckr-size'])).out).toBe('16777216\n');
  });

  test('follows the release that it is told', async () => {
    expect((await run(['-v'], { KEXEC_COMPAT: '2.0.20' })).out).toBe('kexec-tools 2.0.20\n');
    expect((await run(['-v', '--sim-compat=2.0.25:zlib'], { KEXEC_COMPAT: '2.0.20' })).out).toBe(
      'kexec-tools 2.0.25\n',
    );
    expect((await run(['-v', '--sim-compat='], { KEXEC_COMPAT: '2.0.20' })).out).toBe('kexec-tools 2.0.32\n');
  });

  test.each(['2.0.21', '2.0.32:', '2.0.32:bzip2', '2.0.32:zlib:zstd', 'x', '2.0.32:zlib,', ':zlib'])(
    'KEXEC_COMPAT=%s',
    async (text) => {
      const { code, out, err } = await run(['-v'], { KEXEC_COMPAT: text });
      if (parseCompat(text) !== undefined) {
        expect(code).toBe(0);
        return;
      }
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toBe(
        `kexec: KEXEC_COMPAT: "${text}" is not VERSION[:LIB,...] (2.0.20, 2.0.25, 2.0.29, 2.0.32, 2.0.32.git; zlib, zstd, lzma)\n`,
      );
    },
  );

  test.each(['0', '-1', 'x', '1e99', '5000000000', '1.5'])('KEXEC_DECOMPRESS_LIMIT=%s is none', async (text) => {
    const { code, err } = await run(['-l', 'machines/payload/Image'], { KEXEC_DECOMPRESS_LIMIT: text });
    expect(code).toBe(1);
    expect(err).toContain(`KEXEC_DECOMPRESS_LIMIT: "${text}" is not a number of bytes`);
  });

  test('an operand ends the options with POSIXLY_CORRECT', async () => {
    const env = { KEXEC_STATE: temp.make('state') };
    expect((await run(['-c', '-l', 'machines/payload/Image', '--wat'], env)).code).toBe(1);
    expect((await run(['-c', '-l', 'machines/payload/Image', '--wat'], { ...env, POSIXLY_CORRECT: '' })).code).toBe(0);
  });
});
