import { describe, expect, test } from '@jest/globals';
import { createDecoder } from '../../../../../sim/cpu/language/decode.js';
import { LOADS_AND_STORES } from '../../../../../sim/cpu/isa/memory/index.js';
import type { OpsRow } from '../../../../../sim/cpu/language/row.js';
import { fieldsOf, matches, parsePattern } from '../../../../../sim/cpu/language/pattern.js';
import {
  EMPTY_STATE,
  type Evaluated,
  evaluateInstruction,
  type Known,
  type ObservedAccess,
  type State,
} from '../../../../support/processor/evaluate-ops.js';
import { recordedJson } from '../../../../support/recorded.js';

/**
 * One or more instructions, assembled by GNU as, and what changed under qemu-aarch64 from the state that `initialState`
 * makes: registers by name, and memory as `offset from the middle:bytes`.
 */
interface Example {
  readonly text: string;
  readonly words: readonly string[];
  /** The row of the last instruction. */
  readonly row: string;
  readonly after: Readonly<Record<string, string>>;
}

const EXAMPLES = recordedJson('load-store') as readonly Example[];

const MEMORY = 0x4000_0000n;
const MIDDLE = MEMORY + 256n;
const CODE = 0x4000_1000n;

/** Any numbers that look like none: what the examples were made with. */
const scrambled = (n: number): bigint => {
  const product = BigInt.asUintN(64, BigInt(n + 1) * 0x9e37_79b9_7f4a_7c15n);
  return product ^ (product >> 29n);
};

const initialState = (): State => {
  const x = Array.from({ length: 31 }, (_, n) => scrambled(n));
  x[1] = MIDDLE;
  // Offsets; those in W2 and W3 have something above that must not count.
  x[2] = 0x5a5a_5a5a_0000_0010n;
  x[3] = 0x5a5a_5a5a_ffff_fff0n;
  x[4] = 0x18n;
  x[5] = 0xffff_ffff_ffff_fff8n;
  const v = Array.from({ length: 32 }, (_, n) => scrambled(64 + 2 * n) | (scrambled(65 + 2 * n) << 64n));
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < 64; n++) view.setBigUint64(8 * n, scrambled(128 + n), true);
  return { ...EMPTY_STATE, pc: CODE, x, sp: MIDDLE, v, memory: { start: MEMORY, bytes } };
};

const decode = createDecoder(LOADS_AND_STORES);

/** Every instruction is at the same address. */
const run = (state: State, word: number, known: Known = 'everything'): Evaluated => {
  const decoded = decode(word);
  if (decoded.kind !== 'row' || !('semantics' in decoded.row))
    throw new Error(`0x${word.toString(16)}: ${decoded.kind}`);
  return evaluateInstruction(decoded.row, decoded.fields, { ...state, pc: CODE }, known);
};

/** What differs between two states, as an example has it. */
const changes = (before: State, after: State): Readonly<Record<string, string>> => {
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  const registers: (readonly [string, string])[] = (['x', 'v'] as const).flatMap((file) =>
    after[file].flatMap((value, n) => (value === before[file][n] ? [] : [[`${file}${n}`, hex(value)] as const])),
  );
  if (after.sp !== before.sp) registers.push(['sp', hex(after.sp)]);
  const changed = [...after.memory.bytes.keys()].filter((at) => after.memory.bytes[at] !== before.memory.bytes[at]);
  if (changed.length === 0) return Object.fromEntries(registers);
  const [first, last] = [changed[0]!, changed.at(-1)!];
  const bytes = Buffer.from(after.memory.bytes.subarray(first, last + 1)).toString('hex');
  return { ...Object.fromEntries(registers), memory: `${first - 256}:${bytes}` };
};

const wordsOf = ({ words }: Example): readonly number[] => words.map((word) => Number.parseInt(word, 16));

const allocatedTo = (word: number): readonly string[] =>
  LOADS_AND_STORES.filter((row) => {
    const pattern = parsePattern(row.pattern);
    return matches(pattern, word) && row.allocated?.(fieldsOf(pattern, word)) !== false;
  }).map(({ name }) => name);

