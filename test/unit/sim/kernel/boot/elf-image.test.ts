import { expect, test } from '@jest/globals';
import { imageOfElf } from '../../../../../sim/kernel/boot/elf-image.js';
import { KERNEL_VIRT, buildElf, buildImage } from '../../../../conformance/files.js';

const LIMIT = 1 << 20;
const KERNEL = new Uint8Array(buildImage(0x4000));

/** Two pieces of the kernel that lie apart in memory, the second one before the first in the file's list. */
const twoPieces = (gap: bigint) => [
  { offset: 0x3000n, vaddr: KERNEL_VIRT + 0x2000n + gap, filesz: 0x2000n },
  { offset: 0x1000n, vaddr: KERNEL_VIRT, filesz: 0x2000n },
];

test('one segment is the Image', () => {
  expect(imageOfElf(buildElf({ image: KERNEL }), LIMIT)).toEqual(KERNEL);
});

test('segments lie as their addresses say, with zeros between', () => {
  const image = imageOfElf(buildElf({ image: KERNEL, headers: twoPieces(0x1000n) }), LIMIT) as Uint8Array;
  expect(image).toHaveLength(0x5000);
  expect(image.subarray(0, 0x2000)).toEqual(KERNEL.subarray(0, 0x2000));
  expect(image.subarray(0x2000, 0x3000).every((byte) => byte === 0)).toBe(true);
  expect(image.subarray(0x3000)).toEqual(KERNEL.subarray(0x2000));
});

test('the Image begins at the entry point, wherever the segment does', () => {
  const image = new Uint8Array(0x4000);
  image.set(KERNEL.subarray(0, 0x3000), 0x1000);
  const elf = buildElf({ image, entry: KERNEL_VIRT + 0x1000n, headers: [{}] });
  expect(imageOfElf(elf, LIMIT)).toEqual(KERNEL.subarray(0, 0x3000));
});

test.each([
  ['lie too far apart', twoPieces(2n ** 40n)],
  ['lie before the header', [{}, { vaddr: KERNEL_VIRT - 0x10000n, filesz: 0x100n }]],
  ['are more than there may be', Array.from({ length: 60 }, () => ({}))],
])('segments are refused that %s', (_, headers) => {
  expect(imageOfElf(buildElf({ image: KERNEL, headers }), LIMIT >> 1)).toMatch(/^an ELF file whose segments /);
});

test.each([
  [
    'a big-endian one of another machine',
    buildElf({ image: KERNEL, machine: 8, bigEndian: true }),
    'an ELF file for another machine (number 8)',
  ],
  [
    'one that is cut off',
    buildElf({ image: KERNEL }).subarray(0, 100),
    'a damaged ELF file, or one that is no executable',
  ],
  [
    'one whose segment is no kernel',
    buildElf({ image: new Uint8Array(0x4000) }),
    'an ELF file without the header of an arm64 Image at its entry point',
  ],
])('%s is refused', (_, elf, reason) => {
  expect(imageOfElf(elf, LIMIT)).toBe(reason);
});
