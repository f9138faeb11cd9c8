/** Fuzz targets: the library, called with what it is not meant to be called with. */
import * as library from '../../../index.js';
import { KexecError } from '../../../kexec/base/error.js';
import { OutputLimitError } from '../../../kexec/base/platform.js';
import { MachineError } from '../../../sim/machine/error.js';
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
  } catch (error) {
    if (PROMISED.some((kind) => error instanceof kind)) return;
    throw new Error(`${name}(${args.map((arg) => typeof arg).join(', ')}): ${String(error)}`, { cause: error });
  }
};

export const targets: readonly AsyncFuzzTarget[] = [
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
