import { describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { nodePlatform } from '../../../../../host/platform-node.js';
import { readCpio, readInitrd } from '../../../../../sim/commands/doctor/initrd.js';
import { DIRECTORY, FILE, PROGRAM, cpioOf } from '../../../../machine/initramfs.js';

/** What doctor sees in an initrd. */

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const INIT = { name: 'init', mode: PROGRAM, data: bytes('cp /proc/vmcore /mnt') };
const EARLY = cpioOf([{ name: 'kernel', mode: DIRECTORY }]);

const read = (initrd: Uint8Array) => readInitrd(new Uint8Array(initrd), nodePlatform);

describe('an initrd', () => {
  const SAVES = { names: ['init'], unpacked: 20n, namesVmcore: true };

  test('is an archive', async () => expect(await read(cpioOf([INIT]))).toEqual(SAVES));
  test('is compressed', async () => expect(await read(gzipSync(cpioOf([INIT])))).toEqual(SAVES));
  test('has an archive that is not before one that is, with zeros between', async () =>
    expect(await read(Buffer.concat([EARLY, Buffer.alloc(512), gzipSync(cpioOf([INIT]))]))).toEqual({
      ...SAVES,
      names: ['kernel', 'init'],
    }));
  test('names /proc/vmcore in a file, or by a name', async () => {
    const other = { ...INIT, data: bytes('exec sh') };
    expect(await read(cpioOf([other]))).toMatchObject({ namesVmcore: false });
    expect(await read(cpioOf([other, { name: 'bin/vmcore-dmesg', mode: FILE }]))).toMatchObject({ namesVmcore: true });
  });

  test.each([
    ['empty', new Uint8Array()],
    ['of zeros', new Uint8Array(1024)],
    ['cut off', cpioOf([INIT]).subarray(0, 130)],
    ['cut off in a header', cpioOf([INIT]).subarray(0, 50)],
    ['compressed and cut off', gzipSync(cpioOf([INIT])).subarray(0, 10)],
    ['packed by lz4', Uint8Array.of(2, 0x21, 0x4c, 0x18, 1, 2, 3)],
    ['packed twice', gzipSync(gzipSync(cpioOf([INIT])))],
    ['with a name that never ends', bytes(`070701${'00000000'.repeat(11)}7fffffff00000000`)],
  ])('that is %s is not known', async (_, initrd) => expect(await read(initrd)).toBeUndefined());
});

test('what an archive is made of, it gives back', () => {
  const name = fc.stringMatching(/^[a-z]{1,20}(\/[a-z]{1,8})?$/);
  fc.assert(
    fc.property(fc.array(fc.record({ name, data: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 8 }), (files) => {
      const archive = cpioOf(files.map((file) => ({ ...file, mode: FILE })));
      const entries = readCpio(new Uint8Array(archive))?.entries.map((entry) => ({ ...entry, data: [...entry.data] }));
      expect(entries).toEqual(files.map((file) => ({ ...file, data: [...file.data] })));
    }),
  );
});
