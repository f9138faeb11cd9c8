import { describe, expect, test } from '@jest/globals';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Errno } from '../../../../kexec/base/error.js';
import { Fdt, isFdtError } from '../../../../kexec/device-tree/libfdt.js';
import { getMemRsv, numMemRsv } from '../../../../kexec/device-tree/libfdt-ro.js';
import { addMemRsv, delMemRsv, openInto } from '../../../../kexec/device-tree/libfdt-rw.js';
import { Range } from '../../../../kexec/base/range.js';
import { runKexecSim } from '../../../../sim/commands/index.js';
import { INITIAL_STATE } from '../../../../sim/kernel/rules/kexec-load.js';
import { setUpTree } from '../../../../sim/kernel/rules/of-kexec.js';
import { type RecordedMachineOptions, recordedMachine } from '../../../../sim/kernel/recorded-system.js';
import { readState } from '../../../../sim/kernel/state/state.js';
import { arm64Image } from '../../../support/files/kernel-files.js';
import { recordedFile } from '../../../support/recorded.js';
import { runToEnd } from '../../../support/run-support.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../support/machine/sim-support.js';

/** kexec_file_load(2) of recorded machines; what real kernels answer is in file-load-calls.test.ts. */

const temp = useTempDir();
const MACHINE = 'virt-file-2g';
const SYMBOL = 'ffff800080096a2c T kexec_add_buffer\n';
const CONFIG = 'CONFIG_KEXEC_CORE=y\nCONFIG_KEXEC_FILE=y\n';
const NO_CONFIG = 'CONFIG_KEXEC_CORE=y\n# CONFIG_KEXEC_FILE is not set\n';

const makeMachine = (files: Readonly<Record<string, string | Uint8Array>>): string => {
  const directory = temp.make('machine');
  writeTree(directory, { ...SMALL_MACHINE, ...files });
  return directory;
};

const open = (options: Partial<RecordedMachineOptions> = {}) =>
  recordedMachine({ machine: MACHINE, state: temp.make('state'), env: {}, ...options });

const kernel = arm64Image({ textOffset: 0n, imageSize: 0x20_0000n });
const call = (rest: object = {}) => ({
  kernel,
  initrd: undefined,
  cmdline: 'quiet',
  cmdlineLen: 6,
  flags: 4n,
  ...rest,
});

describe('a kernel has kexec_file_load', () => {
  const UNLOAD = { ...call(), flags: 1n };
  const answerOf = async (files: Readonly<Record<string, string | Uint8Array>>, fileLoad?: string): Promise<number> =>
    open({ machine: makeMachine(files), fileLoad }).kexecFileLoad(UNLOAD);

  test.each([
    ['when nothing tells so', {}, false],
    ['by a symbol', { 'proc/kallsyms': SYMBOL }, true],
    ['by another symbol', { 'proc/kallsyms': SYMBOL.replace('buffer', 'buffers') }, false],
    ['by /proc/config.gz', { 'proc/config.gz': gzipSync(CONFIG) }, true],
    [
      'by /proc/config.gz that denies it, whatever the symbols',
      { 'proc/config.gz': gzipSync(NO_CONFIG), 'proc/kallsyms': SYMBOL },
      false,
    ],
    ['by a note', { config: CONFIG }, true],
    ['by a note that denies it', { config: NO_CONFIG, 'proc/kallsyms': SYMBOL }, false],
    [
      'by the symbol, when the configuration is no gzip file',
      { 'proc/config.gz': CONFIG, 'proc/kallsyms': SYMBOL },
      true,
    ],
    [
      'by the symbol, when the configuration has no end',
      { 'proc/config.gz': gzipSync(new Uint8Array(64 << 20)), 'proc/kallsyms': SYMBOL },
      true,
    ],
  ])('%s', async (_, files, has) => {
    expect(await answerOf(files)).toBe(has ? 0 : -Errno.ENOSYS);
    expect(await answerOf(files, 'on')).toBe(0);
    expect(await answerOf(files, 'off')).toBe(-Errno.ENOSYS);
    expect(await answerOf(files, '')).toBe(has ? 0 : -Errno.ENOSYS);
  });

  test('as a user says; other words are refused', async () => {
    expect(() => open({ fileLoad: 'yes' })).toThrow('KEXEC_FILE_LOAD: "yes" is not one of on, off');
    const { code, err } = await runToEnd(['--sim-file-load=maybe', '-S'], { KEXEC_STATE: temp.make('state') });
    expect({ code, err }).toEqual({ code: 1, err: 'kexec: --sim-file-load: "maybe" is not one of on, off\n' });
  });

  test.each(['virt-2g', 'virt-8g', 'virt-el2-4g'])('not on %s, as Debian builds it', async (machine) => {
    expect(await open({ machine }).kexecFileLoad(UNLOAD)).toBe(-Errno.ENOSYS);
  });
});

