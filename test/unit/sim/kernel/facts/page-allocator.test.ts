import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Range } from '../../../../../kexec/base/range.js';
import { parseResources } from '../../../../../sim/kernel/facts/iomem.js';
import {
  type PageAllocator,
  countPages,
  createPageAllocator,
  freeMemory,
} from '../../../../../sim/kernel/facts/page-allocator.js';

const PAGE = 4096n;
const resources = parseResources(readFileSync('machines/virt-2g/proc/iomem', 'utf8'));

const take = (allocator: PageAllocator, count = Infinity): number[] => {
  const pages: number[] = [];
  for (let page = count > 0 ? allocator.allocate() : undefined; page !== undefined; page = allocator.allocate()) {
    pages.push(page);
    if (pages.length >= count) break;
  }
  return pages;
};

describe('free memory', () => {
  test('is System RAM without what lies in it', () => {
    expect(freeMemory(resources, PAGE).map(({ start, end }) => `${start.toString(16)}-${end.toString(16)}`)).toEqual([
      '40000000-40210000',
      '41ca0000-48000000',
      '480ff000-48200000',
      '48300000-a9800000',
      'bfa00000-bfab9000',
      'bfbd8000-bfbda000',
    ]);
  });

  test('is what it is where resources lie over each other', () => {
    const of = (...lines: readonly string[]): readonly string[] =>
      freeMemory(parseResources(lines.join('\n')), PAGE).map(
        ({ start, end }) => `${start.toString(16)}-${end.toString(16)}`,
      );
    expect(of('1000-8fff : System RAM', '  2000-2fff : a', '  2800-3fff : b', '    3000-3fff : c')).toEqual([
      '1000-2000',
      '4000-9000',
    ]);
    expect(of('1000-8fff : System RAM', '4000-bfff : System RAM', '0-1fff : a', 'b000-ffff : b')).toEqual([
      '2000-b000',
    ]);
    expect(of('4000-4fff : System RAM', '1000-1fff : System RAM', '0-ffffffffffffffff : all')).toEqual([]);
  });

  test('takes no time to speak of, however many resources there are', () => {
    const lines = Array.from(
      { length: 30_000 },
      (_, i) => `  ${(0x4000_0000 + i * 0x2000).toString(16)}-${(0x4000_0fff + i * 0x2000).toString(16)} : x`,
    );
    const many = parseResources(['40000000-ffffffff : System RAM', ...lines].join('\n'));
    const before = process.cpuUsage();
    expect(freeMemory(many, PAGE)).toHaveLength(30_000);
    expect(process.cpuUsage(before).user).toBeLessThan(3_000_000);
  });

  test('is whole pages', () => {
    const large = freeMemory(resources, 0x1_0000n);
    expect(large.map(({ start, end }) => `${start.toString(16)}-${end.toString(16)}`)).toEqual([
      '40000000-40210000',
      '41ca0000-48000000',
      '48100000-48200000',
      '48300000-a9800000',
      'bfa00000-bfab0000',
    ]);
    expect(countPages(large, 0x1_0000n)).toBe(0x21n + 0x636n + 0x10n + 0x6150n + 0xbn);
  });

  test('is none where no RAM is told of', () => {
    expect(freeMemory(parseResources('09000000-09000fff : pl011@9000000\n'), PAGE)).toEqual([]);
  });
});

describe('pages', () => {
  const ranges = [Range.sized(0x1000n, 0x3000n), Range.sized(0x8000n, 0x2000n)];

  test('come from the top down, and then no more', () => {
    const allocator = createPageAllocator(ranges, PAGE);
    expect(take(allocator)).toEqual([0x9000, 0x8000, 0x3000, 0x2000, 0x1000]);
    expect(allocator.allocate()).toBeUndefined();
  });

  test('that are given back are the next ones', () => {
    const allocator = createPageAllocator(ranges, PAGE);
    take(allocator, 3);
    allocator.free(0x8000);
    allocator.free(0x9000);
    expect(take(allocator)).toEqual([0x9000, 0x8000, 0x2000, 0x1000]);
  });

  test('come scattered, each of them once, as the seed says', () => {
    const scattered = (seed: number) =>
      take(createPageAllocator([Range.sized(0n, 0x40_0000n)], PAGE, { kind: 'scattered', seed }));
    const pages = scattered(1);
    expect(new Set(pages).size).toBe(1024);
    expect(scattered(1)).toEqual(pages);
    expect(scattered(2)).not.toEqual(pages);
    expect([...pages].sort((a, b) => a - b)).toEqual(
      take(createPageAllocator([Range.sized(0n, 0x40_0000n)], PAGE)).reverse(),
    );
  });

  test('cost nothing before they are taken: there may be more than a list can hold', () => {
    const pages = take(createPageAllocator([Range.sized(0n, 1n << 46n)], PAGE, { kind: 'scattered', seed: 1 }), 10);
    expect(new Set(pages).size).toBe(10);
  });
});
