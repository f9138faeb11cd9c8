import { expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { describeDifference, differences } from '../../../../../sim/kernel/execution/segment-difference.js';
import { firstChange, sumsOf } from '../../../../../sim/kernel/state/segment-sums.js';

/** More than two blocks, the last one not full. */
const loaded = Uint8Array.from({ length: 150_000 }, (_, i) => (i * i) >> 3);

const changed = (changes: Readonly<Record<number, number>>): Uint8Array => {
  const bytes = loaded.slice();
  for (const [at, by] of Object.entries(changes)) bytes[Number(at)]! ^= by;
  return bytes;
};

test('there is a checksum for each block', () => {
  expect(sumsOf(loaded)).toHaveLength(12);
  expect(sumsOf(new Uint8Array())).toHaveLength(0);
});

test('what has not changed is not told', () => {
  expect(firstChange(loaded, sumsOf(loaded))).toBeUndefined();
});

test.each([
  [0, 1],
  [65_535, 0x80],
  [65_536, 0xff],
  [80_000, 0x10],
  [131_071, 3],
  [149_999, 0x41],
])('a changed byte at %i is found, with what it was', (offset, by) => {
  expect(firstChange(changed({ [offset]: by }), sumsOf(loaded))).toEqual({ offset, size: 1, was: loaded[offset] });
});

test('of more changes the block is told', () => {
  expect(firstChange(changed({ 80_000: 1, 80_001: 1, 140_000: 1 }), sumsOf(loaded))).toEqual({
    offset: 65_536,
    size: 65_536,
    was: undefined,
  });
  expect(firstChange(changed({ 131_100: 1, 140_000: 1 }), sumsOf(loaded))).toEqual({
    offset: 131_072,
    size: 18_928,
    was: undefined,
  });
});

test('checksums of something else tell nothing', () => {
  expect(firstChange(loaded, new Uint8Array(8))).toBeUndefined();
});

test.each([
  [{ 5: 0xff }, 'segment 0 differs from 0x40000005 on: fc instead of 03'],
  [
    { 16: 1, 18: 1 },
    'segment 0 differs somewhere in 0x40000000-0x4000ffff, where the checksum is another one; the first bytes there are 00 00 00 01 02 03 04 06 08 0a 0c 0f 12 15 18 1c',
  ],
])('%j is described', (changes, text) => {
  const data = changed(changes);
  const memory = {
    isRam: () => true,
    read: (physAddr: bigint, size: number) => data.slice(Number(physAddr - 0x4000_0000n)).slice(0, size),
  };
  const segment = { memory: Range.sized(0x4000_0000n, BigInt(data.length)), data, sums: sumsOf(loaded) };
  expect(differences([segment], undefined, memory).map(describeDifference)).toEqual([text]);
  expect(differences([segment], segment, memory)).toEqual([]);
});
