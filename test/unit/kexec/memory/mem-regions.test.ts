import { describe, expect, test } from '@jest/globals';
import { MemRegions, formatMemoryRanges } from '../../../../kexec/memory/mem-regions.js';
import { Range } from '../../../../kexec/base/range.js';

type Pair = readonly [number, number];
const range = ([start, last]: Pair): Range => Range.inclusive(BigInt(start), BigInt(last));

const regionsOf = (pairs: readonly Pair[], maxSize?: number): MemRegions => {
  const regions = new MemRegions(maxSize);
  for (const pair of pairs) regions.add(range(pair));
  return regions;
};

const pairsOf = ({ regions }: MemRegions): readonly Pair[] =>
  regions.map(({ range: { start, last } }) => [Number(start), Number(last)]);

describe('excluding a range', () => {
  test.each<[string, readonly Pair[], Pair, readonly Pair[]]>([
    [
      'from the middle',
      [[0, 99]],
      [10, 19],
      [
        [0, 9],
        [20, 99],
      ],
    ],
    [
      'from the middle, before others',
      [
        [0, 99],
        [200, 299],
      ],
      [10, 19],
      [
        [0, 9],
        [200, 299],
        [20, 99],
      ],
    ],
    ['from the start', [[0, 99]], [0, 19], [[20, 99]]],
    ['from the end', [[0, 99]], [90, 99], [[0, 89]]],
    [
      'whole',
      [
        [0, 99],
        [200, 299],
      ],
      [0, 99],
      [[200, 299]],
    ],
    ['that reaches out', [[0, 99]], [90, 100], [[0, 99]]],
    ['that is larger', [[10, 19]], [0, 99], [[10, 19]]],
    ['elsewhere', [[0, 99]], [200, 299], [[0, 99]]],
    [
      'that two have',
      [
        [0, 99],
        [0, 99],
      ],
      [0, 9],
      [
        [10, 99],
        [10, 99],
      ],
    ],
    // A removed range's successor is passed over.
    [
      'that two are',
      [
        [0, 99],
        [0, 99],
      ],
      [0, 99],
      [[0, 99]],
    ],
  ])('%s', (_, before, excluded, after) => {
    const regions = regionsOf(before);
    expect(regions.exclude(range(excluded))).toBe(true);
    expect(pairsOf(regions)).toEqual(after);
  });

  test('needs room for the other half', () => {
    const regions = regionsOf([[0, 99]], 1);
    expect(regions.exclude(range([10, 19]))).toBe(false);
    expect(pairsOf(regions)).toEqual([[0, 99]]);
    expect(regions.exclude(range([0, 19]))).toBe(true);
  });
});

test('a full list takes no more', () => {
  const regions = regionsOf([[0, 1]], 1);
  expect(regions.add(range([2, 3]))).toBe(false);
  expect(pairsOf(regions)).toEqual([[0, 1]]);
});

test('sorting is by start', () => {
  const regions = regionsOf([
    [5, 9],
    [1, 2],
    [5, 6],
    [0, 0],
  ]);
  regions.sort();
  expect(pairsOf(regions)).toEqual([
    [0, 0],
    [1, 2],
    [5, 9],
    [5, 6],
  ]);
});

test('the log lists ranges with inclusive ends and types', () => {
  expect(formatMemoryRanges('Title;', [{ range: range([0x1000, 0x1fff]), type: 1 }])).toBe(
    'Title;\n0000000000001000-0000000000001fff (1)\n',
  );
});
