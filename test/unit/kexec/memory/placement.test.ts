import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../kexec/base/error.js';
import { Placement, type HoleRequest, type MemoryLimits } from '../../../../kexec/memory/placement.js';
import { RANGE_RAM, RANGE_RESERVED, Range, type MemoryRange } from '../../../../kexec/base/range.js';
import { U64_MAX } from '../../../../kexec/base/u64.js';
import { keepingLog } from '../../../support/files/memory-system.js';

const ram = (start: bigint, last: bigint, type = RANGE_RAM): MemoryRange => ({
  range: Range.inclusive(start, last),
  type,
});
const MAP = [ram(0x10000n, 0x1ffffn), ram(0x40000n, 0x4ffffn)];
const NO_LIMITS: MemoryLimits = { memMin: 0n, memMax: U64_MAX };

const placementOf = (
  ranges: readonly MemoryRange[] = MAP,
  { limits = NO_LIMITS, pageSize = 0x1000n, log = keepingLog() } = {},
): Placement => new Placement(ranges, limits, pageSize, log, (data) => (data.length === 0 ? 0n : 0x1234n));

const hole = (placement: Placement, request: Partial<HoleRequest> = {}): bigint =>
  placement.locateHole({ size: 0x1000n, align: 0n, min: 0n, max: U64_MAX, from: 'bottom', ...request });

