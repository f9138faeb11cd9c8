import { describe, expect, test } from '@jest/globals';
import { zstdDecompress } from '../../../../kexec/compression/codecs.js';
import { OutputLimitError } from '../../../../kexec/base/platform.js';
import { xxhash64 } from '../../../../kexec/compression/xxhash64.js';
import { readZstdFrames } from '../../../../kexec/compression/zstd-frames.js';

const LIMIT = 1 << 24;
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd] as const;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

enum Block {
  Raw,
  Rle,
  Reserved = 3,
}

/** The header of a block of `size` bytes. */
const block = (type: Block, size: number, last = false): readonly number[] => {
  const value = (last ? 1 : 0) | (type << 1) | (size << 3);
  return [value & 255, (value >> 8) & 255, value >> 16];
};

/** A frame with a window of 128 KiB, without a size. */
const open = (...rest: readonly number[]): readonly number[] => [...MAGIC, 0x00, 7 << 3, ...rest];
const single = (size: number, ...rest: readonly number[]): readonly number[] => [...MAGIC, 0x20, size, ...rest];

const decode = (bytes: readonly number[], limit = LIMIT): readonly number[] | undefined => {
  const output = zstdDecompress(Uint8Array.from(bytes), limit);
  return output && [...output];
};

describe('XXH64', () => {
  test.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ])('of %j', (text, hash) => {
    expect(xxhash64(ascii(text))).toBe(hash);
  });

  test('of bytes that do not start where their buffer does', () => {
    const buffer = ascii(`xyzNobody inspects the spammish repetition`);
    expect(xxhash64(buffer.subarray(3))).toBe(0xfbcea83c8a378bf1n);
  });
});

describe('zstd', () => {
  test('of raw and repeated blocks', () => {
    expect(decode(single(5, ...block(Block.Raw, 2), 1, 2, ...block(Block.Rle, 3, true), 9))).toEqual([1, 2, 9, 9, 9]);
    expect(decode(open(...block(Block.Raw, 2), 1, 2, ...block(Block.Rle, 3, true), 9))).toEqual([1, 2, 9, 9, 9]);
  });

  test('of nothing', () => {
    expect(decode(single(0, ...block(Block.Raw, 0, true)))).toEqual([]);
    expect(decode(open(...block(Block.Raw, 0, true)))).toEqual([]);
    expect(decode([])).toEqual([]);
  });

  test('in frames, some of which are to be passed over', () => {
    const skipped = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 7, 7, 7];
    const frame = single(1, ...block(Block.Raw, 1, true), 5);
    expect(decode([...skipped, ...frame, ...skipped, ...frame])).toEqual([5, 5]);
    expect(decode([...frame, ...skipped.slice(0, -1)])).toBeUndefined();
  });

  test('in very many frames', () => {
    const frame = single(1, ...block(Block.Raw, 1, true), 5);
    expect(decode(Array.from({ length: 10_000 }, () => frame).flat())).toHaveLength(10_000);
  });

  test.each<[string, readonly number[]]>([
    ['another size than it says', single(6, ...block(Block.Rle, 5, true), 9)],
    ['far more than its blocks can hold', [...MAGIC, 0xe0, 0, 0, 0, 0x60, 0, 0, 0, 0, ...block(Block.Rle, 5, true), 9]],
    ['a block of no known type', open(...block(Block.Reserved, 1, true), 1)],
    ['a block larger than may be', open(...block(Block.Rle, 128 * 1024 + 1, true), 1)],
    ['a reserved bit', [...MAGIC, 0x28, 1, ...block(Block.Raw, 1, true), 5]],
    ['a dictionary', [...MAGIC, 0x21, 1, 1, ...block(Block.Raw, 1, true), 5]],
    ['a window of 256 MiB', [...MAGIC, 0x00, 18 << 3, ...block(Block.Raw, 1, true), 5]],
    ['no last block', open(...block(Block.Raw, 1), 5)],
    ['half a header', [...MAGIC, 0xc0, 0, 1, 2]],
    ['no checksum where one should be', [...MAGIC, 0x24, 1, ...block(Block.Raw, 1, true), 5, 0, 0, 0]],
    ['another checksum', [...MAGIC, 0x24, 1, ...block(Block.Raw, 1, true), 5, 0, 0, 0, 0]],
    ['something behind', [...single(1, ...block(Block.Raw, 1, true), 5), 0]],
  ])('with %s is broken', (_, bytes) => {
    expect(decode(bytes)).toBeUndefined();
  });

  test('with its checksum is whole', () => {
    const hash = xxhash64(Uint8Array.of(5));
    const checksum = [0n, 8n, 16n, 24n].map((shift) => Number((hash >> shift) & 0xffn));
    expect(decode([...MAGIC, 0x24, 1, ...block(Block.Raw, 1, true), 5, ...checksum])).toEqual([5]);
  });

  test('that names a dictionary of number 0 needs none', () => {
    expect(decode([...MAGIC, 0x21, 0, 1, ...block(Block.Raw, 1, true), 5])).toEqual([5]);
  });

  test('of more than is wanted is refused, as soon as can be', () => {
    const bomb = open(
      ...Array.from({ length: 10_000 }, () => [...block(Block.Rle, 128 * 1024), 9]).flat(),
      ...block(Block.Raw, 0, true),
    );
    expect(() => decode(bomb)).toThrow(OutputLimitError);
    const honest = single(5, ...block(Block.Rle, 5, true), 9);
    expect(() => decode(honest, 4)).toThrow(OutputLimitError);
    expect(decode(honest, 5)).toHaveLength(5);
    expect(() => decode([...honest, ...honest], 9)).toThrow(OutputLimitError);
    const unsaid = open(...block(Block.Rle, 5, true), 9);
    expect(() => decode(unsaid, 4)).toThrow(OutputLimitError);
    expect(decode(unsaid, 5)).toHaveLength(5);
  });

  test('frames are known by their headers', () => {
    const bytes = Uint8Array.from([
      ...single(5, ...block(Block.Rle, 5, true), 9),
      ...open(...block(Block.Raw, 0), ...block(Block.Rle, 3, true), 1),
    ]);
    expect(readZstdFrames(bytes)).toEqual([
      {
        start: 0,
        lastBlock: 6,
        end: 10,
        contentSize: 5,
        minOutput: 5,
        maxOutput: 5,
        windowSize: 5,
        checksum: undefined,
      },
      {
        start: 10,
        lastBlock: 19,
        end: 23,
        contentSize: undefined,
        minOutput: 3,
        maxOutput: 3,
        windowSize: 131072,
        checksum: undefined,
      },
    ]);
  });
});

test('a frame that takes too long is broken, and the time goes by what it may hold', () => {
  const allowed: number[] = [];
  const input = Uint8Array.from([...single(4, ...block(Block.Raw, 4, true)), 1, 2, 3, 4]);
  const output = zstdDecompress(input, LIMIT, (mostBytes) => {
    allowed.push(mostBytes);
    throw new Error('too long');
  });
  expect({ output, allowed }).toEqual({ output: undefined, allowed: [4] });
});
