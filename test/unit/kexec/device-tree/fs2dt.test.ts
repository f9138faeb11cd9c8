import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Errno, KexecError, SystemError } from '../../../../kexec/base/error.js';
import { cells32, cells64 } from '../../../../kexec/device-tree/fdt-values.js';
import { compareNames, createFlattenTree, type FlattenOptions } from '../../../../kexec/device-tree/fs2dt.js';
import { Fdt } from '../../../../kexec/device-tree/libfdt.js';
import { getMemRsv, numMemRsv } from '../../../../kexec/device-tree/libfdt-ro.js';
import { Range } from '../../../../kexec/base/range.js';
import type { System } from '../../../../kexec/base/system.js';
import {
  contents,
  deviceTreeSystem,
  fixture,
  keptLog,
  recordedDeviceTree,
  tree,
} from '../../../support/files/fdt-support.js';
import type { MemoryFile } from '../../../support/files/memory-system.js';

/** What create_flatten_tree() of kexec-tools did with the device tree of a recorded machine. */
interface RecordedFlattening {
  readonly machine: string;
  readonly regions: readonly string[];
  readonly reuseInitrd: boolean;
  readonly commandLine?: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly length: number;
  readonly sha256: string;
}

const range = (text: string): Range => {
  const [start, last] = text.split('-').map((number) => BigInt(`0x${number}`));
  return Range.inclusive(start!, last!);
};

const flatten = (files: Readonly<Record<string, MemoryFile>>, options: Partial<FlattenOptions> = {}) => {
  const { log, out, err } = keptLog(false);
  const bytes = createFlattenTree({
    commandLineSize: 2048,
    system: deviceTreeSystem(files),
    log,
    usableMemory: [],
    ...options,
  });
  const fdt = new Fdt(bytes, 'dtb_proc');
  return { fdt, properties: contents(fdt), out: out(), err: err() };
};

/** The text that the command ends with. */
const death = (files: Readonly<Record<string, MemoryFile>>, options: Partial<FlattenOptions> = {}): string => {
  try {
    flatten(files, options);
  } catch (error) {
    if (error instanceof KexecError && error.died) return error.text;
    throw error;
  }
  throw new Error('lived');
};

describe('the flattened tree is that of kexec-tools', () => {
  const recorded = fixture('flatten.json') as readonly RecordedFlattening[];
  test.each(recorded.map((one) => [`${one.machine} ${one.regions.length} ${String(one.reuseInitrd)}`, one] as const))(
    '%s',
    (_, { machine, regions, reuseInitrd, commandLine, stdout, stderr, length, sha256 }) => {
      const { fdt, out, err } = flatten(recordedDeviceTree(machine), {
        usableMemory: regions.map(range),
        reuseInitrd,
        ...(commandLine !== undefined && { commandLine }),
      });
      expect({ out, err, length: fdt.bytes.length }).toEqual({ out: stdout, err: stderr, length });
      expect(createHash('sha256').update(fdt.bytes).digest('hex')).toBe(sha256);
    },
  );

  test('and has the nodes and properties of the tree at boot', () => {
    const { properties } = flatten(recordedDeviceTree('virt-2g'), { reuseInitrd: true });
    const atBoot = contents(tree('virt-2g'));
    atBoot.delete('/pcie@10000000/linux,pci-domain');
    expect([...properties.keys()].sort()).toEqual([...atBoot.keys()].sort());
    for (const [path, value] of properties) {
      // The kernel wipes the seed, and the command line is made anew.
      if (!/^\/chosen\/(bootargs|kaslr-seed|rng-seed)$/.test(path))
        expect([path, value]).toEqual([path, atBoot.get(path)]);
    }
  });
});

test('names are in the order of scandir() with comparefunc()', () => {
  const names = ['cpu@a', 'reg', 'cpu@10', 'cpu', 'cpu@9', '#size-cells', 'cpu-map', 'CPU', 'cpus@1', 'cpu@'];
  expect(names.sort(compareNames)).toEqual([
    '#size-cells',
    'CPU',
    'cpu',
    'cpu-map',
    'cpu@',
    'cpu@9',
    'cpu@a',
    'cpu@10',
    'cpus@1',
    'reg',
  ]);
});