const failureOf = (run: () => unknown): KexecError => {
  try {
    run();
  } catch (error) {
    if (error instanceof KexecError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const DATA = new Uint8Array(100).fill(7);

describe('looking for a hole', () => {
  test('from the bottom takes the lowest one that is large enough', () => {
    expect(hole(placementOf())).toBe(0x10000n);
    expect(hole(placementOf(), { size: 0x10000n })).toBe(0x10000n);
    expect(hole(placementOf([ram(0x1000n, 0x1fffn), ...MAP]), { size: 0x2000n })).toBe(0x10000n);
  });

  test('from the top takes the highest place of the last one', () => {
    expect(hole(placementOf(), { from: 'top' })).toBe(0x4f000n);
    expect(hole(placementOf(), { from: 'top', size: 0x10000n })).toBe(0x40000n);
    expect(hole(placementOf(MAP.toReversed()), { from: 'top' })).toBe(0x1f000n);
  });

  test('aligns', () => {
    expect(hole(placementOf([ram(0x10001n, 0x4ffffn)]), {})).toBe(0x11000n);
    expect(hole(placementOf(), { align: 0x20000n })).toBe(0x40000n);
    expect(hole(placementOf(), { align: 0x8000n, from: 'top' })).toBe(0x48000n);
    expect(hole(placementOf(MAP, { pageSize: 0x10000n }), { size: 0x10000n, from: 'top' })).toBe(0x40000n);
    expect(hole(placementOf([ram(0n, 0xfffffffn)], { pageSize: 0x4000n }), { min: 1n })).toBe(0x4000n);
  });

  test('keeps to the request’s bounds, both inclusive', () => {
    expect(hole(placementOf(), { min: 0x11000n })).toBe(0x11000n);
    expect(hole(placementOf(), { min: 0x11001n })).toBe(0x12000n);
    expect(hole(placementOf(), { max: 0x48fffn, from: 'top' })).toBe(0x48000n);
    expect(hole(placementOf(), { max: 0x48ffen, from: 'top' })).toBe(0x47000n);
    expect(hole(placementOf(), { min: 0x20000n, max: 0x40fffn })).toBe(0x40000n);
  });

  test('keeps to --mem-min and --mem-max', () => {
    expect(hole(placementOf(MAP, { limits: { memMin: 0x15000n, memMax: U64_MAX } }))).toBe(0x15000n);
    expect(hole(placementOf(MAP, { limits: { memMin: 0n, memMax: 0x1bfffn } }), { from: 'top' })).toBe(0x1b000n);
    expect(hole(placementOf(MAP, { limits: { memMin: 0x20000n, memMax: 0x41fffn } }), { from: 'top' })).toBe(0x41000n);
  });

  test('takes RAM only', () => {
    expect(hole(placementOf([ram(0n, 0xffffn, RANGE_RESERVED), ...MAP]))).toBe(0x10000n);
  });

  test('goes around segments', () => {
    const placement = placementOf();
    placement.addSegment(DATA, 0x10000n, 0x1000n);
    placement.addSegment(DATA, 0x12000n, 0x1000n);
    placement.addSegment(DATA, 0x4f000n, 0x1000n);
    expect(hole(placement)).toBe(0x11000n);
    expect(hole(placement, { size: 0x2000n })).toBe(0x13000n);
    expect(hole(placement, { from: 'top' })).toBe(0x4e000n);
  });

  test('of no size is anywhere', () => {
    expect(hole(placementOf(), { size: 0n })).toBe(0x10000n);
    expect(hole(placementOf(), { size: 0n, from: 'top' })).toBe(0x50000n);
  });

  test('at the top of the address space', () => {
    const top = placementOf([ram(U64_MAX - 0xffffn, U64_MAX)]);
    expect(hole(top)).toBe(U64_MAX - 0xffffn);
    expect(hole(top, { from: 'top' })).toBe(U64_MAX - 0xfffn);
  });

  test('says how much there is not', () => {
    const error = failureOf(() => hole(placementOf(), { size: 0x11000n }));
    expect(error.text).toBe('Could not find a free area of memory of 0x11000 bytes...\n');
    expect(error).toMatchObject({ died: false, exitCode: -1 });
    expect(failureOf(() => hole(placementOf([]))).text).toBe(
      'Could not find a free area of memory of 0x1000 bytes...\n',
    );
    expect(failureOf(() => hole(placementOf(), { min: 0x50000n })).died).toBe(false);
  });

  test('a single byte is no hole', () => {
    expect(() => hole(placementOf([ram(0x10000n, 0x10000n)]), { size: 1n })).toThrow(KexecError);
  });

  test('from the top, alignment may leave the range: the segment is refused then', () => {
    const placement = placementOf([ram(0x11000n, 0x12fffn)]);
    expect(hole(placement, { align: 0x1000n, size: 0x2000n, from: 'top' })).toBe(0x11000n);
    const odd = placementOf([ram(0x10800n, 0x12fffn)], { pageSize: 0x1000n });
    expect(hole(odd, { size: 0x2000n, from: 'top' })).toBe(0x11000n);
  });
});

describe('adding a segment', () => {
  test('rounds its memory up to pages', () => {
    const placement = placementOf();
    placement.addSegment(DATA, 0x10000n, 0x1001n);
    const [segment] = placement.segments;
    expect(segment!.memory.equals(Range.sized(0x10000n, 0x2000n))).toBe(true);
    expect(segment!.data).toHaveLength(100);
    expect(segment!.buf).toBe(0x1234n);
  });

  test('takes no more data than there is memory', () => {
    const placement = placementOf();
    placement.addSegment(DATA, 0x10000n, 10n);
    expect(placement.segments[0]!.data).toHaveLength(10);
  });

  test('of no memory is forgotten', () => {
    const placement = placementOf();
    placement.addSegment(DATA, 0x10001n, 0n);
    expect(placement.segments).toHaveLength(0);
  });

  test.each([
    [0x10800n, 0x1000n, 'Base address: 0x10800 is not page aligned\n'],
    [0x30000n, 0x1000n, 'Invalid memory segment 0x30000 - 0x30fff\n'],
    [0x1f000n, 0x2000n, 'Invalid memory segment 0x1f000 - 0x20fff\n'],
    [0n, 0x1000n, 'Invalid memory segment (nil) - 0xfff\n'],
    [0x10000n, U64_MAX, 'Invalid memory segment 0x10000 - 0xffff\n'],
  ])('%s with %s bytes ends the command', (base, memsz, text) => {
    expect(failureOf(() => placementOf().addSegment(DATA, base, memsz))).toMatchObject({
      died: true,
      exitCode: 1,
      text,
    });
  });

  test('of which there are too many is told', () => {
    const log = keepingLog();
    const placement = placementOf([ram(0n, 0xfffffn)], { log });
    for (let i = 0n; i < 16n; i++) placement.addSegment(DATA, i << 12n, 1n);
    expect(log.text()).toBe('');
    placement.addSegment(DATA, 0x10000n, 1n);
    expect(log.text()).toBe('Warning: kernel segment limit reached. This will likely fail\n');
  });
});

describe('memory is valid', () => {
  test.each([
    [0x10000n, 0x1ffffn, true],
    [0x10000n, 0x10000n, true],
    [0xffffn, 0x10fffn, false],
    [0x1ffffn, 0x20000n, false],
    [0x20000n, 0x1ffffn, false],
    [0x18000n, 0x48000n, false],
  ])('from %s to %s: %s', (start, last, valid) => {
    expect(placementOf().validMemoryRange(start, last)).toBe(valid);
  });

  test('within the limits only', () => {
    const placement = placementOf(MAP, { limits: { memMin: 0x11000n, memMax: 0x4efffn } });
    expect(placement.validMemoryRange(0x10000n, 0x11fffn)).toBe(false);
    expect(placement.validMemoryRange(0x11000n, 0x11fffn)).toBe(true);
    expect(placement.validMemoryRange(0x4e000n, 0x4efffn)).toBe(true);
    expect(placement.validMemoryRange(0x4e000n, 0x4f000n)).toBe(false);
  });

  test('not across two ranges that adjoin as they should', () => {
    expect(placementOf([ram(0x10000n, 0x1ffffn), ram(0x20000n, 0x2ffffn)]).validMemoryRange(0x18000n, 0x28000n)).toBe(
      false,
    );
  });

  test('but across two of which one ends at the other’s first byte, and no third', () => {
    const placement = placementOf([ram(0x10000n, 0x20000n), ram(0x20000n, 0x30000n), ram(0x30000n, 0x40000n)]);
    expect(placement.validMemoryRange(0x18000n, 0x28000n)).toBe(true);
    expect(placement.validMemoryRange(0x28000n, 0x38000n)).toBe(true);
    expect(placement.validMemoryRange(0x18000n, 0x38000n)).toBe(false);
    const reserved = [ram(0x10000n, 0x20000n), ram(0x20000n, 0x30000n, RANGE_RESERVED)];
    expect(placementOf(reserved).validMemoryRange(0x18000n, 0x28000n)).toBe(false);
  });

  test('up to the last address', () => {
    expect(placementOf([ram(0n, U64_MAX)]).validMemoryRange(U64_MAX - 0xfffn, U64_MAX)).toBe(true);
  });
});

describe('sorting segments', () => {
  test('is by address', () => {
    const placement = placementOf();
    for (const base of [0x14000n, 0x10000n, 0x12000n]) placement.addSegment(DATA, base, 1n);
    placement.sortSegments();
    expect(placement.segments.map(({ memory }) => memory.start)).toEqual([0x10000n, 0x12000n, 0x14000n]);
  });

  test('finds what overlaps', () => {
    const placement = placementOf();
    placement.addSegment(DATA, 0x11000n, 0x1000n);
    placement.addSegment(DATA, 0x10000n, 0x2000n);
    expect(failureOf(() => placement.sortSegments())).toMatchObject({
      died: false,
      exitCode: -1,
      text: 'Overlapping memory segments at 0x12000\n',
    });
    expect(
      failureOf(() => placement.addBuffer({ data: DATA, memsz: 1n, align: 0n, min: 0n, max: U64_MAX, from: 'top' })),
    ).toMatchObject({
      died: true,
      exitCode: 1,
      text: 'Overlapping memory segments at 0x12000\nsort_segments failed\n',
    });
  });
});

describe('adding a buffer', () => {
  const buffer = { data: DATA, memsz: 100n, align: 0n, min: 0n, max: U64_MAX, from: 'bottom' } as const;

  test('finds a place and tells it', () => {
    const placement = placementOf();
    expect(placement.addBuffer(buffer)).toBe(0x10000n);
    expect(placement.addBuffer(buffer)).toBe(0x11000n);
    expect(placement.addBuffer({ ...buffer, from: 'top' })).toBe(0x4f000n);
    expect(placement.segments.map(({ memory }) => memory.start)).toEqual([0x10000n, 0x11000n, 0x4f000n]);
  });

  test('without a place ends the command, with both texts', () => {
    expect(failureOf(() => placementOf().addBuffer({ ...buffer, memsz: 0x10001n }))).toMatchObject({
      died: true,
      exitCode: 1,
      text: 'Could not find a free area of memory of 0x11000 bytes...\nlocate_hole failed\n',
    });
  });
});
