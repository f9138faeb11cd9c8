import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Errno, SystemError } from '../../../../../kexec/base/error.js';
import { MachineFiles } from '../../../../../sim/kernel/recording/machine-files.js';
import { bundledMachines, findMachine } from '../../../../../sim/kernel/recording/machines.js';
import { tarOf } from '../../../../support/files/tar-builder.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

const makeMachine = (links: Readonly<Record<string, string>> = {}): string => {
  const directory = temp.make('machine');
  writeTree(directory, { ...SMALL_MACHINE, 'proc/sys/kernel/x': 'x', uname: 'Linux test 6.1 aarch64\n' });
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(directory, name));
  return directory;
};

/** Every way to keep a recording: the directory as it is, and a tar file of it. */
const KEPT: readonly (readonly [string, (directory: string) => MachineFiles])[] = [
  ['a directory', (directory) => MachineFiles.open(directory)],
  [
    'a tar file',
    (directory) => {
      const archive = join(temp.make('archive'), 'machine.tar.gz');
      spawnSync('tar', ['-czf', archive, '-C', directory, '.']);
      return MachineFiles.open(archive);
    },
  ],
  [
    'a directory with its device tree in a tar file',
    (directory) => {
      const tree = 'sys/firmware/devicetree';
      if (existsSync(join(directory, tree))) {
        spawnSync('tar', ['-cf', join(directory, 'devicetree.tar'), '-C', directory, tree]);
        rmSync(join(directory, tree), { recursive: true });
      }
      return MachineFiles.open(directory);
    },
  ],
];

const text = (files: MachineFiles, path: string): string => new TextDecoder().decode(files.readFile(path));

const errnoOf = (action: () => unknown): number => {
  try {
    action();
  } catch (error) {
    if (error instanceof SystemError) return error.errno;
    throw error;
  }
  return 0;
};

describe.each(KEPT)('links of a recording in %s', (_, open) => {
  test('start at the machine’s root when they are absolute', () => {
    const files = open(makeMachine({ 'sys/a': '/proc/sys/kernel', 'proc/b': '../sys/a/x', 'proc/c': 'b' }));
    expect(text(files, '/sys/a/x')).toBe('x');
    expect(text(files, '/proc/c')).toBe('x');
    expect(files.stat('/proc/c').kind).toBe('file');
    expect(files.lstat('/proc/c').kind).toBe('symlink');
    expect(files.lstat('/sys/a').kind).toBe('symlink');
    expect(files.lstat('/sys/a/').kind).toBe('directory');
    expect(files.list('/sys/a')).toEqual(['x']);
  });

  test('never lead out of it', () => {
    const outside = temp.make('outside');
    writeFileSync(join(outside, 'secret'), 'secret');
    const files = open(
      makeMachine({
        'proc/a': join(outside, 'secret'),
        'proc/b': '../../../../../../../../../../etc/passwd',
        'proc/c': '../../outside-0/secret',
        'proc/d': '/etc',
        'proc/e': '../uname',
        'proc/up': '..',
      }),
    );
    for (const path of [
      '/proc/a',
      '/proc/b',
      '/proc/c',
      '/proc/d/passwd',
      '/proc/e',
      '/uname',
      '/proc/../../etc/passwd',
    ]) {
      expect([path, errnoOf(() => files.readFile(path))]).toEqual([path, Errno.ENOENT]);
    }
    expect(text(files, '/proc/up/proc/sys/kernel/x')).toBe('x');
    expect(text(files, '/proc/up/../../proc/sys/kernel/x')).toBe('x');
  });

  test('that go round end in ELOOP', () => {
    const files = open(makeMachine({ 'proc/a': 'b', 'proc/b': 'a', 'proc/c': 'c/c' }));
    for (const path of ['/proc/a', '/proc/b/x', '/proc/c']) expect(errnoOf(() => files.stat(path))).toBe(Errno.ELOOP);
    expect(files.lstat('/proc/a').kind).toBe('symlink');
  });
});

