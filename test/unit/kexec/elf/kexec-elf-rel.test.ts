import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { relocationsFor } from '../../../../kexec/arch/arm64/kexec-elf-rel-arm64.js';
import { compatFor } from '../../../../kexec/base/compat.js';
import { EM_AARCH64 } from '../../../../kexec/elf/elf.js';
import { KexecError } from '../../../../kexec/base/error.js';
import { loadRelocatable, type RelocatableObject } from '../../../../kexec/elf/kexec-elf-rel.js';
import { silentLog, type Log } from '../../../../kexec/base/log.js';
import { Placement } from '../../../../kexec/memory/placement.js';
import { RANGE_RAM, Range } from '../../../../kexec/base/range.js';
import type { RelocationRule } from '../../../../kexec/elf/relocation-rule.js';
import {
  ARM64_OBJECT,
  buildElf,
  relocationSection,
  symbolSections,
  type BuiltRelocation,
  type BuiltSection,
  type BuiltSymbol,
  type ElfKind,
  type Value,
} from '../../../support/files/elf-builder.js';
import { keepingLog } from '../../../support/files/memory-system.js';

const SHT_PROGBITS = 1;
const SHT_NOBITS = 8;
const SHF_ALLOC = 2;
const SHF_CODE = 6;
const U64_MAX = 2n ** 64n - 1n;

const placementAt = (start: bigint, size = 0x10000n): Placement =>
  new Placement(
    [{ range: Range.sized(start, size), type: RANGE_RAM }],
    { memMin: 0n, memMax: U64_MAX },
    4096n,
    silentLog,
    () => 1n,
  );

interface Loaded {
  readonly object: RelocatableObject;
  /** The segment's bytes; none when nothing was to be loaded. */
  readonly data: Uint8Array;
}

const load = (
  file: Uint8Array,
  address: bigint,
  log: Log = silentLog,
  relocations = relocationsFor(compatFor('2.0.32')),
): Loaded => {
  const placement = placementAt(address);
  const object = loadRelocatable(file, 'test.ro', {
    machine: EM_AARCH64,
    placement,
    relocations,
    log,
    min: 0n,
    max: U64_MAX,
    from: 'bottom',
  });
  return { object, data: placement.segments[0]?.data ?? new Uint8Array() };
};

