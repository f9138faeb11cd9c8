import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { Errno } from '../../../../../kexec/base/error.js';
import type { KernelFacts } from '../../../../../sim/kernel/facts/facts.js';
import { INITIAL_STATE, answerKexecLoad } from '../../../../../sim/kernel/rules/kexec-load.js';
import {
  type Kimage,
  kimageCopies,
  kimageEntries,
  layOutCrashImage,
  layOutKimage,
  storeKimage,
} from '../../../../../sim/kernel/rules/kimage.js';
import { type PageAllocator, createPageAllocator } from '../../../../../sim/kernel/facts/page-allocator.js';
import { PhysicalMemory } from '../../../../../sim/machine/memory.js';

const PAGE = 0x1000n;

/** Hands out exactly these pages, by their numbers. */
const dealing = (...numbers: readonly number[]): PageAllocator & { readonly freed: number[] } => {
  const left = [...numbers].reverse();
  const freed: number[] = [];
  return {
    freed,
    allocate: () => {
      const number = left.pop();
      return number === undefined ? undefined : number * 0x1000;
    },
    free: (page) => {
      left.push(page / 0x1000);
      freed.push(page / 0x1000);
    },
  };
};

const at = (mem: number, pages: number) => ({ mem: BigInt(mem) * PAGE, memsz: BigInt(pages) * PAGE });

const laidOut = (image: ReturnType<typeof layOutKimage>): Kimage => {
  if ('lacks' in image) throw new Error(`no ${image.lacks}`);
  return image;
};

const entriesOf = (image: Kimage): readonly string[] =>
  [...kimageEntries(image)].map(({ entry }) => entry.toString(16));

describe('the list', () => {
  test('starts in a page of its own, and names pages in the order of the segments', () => {
    const image = laidOut(layOutKimage([at(0x100, 2), at(0x200, 1)], dealing(1, 2, 3, 4, 5, 6, 7), PAGE));
    expect(image).toMatchObject({ controlCodePage: 0x1000, swapPage: 0x2000, listPages: [0x3000] });
    expect(entriesOf(image)).toEqual(['3002', '100001', '4008', '5008', '200001', '6008', '4']);
    expect([...kimageEntries(image)].map(({ list }) => list)).toEqual([
      undefined,
      0x3000,
      0x3008,
      0x3010,
      0x3018,
      0x3020,
      0x3028,
    ]);
    expect([...kimageCopies(image)]).toEqual([
      { from: 0x4000, to: 0x10_0000 },
      { from: 0x5000, to: 0x10_1000 },
      { from: 0x6000, to: 0x20_0000 },
    ]);
  });

  test('goes on in another page when one is full, and its end takes the last place', () => {
    const listPages = (pages: number) => {
      const numbers = Array.from({ length: 2000 }, (_, i) => i + 0x1000);
      return laidOut(layOutKimage([at(0x100, pages)], dealing(...numbers), PAGE)).listPages.length;
    };
    expect([510, 511, 1021, 1022].map(listPages)).toEqual([1, 2, 2, 3]);
  });

  test('of a full page ends in the place that would lead to the next one', () => {
    const numbers = Array.from({ length: 2000 }, (_, i) => i + 0x1000);
    const image = laidOut(layOutKimage([at(0x100, 510)], dealing(...numbers), PAGE));
    expect([...kimageEntries(image)].at(-1)).toEqual({ list: image.listPages[0]! + 511 * 8, entry: 4 });
  });

  test('names a segment without pages, and copies nothing', () => {
    const image = laidOut(layOutKimage([at(0x100, 0)], dealing(1, 2, 3), PAGE));
    expect(entriesOf(image)).toEqual(['3002', '100001', '4']);
  });
});

describe('a page that a segment goes to', () => {
  test('holds no code: it is given back', () => {
    const allocator = dealing(0x100, 0x101, 1, 2, 3);
    const image = laidOut(layOutKimage([at(0x100, 2)], allocator, PAGE));
    expect(image).toMatchObject({ controlCodePage: 0x1000 });
    expect(allocator.freed.slice(0, 2)).toEqual([0x101, 0x100]);
  });

  test('is its own source when its turn has come', () => {
    const image = laidOut(layOutKimage([at(0x100, 2)], dealing(1, 2, 3, 0x100, 0x101), PAGE));
    expect([...kimageCopies(image)].map(({ from, to }) => [from, to])).toEqual([
      [0x10_0000, 0x10_0000],
      [0x10_1000, 0x10_1000],
    ]);
  });

  test('waits for its turn', () => {
    const image = laidOut(layOutKimage([at(0x100, 2)], dealing(1, 2, 3, 0x101, 4), PAGE));
    expect([...kimageCopies(image)].map(({ from }) => from)).toEqual([0x4000, 0x10_1000]);
  });

  test('takes the place of its source when it has one, which then serves another page', () => {
    const image = laidOut(layOutKimage([at(0x100, 2)], dealing(1, 2, 3, 4, 0x100), PAGE));
    expect([...kimageCopies(image)].map(({ from }) => from)).toEqual([0x10_0000, 0x4000]);
  });

  test('is given back when it came too late', () => {
    const numbers = Array.from({ length: 513 }, (_, i) => i + 0x1000);
    const last = 0x100 + 510;
    // The last source is in hand already while a second page is sought for the list.
    const allocator = dealing(...numbers, 0x2000, last, 0x2001);
    const image = laidOut(layOutKimage([at(0x100, 511)], allocator, PAGE));
    expect(image.listPages).toEqual([0x1002 * 0x1000, 0x2001 * 0x1000]);
    expect([...kimageCopies(image)].at(-1)).toEqual({ from: 0x2000 * 0x1000, to: last * 0x1000 });
    expect(allocator.freed).toEqual([last]);
  });
});