describe.each(KEPT)('/proc/device-tree of %s', (_, open) => {
  test('is a link to the tree in /sys when the recording has none', () => {
    const files = open(makeMachine());
    expect(files.list('/proc')).toContain('device-tree');
    expect(files.lstat('/proc/device-tree').kind).toBe('symlink');
    expect(files.stat('/proc/device-tree').kind).toBe('directory');
    expect(files.list('/proc/device-tree/')).toEqual(['model']);
    expect(text(files, '/proc/device-tree/model')).toBe('test\0');
  });

  test('is the recording’s own when it has one', () => {
    const directory = makeMachine();
    writeTree(directory, { 'proc/device-tree/other': 'x' });
    const files = open(directory);
    expect(files.list('/proc/device-tree')).toEqual(['other']);
    expect(files.lstat('/proc/device-tree').kind).toBe('directory');
  });

  test('is missing when there is no tree', () => {
    const directory = temp.make('bare');
    mkdirSync(join(directory, 'proc'));
    const files = open(directory);
    expect(files.list('/proc')).toEqual([]);
    expect(errnoOf(() => files.list('/proc/device-tree'))).toBe(Errno.ENOENT);
    expect(errnoOf(() => files.stat('/sys'))).toBe(Errno.ENOENT);
  });
});

describe.each(KEPT)('reading %s', (_, open) => {
  test('errors are those of the system calls', () => {
    const files = open(makeMachine());
    expect(errnoOf(() => files.readFile('/proc'))).toBe(Errno.EISDIR);
    expect(errnoOf(() => files.readFile('/proc/iomem/x'))).toBe(Errno.ENOTDIR);
    expect(errnoOf(() => files.list('/proc/iomem'))).toBe(Errno.ENOTDIR);
    expect(errnoOf(() => files.readFile('/proc/io\0mem'))).toBe(Errno.ENOENT);
    expect(errnoOf(() => files.readFile(`/proc/${'x'.repeat(300)}`))).toBe(Errno.ENAMETOOLONG);
  });

  test('parts of files end where the file ends', () => {
    const files = open(makeMachine());
    expect(new TextDecoder().decode(files.readAt('/proc/version', 6, 7))).toBe('version');
    expect(files.readAt('/proc/version', 0, 2 ** 50)).toHaveLength(SMALL_MACHINE['proc/version']!.length);
    expect(files.readAt('/proc/version', 1000, 5)).toHaveLength(0);
  });

  test('a pipe in a recording is not waited for', () => {
    const directory = makeMachine();
    spawnSync('mkfifo', [join(directory, 'proc', 'pipe')]);
    const files = open(directory);
    expect(files.kind('/proc/pipe') === undefined || files.readFile('/proc/pipe').length === 0).toBe(true);
  });
});

