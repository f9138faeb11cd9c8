/** Fuzz targets: the library, called with what it is not meant to be called with, or with one field of another type. */
import * as library from '../../../index.js';
import { KexecError } from '../../../kexec/base/error.js';
import { OutputLimitError } from '../../../kexec/base/platform.js';
import { MachineError } from '../../../sim/machine/error.js';
import { buildFdt } from '../../conformance/fdt.js';
import { arm64Image } from '../../support/files/kernel-files.js';
import type { AsyncFuzzTarget } from '../fuzz-target.js';

const BYTES = Uint8Array.from({ length: 64 }, (_, i) => i);

/** Values of every type, and some that look like what is wanted. */
const VALUES: readonly unknown[] = [
  ...[
    undefined,
    null,
    true,
    0,
    -1,
    1.5,
    NaN,
    2 ** 40,
    0n,
    -1n,
    2n ** 64n,
    '',
    'x',
    '\0',
    'virt-2g',
    '2.0.32',
    '/dev/zero',
  ],
  ...[
    [],
    [undefined],
    ['-v'],
    [1],
    {},
    { length: 2 ** 40 },
    new Date(0),
    /x/,
    Symbol('x'),
    new Map(),
    new ArrayBuffer(8),
  ],
  ...[
    BYTES,
    Buffer.from('x'),
    new Uint16Array(4),
    () => {},
    () => undefined,
    () => 5,
    () => BYTES,
    () => ['x'],
    { kernel: 5 },
    { machine: 5 },
    { state: [] },
  ],
  ...[
    { kernel: 'x', append: 5 },
    { segments: 5 },
    { entry: '0', segments: [{}], flags: 0n },
    { env: 5 },
    { env: {}, out: 5 },
  ],
  ...[
    { readAt: 5 },
    { ram: 5, devices: [], highestEl: 1 },
    { log: 5 },
    Object.create(null) as unknown,
    new Proxy({}, {}),
  ],
];

type Callable = (...args: readonly unknown[]) => unknown;

const isClass = (value: Callable): boolean => value.toString().startsWith('class');

const EXPORTS = Object.entries(library as Readonly<Record<string, unknown>>)
  .filter((entry): entry is [string, Callable] => typeof entry[1] === 'function' && !/Error$/.test(entry[0]))
  .toSorted(([a], [b]) => (a < b ? -1 : 1));

const PROMISED = [KexecError, OutputLimitError, MachineError] as const;

const call = async (name: string, callee: Callable, args: readonly unknown[]): Promise<void> => {
  try {
    const result: unknown = isClass(callee) ? Reflect.construct(callee, args as unknown[]) : callee(...args);
    if (result instanceof Promise) await result;
    else if (name.startsWith('vmcoreDmesg')) [...(result as Iterable<unknown>)].join('');
  } catch (error) {
    if (PROMISED.some((kind) => error instanceof kind)) return;
    throw new Error(`${name}(${args.map((arg) => typeof arg).join(', ')}): ${String(error)}`, { cause: error });
  }
};

const nothing = (): void => {};
const SYNTAX = {
  long: [{ name: 'long', takesArgument: true, id: 1 }],
  short: [{ letter: 'a', takesArgument: false, id: 2 }],
};
const LOG = { debug: true, out: nothing, err: nothing, dbg: nothing };
const COMPAT = { ...library.DEFAULT_COMPAT };
const DEVICE = { sizeBytes: 4096, read: () => 0n, write: () => true, connect: nothing };
const RAM = { start: 0x4000_0000n, last: 0x400f_ffffn, size: 0x10_0000n, end: 0x4010_0000n };

const files = new Map<string, Uint8Array>([
  ['/proc/iomem', Buffer.from('40000000-7fffffff : System RAM\n  50000000-5fffffff : Crash kernel\n')],
  ['/proc/cmdline', Buffer.from('quiet\n')],
  ['/sys/firmware/fdt', buildFdt({ children: { chosen: {} } })],
  ['/Image', arm64Image({ pe: true })],
]);

const fileAt = (path: string): Uint8Array => {
  const file = files.get(path);
  if (file === undefined) throw new library.SystemError('open', path, library.Errno.ENOENT);
  return file;
};

const SYSTEM = {
  ...{ pageSize: 4096n, machine: 'aarch64', nrCpus: 1, readFile: fileAt, list: () => [], random: () => BYTES },
  readAt: (path: string, offset: number, length: number) => fileAt(path).subarray(offset, offset + length),
  stat: (path: string) => ({ kind: 'file', size: fileAt(path).length }),
  lstat: (path: string) => ({ kind: 'file', size: fileAt(path).length }),
  ...{ kexecLoad: () => Promise.resolve(0), kexecFileLoad: () => Promise.resolve(0) },
};

