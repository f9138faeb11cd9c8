import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Range } from '../../kexec/base/range.js';
import {
  IND_DESTINATION,
  IND_DONE,
  IND_INDIRECTION,
  IND_SOURCE,
  type Kimage,
  addressOf,
  flagOf,
  kimageEntries,
  layOutKimage,
  storeKimage,
} from '../../sim/kernel/rules/kimage.js';
import {
  type AllocationOrder,
  type PageAllocator,
  createPageAllocator,
} from '../../sim/kernel/facts/page-allocator.js';
import { PhysicalMemory } from '../../sim/machine/memory.js';

const RAM = 0x4000_0000n;
const PAGES = 300;

/** No two pages of it are alike, nor is a byte zero. */
const BYTES = Uint8Array.from({ length: 700_000 }, (_, i) => ((i * 31 + (i >> 8) + (i >> 16)) % 251) + 1);

interface Segment {
  readonly mem: bigint;
  readonly memsz: bigint;
  readonly data: Uint8Array;
}

const pageSizes = fc.constantFrom(4096n, 16384n);

const orders: fc.Arbitrary<AllocationOrder> = fc.oneof(
  fc.constant({ kind: 'top-down' } as const),
  fc.integer().map((seed) => ({ kind: 'scattered', seed }) as const),
);

/** Segments side by side and apart, in any order, among the free pages; few or most of them. */
const cases = fc
  .record({
    pageSize: pageSizes,
    order: orders,
    gaps: fc.array(
      fc.record({
        gap: fc.nat(20),
        pages: fc.integer({ min: 0, max: 40 }),
        missing: fc.nat(5000),
        seed: fc.nat(255),
        rank: fc.nat(99),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  })
  .map(({ pageSize, order, gaps }) => {
    let at = RAM;
    const segments = gaps.map(({ gap, pages, missing, seed, rank }) => {
      const mem = at + BigInt(gap) * pageSize;
      const memsz = BigInt(pages) * pageSize;
      at = mem + memsz;
      const data = BYTES.subarray(seed, seed + Math.max(0, Number(memsz) - missing));
      return { mem, memsz, data, rank };
    });
    return { pageSize, order, segments: [...segments].sort((a, b) => a.rank - b.rank) };
  });

const ranges = (pageSize: bigint): readonly Range[] => [Range.sized(RAM, BigInt(PAGES) * pageSize)];

/** Notes what is in somebody's hands, and that nothing is handed out twice. */
const watched = (inner: PageAllocator, taken: Set<number>): PageAllocator => ({
  allocate: () => {
    const page = inner.allocate();
    if (page !== undefined) {
      if (taken.has(page)) throw new Error(`page 0x${page.toString(16)} is handed out twice`);
      taken.add(page);
    }
    return page;
  },
  free: (page) => {
    if (!taken.delete(page)) throw new Error(`page 0x${page.toString(16)} is given back twice`);
    inner.free(page);
  },
});

/** Copies as the code does that has nothing but the head and memory. */
const relocate = ({ head, pageSize }: Kimage, memory: PhysicalMemory): void => {
  const written = new Set<bigint>();
  let place = 0n;
  let to = 0n;
  for (let entry = BigInt(head); flagOf(Number(entry)) !== IND_DONE; entry = memory.read64(place), place += 8n) {
    const page = BigInt(addressOf(Number(entry)));
    switch (flagOf(Number(entry))) {
      case IND_INDIRECTION:
        place = page;
        break;
      case IND_DESTINATION:
        to = page;
        break;
      case IND_SOURCE:
        if (written.has(page)) throw new Error(`source 0x${page.toString(16)} was overwritten before it was read`);
        memory.write(to, memory.read(page, pageSize));
        written.add(to);
        to += BigInt(pageSize);
        break;
      default:
        throw new Error(`entry 0x${entry.toString(16)}`);
    }
    if (written.has(place - (place % BigInt(pageSize))))
      throw new Error(`the list at 0x${place.toString(16)} was overwritten`);
  }
};

const contentOf = ({ memsz, data }: Segment): Uint8Array => {
  const bytes = new Uint8Array(Number(memsz));
  bytes.set(data);
  return bytes;
};

describe('any image', () => {
  const memory = new PhysicalMemory(ranges(16384n));

  test('is copied into place, whatever the order of free pages', () => {
    fc.assert(
      fc.property(cases, ({ pageSize, order, segments }) => {
        const taken = new Set<number>();
        const allocator = watched(createPageAllocator(ranges(pageSize), pageSize, order), taken);
        const image = layOutKimage(segments, allocator, pageSize);
        const goal = segments.map(contentOf);
        const needed = segments.reduce((sum, { memsz }) => sum + Number(memsz / pageSize), 0) + 4;
        if ('lacks' in image) return expect(needed + 2).toBeGreaterThan(PAGES);

        const { controlCodePage, swapPage, listPages, entries } = image;
        const sources = entries.filter((entry) => flagOf(entry) === IND_SOURCE).map(addressOf);
        const used = [controlCodePage, swapPage!, ...listPages, ...sources];
        expect(new Set(used).size).toBe(used.length);
        expect(new Set(used)).toEqual(taken);
        const isDestination = (page: number): boolean =>
          segments.some(({ mem, memsz }) => mem <= BigInt(page) && BigInt(page) < mem + memsz);
        expect([controlCodePage, swapPage!, ...listPages].some(isDestination)).toBe(false);

        // What a page held before is nobody's to see.
        for (const page of used) memory.write(BigInt(page), new Uint8Array(Number(pageSize)).fill(0xee));
        storeKimage(image, segments, memory);
        expect([...kimageEntries(image)].slice(1).map(({ list }) => memory.read64(BigInt(list!)))).toEqual(
          [...kimageEntries(image)].slice(1).map(({ entry }) => BigInt(entry)),
        );
        relocate(image, memory);
        segments.forEach(({ mem }, i) => expect(Buffer.compare(memory.read(mem, goal[i]!.length), goal[i]!)).toBe(0));
      }),
      { numRuns: 150 },
    );
  });

  test('is the same when it is laid out again', () => {
    fc.assert(
      fc.property(cases, ({ pageSize, order, segments }) => {
        const layOut = () => {
          const image = layOutKimage(segments, createPageAllocator(ranges(pageSize), pageSize, order), pageSize);
          return 'lacks' in image ? image : { ...image, allocateControlPage: image.allocateControlPage() };
        };
        expect(layOut()).toEqual(layOut());
      }),
      { numRuns: 50 },
    );
  });
});
