import { expect, test } from '@jest/globals';
import type { KeptRegion } from '../../../../sim/cpu/hot/kept-region.js';
import { type StoredRegion, StoredRegions } from '../../../../sim/cpu/stored-regions.js';

const REGION: KeptRegion = {
  ...{ context: 'c', start: 0x1ffcn, entries: [0x1ffcn], instructions: 2, body: new Uint8Array() },
  words: [
    { address: 0x1ffcn, words: [1] },
    { address: 0x2000n, words: [2] },
  ],
};

const open = (): StoredRegions => new StoredRegions([REGION], { addIfValid: () => [7] });

test('a region is tried again when it was forgotten, and not for ever', () => {
  const stored = open();
  let tries = 0;
  for (let i = 0; i < 100; i++) {
    stored.useIn('c', 0x1000n, ({ index, pages }) => {
      tries++;
      expect({ index, pages }).toEqual({ index: 7, pages: [0x1000n, 0x2000n] });
      return true;
    });
    expect(stored.release(7)).toBe(true);
  }
  expect(tries).toBe(8);
  expect(stored.release(8)).toBe(false);
});

test('a region of another context, or of another page, stays where it is', () => {
  const stored = open();
  const tried: string[] = [];
  const use = ({ kept }: StoredRegion): boolean => tried.push(kept.context) > 0;
  stored.useIn('d', 0x1000n, use);
  stored.useIn('c', 0x2000n, use);
  expect(tried).toEqual([]);
});
