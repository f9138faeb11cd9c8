import { describe, expect, test } from '@jest/globals';
import { relocationsFor } from '../../../../../kexec/arch/arm64/kexec-elf-rel-arm64.js';
import { RELEASES, compatFor } from '../../../../../kexec/base/compat.js';
import {
  EM_AARCH64,
  SHF_EXECINSTR,
  SHT_NOBITS,
  SHT_RELA,
  readRelocation,
  sizesOf,
} from '../../../../../kexec/elf/elf.js';
import { loadRelocatable, type RelocatableObject } from '../../../../../kexec/elf/kexec-elf-rel.js';
import { silentLog } from '../../../../../kexec/base/log.js';
import { Placement } from '../../../../../kexec/memory/placement.js';
import { purgatory } from '../../../../../kexec/arch/arm64/purgatory.js';
import { RANGE_RAM, Range } from '../../../../../kexec/base/range.js';
import { U64_MAX } from '../../../../../kexec/base/u64.js';

const RAM = Range.sized(0x4000_0000n, 0x8000_0000n);

const load = (release = RELEASES.at(-1)!, ram = RAM): { object: RelocatableObject; placement: Placement } => {
  const limits = { memMin: 0n, memMax: U64_MAX };
  const placement = new Placement([{ range: ram, type: RANGE_RAM }], limits, 0x1000n, silentLog, () => 0x1000n);
  const object = loadRelocatable(purgatory, 'purgatory', {
    machine: EM_AARCH64,
    placement,
    relocations: relocationsFor(compatFor(release)),
    log: silentLog,
    min: 0n,
    max: U64_MAX,
    from: 'top',
  });
  return { object, placement };
};

describe('the purgatory', () => {
  test.each(RELEASES)('loads by the rules of %s', (release) => {
    expect(load(release).object.address).toBe(RAM.end - 0x4000n);
  });

  test('is the same memory by the rules of every release', () => {
    const images = RELEASES.map((release) => load(release).placement.segments[0]!.data);
    for (const image of images) expect(image).toEqual(images[0]);
  });

  test('takes four pages and asks for no more than page alignment', () => {
    const { object, placement } = load();
    expect(placement.segments[0]!.memory.size).toBe(0x4000n);
    expect(object.size).toBe(0x4000n);
    for (const { addralign } of object.sections) expect(addralign).toBeLessThanOrEqual(0x1000n);
  });

  test('starts at purgatory_start, the first byte of the segment', () => {
    const { object } = load();
    expect(object.entry).toBe(object.address);
    expect(object.symbolAddress('purgatory_start')).toBe(object.address);
  });

  test.each([
    ['sha256_regions', 256],
    ['sha256_digest', 32],
    ['skip_checks', 4],
    ['arm64_sink', 8],
    ['arm64_kernel_entry', 8],
    ['arm64_dtb_addr', 8],
  ])('has %s, %d bytes of zeros that can be set', (name, size) => {
    const { object } = load();
    expect(object.getSymbol(name, size)).toEqual(new Uint8Array(size));
    const value = new Uint8Array(size).fill(0xa5);
    object.setSymbol(name, value);
    expect(object.getSymbol(name, size)).toEqual(value);
    expect(object.symbolAddress(name) % BigInt(Math.min(size, 8))).toBe(0n);
  });

  test('has its stack in pages without code', () => {
    const { sections } = load().object;
    const page = (address: bigint): bigint => address >> 12n;
    const [stack, ...others] = sections.filter(({ type, size }) => type === SHT_NOBITS && size > 0n);
    expect(others).toEqual([]);
    for (const { addr, size } of sections.filter(({ flags }) => (flags & SHF_EXECINSTR) !== 0n)) {
      expect(page(addr + size - 1n)).toBeLessThan(page(stack!.addr));
    }
  });

  test('has only relocations that every release knows, in places that hold zeros', () => {
    const known = new Set(relocationsFor(compatFor('2.0.20')).map(({ type }) => type));
    const { info } = load().object;
    const tables = info.sectionHeaders.filter(({ type }) => type === SHT_RELA);
    expect(tables.length).toBeGreaterThan(0);
    for (const table of tables) {
      const { data } = info.sectionHeaders[table.info]!;
      const place = new DataView(data.buffer, data.byteOffset, data.length);
      for (let at = 0; at < table.data.length; at += sizesOf(info).rela) {
        const { type, offset } = readRelocation(table.data, info, at, true);
        expect(known).toContain(type);
        if (type === 257) expect(place.getBigUint64(Number(offset), true)).toBe(0n);
      }
    }
  });

  test('may lie above 4 GiB', () => {
    const { object } = load('2.0.32', Range.sized(0x2_0000_0000n, 0x10_0000n));
    expect(object.symbolAddress('sha256_digest')).toBeGreaterThan(0x2_0000_0000n);
  });

  test('holds no path and no compiler version', () => {
    const text = Array.from(purgatory, (byte) => String.fromCharCode(byte)).join('');
    expect(text).not.toMatch(/GCC|\/[a-z]+\/[a-z]+\/|\.[cS]\0/);
  });
});