const errorOf = (run: () => unknown): KexecError => {
  try {
    run();
  } catch (error) {
    if (error instanceof KexecError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('an object with one of every relocation', () => {
  const file = readFileSync('test/data/elf/relocations.ro');
  const recorded = JSON.parse(readFileSync('test/data/elf/relocations.json', 'utf8')) as Readonly<
    Record<string, { readonly bytes: string; readonly log: readonly string[] }>
  >;

  test.each([0x40d66000n, 0x23fe00000n])('is loaded at 0x%s as the original does', (address) => {
    const { bytes, log: lines } = recorded[address.toString(16)]!;
    const log = keepingLog(true);
    const { data } = load(file, address, log);
    expect(Buffer.from(data).toString('hex')).toBe(bytes);
    expect(log.text()).toBe(lines.join('\n'));
  });

  test('tells where it is', () => {
    const { object } = load(file, 0x40d66000n);
    expect([object.address, object.size, object.entry]).toEqual([0x40d66000n, 0x16cn, 0x40d66000n]);
    const names = ['entry', 'other', 'quad', 'word', 'bytes', 'bss_word'];
    expect(names.map((name) => object.symbolAddress(name) - object.address)).toEqual([
      0n,
      0x80n,
      0xa0n,
      0x30n,
      0x38n,
      0x100n,
    ]);
  });

  test('leaves the file as it was', () => {
    const before = Buffer.from(file).toString('hex');
    load(file, 0x40d66000n).object.setSymbol('bytes', new Uint8Array(32));
    expect(Buffer.from(file).toString('hex')).toBe(before);
  });

  test('has symbols that can be set in the segment', () => {
    const { object, data } = load(file, 0x40d66000n);
    const value = Uint8Array.from({ length: 32 }, (_, i) => i);
    object.setSymbol('bytes', value);
    expect([...data.subarray(0x38, 0x58)]).toEqual([...value]);
    expect(object.getSymbol('bytes', 32)).toEqual(value);
  });

  test.each<[string, (object: RelocatableObject) => unknown, string]>([
    [
      'get the address of none',
      (object) => object.symbolAddress('none'),
      "Symbol: none not found cannot retrive it's address",
    ],
    ['set none', (object) => object.setSymbol('none', new Uint8Array(8)), 'Symbol: none not found cannot set'],
    ['get none', (object) => object.getSymbol('none', 8), 'Symbol: none not found cannot get'],
    ['set a wrong size', (object) => object.setSymbol('bytes', new Uint8Array(8)), 'Symbol: bytes has size: 32 not 8'],
    ['get a wrong size', (object) => object.getSymbol('bytes', 8), 'Symbol: bytes has size: 32 not 8'],
    [
      'set bss',
      (object) => object.setSymbol('bss_word', new Uint8Array(8)),
      'Symbol: bss_word is in a bss section cannot set',
    ],
    ['get bss', (object) => object.getSymbol('bss_word', 8), 'Symbol: bss_word is in a bss section cannot set'],
  ])('refuses to %s', (_what, run, text) => {
    const { object } = load(file, 0x40d66000n);
    const error = errorOf(() => run(object));
    expect([error.text, error.died, error.subject]).toEqual([`${text}\n`, true, 'test.ro']);
  });

  test('is refused by a release that knows fewer relocations', () => {
    const error = errorOf(() => load(file, 0x40d66000n, silentLog, relocationsFor(compatFor('2.0.20'))));
    expect(error.text).toBe('machine_apply_elf_rel: ERROR Unknown type: 299\n');
  });

  test('gets no place above the highest address', () => {
    const run = (): unknown =>
      loadRelocatable(file, 'test.ro', {
        machine: EM_AARCH64,
        placement: placementAt(0x40000000n),
        relocations: [],
        log: silentLog,
        min: 0n,
        max: 0x3fffffffn,
        from: 'top',
      });
    expect(errorOf(run).text).toContain('locate_hole failed\n');
  });
});

describe('loadRelocatable', () => {
  const text: BuiltSection = {
    name: '.text',
    type: SHT_PROGBITS,
    data: new Uint8Array(16),
    flags: SHF_CODE,
    addralign: 4,
  };

  interface Parts {
    readonly kind?: ElfKind;
    readonly target?: BuiltSection;
    readonly symbols?: readonly BuiltSymbol[];
    readonly relocations?: readonly BuiltRelocation[];
    readonly change?: Partial<BuiltSection>;
    readonly entry?: Value;
  }

  /** Section 1 is `target`, 2 the relocations, 3 the symbols, 4 their names. */
  const objectOf = ({
    kind = ARM64_OBJECT,
    target = text,
    symbols = [],
    relocations = [],
    change = {},
    entry = 0,
  }: Parts): Uint8Array =>
    buildElf(
      kind,
      [
        target,
        { ...relocationSection(kind, relocations, { symtab: 3, target: 1 }), ...change },
        ...symbolSections(kind, symbols, 4),
      ],
      { entry },
    );

  const abs64 = (symbol: number, addend: Value = 0, offset: Value = 0): BuiltRelocation => ({
    offset,
    symbol,
    type: 257,
    addend,
  });
  const global = (section: number, more: Partial<BuiltSymbol> = {}): BuiltSymbol => ({
    name: 'sym',
    section,
    value: 4,
    size: 8,
    ...more,
  });
  const failure = (parts: Parts, log: Log = silentLog): string =>
    errorOf(() => load(objectOf(parts), 0x10000n, log)).text;

  test.each<[string, Uint8Array]>([
    ['no ELF file', new Uint8Array(100)],
    ['an executable', objectOf({ kind: { ...ARM64_OBJECT, type: 2 } })],
    ['another machine', objectOf({ kind: { ...ARM64_OBJECT, machine: 62 } })],
  ])('refuses %s', (_what, file) => {
    expect(errorOf(() => load(file, 0x10000n)).text).toBe('ELF rel parse failed\n');
  });

  test.each<[string, Parts, string]>([
    ['an undefined symbol', { symbols: [global(0)], relocations: [abs64(1)] }, 'Undefined symbol: sym'],
    ['a common symbol', { symbols: [global(0xfff2)], relocations: [abs64(1)] }, "symbol: 'sym' in common section"],
    ['a symbol of no section', { symbols: [global(6)], relocations: [abs64(1)] }, 'Invalid section: 6 for symbol sym'],
    [
      'a symbol of a section far off',
      { symbols: [global(0xff00)], relocations: [abs64(1)] },
      'Invalid section: 65280 for symbol sym',
    ],
    [
      'an unknown relocation',
      { relocations: [{ ...abs64(0), type: 0 }] },
      'machine_apply_elf_rel: ERROR Unknown type: 0',
    ],
    [
      'an unaligned value',
      { relocations: [{ ...abs64(0, 4), type: 286 }] },
      'machine_apply_elf_rel: ERROR Unaligned value: 4',
    ],
    ['relocations of no section', { change: { info: 6 } }, 'Invalid section number'],
    ['relocations with no symbols', { change: { link: 7 } }, 'Invalid section number'],
    ['a place behind the section', { relocations: [abs64(0, 0, 9)] }, 'A relocation at 0x9 is outside of its section'],
    [
      'a place far behind',
      { relocations: [abs64(0, 0, U64_MAX)] },
      'A relocation at 0xffffffffffffffff is outside of its section',
    ],
    [
      'a place in bss',
      { target: { ...text, type: SHT_NOBITS }, relocations: [abs64(0)] },
      'A relocation at 0x0 is outside of its section',
    ],
    [
      'no such symbol',
      { relocations: [abs64(7)] },
      'A relocation refers to symbol 7, which is outside of the symbol table',
    ],
    ['half a relocation', { change: { data: new Uint8Array(25) } }, 'A table of relocations ends within a relocation'],
  ])('refuses %s', (_what, parts, message) => {
    expect(failure(parts)).toBe(`${message}\n`);
  });

  test('takes an untyped undefined symbol for 0', () => {
    const { data } = load(
      objectOf({ symbols: [global(0, { info: 0x10, value: 0 })], relocations: [abs64(1, 5)] }),
      0x10000n,
    );
    expect(data[0]).toBe(5);
  });

  test('takes an absolute symbol as it is', () => {
    const { data } = load(objectOf({ symbols: [global(0xfff1)], relocations: [abs64(1, -1n & U64_MAX)] }), 0x10000n);
    expect([...data.subarray(0, 8)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('leaves sections alone that are not loaded', () => {
    const target = { ...text, flags: 0 };
    expect(load(objectOf({ target, relocations: [abs64(77, 0, 99)] }), 0x10000n).object.size).toBe(0n);
  });

  test('calls a symbol without a name like its section', () => {
    const log = keepingLog(true);
    const symbols = [{ name: '', section: 1, value: 0, size: 0, info: 3 }];
    load(objectOf({ symbols, relocations: [abs64(1)] }), 0x10000n, log);
    // The builder gives a nameless symbol the offset of an empty name, so both ways of being nameless are seen here.
    load(objectOf({ relocations: [abs64(0)] }), 0x10000n, log);
    expect(
      log
        .text()
        .split('\n')
        .filter((line) => line.includes('info')),
    ).toEqual([
      'sym:            info: 03 other: 00 shndx: 1 value: 0 size: 0',
      'sym:            info: 00 other: 00 shndx: 0 value: 0 size: 0',
    ]);
  });

  test('puts sections where their alignment wants them, those without bytes last', () => {
    const section = (name: string, type: number, size: number, addralign: number): BuiltSection => ({
      name,
      type,
      data: type === SHT_NOBITS ? new Uint8Array() : new Uint8Array(size).fill(1),
      size,
      flags: SHF_ALLOC,
      addralign,
    });
    const file = buildElf(ARM64_OBJECT, [
      section('.a', SHT_PROGBITS, 3, 0),
      section('.b', SHT_NOBITS, 5, 1),
      section('.c', SHT_PROGBITS, 4, 8),
      section('.d', SHT_NOBITS, 2, 32),
    ]);
    const { object, data } = load(file, 0x10000n);
    expect(object.sections.slice(1, 5).map(({ addr }) => addr - 0x10000n)).toEqual([0n, 32n, 8n, 64n]);
    expect([...data]).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    expect(object.size).toBe(66n);
  });

  test('finds the entry in the section of code that holds it', () => {
    const target = { ...text, addr: 0x400 };
    expect(load(objectOf({ target, entry: 0x408 }), 0x10000n).object.entry).toBe(0x10008n);
    expect(load(objectOf({ target, entry: 0x410 }), 0x10000n).object.entry).toBe(0x410n);
    expect(load(objectOf({ target: { ...target, flags: SHF_ALLOC }, entry: 0x408 }), 0x10000n).object.entry).toBe(
      0x408n,
    );
  });

  test('writes data in the byte order of the object, and instructions always in the same', () => {
    const relocations = [abs64(0, 0x0102), { offset: 8, symbol: 0, type: 277, addend: 0xfff }];
    const kind = { ...ARM64_OBJECT, littleEndian: false };
    const { data } = load(objectOf({ kind, relocations }), 0x10000n);
    expect([...data.subarray(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, 1, 2, 0, 0xfc, 0x3f, 0]);
  });

  test('reads the 32-bit class, with addresses up to 4 GiB', () => {
    const kind = { ...ARM64_OBJECT, wide: false };
    const file = objectOf({
      kind,
      symbols: [global(1)],
      relocations: [{ offset: 4, symbol: 1, type: 250, addend: 2 }],
    });
    const seen: bigint[] = [];
    const rule: RelocationRule = {
      type: 250,
      name: 'X',
      size: 4,
      apply: (_place, address, value) => seen.push(address, value),
    };
    load(file, 0x10000n, silentLog, [rule]);
    expect(seen).toEqual([0x10004n, 0x10006n]);
    expect(errorOf(() => load(file, 0x1_0000_0000n)).text).toContain('locate_hole failed');
  });

  test.each<[string, Partial<BuiltSection>, string]>([
    ['alignment', { addralign: 2n ** 62n }, 'Cannot malloc 4611686018427387920 bytes: Cannot allocate memory\n'],
    ['many bytes', { type: SHT_NOBITS, size: 2n ** 62n }, 'locate_hole failed\n'],
  ])('has a limit for %s', (_what, change, message) => {
    const file = buildElf(ARM64_OBJECT, [
      text,
      { name: '.x', type: SHT_PROGBITS, data: new Uint8Array(16), flags: SHF_ALLOC, ...change },
    ]);
    expect(errorOf(() => load(file, 0x10000n)).text).toContain(message);
  });

  test('refuses tables that overlap', () => {
    const kind = ARM64_OBJECT;
    const table = relocationSection(
      kind,
      Array.from({ length: 50 }, () => abs64(0)),
      { symtab: 3, target: 1 },
    );
    const file = buildElf(kind, [
      text,
      table,
      ...Array.from({ length: 3 }, () => ({ ...table, data: new Uint8Array() })),
    ]);
    const view = new DataView(file.buffer);
    const shoff = Number(view.getBigUint64(40, true));
    for (const index of [3, 4, 5]) file.copyWithin(shoff + index * 64 + 24, shoff + 2 * 64 + 24, shoff + 2 * 64 + 40);
    expect(errorOf(() => load(file, 0x10000n)).text).toBe('The tables of the object overlap\n');
  });

  describe('symbols', () => {
    test.each<[string, BuiltSymbol, string]>([
      ['undefined', global(0), 'Symbol: sym has Bad section index 0'],
      ['of no section', global(6), 'Symbol: sym has Bad section index 6'],
      ['absolute', global(0xfff1), 'Symbol: sym has Bad section index 65521'],
      ['local', global(1, { info: 1 }), 'Symbol: sym not found cannot set'],
      ['outside of its section', global(1, { value: 12 }), 'Symbol: sym is outside of its section'],
      ['in a section that is not loaded', global(4, { value: 0 }), 'Symbol: sym is in a section that is not loaded'],
    ])('cannot be set when %s', (_what, symbol, message) => {
      const { object } = load(objectOf({ symbols: [symbol] }), 0x10000n);
      expect(errorOf(() => object.setSymbol('sym', new Uint8Array(8))).text).toBe(`${message}\n`);
    });

    test('are found by their whole name', () => {
      const { object } = load(
        objectOf({ symbols: [global(1, { name: 'symbol' }), global(1, { name: 'sym', value: 8 })] }),
        0x10000n,
      );
      expect(object.symbolAddress('sym')).toBe(0x10008n);
      expect(object.findSymbol('symb')).toBeUndefined();
    });
  });
});

describe('relocations of arm64', () => {
  const now = relocationsFor(compatFor('2.0.32'));
  const then = relocationsFor(compatFor('2.0.20'));

  /** What the relocation makes of `place`, both as numbers in memory order. */
  const applied = (
    rules: readonly RelocationRule[],
    name: string,
    place: bigint,
    address: bigint,
    value: bigint,
  ): string => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, place, true);
    rules.find((rule) => rule.name === name)!.apply(view, address, value, true);
    return view.getBigUint64(0, true).toString(16);
  };

  test('2.0.20 adds to what is in place, where later releases put the value', () => {
    expect(applied(now, 'ABS64', 5n, 0n, 0x1000n)).toBe('1000');
    expect(applied(then, 'ABS64', 5n, 0n, 0x1000n)).toBe('1005');
    expect(applied(then, 'ABS64', 5n, 0n, U64_MAX)).toBe('4');
    expect(applied(now, 'PREL32', 0x7_0000_0005n, 0x1000n, 0xff0n)).toBe('7fffffff0');
    expect(applied(then, 'PREL32', 0x7_0000_0005n, 0x1000n, 0xff0n)).toBe('7fffffff5');
  });

  const EXAMPLES: readonly (readonly [name: string, place: bigint, address: bigint, value: bigint, result: string])[] =
    [
      ['LD_PREL_LO19', 0x58000000n, 0x10000n, 0x0fffcn, '58ffffe0'],
      ['LD_PREL_LO19', 0x58000000n, 0x10000n, 0x10ffcn, '58007fe0'],
      ['ADR_PREL_LO21', 0x10000000n, 0x10000n, 0x10004n, '10000020'],
      ['ADR_PREL_PG_HI21', 0x90000000n, 0x10ffcn, 0x11000n, 'b0000000'],
      ['ADR_PREL_PG_HI21', 0x90000000n, 0x11000n, 0x10ffcn, 'f0ffffe0'],
      ['ADR_PREL_PG_HI21', 0x90000000n, 0x0n, 0x1_0000_0000n, '90800000'],
      ['ADD_ABS_LO12_NC', 0x91000000n, 0n, 0x12345n, '910d1400'],
      ['JUMP26', 0x14000000n, 0x10000n, 0x0fffcn, '17ffffff'],
      ['CALL26', 0x94000000n, 0x10000n, 0x10ffcn, '940003ff'],
      ['LDST64_ABS_LO12_NC', 0xf9400000n, 0n, 0x12ff8n, 'f947fc00'],
      ['LDST128_ABS_LO12_NC', 0x3dc00000n, 0n, 0x12ff0n, '3dc3fc00'],
      ['MOVW_UABS_G0_NC', 0xf2800000n, 0n, 0x1111_2222_3333_4444n, 'f2888880'],
      ['MOVW_UABS_G1_NC', 0xf2a00000n, 0n, 0x1111_2222_3333_4444n, 'f2a66660'],
      ['MOVW_UABS_G2_NC', 0xf2c00000n, 0n, 0x1111_2222_3333_4444n, 'f2c00000'],
      ['MOVW_UABS_G3', 0xd2e00000n, 0n, 0x1111_2222_3333_4444n, 'd2e00000'],
    ];

  test.each(EXAMPLES)('%s in %s at %s of %s', (name, place, address, value, result) => {
    expect(applied(now, name, place, address, value)).toBe(result);
  });

  test.each([
    ['ADR_PREL_LO21', 2n],
    ['LDST64_ABS_LO12_NC', 4n],
    ['LDST128_ABS_LO12_NC', 8n],
  ])('%s wants an aligned value', (name, value) => {
    expect(errorOf(() => applied(now, name, 0n, 0n, value)).text).toBe(
      `machine_apply_elf_rel: ERROR Unaligned value: ${value.toString(16)}\n`,
    );
  });

  test('have an example each, but for those of data, and no type is listed twice', () => {
    for (const rules of [now, then]) expect(new Set(rules.map(({ type }) => type)).size).toBe(rules.length);
    const tried = EXAMPLES.map(([name]) => name);
    expect(now.map(({ name }) => name).filter((name) => !tried.includes(name))).toEqual(['ABS64', 'PREL32']);
    expect(then.map(({ name }) => name)).toHaveLength(9);
  });
});