describe('when memory ends', () => {
  test('the first thing without a page is named', () => {
    const lacks = (...numbers: readonly number[]) => {
      const image = layOutKimage([at(0x100, 2)], dealing(...numbers), PAGE);
      return 'lacks' in image ? image.lacks : undefined;
    };
    expect([lacks(), lacks(0x100), lacks(1), lacks(1, 2), lacks(1, 2, 3), lacks(1, 2, 3, 4)]).toEqual([
      'control code page',
      'control code page',
      'swap page',
      'page',
      'page',
      'page',
    ]);
    expect(lacks(1, 2, 3, 4, 5)).toBeUndefined();
  });

  const facts = (freePages: bigint): KernelFacts => ({
    generation: '6.12',
    pageSize: PAGE,
    totalRamPages: 1000n,
    freeMemory: [Range.sized(0x4000_0000n, freePages * PAGE)],
    crashRegion: undefined,
    lockedDown: false,
    hasKexecLoad: true,
  });
  const load = (freePages: bigint, mem: bigint, pages: bigint) =>
    answerKexecLoad(facts(freePages), INITIAL_STATE, {
      entry: mem,
      flags: 0n,
      nrSegments: 1n,
      segments: [{ mem, memsz: pages * PAGE, bufsz: 0n, source: { kind: 'zeros' } }],
    });

  test('kexec_load says so', () => {
    expect(load(103n, 0x8000_0000n, 100n).result).toBe(0);
    expect(load(102n, 0x8000_0000n, 100n)).toMatchObject({ result: -Errno.ENOMEM, log: [] });
    expect(load(1n, 0x8000_0000n, 100n)).toMatchObject({ log: ['<3>kexec: Could not allocate swap buffer'] });
    expect(load(100n, 0x4000_0000n, 100n)).toMatchObject({ log: ['<3>kexec: Could not allocate control_code_buffer'] });
  });

  test('pages in place count too', () => {
    expect(load(103n, 0x4000_0000n, 100n).result).toBe(0);
    expect(load(102n, 0x4000_0000n, 100n).result).toBe(-Errno.ENOMEM);
  });
});

describe('a crash image', () => {
  const region = { start: 0x10_0000n, last: 0x10_4fffn };

  test('has nothing to copy, and its code beside the segments', () => {
    const image = layOutCrashImage([at(0x100, 2), at(0x103, 1)], region, PAGE);
    expect(image).toMatchObject({ type: 'crash', head: 4, controlCodePage: 0x10_2000 });
    expect([...kimageEntries(laidOut(image))]).toEqual([{ list: undefined, entry: 4 }]);
    expect([laidOut(image).allocateControlPage(), laidOut(image).allocateControlPage()]).toEqual([
      0x10_4000,
      undefined,
    ]);
  });

  test('that fills its region has no room for code', () => {
    expect(layOutCrashImage([at(0x100, 5)], region, PAGE)).toEqual({ lacks: 'control code page' });
  });

  test('is stored where it runs', () => {
    const memory = new PhysicalMemory([Range.sized(0x10_0000n, 0x1_0000n)]);
    memory.write(0x10_0000n, new Uint8Array(0x2000).fill(0xee));
    const segment = { ...at(0x100, 2), data: Uint8Array.of(1, 2, 3) };
    storeKimage(laidOut(layOutCrashImage([segment], region, PAGE)), [segment], memory);
    expect([...memory.read(0x10_0000n, 4)]).toEqual([1, 2, 3, 0]);
    expect(memory.read64(0x10_1ff8n)).toBe(0n);
  });
});

test('27 MB take no more pages than theirs, and those of the list', () => {
  const free = createPageAllocator([Range.sized(0x4000_0000n, 0x8000_0000n)], PAGE);
  let taken = 0;
  const allocator: PageAllocator = { ...free, allocate: () => (taken++, free.allocate()) };
  laidOut(layOutKimage([{ mem: 0x4020_0000n, memsz: 0x1b0_0000n }], allocator, PAGE));
  const [codeAndSwap, entries] = [2, 1 + 0x1b00];
  expect(taken).toBe(codeAndSwap + 0x1b00 + Math.ceil(entries / 511));
});