describe('files of a recording that are too large', () => {
  test.each([
    ['proc/iomem', 1 << 20],
    ['proc/cmdline', 1 << 16],
    ['proc/kallsyms', 32 << 20],
    ['sys/firmware/fdt', 32 << 20],
  ])('%s: more than %d bytes are refused by the name of the file', (name, most) => {
    const machine = makeMachine();
    const path = join(machine, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    truncateSync(path, most);
    const files = MachineFiles.open(machine);
    expect(files.readText(`/${name}`)).toHaveLength(most);
    truncateSync(path, 600 << 20);
    const message = `${path}: too large: ${600 << 20} bytes, where at most ${most} are read`;
    expect(() => files.readText(`/${name}`)).toThrow(message);
    expect(() => files.readFile(`/${name}`)).toThrow(message);
    expect(files.readAt(`/${name}`, 0, 100)).toHaveLength(100);
    expect(files.stat(`/${name}`).size).toBe(600 << 20);
  });

  test('notes, and what a link leads to', () => {
    const machine = makeMachine({ 'proc/map': 'iomem' });
    for (const name of ['uname', 'proc/iomem']) truncateSync(join(machine, name), 600 << 20);
    const files = MachineFiles.open(machine);
    expect(() => files.note('uname')).toThrow(`${machine}/uname: too large`);
    expect(() => files.readText('/proc/map')).toThrow(`${machine}/proc/iomem: too large`);
  });
});

describe('a part of a recording, devicetree.tar,', () => {
  const MODEL = { name: 'sys/firmware/devicetree/base/model', content: 'of the part\0' };

  /** A machine without a device tree, and what lies beside it as devicetree.tar. */
  const withPart = (part: string | Uint8Array, files: Readonly<Record<string, string>> = {}): string => {
    const directory = temp.make('parted');
    writeTree(directory, { 'proc/iomem': 'iomem', 'sys/kernel/kexec_loaded': '0\n', ...files, 'devicetree.tar': part });
    return directory;
  };
  const refusal = (directory: string, reason: string): string =>
    `${directory}: not a recorded machine: devicetree.tar: ${reason}`;

  test.each([
    ['packed by gzip or not', gzipSync(tarOf(MODEL))],
    [
      'with directories, links and what is beside the tree',
      tarOf(
        { name: 'sys/', type: '5' },
        MODEL,
        { name: 'sys/firmware/fdt', content: 'fdt' },
        { name: 'sys/link', type: '2', target: 'firmware/fdt' },
      ),
    ],
  ])('counts as if it was unpacked there, %s', (_, part) => {
    const files = MachineFiles.open(withPart(part));
    expect(text(files, '/proc/device-tree/model')).toBe('of the part\0');
    expect([...files.list('/sys')]).toEqual(expect.arrayContaining(['kernel', 'firmware']));
    expect(text(files, '/sys/kernel/kexec_loaded')).toBe('0\n');
    expect(errnoOf(() => files.readFile('/sys'))).toBe(Errno.EISDIR);
    expect(errnoOf(() => files.readFile('/sys/firmware/devicetree/base/model/x'))).toBe(Errno.ENOTDIR);
    expect(errnoOf(() => files.readFile('/sys/firmware/devicetree/base/none'))).toBe(Errno.ENOENT);
  });

  test.each([
    ['a file', { 'sys/firmware/devicetree/base/model': 'x' }, 'sys/firmware/devicetree/base/model'],
    ['a file where the part has a directory', { 'sys/firmware/devicetree': 'x' }, 'sys/firmware/devicetree'],
    [
      'a directory where the part has a file',
      { 'sys/firmware/devicetree/base/model/x': 'x' },
      'sys/firmware/devicetree/base/model',
    ],
  ])('may not have what the directory has, too: %s', (_, files, path) => {
    const directory = withPart(tarOf(MODEL), files);
    expect(() => MachineFiles.open(directory)).toThrow(
      refusal(directory, `it has "${path}", which the directory has, too`),
    );
  });

  test.each([
    ['no archive', 'text', 'it is no tar file'],
    ['cut off', tarOf(MODEL).subarray(0, 600), 'the tar file is cut off'],
    ['cut off where it is packed', gzipSync(tarOf(MODEL)).subarray(0, 30), 'its gzip data is broken or cut off'],
    ['leading out', tarOf({ name: '../x', content: 'x' }), 'the tar file has an entry that leads out of it: "../x"'],
  ])('is told by its name when it is broken: %s', (_, part, reason) => {
    const directory = withPart(part);
    expect(() => MachineFiles.open(directory)).toThrow(refusal(directory, reason));
  });

  test('is neither a link nor a pipe', () => {
    const directory = withPart('');
    for (const make of [['ln', '-s', '/dev/zero'], ['mkfifo']]) {
      rmSync(join(directory, 'devicetree.tar'));
      spawnSync(make[0]!, [...make.slice(1), join(directory, 'devicetree.tar')]);
      expect(() => MachineFiles.open(directory)).toThrow(refusal(directory, 'it is no file'));
    }
  });

  test('has the device tree of virt-2g', () => {
    const files = MachineFiles.open(findMachine('virt-2g'));
    expect(files.list('/proc/device-tree')).toContain('psci');
    expect(text(files, '/proc/device-tree/psci/method')).toBe('hvc\0');
  });
});

describe('finding a machine', () => {
  test('by the name of a bundled one', () => {
    expect(bundledMachines()).toEqual(['virt-2g', 'virt-8g', 'virt-acpi-4g', 'virt-el2-4g', 'virt-file-2g']);
    expect(findMachine('virt-2g')).toMatch(/machines\/virt-2g$/);
    expect(findMachine('virt-8g')).toMatch(/machines\/virt-8g\.tar$/);
    expect(findMachine(undefined)).toBe(findMachine('virt-2g'));
    expect(findMachine('')).toBe(findMachine('virt-2g'));
  });

  test('by its directory', () => {
    const directory = makeMachine();
    expect(findMachine(directory)).toBe(directory);
    expect(findMachine('machines/virt-2g')).toBe(join(process.cwd(), 'machines/virt-2g'));
  });

  test('fails with its name', () => {
    expect(() => findMachine('nope')).toThrow(
      'No such machine: nope (a directory, a tar file, or one of virt-2g, virt-8g, virt-acpi-4g, virt-el2-4g, virt-file-2g)',
    );
    expect(() => MachineFiles.open('/nope/x')).toThrow('/nope/x: not a recorded machine: No such file or directory');
    const directory = temp.make('none');
    expect(() => MachineFiles.open(directory)).toThrow(
      `${directory}: not a recorded machine: it has no directory proc`,
    );
    writeFileSync(join(directory, 'file'), '');
    expect(() => MachineFiles.open(join(directory, 'file'))).toThrow(
      `${directory}/file: not a recorded machine: it is no tar file`,
    );
  });
});
