import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { KexecError } from '../../../../../kexec/base/error.js';
import { MachineFiles } from '../../../../../sim/kernel/recording/machine-files.js';
import { readTar } from '../../../../../sim/kernel/recording/tar.js';
import { SMALL_MACHINE, useTempDir, writeTree } from '../../../../support/machine/sim-support.js';
import { type TarPart, paxRecord, tarOf, tarPart } from '../../../../support/files/tar-builder.js';

const temp = useTempDir();

const failure = (reason: string): KexecError => KexecError.die(reason);

const entries = (archive: Uint8Array): readonly string[] =>
  [...readTar(archive, failure)].map(
    ({ name, kind, content, target }) => `${kind} ${name} ${target}${Buffer.from(content).toString('latin1')}`,
  );

const MACHINE: readonly TarPart[] = Object.entries(SMALL_MACHINE).map(([name, content]) => ({ name, content }));

/** A machine of these entries, all of a small machine's before them. */
const open = (...parts: readonly TarPart[]): MachineFiles => openBytes(tarOf(...MACHINE, ...parts));

const openBytes = (archive: Uint8Array): MachineFiles => {
  const file = join(temp.make('archive'), 'machine.tar');
  writeFileSync(file, archive);
  return MachineFiles.open(file);
};

const text = (files: MachineFiles, path: string): string => new TextDecoder().decode(files.readFile(path));

describe('a tar file', () => {
  const long = `sys/${'d'.repeat(90)}/${'n'.repeat(90)}`;

  test.each([['v7'], ['ustar'], ['gnu'], ['oldgnu'], ['pax'], ['posix']])('of GNU tar, format %s', (format) => {
    const directory = temp.make('tree');
    const name = format === 'v7' ? 'sys/short' : long;
    writeTree(directory, { 'proc/iomem': 'iomem', [name]: 'content', 'sys/#size-cells,a@b': '\0\x01' });
    spawnSync('ln', ['-s', '../proc/iomem', join(directory, 'sys/link')]);
    spawnSync('ln', [join(directory, 'proc/iomem'), join(directory, 'sys/zhard')]);
    const { status, stdout } = spawnSync('tar', [`--format=${format}`, '-cf', '-', '-C', directory, './proc', './sys']);
    expect(status).toBe(0);
    const files = openBytes(stdout);
    expect(text(files, `/${name}`)).toBe('content');
    expect(text(files, '/sys/#size-cells,a@b')).toBe('\0\x01');
    expect(text(files, '/sys/link')).toBe('iomem');
    expect(text(files, '/sys/zhard')).toBe('iomem');
    expect(files.lstat('/sys/link')).toEqual({ kind: 'symlink', size: 13 });
  });

  test('has long names before their entries, of either kind, and longer sizes', () => {
    const size = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    expect(
      entries(
        tarOf(
          { name: '././@LongLink', type: 'L', content: 'a/long\0' },
          { name: '././@LongLink', type: 'K', content: 'to\0' },
          { name: 'x', type: '2' },
          { name: 'global', type: 'g', content: paxRecord('path', 'no') },
          { name: 'pax', type: 'x', content: `${paxRecord('path', 'b/ü=\n')}${paxRecord('size', '3')}` },
          { name: 'x', content: 'abc', size: '00000000000\0' },
          { name: 'y', content: 'de', size },
          { name: 'z', prefix: 'p/q', type: '5' },
          { name: 'old/', type: '\0' },
          { name: 'dev', type: '3' },
        ),
      ),
    ).toEqual([
      'symlink a/long to',
      'file b/ü=\n abc',
      'file y de',
      'directory p/q/z ',
      'directory old/ ',
      'other dev ',
    ]);
  });

  test('may have summed up signed bytes', () => {
    const archive = tarOf({ name: 'ü', content: '' });
    const sum = archive
      .subarray(0, 512)
      .reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte > 127 ? byte - 256 : byte), 0);
    archive.write(sum.toString(8).padStart(6, '0'), 148, 'latin1');
    expect(entries(archive)).toEqual(['file ü ']);
  });

  const file: TarPart = { name: 'a', content: 'x'.repeat(600) };
  test.each<[string, Uint8Array, string]>([
    ['no archive', Buffer.from('root:x:0:0:root:/root:/bin/sh\n'.repeat(100)), 'it is no tar file'],
    ['a short file', Buffer.from('x'), 'it is no tar file'],
    ['an empty file', Buffer.alloc(0), 'it is no tar file'],
    ['cut off in a header', tarOf(file, file).subarray(0, 512 + 1024 + 200), 'the tar file is cut off'],
    ['cut off in a file', tarOf(file).subarray(0, 700), 'the tar file is cut off'],
    ['cut off behind a file', tarOf(file).subarray(0, 512 + 1024), 'the tar file is cut off'],
    ['a size beyond its end', tarOf({ name: 'a', size: '77777777777\0' }), 'the tar file is cut off'],
    [
      'a huge size',
      tarOf({ name: 'a', size: Buffer.from([0x80, ...new Uint8Array(11).fill(255)]) }),
      'the tar file is cut off',
    ],
    [
      'a negative size',
      tarOf({ name: 'a', size: Buffer.alloc(12, 0xff) }),
      'the tar file has a header with a bad number',
    ],
    [
      'a size that is no number',
      tarOf({ name: 'a', size: '0000000009x\0' }),
      'the tar file has a header with a bad number',
    ],
    [
      'a changed header',
      Buffer.concat([tarPart(file), tarPart(file).fill('b', 0, 1)]),
      'the tar file is broken: the checksum of a header is wrong',
    ],
    ['a sparse file', tarOf({ name: 'a', type: 'S' }), 'the tar file holds a sparse file'],
    [
      'a sparse file of pax',
      tarOf({ name: 'p', type: 'x', content: paxRecord('GNU.sparse.major', '1') }, file),
      'the tar file holds a sparse file',
    ],
    [
      'a pax record that is too long',
      tarOf({ name: 'p', type: 'x', content: '99 path=a\n' }, file),
      'the tar file has a bad extended header',
    ],
    [
      'a pax record without length',
      tarOf({ name: 'p', type: 'x', content: 'path=a\n' }, file),
      'the tar file has a bad extended header',
    ],
    [
      'a pax size that is none',
      tarOf({ name: 'p', type: 'x', content: paxRecord('size', '-1') }, file),
      'the tar file has a bad extended header',
    ],
    [
      'long pax records',
      tarOf({ name: 'p', type: 'x', content: paxRecord('path', 'x'.repeat(70_000)) }, file),
      'the tar file has a bad extended header',
    ],
  ])('is refused: %s', (_, archive, reason) => {
    expect(() => entries(archive)).toThrow(failure(reason));
  });
});

