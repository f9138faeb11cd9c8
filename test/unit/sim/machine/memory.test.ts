import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { PhysicalMemory } from '../../../../sim/machine/memory.js';

const START = 0x4000_0000n;
const PAGE = 0x1000n;

describe('what is not zero', () => {
  const memory = new PhysicalMemory([Range.sized(START, 0x100_0000n)]);
  // Written out of order; two pages follow each other, and two are in chunks of 64 KiB that do.
  for (const page of [0x80n, 0x0fn, 0x10n, 2n, 3n]) memory.write(START + page * PAGE, Uint8Array.of(1));
  memory.write(START + 0x70n * PAGE, new Uint8Array(4096));

  const found = (within?: Range): readonly (readonly [bigint, number])[] =>
    [...memory.filled(within)].map(({ physAddr, bytes }) => [(physAddr - START) / PAGE, bytes.length / 4096] as const);

  test('is told in order, pages that follow each other as one', () => {
    expect(found()).toEqual([
      [2n, 2],
      [0x0fn, 1],
      [0x10n, 1],
      [0x80n, 1],
    ]);
  });

  test('is told of the whole pages of a range', () => {
    const within = (from: bigint, to: bigint) => found(Range.between(START + from, START + to));
    expect(within(3n * PAGE, 0x80n * PAGE)).toEqual([
      [3n, 1],
      [0x0fn, 1],
      [0x10n, 1],
    ]);
    expect(within(2n * PAGE + 1n, 4n * PAGE - 1n)).toEqual([]);
    expect(within(0x80n * PAGE, 0x100n * PAGE)).toEqual([[0x80n, 1]]);
    expect(within(0x81n * PAGE, 0x100n * PAGE)).toEqual([]);
  });

  test('is told of pages that are written later', () => {
    memory.write(START + 0x90n * PAGE, Uint8Array.of(1));
    expect(found().at(-1)).toEqual([0x90n, 1]);
  });
});