describe('flags', () => {
  test.each([
    ['5.10.0', 0x7n],
    ['6.1.0', 0x7n],
    ['6.12.0', 0xfn],
    ['7.2.0', 0x3fn],
  ])('that Linux %s knows', async (release, known) => {
    const machine = open({
      machine: makeMachine({ 'proc/version': `Linux version ${release} (x)\n`, config: CONFIG }),
    });
    for (let bit = 0n; bit < 64n; bit++) {
      const flags = (1n << bit) | 1n;
      expect([flags, await machine.kexecFileLoad(call({ flags }))]).toEqual([
        flags,
        (known & flags) === flags ? 0 : -Errno.EINVAL,
      ]);
    }
  });
});

describe('what is refused', () => {
  const locked = { 'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' };

  test('an unsigned kernel, where the locked down kernel wants a signature', async () => {
    const machine = open({ machine: makeMachine({ ...locked, 'proc/kallsyms': SYMBOL }) });
    expect(await machine.kexecFileLoad(call())).toBe(-Errno.EPERM);
    expect(await machine.kexecFileLoad(call({ kernel: new Uint8Array(100) }))).toBe(-Errno.EINVAL);
    expect(await machine.kexecFileLoad(call({ flags: 1n }))).toBe(0);
  });

  test('a file larger than memory', async () => {
    const machine = open({ machine: makeMachine({ 'proc/meminfo': 'MemTotal: 4 kB\n', config: CONFIG }) });
    expect(await machine.kexecFileLoad(call({ kernel: new Uint8Array(3 * 4096) }))).toBe(-Errno.ENOMEM);
  });

  test('two at once: one gets EBUSY', async () => {
    const state = temp.make('state');
    const results = await Promise.all([open({ state }).kexecFileLoad(call()), open({ state }).kexecFileLoad(call())]);
    expect([...results].sort()).toEqual([-Errno.EBUSY, 0].sort());
  });
});

describe('a recording that lacks what the kernel looks at', () => {
  const failure = async (files: Readonly<Record<string, string | Uint8Array>>, flags = 4n): Promise<string> => {
    const machine = makeMachine({ config: CONFIG, ...files });
    return open({ machine })
      .kexecFileLoad(call({ flags }))
      .then(String, (error: unknown) => (error as Error).message.replace(machine, 'DIR'));
  };
  const fdt = recordedFile(MACHINE, '/sys/firmware/fdt').subarray(0, 8192);

  test('says which file', async () => {
    expect(await failure({})).toBe(
      'DIR: the recording has no /sys/firmware/fdt: the device tree for the new kernel is made from it',
    );
    expect(await failure({ 'sys/firmware/fdt': fdt }, 6n)).toBe(
      "DIR: the recording has no /proc/kcore: the crash kernel's elfcorehdr is made from it",
    );
    const kcore = { 'proc/kcore': 'rubbish' };
    expect(await failure({ ...kcore, 'sys/firmware/fdt': fdt }, 6n)).toBe(
      "DIR: /proc/kcore is not as Linux writes it: the crash kernel's elfcorehdr is made from it",
    );
  });

  test('is said of a broken device tree, too', async () => {
    expect(await failure({ 'sys/firmware/fdt': fdt })).toContain('/sys/firmware/fdt: the device tree is cut off');
    expect(await failure({ 'sys/firmware/fdt': new Uint8Array(100) })).toBe(`${-Errno.EADDRNOTAVAIL}`);
    expect(await failure({ 'sys/firmware/fdt': '' })).toContain('/sys/firmware/fdt: the device tree is cut off');
  });

  test('without memory, there is no place', async () => {
    expect(await failure({ 'proc/iomem': '', 'sys/firmware/fdt': fdt })).toBe(`${-Errno.EADDRNOTAVAIL}`);
  });
});

