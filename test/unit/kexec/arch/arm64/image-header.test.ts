import { describe, expect, test } from '@jest/globals';
import { processImageHeader, readArm64ImageHeader } from '../../../../../kexec/arch/arm64/image-header.js';
import { arm64Image } from '../../../../support/files/kernel-files.js';
import { keepingLog } from '../../../../support/files/memory-system.js';

describe('the header of an arm64 Image', () => {
  test('tells where the image goes', () => {
    const image = arm64Image({ textOffset: 0x80000n, imageSize: 0x123456789an });
    expect(readArm64ImageHeader(image)).toEqual({
      textOffset: 0x80000n,
      imageSize: 0x123456789an,
      flags: 0n,
      hasPeSignature: false,
      peHeaderOffset: 0,
    });
    expect(readArm64ImageHeader(arm64Image({ pe: true }))).toMatchObject({
      hasPeSignature: true,
      peHeaderOffset: 0x40,
    });
  });

  test('is 64 bytes with "ARM\\x64" in them', () => {
    const image = arm64Image();
    expect(readArm64ImageHeader(image.subarray(0, 64))).toBeDefined();
    expect(readArm64ImageHeader(image.subarray(0, 63))).toBeUndefined();
    expect(readArm64ImageHeader(new Uint8Array())).toBeUndefined();
    for (let at = 56; at < 60; at++) {
      const broken = image.slice();
      broken[at]! ^= 1;
      expect(readArm64ImageHeader(broken)).toBeUndefined();
    }
  });

  test('is read where the bytes are, not where their buffer starts', () => {
    const buffer = new Uint8Array(100 + 64);
    buffer.set(arm64Image({ textOffset: 5n }).subarray(0, 64), 100);
    expect(readArm64ImageHeader(buffer.subarray(100))?.textOffset).toBe(5n);
  });

  test('keeps what the largest numbers are', () => {
    const header = readArm64ImageHeader(arm64Image({ textOffset: 2n ** 64n - 1n, imageSize: 2n ** 63n }));
    expect(header).toMatchObject({ textOffset: 2n ** 64n - 1n, imageSize: 2n ** 63n });
  });

  test('without a size is that of an old kernel, which is told', () => {
    const log = keepingLog();
    const header = readArm64ImageHeader(arm64Image({ imageSize: 0n, textOffset: 0x12345n }))!;
    expect(processImageHeader(header, log)).toEqual({ textOffset: 0x80000n, imageSize: 0x1000000n });
    expect(log.text()).toBe(
      'kexec: arm64_process_image_header: Warning: Kernel image size set to 16 MiB.\n' +
        '  Please verify compatability with lodaed kernel.\n',
    );
  });

  test('with one is taken at its word', () => {
    const log = keepingLog();
    const header = readArm64ImageHeader(arm64Image({ imageSize: 1n, textOffset: 3n }))!;
    expect(processImageHeader(header, log)).toEqual({ textOffset: 3n, imageSize: 1n });
    expect(log.text()).toBe('');
  });
});
