import { describe, expect, test } from '@jest/globals';
import { readImageSymbols } from '../../../../../sim/kernel/log/image-symbols.js';
import { type BuiltSymbol, type KallsymsLayout, imageWithSymbols } from '../../../../support/files/kallsyms-builder.js';

const LAYOUTS: readonly KallsymsLayout[] = ['before', 'behind', 'own'];
const LONG = `T${'x'.repeat(300)}`;

/** More than have one mark. */
const symbols: readonly BuiltSymbol[] = [
  { offset: 0, typed: 'T_text' },
  { offset: 0x1_0000, typed: 'T_stext' },
  { offset: 0x1_0000, typed: 'Talias' },
  ...Array.from({ length: 600 }, (_, i) => ({ offset: 0x1_1000 + 16 * i, typed: `tfunction${i}` })),
  { offset: 0x2_0000, typed: LONG },
  { offset: 0x2_0040, typed: 'blog_buf' },
];

describe.each(LAYOUTS)('symbols of an Image whose offsets are "%s"', (layout) => {
  const found = readImageSymbols(imageWithSymbols(symbols, layout))!;

  test('are all found, their types apart', () => {
    expect(found.symbols).toEqual(
      symbols.map(({ offset, typed }) => ({ offset, name: typed.slice(1), type: typed.slice(0, 1) })),
    );
  });

  test('are found by name, and tell the room until the next one', () => {
    expect(found.offsetOf('function599')).toBe(0x1_1000 + 16 * 599);
    expect(found.roomOf('_stext')).toBe(0x1000);
    expect(found.roomOf('log_buf')).toBeUndefined();
    expect([found.offsetOf('nothing'), found.roomOf('nothing')]).toEqual([undefined, undefined]);
  });

  test('name places', () => {
    expect(found.nameAt(0x1_1010)).toBe('function1+0x0');
    expect(found.nameAt(0x1_101c)).toBe('function1+0xc');
    expect(found.nameAt(0x1_0004)).toBe('_stext+0x4');
    expect(found.nameAt(0x2_0040)).toBe('log_buf+0x0');
    expect([found.nameAt(-4), found.nameAt(0x2_0044)]).toEqual([undefined, undefined]);
  });

  test('without a name for the Image itself count from its first function', () => {
    const functions = symbols.slice(1).map(({ offset, typed }) => ({ offset: offset - 0x1_0000, typed }));
    expect(readImageSymbols(imageWithSymbols(functions, layout))?.offsetOf('log_buf')).toBe(0x2_0040);
  });

  test('of tables that are cut off are none', () => {
    const image = imageWithSymbols(symbols, layout);
    for (let length = 0; length < image.length - 8; length += 997) {
      expect([length, readImageSymbols(image.subarray(0, length))]).toEqual([length, undefined]);
    }
  });
});

test('an Image without tables has no symbols', () => {
  expect(readImageSymbols(new Uint8Array(0x1_0000))).toBeUndefined();
  expect(readImageSymbols(new Uint8Array())).toBeUndefined();
});
