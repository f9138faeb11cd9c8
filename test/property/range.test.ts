import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Range } from '../../kexec/base/range.js';
import { U64_MAX } from '../../kexec/base/u64.js';

/** Ranges among the first few addresses, or among the last. */
const ranges = fc
  .tuple(fc.constantFrom(0n, U64_MAX - 15n), fc.bigInt(0n, 15n), fc.bigInt(0n, 15n))
  .map(([base, a, b]) => Range.inclusive(base + (a < b ? a : b), base + (a < b ? b : a)));

const addresses = (...parts: readonly (Range | undefined)[]): readonly bigint[] =>
  parts.flatMap((range) =>
    range === undefined ? [] : Array.from({ length: Number(range.size) }, (_, i) => range.start + BigInt(i)),
  );

test('minus, intersect and overlaps are those of the sets of addresses', () => {
  fc.assert(
    fc.property(ranges, ranges, (a, b) => {
      const both = addresses(a).filter((address) => b.contains(address));
      expect(addresses(a.intersect(b))).toEqual(both);
      expect(a.overlaps(b)).toBe(both.length > 0);
      expect(addresses(...a.minus(b))).toEqual(addresses(a).filter((address) => !b.contains(address)));
      if (!a.overlaps(b)) return;
      expect(addresses(a.before(b))).toEqual(addresses(a).filter((address) => address < b.start));
      expect(addresses(a.behind(b))).toEqual(addresses(a).filter((address) => address > b.last));
    }),
  );
});