describe('a recording in a tar file', () => {
  test('may be in a directory there', () => {
    const inside = MACHINE.map((part) => ({ ...part, name: `board/${part.name}` }));
    const files = openBytes(tarOf({ name: 'board/', type: '5' }, { name: 'README', content: 'notes' }, ...inside));
    expect(text(files, '/proc/version')).toBe(SMALL_MACHINE['proc/version']);
    expect(() => openBytes(tarOf(...inside, { name: 'other/proc/iomem' }))).toThrow('it has no directory proc');
    expect(() => openBytes(tarOf(...inside.map((part) => ({ ...part, name: `deeper/${part.name}` }))))).toThrow(
      'it has no directory proc',
    );
  });

  test('has a name and a path', () => {
    for (const [name, called] of [
      ['a.tar', 'a'],
      ['b.tar.gz', 'b'],
      ['c.tgz', 'c'],
      ['d.img', 'd.img'],
      ['.tgz', '.tgz'],
    ] as const) {
      const path = join(temp.make('named'), name);
      writeFileSync(path, gzipSync(tarOf(...MACHINE)));
      expect(MachineFiles.open(path)).toMatchObject({ name: called, path });
    }
  });

  test('of entries with one name the last one counts', () => {
    expect(text(open({ name: './/proc//./version', content: 'new' }), '/proc/version')).toBe('new');
    expect(text(open({ name: '/proc/version', content: 'absolute' }), '/proc/version')).toBe('absolute');
  });

  test('links stay inside of it', () => {
    const files = open(
      { name: 'sys/a', type: '2', target: '/etc/passwd' },
      { name: 'sys/b', type: '2', target: '../../../../etc/passwd' },
      { name: 'sys/c', type: '2', target: '../proc/version' },
      { name: 'uname', content: 'note' },
      { name: 'sys/d', type: '2', target: '/uname' },
    );
    for (const path of ['/sys/a', '/sys/b', '/sys/d'])
      expect(() => files.readFile(path)).toThrow('No such file or directory');
    expect(text(files, '/sys/c')).toBe(SMALL_MACHINE['proc/version']);
    expect(files.note('uname')).toBe('note');
  });

  test('a note that is a link is not followed', () => {
    const files = open({ name: 'uname', type: '2', target: 'proc/version' }, { name: 'config', type: '5' });
    expect([files.note('uname'), files.note('config'), files.note('none')]).toEqual([undefined, undefined, undefined]);
  });

  test('devices and pipes are not there', () => {
    const files = open(...['3', '4', '6', 'V'].map((type) => ({ name: `sys/type${type}`, type })));
    expect(files.list('/sys')).toEqual(['kernel', 'firmware']);
  });

  test.each<[string, readonly TarPart[], string]>([
    ['..', [{ name: '../etc/passwd' }], 'the tar file has an entry that leads out of it: "../etc/passwd"'],
    ['.. in the middle', [{ name: 'proc/../../x' }], 'the tar file has an entry that leads out of it: "proc/../../x"'],
    [
      '.. with a line end',
      [{ name: '../a\nb\x1b[m' }],
      'the tar file has an entry that leads out of it: "../a\\nb\\u001b[m"',
    ],
    [
      'a way through a link',
      [{ name: 'sys/l', type: '2', target: '/etc' }, { name: 'sys/l/x' }],
      'the tar file has "l" as a directory and as something else',
    ],
    [
      'a directory where a file is',
      [{ name: 'proc/iomem/x' }],
      'the tar file has "iomem" as a directory and as something else',
    ],
    ['a file where a directory is', [{ name: 'proc' }], 'the tar file has "proc" as a directory and as something else'],
    [
      'a hard link to the outside',
      [{ name: 'sys/x', type: '1', target: '/etc/passwd' }],
      'the tar file links "x" to what is not before it',
    ],
    [
      'a hard link by ..',
      [{ name: 'sys/x', type: '1', target: '../proc/iomem' }],
      'the tar file has an entry that leads out of it: "../proc/iomem"',
    ],
    [
      'a hard link to a directory',
      [{ name: 'sys/x', type: '1', target: 'proc' }],
      'the tar file links "x" to what is not before it',
    ],
    [
      'a name with a long part',
      [{ name: 'l', type: 'L', content: 'n'.repeat(256) }, { name: 'x' }],
      'the tar file has a name that is too long',
    ],
    [
      'a link that says much',
      [
        { name: 'l', type: 'K', content: 'n/'.repeat(2100) },
        { name: 'sys/l', type: '2' },
      ],
      'the tar file has a name that is too long',
    ],
    [
      'a long path',
      [{ name: 'l', type: 'L', content: 'n/'.repeat(2100) }, { name: 'x' }],
      'the tar file has a name that is too long',
    ],
  ])('is refused: %s', (_, parts, reason) => {
    expect(() => open(...parts)).toThrow(reason);
  });

  test('has no more files and bytes than anyone needs', () => {
    const part = tarPart({ name: 'proc/x' });
    expect(() => openBytes(Buffer.concat([...new Array<Buffer>(100_001).fill(part), Buffer.alloc(1024)]))).toThrow(
      'the tar file has more than 100000 entries',
    );
    expect(() => openBytes(gzipSync(Buffer.alloc(257 << 20), { level: 1 }))).toThrow(
      'the tar file is larger than 256 MiB',
    );
    const file = join(temp.make('large'), 'large.tar');
    spawnSync('truncate', ['-s', '257M', file]);
    expect(() => MachineFiles.open(file)).toThrow('the tar file is larger than 256 MiB');
  });

  test('its gzip data must be whole', () => {
    const whole = gzipSync(tarOf(...MACHINE));
    const broken = Buffer.from(whole);
    broken[40]! ^= 0xff;
    for (const bytes of [whole.subarray(0, -20), broken])
      expect(() => openBytes(bytes)).toThrow('its gzip data is broken or cut off');
    expect(() => openBytes(gzipSync(whole))).toThrow('it is no tar file');
  });

  test('what cannot be read is told with its reason', () => {
    const directory = temp.make('other');
    mkdirSync(join(directory, 'd.tar'));
    expect(() => MachineFiles.open(join(directory, 'd.tar'))).toThrow(
      'd.tar: not a recorded machine: it has no directory proc',
    );
    expect(() => MachineFiles.open('/dev/null')).toThrow(
      '/dev/null: not a recorded machine: neither a directory nor a file',
    );
    expect(() => MachineFiles.open(join(directory, 'none.tar'))).toThrow(
      'none.tar: not a recorded machine: No such file or directory',
    );
    expect(() => MachineFiles.open('/proc/self/mem')).toThrow(/not a recorded machine: /);
  });

  test('what is read from it is a copy', () => {
    const files = open();
    files.readFile('/proc/version').fill(0);
    expect(text(files, '/proc/version')).toBe(SMALL_MACHINE['proc/version']);
  });
});
