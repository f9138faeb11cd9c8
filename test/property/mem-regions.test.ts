import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type MemoryRange, RANGE_RAM, Range } from '../../kexec/base/range.js';
import { MemRegions } from '../../kexec/memory/mem-regions.js';

/** The list as the original keeps it: one array, gone through from the front. */
class PlainRegions {
  readonly regions: MemoryRange[] = [];

  constructor(private readonly maxSize: number | undefined) {}

  add(range: Range, type: number = RANGE_RAM): boolean {
    if (this.maxSize !== undefined && this.regions.length >= this.maxSize) return false;
    this.regions.push({ range, type });
    return true;
  }

  exclude(excluded: Range): boolean {
    for (let i = 0; i < this.regions.length; i++) {
      const { range, type } = this.regions[i]!;
      if (!range.covers(excluded)) continue;
      const before = range.before(excluded);
      const behind = range.behind(excluded);
      if (before !== undefined && behind !== undefined) {
        if (!this.add(behind)) return false;
        this.regions.splice(i, 1, { range: before, type });
        break;
      }
      const rest = before ?? behind;
      this.regions.splice(i, 1, ...(rest === undefined ? [] : [{ range: rest, type }]));
    }
    return true;
  }

  sort(): void {
    this.regions.sort((a, b) => Number(a.range.start - b.range.start));
  }
}

/** Also ranges that hold no address, as a broken memory map has them. */
const someRange = fc
  .tuple(fc.bigInt(0n, 60n), fc.bigInt(-2n, 12n))
  .map(([start, length]) => Range.inclusive(start, start + length < 0n ? 0n : start + length));

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), range: someRange, type: fc.nat(2) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('exclude' as const), range: someRange, type: fc.constant(0) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sort' as const), range: someRange, type: fc.constant(0) }) },
);

interface Step {
  readonly kind: 'add' | 'exclude' | 'sort';
  readonly range: Range;
  readonly type: number;
}

const runOf = (regions: MemRegions | PlainRegions, steps: readonly Step[]): unknown =>
  steps.map(({ kind, range, type }) => {
    if (kind === 'sort') return regions.sort();
    return kind === 'add' ? regions.add(range, type) : regions.exclude(range);
  });

test('ranges are taken out as from one array, one by one', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
      (steps, maxSize) => {
        const [fast, plain] = [new MemRegions(maxSize), new PlainRegions(maxSize)];
        expect(runOf(fast, steps)).toEqual(runOf(plain, steps));
        expect(fast.regions).toEqual(plain.regions);
      },
    ),
    { numRuns: 2000 },
  );
});

test('of one range, as of many that share no address', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3000), { maxLength: 1500 }), fc.integer({ min: 1, max: 1500 }), (places, width) => {
      const [fast, plain] = [new MemRegions(), new PlainRegions(undefined)];
      for (const regions of [fast, plain]) {
        for (let at = 0; at < 3000; at += width + 1) regions.add(Range.sized(BigInt(at), BigInt(width)));
        for (const place of places) regions.exclude(Range.sized(BigInt(place), 1n));
      }
      expect(fast.regions).toEqual(plain.regions);
    }),
    { numRuns: 30 },
  );
});

test.each(['ascending', 'descending', 'scattered'])('a hundred thousand %s ranges are no work', (order) => {
  const count = 100_000;
  const regions = new MemRegions();
  regions.add(Range.between(0n, 4n * BigInt(count)));
  // The step has no factor in common with the count.
  const placeOf = (i: number): number =>
    order === 'ascending' ? i : order === 'descending' ? count - 1 - i : (i * 61_803) % count;
  const start = performance.now();
  for (let i = 0; i < count; i++) regions.exclude(Range.sized(4n * BigInt(placeOf(i)) + 1n, 1n));
  expect(regions.regions).toHaveLength(count + 1);
  // A tenth of a second or two where nothing else runs; a minute for a walk through all of them each time.
  expect(performance.now() - start).toBeLessThan(20_000);
});
