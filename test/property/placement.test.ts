import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KexecError } from '../../kexec/base/error.js';
import { silentLog } from '../../kexec/base/log.js';
import { Placement, type MemoryLimits } from '../../kexec/memory/placement.js';
import { RANGE_RAM, RANGE_RESERVED, Range, type MemoryRange } from '../../kexec/base/range.js';
import { U64_MAX } from '../../kexec/base/u64.js';

const PAGE = 0x1000n;
const DATA = Uint8Array.of(1, 2, 3);

/** A memory map as the kernel writes it: ascending, apart, and not always in whole pages. */
const memoryMap: fc.Arbitrary<readonly MemoryRange[]> = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 0x20000 }),
      size: fc.oneof(
        fc.integer({ min: 1, max: 0x4000 }),
        fc.integer({ min: 1, max: 0x80 }).map((pages) => pages * 0x1000),
      ),
      reserved: fc.integer({ min: 0, max: 5 }).map((value) => value === 0),
    }),
    { maxLength: 8 },
  )
  .map((pieces) => {
    let end = 0n;
    return pieces.map(({ gap, size, reserved }) => {
      const range = Range.sized(end + BigInt(gap), BigInt(size));
      end = range.end;
      return { range, type: reserved ? RANGE_RESERVED : RANGE_RAM };
    });
  });

const limits: fc.Arbitrary<MemoryLimits> = fc.oneof(
  fc.constant({ memMin: 0n, memMax: U64_MAX }),
  fc.tuple(fc.integer({ min: 0, max: 0x40000 }), fc.integer({ min: 0, max: 0x80000 })).map(([memMin, size]) => ({
    memMin: BigInt(memMin),
    memMax: BigInt(memMin + size),
  })),
);

const request = fc.record({
  memsz: fc.integer({ min: 0, max: 0x9000 }).map(BigInt),
  align: fc.constantFrom(0n, 1n, 0x1000n, 0x4000n, 0x10000n),
  min: fc.integer({ min: 0, max: 0x30000 }).map(BigInt),
  max: fc.oneof(fc.constant(U64_MAX), fc.integer({ min: 0, max: 0x100000 }).map(BigInt)),
  from: fc.constantFrom('bottom' as const, 'top' as const),
});

const orKexecError = (action: () => void): void => {
  try {
    action();
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
  }
};

const ramOf = (map: readonly MemoryRange[]): readonly Range[] =>
  map.filter(({ type }) => type === RANGE_RAM).map(({ range }) => range);

describe('placement', () => {
  test('puts buffers into RAM, apart, in pages, and where they may be', () => {
    fc.assert(
      fc.property(memoryMap, limits, fc.array(request, { maxLength: 10 }), (map, bounds, requests) => {
        const placement = new Placement(map, bounds, PAGE, silentLog, () => 0n);
        for (const one of requests) {
          orKexecError(() => {
            const count = placement.segments.length;
            const base = placement.addBuffer({ ...one, data: DATA });
            if (placement.segments.length === count) return;
            const { memory } = placement.segments.at(-1)!;
            expect(memory.start).toBe(base);
            if (one.align > 0n) expect(base % one.align).toBe(0n);
            expect(memory.last).toBeLessThanOrEqual(one.max);
            if (one.from === 'bottom') expect(base).toBeGreaterThanOrEqual(one.min);
          });
        }
        const segments = [...placement.segments].sort((a, b) => Number(a.memory.start - b.memory.start));
        for (const [i, { memory, data }] of segments.entries()) {
          expect(memory.start % PAGE).toBe(0n);
          expect(memory.size % PAGE).toBe(0n);
          expect(BigInt(data.length)).toBeLessThanOrEqual(memory.size);
          expect(ramOf(map).some((range) => range.covers(memory))).toBe(true);
          expect(memory.start >= bounds.memMin && memory.last <= bounds.memMax).toBe(true);
          const next = segments[i + 1];
          if (next !== undefined) expect(memory.last).toBeLessThan(next.memory.start);
        }
        placement.sortSegments();
      }),
      { numRuns: 1000 },
    );
  });

  test('from the bottom finds the lowest place that there is', () => {
    fc.assert(
      fc.property(memoryMap, fc.integer({ min: 1, max: 8 }), (map, pages) => {
        const size = BigInt(pages) * PAGE;
        const placement = new Placement(map, { memMin: 0n, memMax: U64_MAX }, PAGE, silentLog, () => 0n);
        const places = ramOf(map)
          .map((range) => Range.sized(((range.start + PAGE - 1n) / PAGE) * PAGE, size))
          .filter((place, i) => ramOf(map)[i]!.covers(place));
        const find = (): bigint => placement.locateHole({ size, align: 0n, min: 0n, max: U64_MAX, from: 'bottom' });
        if (places.length === 0) expect(find).toThrow(KexecError);
        else expect(find()).toBe(places[0]!.start);
      }),
      { numRuns: 500 },
    );
  });

  test('on a map that is broken ends all the same', () => {
    const u64 = fc.bigInt({ min: 0n, max: U64_MAX });
    const broken = fc.array(fc.tuple(u64, u64, fc.constantFrom(RANGE_RAM, RANGE_RESERVED)), { maxLength: 6 });
    fc.assert(
      fc.property(
        broken,
        fc.array(request, { maxLength: 5 }),
        fc.array(fc.tuple(u64, u64), { maxLength: 4 }),
        (map, requests, segments) => {
          const ranges = map.map(([start, last, type]) => ({ range: Range.inclusive(start, last), type }));
          const placement = new Placement(ranges, { memMin: 0n, memMax: U64_MAX }, PAGE, silentLog, () => 0n);
          for (const [base, memsz] of segments)
            orKexecError(() => placement.addSegment(DATA, base - (base % PAGE), memsz));
          for (const one of requests) orKexecError(() => placement.addBuffer({ ...one, data: DATA }));
        },
      ),
      { numRuns: 500 },
    );
  });
});
