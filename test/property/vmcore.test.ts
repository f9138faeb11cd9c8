import { describe, test, expect } from '@jest/globals';
import fc from 'fast-check';
import { vmcoreDmesg } from '../../vmcore-dmesg/vmcore-dmesg.js';
import {
  COMMITTED,
  FINALIZED,
  RESERVED,
  REUSABLE,
  characterLog,
  coreOf,
  recordLog,
  ringbufferLog,
} from '../support/files/core-builder.js';
import { ARM64_CORE } from '../support/files/elf-builder.js';
import { memorySystem } from '../support/files/memory-system.js';

const dmesg = (core: Uint8Array): string => [...vmcoreDmesg(memorySystem({ core }), 'core')].join('');

const kind = fc
  .record({ wide: fc.boolean(), littleEndian: fc.boolean() })
  .map((layout) => ({ ...ARM64_CORE, ...layout }));
const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const record = fc.record({
  text: fc.string({ unit: byte, maxLength: 60 }),
  time: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
});

/** A record as it is to be printed, by other means than the code under test. */
const printed = ({ text, time }: { readonly text: string; readonly time: bigint }): string => {
  const seconds = String(time / 1_000_000_000n).padStart(5, ' ');
  const fraction = String(time % 1_000_000_000n)
    .padStart(9, '0')
    .slice(0, 6);
  const escaped = text.replace(
    /[^\x20-\x7e\t\n\v\f\r]/g,
    (char) => `\\x${Buffer.from(char, 'latin1').toString('hex')}`,
  );
  return `[${seconds}.${fraction}] ${escaped}\n`;
};

describe('a log comes out as it was put in', () => {
  test('of characters, the last that there is room for', () => {
    fc.assert(
      fc.property(kind, fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(1000), (layout, ring, end) => {
        const all = Array.from({ length: end }, (_, i) => ring[i % ring.length]!);
        const expected = Buffer.from(all.slice(-ring.length)).toString('latin1');
        expect(dmesg(coreOf(characterLog(ring, { kind: layout, end })))).toBe(expected);
      }),
    );
  });

  test('of records', () => {
    fc.assert(
      fc.property(kind, fc.array(record, { maxLength: 30 }), (layout, records) => {
        expect(dmesg(coreOf(recordLog(records, { kind: layout, size: 4096 })))).toBe(records.map(printed).join(''));
      }),
    );
  });

  test('of a ring buffer, from wherever it begins, but for what was not finished', () => {
    const descriptor = record.chain((made) =>
      fc.constantFrom(RESERVED, COMMITTED, FINALIZED, REUSABLE).map((state) => ({ ...made, state })),
    );
    fc.assert(
      fc.property(
        kind,
        fc.array(descriptor, { minLength: 1, maxLength: 16 }),
        fc.bigInt({ min: 0n, max: 2n ** 30n - 1n }),
        fc.nat(256).map((words) => words * 8),
        (layout, records, tail, textStart) => {
          const text = dmesg(coreOf(ringbufferLog(records, { kind: layout, tail, textStart, sizeBits: 11 })));
          expect(text).toBe(
            records
              .filter(({ state }) => state === COMMITTED || state === FINALIZED)
              .map(printed)
              .join(''),
          );
        },
      ),
    );
  });
});