describe('the command line', () => {
  const hex = (text: string): string => Buffer.from(`${text}\0`, 'latin1').toString('hex');

  test.each([
    ['quiet root=/dev/vda rw\0', undefined, 'root=/dev/vda '],
    ['quiet root=/dev/vda rw\0', 'quiet', 'quiet root=/dev/vda '],
    ['quiet root=/dev/vda rw\0', 'root=/dev/nvme', 'root=/dev/nvme '],
    ['nfsroot=1.2.3.4 root=x\0', undefined, 'root=1.2.3.4 '],
    ['a\nroot=x\0', undefined, ' '],
    ['root=x\ny\0', undefined, 'root=x\n '],
    ['a\0root=x\0', undefined, ' '],
  ])('of %j and %j', (bootargs, commandLine, expected) => {
    const { properties, err, out } = flatten(
      { 'chosen/bootargs': bootargs },
      commandLine === undefined ? {} : { commandLine },
    );
    expect(err).toBe(`Modified cmdline:${expected}\n`);
    expect(properties.get('/chosen/bootargs')).toBe(hex(expected));
    expect(out).toBe(
      'Unable to find /proc/device-tree/chosen/[linux,]stdout-path, printing from purgatory is disabled\n',
    );
  });

  test('grows with each node called "chosen"', () => {
    const { err } = flatten({ 'chosen/bootargs': 'root=a\0', 'soc/chosen/x': '1' });
    expect(err).toBe('Modified cmdline:root=a \nModified cmdline:root=a  \n');
  });

  test('keeps what a crash kernel reserves only when it reserves memory', () => {
    const files = {
      'chosen/x': '',
      'soc/linux,crashkernel-base': cells64(1n),
      'chosen/linux,crashkernel-size': cells64(1n),
    };
    expect(flatten(files).properties.has('/soc/linux,crashkernel-base')).toBe(false);
    const { properties } = flatten(files, { commandLine: 'crashkernel=1M' });
    expect(properties.has('/soc/linux,crashkernel-base')).toBe(true);
    expect(properties.has('/chosen/linux,crashkernel-size')).toBe(false);
  });

  test('that cannot be read', () => {
    expect(death({ 'chosen/bootargs': '' })).toBe('unable to read /proc/device-tree/chosen/bootargs\n');
  });

  test('that is too long', () => {
    expect(death({ 'chosen/bootargs': `root=${'x'.repeat(2050)}` })).toMatch(/exceeds 2047 bytes/);
  });
});

describe('stdout', () => {
  test.each([
    [{ 'chosen/stdout-path': '/uart\0', 'uart/compatible': 'x\0' }, ''],
    [
      { 'chosen/linux,stdout-path': 'serial0:115200n8\0' },
      'Unable to find /proc/device-tree/serial0:115200n8/compatible printing from purgatory is disabled\n',
    ],
    [
      { 'chosen/stdout-path': '' },
      'Unable to read /proc/device-tree/chosen/stdout-path, printing from purgatory is disabled\n',
    ],
  ])('of %j', (files, message) => expect(flatten(files as Record<string, MemoryFile>).out).toBe(message));
});

describe('memory', () => {
  const usableMemory = [Range.inclusive(0x1000n, 0x1fffn), Range.inclusive(0x9000n, 0x9fffn)];
  const memoryOf = (reg: Uint8Array): string | undefined =>
    flatten({ 'memory@0/reg': reg, 'memoryx/reg': reg }, { usableMemory }).properties.get(
      '/memory@0/linux,usable-memory',
    );
  const hex = (...numbers: readonly bigint[]): string => Buffer.from(cells64(...numbers)).toString('hex');

  test('has its part of the usable memory', () => {
    expect(memoryOf(cells64(0n, 0x10000n))).toBe(hex(0x1000n, 0xfffn, 0x9000n, 0xfffn));
    expect(memoryOf(cells64(0x9800n, 0x100n))).toBe(hex(0x9800n, 0x100n));
    expect(memoryOf(cells64(0x10000n, 0x100n))).toBe(hex(0n, 0n));
  });

  test('has all ranges behind the first one that is in it', () => {
    expect(memoryOf(cells64(0x1000n, 0x2000n))).toBe(hex(0x1000n, 0xfffn, 0x9000n, 0xfffn));
  });

  test('with other cells', () => {
    expect(death({ 'memory@0/reg': cells32(0, 1) }, { usableMemory })).toBe(
      'unrecoverable error: not enough data for mem property\n',
    );
    expect(death({ 'memory@0/reg': cells64(2n ** 64n - 1n, 1n) }, { usableMemory })).toBe(
      'unrecoverable error: mem property overflow\n',
    );
  });
});

