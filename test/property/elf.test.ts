import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { relocationsFor } from '../../kexec/arch/arm64/kexec-elf-rel-arm64.js';
import { DEFAULT_COMPAT } from '../../kexec/base/compat.js';
import { EM_AARCH64 } from '../../kexec/elf/elf.js';
import { KexecError } from '../../kexec/base/error.js';
import { loadRelocatable } from '../../kexec/elf/kexec-elf-rel.js';
import { buildElfInfo } from '../../kexec/elf/kexec-elf.js';
import { silentLog } from '../../kexec/base/log.js';
import { Placement } from '../../kexec/memory/placement.js';
import { RANGE_RAM, Range } from '../../kexec/base/range.js';
import { buildElf, type BuiltSegment, type ElfKind } from '../support/files/elf-builder.js';
import { targets } from '../fuzz/elf.fuzz.js';

const U64_MAX = 2n ** 64n - 1n;

describe('broken input', () => {
  /** Bytes that mean something to a header more often than others do. */
  const byte = fc.oneof(fc.constantFrom(0, 1, 2, 4, 8, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 }));
  const edits = fc.array(fc.tuple(fc.nat(), byte), { maxLength: 6 });

  test.each(targets)('$name: gives a value or a KexecError', (target) => {
    const cut = fc.option(fc.nat(), { freq: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...target.seeds()), edits, cut, (seed, changes, end) => {
        const input = seed.slice(0, end === null ? undefined : end % (seed.length + 1));
        for (const [at, value] of changes) if (input.length > 0) input[at % input.length] = value;
        try {
          target.run(input);
        } catch (error) {
          if (!(error instanceof KexecError)) throw error;
          expect(error.subject).toBeDefined();
        }
      }),
      { numRuns: 400 },
    );
  });

  test.each(targets)('$name: any bytes at all', (target) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (input) => {
        try {
          target.run(input);
        } catch (error) {
          if (!(error instanceof KexecError)) throw error;
        }
      }),
    );
  });
});

describe('an ELF file', () => {
  const kind: fc.Arbitrary<ElfKind> = fc.record({
    wide: fc.boolean(),
    littleEndian: fc.boolean(),
    type: fc.integer({ min: 0, max: 0xffff }),
    machine: fc.integer({ min: 0, max: 0xffff }),
  });
  const u31 = fc.integer({ min: 0, max: 0x7fff_ffff });
  const segment: fc.Arbitrary<BuiltSegment> = fc.record({
    type: fc.integer({ min: 5, max: 0x7fff_ffff }),
    data: fc.uint8Array({ maxLength: 40 }),
    flags: u31,
    vaddr: u31,
    paddr: u31,
    memsz: u31,
    align: u31,
  });

  test('is read as it was written', () => {
    fc.assert(
      fc.property(kind, fc.array(segment, { maxLength: 5 }), u31, (elf, segments, entry) => {
        const info = buildElfInfo(buildElf(elf, [], { segments, entry }), { log: silentLog })!;
        expect(info).toMatchObject({ type: elf.type, machine: elf.machine, entry: BigInt(entry) });
        expect(info.programHeaders.map(({ data }) => [...data])).toEqual(segments.map(({ data }) => [...data]));
        expect(
          info.programHeaders.map(({ type, flags, vaddr, paddr, memsz, align }) => [
            type,
            flags,
            vaddr,
            paddr,
            memsz,
            align,
          ]),
        ).toEqual(
          segments.map(({ type, flags, ...rest }) => [
            type,
            flags,
            ...[rest.vaddr, rest.paddr, rest.memsz, rest.align].map((value) => BigInt(value!)),
          ]),
        );
      }),
    );
  });
});

describe('relocations of arm64', () => {
  const rules = new Map(relocationsFor(DEFAULT_COMPAT).map((rule) => [rule.name, rule]));
  const applied = (name: string, instruction: number, address: bigint, value: bigint): bigint => {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, instruction, true);
    rules.get(name)!.apply(view, address, value, true);
    return BigInt(view.getUint32(0, true));
  };
  /** Bits `low`..`low + count - 1`. */
  const field = (word: bigint, low: bigint, count: bigint): bigint => (word >> low) & ((1n << count) - 1n);
  const address = fc.bigInt({ min: 2n ** 33n, max: 2n ** 48n }).map((value) => value & ~3n);
  const distance = (bits: bigint): fc.Arbitrary<bigint> =>
    fc.bigInt({ min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n });

  test('ADRP and ADD find any address within 4 GiB', () => {
    fc.assert(
      fc.property(address, distance(33n), (place, offset) => {
        const value = place + offset;
        fc.pre((value >> 12n) - (place >> 12n) >= -(1n << 20n) && (value >> 12n) - (place >> 12n) < 1n << 20n);
        const adrp = applied('ADR_PREL_PG_HI21', 0x90000000, place, value);
        const add = applied('ADD_ABS_LO12_NC', 0x91000000, place, value);
        const pages = BigInt.asIntN(21, (field(adrp, 5n, 19n) << 2n) | field(adrp, 29n, 2n));
        expect(((place >> 12n) + pages) * 4096n + field(add, 10n, 12n)).toBe(value);
      }),
    );
  });

  test.each(['CALL26', 'JUMP26'])('%s reaches any instruction within 128 MiB', (name) => {
    fc.assert(
      fc.property(address, distance(26n), (place, words) => {
        const branch = applied(name, 0x14000000, place, place + words * 4n);
        expect(BigInt.asIntN(26, field(branch, 0n, 26n))).toBe(words);
        expect(field(branch, 26n, 6n)).toBe(5n);
      }),
    );
  });

  test('LD_PREL_LO19 reaches any word within 1 MiB', () => {
    fc.assert(
      fc.property(address, distance(19n), (place, words) => {
        const literal = applied('LD_PREL_LO19', 0x58000001, place, place + words * 4n);
        expect(BigInt.asIntN(19, field(literal, 5n, 19n))).toBe(words);
        expect(literal & ~(0x7ffffn << 5n)).toBe(0x58000001n);
      }),
    );
  });
});

test('an object is the same at every page, except for its absolute addresses', () => {
  const file = readFileSync('test/data/elf/relocations.ro');
  const loadAt = (address: bigint): DataView => {
    const placement = new Placement(
      [{ range: Range.sized(address, 0x1000n), type: RANGE_RAM }],
      { memMin: 0n, memMax: U64_MAX },
      4096n,
      silentLog,
      () => 1n,
    );
    loadRelocatable(file, 'test.ro', {
      machine: EM_AARCH64,
      placement,
      relocations: relocationsFor(DEFAULT_COMPAT),
      log: silentLog,
      min: 0n,
      max: U64_MAX,
      from: 'bottom',
    });
    const { data } = placement.segments[0]!;
    return new DataView(data.buffer, data.byteOffset, data.length);
  };
  const base = loadAt(0n);
  const absolute = [0x30, 0xa0, 0xa8];
  const movw = [0x20, 0x24];
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 52n - 1n }), (page) => {
      const address = page << 12n;
      const image = loadAt(address);
      for (const at of absolute) {
        expect(image.getBigUint64(at, true) - address).toBe(base.getBigUint64(at, true));
        image.setBigUint64(at, base.getBigUint64(at, true), true);
      }
      for (const at of movw) image.setUint32(at, base.getUint32(at, true), true);
      expect(Buffer.compare(new Uint8Array(image.buffer), new Uint8Array(base.buffer))).toBe(0);
    }),
  );
});