const LOAD = {
  ...{ kernel: '/Image', type: 'Image', append: 'x', reuseCmdline: true, memMin: 0n, memMax: 2n ** 40n, entry: 0n },
  ...{ noChecks: true, compat: COMPAT, decompressLimitBytes: 2 ** 20, log: LOG, progress: nothing, panic: false },
};

const EXECUTION = {
  ...{ console: nothing, out: nothing, err: nothing, step: nothing, until: 'entry', maxInstructions: 10n },
  ...{ timeoutMs: 10, unattendedTimeoutMs: 10, quirks: ['cpu-on-once'], purgatory: () => library.purgatory },
};

/** Calls that are as they must be. */
const CALLS: readonly (readonly [name: string, args: readonly unknown[]])[] = [
  ['loadKernel', [SYSTEM, LOAD]],
  ['loadKernel', [SYSTEM, { ...LOAD, kexecFileSyscall: true }]],
  ['kexecLoad', [SYSTEM, { entry: 0n, flags: 0n, segments: [{ data: BYTES, memory: RAM, buf: 0n }] }]],
  ['kexecLoad', [SYSTEM, { kernel: BYTES, initrd: BYTES, cmdline: 'x', cmdlineLen: 2, flags: 0n }]],
  ['kexecUnload', [SYSTEM, { panic: true, kexecFileSyscall: false }]],
  [
    'recordedMachine',
    [
      {
        machine: 'virt-2g',
        state: '/none',
        pageSize: '4096',
        el: '1',
        fileLoad: 'on',
        changes: {},
        execution: EXECUTION,
      },
    ],
  ],
  ['Board', [{ ram: [RAM], devices: [{ physAddr: 0n, device: DEVICE, line: 1 }], highestEl: 1, startSeconds: 0n }]],
  ['PhysicalMemory', [[RAM]]],
  ['vmcoreDmesg', [SYSTEM, '/Image', { compat: COMPAT, log: LOG }]],
  ['buildElfInfo', [Buffer.from('\x7fELF'), { log: LOG }]],
  ['getoptLong', [['-a', '--long=x', 'y'], { ...SYNTAX, exact: ['exact'], program: 'p', posixlyCorrect: false }]],
  [
    'runKexec',
    [['-l', '/none'], { env: { KEXEC_MACHINE: 'virt-2g', KEXEC_STATE: '/none' }, out: nothing, err: nothing }],
  ],
  ['runVmcoreDmesg', [['/none'], { env: { KEXEC_STATE: '/none' }, out: nothing, err: nothing }]],
  ['compatFor', ['2.0.32', ['zlib']]],
  ['relocationsFor', [{ release: '2.0.32' }]],
  ['Placement', [[{ range: RAM, type: 0 }], { memMin: 0n, memMax: 2n ** 32n }, 4096n, LOG, () => 0n]],
];

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Array.isArray(value) ||
  (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype);

/** The ways to every value inside a value. */
const pathsIn = (value: unknown): readonly (readonly string[])[] =>
  isPlain(value)
    ? Object.entries(value).flatMap(([key, inner]) => [[key], ...pathsIn(inner).map((path) => [key, ...path])])
    : [];

/** The same with another value at the end of a way. */
const replaced = (value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown => {
  if (key === undefined || !isPlain(value)) return by;
  const inner = replaced(value[key], rest, by);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
};

export const targets: readonly AsyncFuzzTarget[] = [
  {
    name: 'library-fields',
    seeds: () => CALLS.flatMap((_, i) => [Uint8Array.of(i, 0, 0), Uint8Array.of(i, 6, 8), Uint8Array.of(i, 20, 34)]),
    run: (input) => {
      const [name, args] = CALLS[(input[0] ?? 0) % CALLS.length]!;
      const paths = pathsIn(args);
      const path = paths[(input[1] ?? 0) % paths.length]!;
      const changed = replaced(args, path, VALUES[(input[2] ?? 0) % VALUES.length]) as readonly unknown[];
      return call(`${name} with another ${path.join('.')}`, EXPORTS.find(([each]) => each === name)![1], changed);
    },
  },
  {
    name: 'library-types',
    seeds: () =>
      EXPORTS.flatMap((_, i) => [
        Uint8Array.of(i),
        Uint8Array.of(i, 0),
        Uint8Array.of(i, 31, 31),
        Uint8Array.of(i, 20, 12, 9),
      ]),
    run: (input) => {
      const [name, callee] = EXPORTS[(input[0] ?? 0) % EXPORTS.length]!;
      return call(
        name,
        callee,
        [...input.subarray(1, 5)].map((byte) => VALUES[byte % VALUES.length]),
      );
    },
  },
];