describe('assembled instructions', () => {
  test('belong to one row each', () => {
    const found = EXAMPLES.map((example) => ({ text: example.text, rows: allocatedTo(wordsOf(example).at(-1)!) }));
    expect(found).toEqual(EXAMPLES.map(({ text, row }) => ({ text, rows: [row] })));
  });

  test('cover every row', () => {
    const covered = new Set(EXAMPLES.map(({ row }) => row));
    expect(LOADS_AND_STORES.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });

  test.each(['nothing', 'immediates', 'everything'] satisfies Known[])(
    'do what they did under QEMU, %s known',
    (known) => {
      const results = EXAMPLES.map((example) => {
        const end = wordsOf(example).reduce((state, word) => run(state, word, known).state, initialState());
        return { text: example.text, after: changes(initialState(), end) };
      });
      expect(results).toEqual(EXAMPLES.map(({ text, after }) => ({ text, after })));
    },
  );

  test('do the same when their semantics do not see the free fields', () => {
    const rows = LOADS_AND_STORES.filter((row): row is OpsRow => 'semantics' in row && row.free !== undefined);
    for (const row of rows) {
      const word = wordsOf(EXAMPLES.find((example) => example.row === row.name)!).at(-1)!;
      const fields = fieldsOf(parsePattern(row.pattern), word);
      const immediates = row.immediates?.(fields) ?? [];
      const blind = Object.fromEntries(Object.entries(fields).filter(([name]) => !row.free!.includes(name)));
      const [seeing, unseeing] = [fields, blind].map((given) => {
        const { state } = evaluateInstruction(row, given, initialState(), 'everything', immediates);
        return { row: row.name, ...changes(initialState(), state) };
      });
      expect(unseeing).toEqual(seeing);
    }
  });
});

describe('words that nothing is allocated to', () => {
  test.each([
    ['a signed load of 64 bits to 64', 0xf8c0_0427],
    ['a signed load of 32 bits to 32', 0xb9c0_0027],
    ['a prefetch with writeback', 0xf880_0420],
    ['an unprivileged prefetch', 0xf880_0820],
    ['an unprivileged load of a vector', 0x3c40_0820],
    ['a register offset with UXTB', 0xf862_0827],
    ['a Q register of 16 bits', 0x7dc0_0020],
    ['LDPSW as a store', 0x6900_2027],
    ['LDPSW without temporal hint', 0x6840_2027],
    ['a pair of size 3', 0xe940_2027],
    ['a vector pair of size 3', 0xed40_2027],
    ['a vector literal of size 3', 0xdc00_0007],
    ['CASP with an odd register to compare', 0x482b_7c2c],
    ['CASP with an odd register to store', 0x482a_7c2d],
    ['CAS with a second register', 0xc8a8_0027],
    ['an atomic operation 9', 0xf828_9027],
    ['LDAPR, of ARMv8.3', 0xf8bf_c027],
    ['LDRAA, of ARMv8.3', 0xf820_0427],
    ['STLUR, of ARMv8.4', 0xd900_0027],
    ['LD2 of single doublewords', 0x0c40_8c27],
    ['a layout of structures that is not there', 0x4c40_1027],
    ['multiple structures with a register but no post-index', 0x4c48_7027],
    ['a halfword lane with an odd bit', 0x4d40_4427],
    ['a doubleword lane with S', 0x4d40_9427],
    ['a word lane with a size of 2', 0x4d40_8827],
    ['LD1R as a store', 0x4d00_c027],
    ['LD1R with S', 0x4d40_d027],
  ])('%s', (_what, word) => {
    expect(allocatedTo(word)).toEqual([]);
  });
});

describe('accesses', () => {
  const accessesOf = (text: string): readonly ObservedAccess[] => {
    const example = EXAMPLES.find((candidate) => candidate.text === text);
    if (example === undefined) throw new Error(`no example: ${text}`);
    const start: Evaluated = { state: initialState(), accesses: [] };
    return wordsOf(example).reduce(({ state }, word) => run(state, word), start).accesses;
  };

  test('of a pair are two, the lower address first', () => {
    expect(accessesOf('stp w7, w8, [x1, #20]')).toEqual([
      { kind: 'store', address: MIDDLE + 20n, sizeBytes: 4, spBase: true },
      { kind: 'store', address: MIDDLE + 24n, sizeBytes: 4 },
    ]);
  });

  test('of LDTR and STTR are unprivileged, those of LDUR are not', () => {
    expect(accessesOf('ldtrsw x7, [x1, #-7]')).toMatchObject([{ kind: 'load', unprivileged: true }]);
    expect(accessesOf('sttrb w7, [x1, #-7]')).toMatchObject([{ kind: 'store', unprivileged: true }]);
    expect(accessesOf('ldur x7, [x1, #-7]')).toEqual([
      { kind: 'load', address: MIDDLE - 7n, sizeBytes: 8, spBase: true },
    ]);
  });

  test('of acquire, release and atomics must be aligned', () => {
    expect(accessesOf('ldarh w8, [x1]')).toMatchObject([{ kind: 'load', aligned: 2 }]);
    expect(accessesOf('stlr x8, [x1]')).toMatchObject([{ kind: 'store', aligned: 8 }]);
    expect(accessesOf('ldadd w8, w7, [x1]')).toMatchObject([
      { kind: 'load', aligned: 4 },
      { kind: 'store', aligned: 4 },
    ]);
    expect(accessesOf('cas x8, x7, [x1]')).toMatchObject([
      { kind: 'load', aligned: 8 },
      { kind: 'store', aligned: 8 },
    ]);
  });

  test('of CASP must be aligned to the pair', () => {
    expect(accessesOf('casp x10, x11, x12, x13, [x1]').map(({ kind, aligned }) => [kind, aligned])).toEqual([
      ['load', 16],
      ['load', undefined],
      ['store', 16],
      ['store', undefined],
    ]);
  });

  test('relative to the program counter do not look at SP', () => {
    expect(accessesOf('ldr x7, . - 3840')).toEqual([{ kind: 'load', address: MIDDLE, sizeBytes: 8 }]);
  });

  test('of structures are larger than the elements, whose alignment counts', () => {
    const common = { kind: 'load', sizeBytes: 16, spBase: true, strictAlignment: 2 };
    expect(accessesOf('ld3 {v7.8h, v8.8h, v9.8h}, [x1]')).toEqual(
      [0n, 16n, 32n].map((at) => ({ ...common, address: MIDDLE + at })),
    );
  });

  test('of a prefetch are none', () => {
    expect(accessesOf('prfm pstl2strm, [x1, #8]')).toEqual([]);
  });
});
