import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

/** Linux Documentation/arch/arm64/booting.rst, "Call the kernel image". */
const image = readFileSync('machines/payload/Image');

test('the demo kernel is an arm64 Image', () => {
  expect(image.subarray(56, 60).toString('latin1')).toBe('ARM\x64');
  // code0 is a branch, over the header.
  expect(image.readUInt32LE(0) >>> 26).toBe(0b000101);
  expect((image.readUInt32LE(0) & 0x3ffffff) * 4).toBeGreaterThanOrEqual(64);
  expect(image.readUInt32LE(4)).toBe(0xd503201f);
  expect(image.readBigUInt64LE(8)).toBe(0n);
  expect([image.readBigUInt64LE(32), image.readBigUInt64LE(40), image.readBigUInt64LE(48)]).toEqual([0n, 0n, 0n]);
  expect(image.readUInt32LE(60)).toBe(0);
});

test('its flags say little-endian, 4 KiB pages, anywhere in memory', () => {
  expect(image.readBigUInt64LE(24)).toBe(0b1010n);
});

test('its image_size counts the stack, which the file has not', () => {
  const imageSize = Number(image.readBigUInt64LE(16));
  expect(imageSize % 4096).toBe(0);
  expect(imageSize).toBeGreaterThanOrEqual(image.length + 4096);
  expect(imageSize).toBeLessThanOrEqual(64 << 10);
});