describe('the reserve map', () => {
  test('keeps an initrd that is reused', () => {
    const files = { 'chosen/linux,initrd-start': cells32(0x48000000), 'chosen/linux,initrd-end': cells64(0x49000000n) };
    const { fdt, properties } = flatten(files, { reuseInitrd: true });
    expect(numMemRsv(fdt)).toBe(1);
    expect(getMemRsv(fdt, 0)).toEqual({ address: 0x48000000n, size: 0x1000000n });
    expect(properties.has('/chosen/linux,initrd-end')).toBe(true);
    expect(flatten(files).properties.has('/chosen/linux,initrd-end')).toBe(false);
  });

  test('ends with the address of an initrd of no bytes', () => {
    const files = { 'chosen/linux,initrd-start': cells64(0x4800n), 'chosen/linux,initrd-end': cells64(0x4800n) };
    const { fdt } = flatten(files, { reuseInitrd: true });
    expect(numMemRsv(fdt)).toBe(0);
    expect(getMemRsv(fdt, 0)).toEqual({ address: 0x4800n, size: 0n });
  });

  test('has room for 254 entries', () => {
    const rtas = (count: number): Record<string, MemoryFile> =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          [`rtas${i}/linux,rtas-base`, cells32(4096 + i)] as const,
          [`rtas${i}/rtas-size`, cells32(16)] as const,
        ]).flat(),
      );
    expect(numMemRsv(flatten(rtas(254)).fdt)).toBe(254);
    expect(death(rtas(255))).toBe('unrecoverable error: exhasuted reservation meta data\n');
  });

  test('needs pairs', () => {
    expect(death({ 'rtas/linux,rtas-base': cells32(1) })).toBe('unrecoverable error: no property data');
    expect(death({ 'a/rtas-size': cells32(1), 'a/linux,initrd-end': cells32(1) }, { reuseInitrd: true })).toBe(
      'unrecoverable error: size and end set at same time\n',
    );
  });
});

describe('limits and failures', () => {
  test('too many names', () => {
    const files = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`property${i}`, '']));
    expect(death(files)).toBe('unrecoverable error: propnames overrun\n');
  });

  test('a path that is too long', () => {
    expect(death({ [`${'d/'.repeat(510)}x`]: '' })).toMatch(/^kexec: path in the device tree is too long/);
    expect(flatten({ [`${'d/'.repeat(500)}x`]: '' }).properties.size).toBe(502);
  });

  test('a property that cannot be opened', () => {
    const { log, err } = keptLog(false);
    // The size comes from lstat(), which succeeds where open() does not.
    const system = deviceTreeSystem({ x: 'abc', y: '' });
    const broken = {
      ...deviceTreeSystem({ x: { call: 'open', errno: Errno.EACCES }, y: '' }),
      lstat: (path: string) => system.lstat(path),
    };
    expect(() => createFlattenTree({ commandLineSize: 2048, system: broken, log, usableMemory: [] })).toThrow(
      'unrecoverable error: short read from"/proc/device-tree/x"',
    );
    expect(err()).toBe('Cannot open /proc/device-tree/x: Permission denied\n');
  });

  test('a directory that cannot be read', () => {
    const system = deviceTreeSystem({ 'a/b': '' });
    const closed: System = {
      ...system,
      list: (path) => {
        if (path === '/proc/device-tree/a') throw new SystemError('open', path, Errno.EACCES);
        return system.list(path);
      },
    };
    expect(() =>
      createFlattenTree({ commandLineSize: 2048, system: closed, log: keptLog().log, usableMemory: [] }),
    ).toThrow('unrecoverable error: could not scan "/proc/device-tree/a": Permission denied');
  });
});
