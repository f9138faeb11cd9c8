import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  pagesOf,
  readRegions,
  wordRuns,
  writeRegions,
  type KeptRegion,
} from '../../../../../sim/cpu/hot/kept-region.js';
import { ByteReader } from '../../../../../sim/cpu/wasm/reader.js';
import { ByteWriter } from '../../../../../sim/cpu/wasm/writer.js';

const encodeRegions = (regions: readonly KeptRegion[]): Uint8Array => {
  const writer = new ByteWriter();
  writeRegions(writer, regions);
  return writer.bytes.slice();
};
const decodeRegions = (bytes: Uint8Array): readonly KeptRegion[] => readRegions(new ByteReader(bytes));

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const address = fc.bigInt({ min: 0n, max: 2n ** 62n - 3000n }).map((number) => number * 4n);
const words = fc.array(fc.tuple(address, word), { minLength: 1, maxLength: 20 }).map((pairs) => new Map(pairs));
/** Most words follow each other. */
const block = fc
  .tuple(address, fc.array(word, { minLength: 1, maxLength: 2000 }))
  .map(([start, list]) => new Map(list.map((one, i) => [start + BigInt(4 * i), one] as const)));

const region: fc.Arbitrary<KeptRegion> = fc
  .tuple(fc.oneof(words, block), fc.string({ unit: 'grapheme-ascii' }), fc.nat(), fc.uint8Array())
  .map(([map, context, instructions, body]) => {
    const [start] = map.keys();
    return { context, start: start!, entries: [...map.keys()].slice(0, 3), instructions, words: wordRuns(map), body };
  });

describe('words of a region', () => {
  test('are runs that have each word once, and cross no page', () => {
    fc.assert(
      fc.property(fc.oneof(words, block), (map) => {
        const runs = wordRuns(map);
        const again = runs.flatMap((run) => run.words.map((one, i) => [run.address + BigInt(4 * i), one] as const));
        expect(new Map(again)).toEqual(map);
        expect(again).toHaveLength(map.size);
        for (const run of runs) {
          expect(Number(run.address & 0xfffn) + 4 * run.words.length).toBeLessThanOrEqual(4096);
        }
      }),
    );
  });

  test('are in pages that are named once', () => {
    const map = new Map([0x1ff8n, 0x1ffcn, 0x2000n, 0x1000n].map((at) => [at, 0] as const));
    const kept = {
      context: '',
      start: 0x1ff8n,
      entries: [],
      instructions: 4,
      words: wordRuns(map),
      body: new Uint8Array(),
    };
    expect(pagesOf(kept)).toEqual([0x1000n, 0x2000n]);
  });
});

describe('regions as bytes', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(region, { maxLength: 5 }), (regions) => {
        expect(decodeRegions(encodeRegions(regions))).toEqual(regions);
      }),
    );
  });

  test('that are cut off are refused', () => {
    fc.assert(
      fc.property(region, fc.double({ min: 0, max: 0.999, noNaN: true }), (one, part) => {
        const bytes = encodeRegions([one]);
        expect(() => decodeRegions(bytes.subarray(0, Math.floor(bytes.length * part)))).toThrow(RangeError);
      }),
    );
  });

  test.each([
    ['is entered where it has no word', { entries: [0x1000n, 0x2000n] }, 'entered elsewhere'],
    ['is not entered at its start', { entries: [] }, 'entered elsewhere'],
    ['has words across the end of a page', { words: [{ address: 0x1ffcn, words: [0, 0] }] }, 'in no page'],
    ['has words that are not aligned', { words: [{ address: 0x1002n, words: [0] }] }, 'in no page'],
  ])('of a region that %s are refused', (_what, changed, why) => {
    const words = [{ address: 0x1000n, words: [1] }];
    const good = { context: 'c', start: 0x1000n, entries: [0x1000n], instructions: 1, words, body: new Uint8Array() };
    expect(() => decodeRegions(encodeRegions([{ ...good, ...changed }]))).toThrow(why);
  });
});