describe('the reserve map of the new device tree', () => {
  const make = (bootTree: Uint8Array, initrd: Range | undefined, generation: '5.10' | '6.12' = '6.12'): Fdt => {
    const source = { generation, pageSize: 4096n, bootTree, random: undefined };
    const tree = setUpTree(source, { initrd, cmdline: undefined, crash: undefined });
    if (isFdtError(tree)) throw new Error(tree);
    return new Fdt(tree, 'made');
  };
  const entries = (tree: Fdt) => Array.from({ length: numMemRsv(tree) }, (_, n) => getMemRsv(tree, n));
  const boot = recordedFile(MACHINE, '/sys/firmware/fdt');
  const [first, second] = [Range.sized(0x5000_0000n, 0x1234n), Range.sized(0x6000_0000n, 0x777n)];
  const reserved = ({ start, size }: Range) => ({ address: start, size });

  test('has the initrd, and that of the boot no more', () => {
    const once = make(boot, first);
    expect(entries(once)).toEqual([reserved(first)]);
    expect(entries(make(once.bytes, second))).toEqual([reserved(second)]);
    expect(entries(make(once.bytes, undefined))).toEqual([]);
    expect(entries(make(boot, first, '5.10'))).toEqual([]);
  });

  test('has no more what firmware reserved for the initrd in whole pages, or for the tree itself', () => {
    const opened = openInto(make(boot, first), 0x4000) as Fdt;
    delMemRsv(opened, 0);
    for (const [address, size] of [
      [0x4000_0000n, 0x4000n],
      [0x5000_0000n, 0x2000n],
      [0x7000_0000n, 0x2000n],
    ] as const) {
      addMemRsv(opened, { address, size });
    }
    expect(entries(make(opened.bytes, second))).toEqual([
      reserved(Range.sized(0x7000_0000n, 0x2000n)),
      reserved(second),
    ]);
  });
});

