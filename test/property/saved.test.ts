import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KexecError } from '../../kexec/base/error.js';
import { type SavedPiece, readRecords } from '../../sim/kernel/saving/save-reader.js';
import { writeSave } from '../../sim/kernel/saving/save-writer.js';
import { DIGEST_BYTES } from '../../sim/kernel/saving/records.js';
import { description, restoreDescription, targets } from '../fuzz/machine/saved.fuzz.js';

const refuse = (why: string): KexecError => KexecError.die(why);

const sourceOf = (bytes: Uint8Array) => {
  let at = 0;
  return { take: (sizeBytes: number) => bytes.subarray(at, (at += Math.min(sizeBytes, bytes.length - at))) };
};

/** Pages as memory has them: zeros, one byte all over, noise. */
const page = fc.oneof(
  fc.nat(255).map((byte) => new Uint8Array(4096).fill(byte)),
  fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
);
const ram = fc.array(fc.record({ physAddr: fc.bigInt({ min: 0n, max: (1n << 48n) - 1n }), bytes: page }), {
  maxLength: 6,
});
const blocks = fc.array(fc.record({ index: fc.nat(1 << 30), bytes: page }), { maxLength: 4 });
const parts = fc.record({
  description: fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.integer(), fc.string(), fc.boolean())),
  tree: fc.uint8Array({ maxLength: 300 }),
  ram,
  disks: fc.array(blocks, { maxLength: 3 }),
});

const written = (value: Parameters<typeof writeSave>[0]): Uint8Array => {
  const pieces: Uint8Array[] = [];
  writeSave(value, (bytes) => pieces.push(bytes.slice()));
  return Buffer.concat(pieces);
};

describe('a file', () => {
  test('has all that was written to it', () => {
    fc.assert(
      fc.property(parts, (value) => {
        const bytes = written(value);
        const read = readRecords(sourceOf(bytes.subarray(0, -DIGEST_BYTES)), refuse);
        expect(read.description).toEqual(JSON.parse(JSON.stringify(value.description)));
        expect([...read.tree]).toEqual([...value.tree]);
        const expected: readonly SavedPiece[] = [
          ...value.ram.map(({ physAddr, bytes }) => ({ kind: 'ram' as const, index: 0, address: physAddr, bytes })),
          ...value.disks.flatMap((list, disk) =>
            list.map(({ index, bytes }) => ({ kind: 'disk' as const, index: disk, address: BigInt(index), bytes })),
          ),
        ];
        const plain = (pieces: Iterable<SavedPiece>) =>
          [...pieces].map((piece) => ({ ...piece, bytes: Buffer.from(piece.bytes).toString('hex') }));
        expect(plain(read.pieces)).toEqual(plain(expected));
      }),
      { numRuns: 60 },
    );
  });

  test('that ends early is refused', () => {
    const bytes = written({ description: {}, tree: new Uint8Array(9), ram: [], disks: [] });
    for (let length = 0; length < bytes.length - DIGEST_BYTES; length++) {
      expect(() => [...readRecords(sourceOf(bytes.subarray(0, length)), refuse).pieces]).toThrow(KexecError);
    }
  });
});

/** Replaces the value at a place in JSON, which `steps` lead to as far as they can. */
const replaced = (value: unknown, steps: readonly number[], by: unknown): unknown => {
  const [step, ...others] = steps;
  if (step === undefined || typeof value !== 'object' || value === null) return by;
  const keys = Object.keys(value);
  const key = keys[step % keys.length];
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item: unknown, i) => (String(i) === key ? replaced(item, others, by) : item));
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  return Object.fromEntries(entries.map(([name, item]) => [name, name === key ? replaced(item, others, by) : item]));
};

test('a machine is restored from any description, or refused', () => {
  const whole = description();
  const value = fc.oneof(
    fc.constantFrom<unknown>(null, true, -1, 0.5, 1e300, 2 ** 53, [], {}, '', '0x', '0xfffffffffffffff0', 'ten'),
    fc.nat(0xffff_ffff),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((number) => `0x${number.toString(16)}`),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.array(fc.nat(500), { minLength: 1, maxLength: 8 }), value, (steps, by) => {
      try {
        restoreDescription(replaced(whole, steps, by));
      } catch (error) {
        if (!(error instanceof KexecError)) throw error;
      }
    }),
    { numRuns: 1500 },
  );
});

test.each(targets.map((target) => [target.name, target] as const))(
  '%s takes its seeds, or refuses them',
  (_, target) => {
    for (const seed of target.seeds()) {
      try {
        target.run(seed);
      } catch (error) {
        expect(error).toBeInstanceOf(KexecError);
      }
    }
  },
);
