import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nodePlatform } from '../../host/platform-node.js';
import { DEFAULT_COMPAT } from '../../kexec/base/compat.js';
import { IH_ARCH_ARM64, probeUImageKernel } from '../../kexec/formats/kexec-uImage.js';
import { ukiFormat } from '../../kexec/formats/kexec-uki.js';
import { silentLog } from '../../kexec/base/log.js';
import { arm64Image, uImage, uki } from '../support/files/kernel-files.js';
import { acceptsAll } from '../fuzz/formats.js';

const u32 = fc.oneof(fc.nat({ max: 0x1000 }), fc.bigInt({ min: 0n, max: 0xffff_ffffn }).map(Number));

test('a uImage with any bit turned is none', () => {
  const good = uImage(arm64Image({ size: 0x100 }));
  const probe = (bytes: Uint8Array) =>
    probeUImageKernel(bytes, { arch: IH_ARCH_ARM64, checksums: true }, { platform: nodePlatform, log: silentLog });
  expect(probe(good)).toBeDefined();
  fc.assert(
    fc.property(fc.nat({ max: good.length * 8 - 1 }), (bit) => {
      const bytes = Uint8Array.from(good);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(probe(bytes)).toBeUndefined();
    }),
  );
});

test('what a UKI gives is what its sections say, and nothing behind the file', async () => {
  const good = uki([
    { name: '.initrd', data: new Uint8Array(0x80).fill(1) },
    { name: '.linux', data: new Uint8Array(0x100).fill(2) },
  ]);
  const first = 0x40 + 24 + 160;
  const slice = (bytes: Uint8Array, at: number, size: number): Uint8Array | undefined =>
    size === 0 || at + size <= bytes.length ? bytes.subarray(at, at + size) : undefined;
  await fc.assert(
    fc.asyncProperty(u32, u32, u32, u32, async (initrdSize, initrdAt, size, at) => {
      const bytes = Uint8Array.from(good);
      const view = new DataView(bytes.buffer);
      [initrdSize, initrdAt].forEach((value, i) => view.setUint32(first + 16 + i * 4, value, true));
      [size, at].forEach((value, i) => view.setUint32(first + 40 + 16 + i * 4, value, true));
      const found = (
        await ukiFormat([acceptsAll], { compat: DEFAULT_COMPAT, log: silentLog }).probe(bytes)
      )?.fileLoad();
      const kernel = slice(bytes, at, size);
      expect(found?.kernel).toEqual(kernel);
      const initrd = initrdSize === 0xffff_ffff ? new Uint8Array() : slice(bytes, initrdAt, initrdSize);
      expect(found?.initrd).toEqual(kernel && initrd);
    }),
  );
});