describe('what is loaded', () => {
  const session = () => {
    const state = temp.make('state');
    const record = temp.make('record');
    const env = { KEXEC_MACHINE: MACHINE, KEXEC_STATE: state, KEXEC_RECORD: record };
    const sim = async (...args: string[]): Promise<string> => {
      let out = '';
      await runKexecSim(args, '0', { env, out: (text: string) => void (out += text) });
      return out;
    };
    return { state, record, env, sim, kexec: (...args: string[]) => runToEnd(args, env) };
  };
  const PAYLOAD = 'machines/payload/Image';

  test('is shown with what each segment is', async () => {
    const { kexec, sim } = session();
    expect(await kexec('-s', '-l', PAYLOAD, `--initrd=${PAYLOAD}`, '--append=quiet')).toMatchObject({
      code: 0,
      err: '',
    });
    expect(await kexec('-s', '-p', PAYLOAD)).toMatchObject({ code: 0, err: '' });
    const rows = JSON.parse(await sim('segments', '--json')) as readonly {
      readonly image: string;
      readonly role: string;
      readonly mem: string;
    }[];
    expect(rows.map(({ image, role, mem }) => `${image} ${role} ${mem}`)).toEqual([
      'normal kernel 0x40000000',
      'normal initrd 0x40003000',
      'normal dtb 0xbfe00000',
      'crash kernel 0xacc00000',
      'crash elfcorehdr 0xbcbf0000',
      'crash dtb 0xbca00000',
    ]);
    expect(await sim('segments', 'crash')).toMatch(/ elfcorehdr: ELF core headers \(vmcore\)\n.* dtb: device tree\n$/);
    expect(await sim('status')).toMatch(/normal +loaded: entry 0x40000000, 3 segments/);
    expect((await kexec('-S')).code).toBe(1);
  });

  test('is entered directly, with x0 = dtb', async () => {
    const { kexec } = session();
    await kexec('-s', '-l', PAYLOAD, '--append=hello');
    const { code, out } = await kexec('-e');
    expect(code).toBe(0);
    expect(out).toContain('x0: 0xbfe00000');
    expect(out).toContain('bootargs: hello');
    expect((await kexec('-e')).err).toBe('Nothing has been loaded!\n');
  });

  test('keeps all rules of the boot protocol', async () => {
    const { env } = session();
    const path = temp.make('initrd');
    writeTree(path, { initrd: new Uint8Array(12345).fill(1) });
    await runToEnd(['-s', '-l', PAYLOAD, `--initrd=${path}/initrd`], env);
    const { code, out } = await runToEnd(['-e', '--sim-until=entry'], env);
    expect(code).toBe(0);
    const [first, ...rules] = out.trimEnd().split('\n');
    expect(first).toMatch(/^The new kernel's first instruction: 0x40000000 at EL1, x0 0xbfe00000,/);
    expect(rules.filter((line) => !line.startsWith('ok    '))).toEqual([]);
  });

  test('leaves in the kernel’s log what it was asked to tell, until the machine is rebooted', async () => {
    const { kexec, sim } = session();
    await kexec('-s', '-l', PAYLOAD);
    expect(await sim('dmesg')).toBe('');
    await kexec('-s', '-d', '-l', PAYLOAD);
    const lines = ['kexec_file: Loaded dtb at 0xbfe00000 ', 'kexec_file(Image): Loaded kernel at 0x40000000 '];
    expect((await sim('dmesg')).split('\n')).toEqual([...lines.map((line) => expect.stringContaining(line)), '']);
    expect(JSON.parse(await sim('dmesg', '--json'))).toEqual(
      lines.map((line) => ({ level: 6, text: expect.stringContaining(line) })),
    );
    await kexec('-e');
    expect(await sim('dmesg')).toBe('');
  });

  test('is recorded without a second copy, and replayed', async () => {
    const { kexec, record, state, sim } = session();
    await kexec('-s', '-l', PAYLOAD, `--initrd=${PAYLOAD}`, '--append=quiet');
    await kexec('-s', '-u');
    await kexec('-s', '-p', PAYLOAD);
    const before = readState(state, INITIAL_STATE);
    // Of the first image, only the record is left; of the other, the files are the state's own.
    expect(statSync(join(record, 'call2-kernel.bin')).nlink).toBe(2);
    const calls = JSON.parse(await sim('replay', record)) as readonly Record<string, unknown>[];
    expect(
      calls.map(({ result, kexec_loaded, kexec_crash_loaded }) => [result, kexec_loaded, kexec_crash_loaded]),
    ).toEqual([
      [0, '1', '1'],
      [0, '0', '1'],
      [0, '0', '1'],
    ]);
    const after = readState(state, INITIAL_STATE);
    const places = (slot: typeof after.crash) =>
      typeof slot === 'object' && slot.segments.map(({ role, mem, memsz }) => ({ role, mem, memsz }));
    expect(places(after.crash)).toEqual(places(before.crash));
  });

  test('is replayed with its errors', async () => {
    const { sim } = session();
    const folder = temp.make('calls');
    const entry = {
      call: 'kexec_file_load',
      flags: '0x4',
      cmdline: 'quiet',
      cmdlineLen: 6,
      kernelFile: 'k',
      initrdFile: null,
    };
    const calls = [
      { ...entry, who: 'nobody' },
      { ...entry, kernelFile: null },
      { ...entry, flags: '0x0' },
      { ...entry, flags: '0x40' },
      { ...entry, cmdlineLen: 5 },
      { ...entry, cmdlineLen: 7 },
      { ...entry, cmdline: null },
      entry,
    ];
    writeTree(folder, { k: kernel, 'calls.json': JSON.stringify(calls) });
    const results = JSON.parse(await sim('replay', folder)) as readonly Record<string, unknown>[];
    const { EPERM, EBADF, EINVAL, EFAULT } = Errno;
    expect(results.map(({ result }) => result)).toEqual([
      -EPERM,
      -EBADF,
      -EBADF,
      -EINVAL,
      -EINVAL,
      -EFAULT,
      -EFAULT,
      0,
    ]);
    expect(results[0]).toMatchObject({ who: 'nobody', cmdlineLen: 6 });
  });
});
