/** Core files that the real vmcore-dmesg and ours are given. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { compatFor, type Release } from '../../../kexec/base/compat.js';
import { DEBIAN_RELEASES } from '../../conformance/debian.js';
import {
  COMMITTED,
  FINALIZED,
  RESERVED,
  REUSABLE,
  characterLog,
  coreOf,
  recordLog,
  ringbufferLog,
  type BuiltLog,
  type CharacterLogOptions,
} from '../../support/files/core-builder.js';
import { ARM64_CORE, type ElfKind } from '../../support/files/elf-builder.js';

export const DATA = join('test', 'data', 'vmcore');

export interface VmcoreCase {
  readonly name: string;
  readonly core: () => Uint8Array;
}

/** What the real one does wrong: ours has to refuse, in words. */
export interface Fault {
  readonly why: string;
  readonly releases: readonly Release[];
}

const WITH_RINGBUFFER = DEBIAN_RELEASES.filter((release) => compatFor(release).knowsRingbuffer);

const faults = (
  why: string,
  releases: readonly Release[],
  names: readonly string[],
): readonly (readonly [string, Fault])[] => names.map((name) => [name, { why, releases }]);

/** By the names of the cases. */
export const FAULTS: ReadonlyMap<string, Fault> = new Map([
  ...faults('goes round for ever', ['2.0.20'], ['records: a cycle', 'records: SYMBOL(log_next_idx) one more']),
  ...faults(
    'reads outside its copy of a record',
    DEBIAN_RELEASES,
    ['ts_nsec', 'len', 'text_len'].map((field) => `records: OFFSET(printk_log.${field}) too large`),
  ),
  ...faults('goes round for ever, or nearly', WITH_RINGBUFFER, [
    'ring buffer: OFFSET(prb_desc_ring.head_id) left out',
    'ring buffer: OFFSET(prb_desc_ring.head_id) one more',
    'ring buffer: OFFSET(prb_desc_ring.tail_id) one more',
    'ring buffer: OFFSET(atomic_long_t.counter) one more',
  ]),
  ...faults('reads outside its copies of the ring', WITH_RINGBUFFER, [
    'ring buffer: a text beyond the ring',
    ...['printk_ringbuffer', 'prb_desc', 'printk_info'].map((type) => `ring buffer: SIZE(${type}) left out`),
    ...[
      'printk_ringbuffer.desc_ring',
      'printk_ringbuffer.text_data_ring',
      'prb_desc_ring.count_bits',
      'prb_desc_ring.descs',
      'prb_desc_ring.infos',
      'prb_desc_ring.head_id',
      'prb_desc_ring.tail_id',
      'prb_desc.state_var',
      'prb_desc.text_blk_lpos',
      'printk_info.ts_nsec',
      'printk_info.text_len',
      'prb_data_ring.size_bits',
      'atomic_long_t.counter',
    ].map((field) => `ring buffer: OFFSET(${field}) too large`),
  ]),
]);

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

const NARROW: ElfKind = { ...ARM64_CORE, wide: false, machine: 40 };

const KINDS: Readonly<Record<string, ElfKind>> = {
  arm64: ARM64_CORE,
  'big endian': { ...ARM64_CORE, littleEndian: false },
  '32-bit': NARROW,
  '32-bit big endian': { ...NARROW, littleEndian: false, machine: 20 },
  x86_64: { ...ARM64_CORE, machine: 62 },
};

const UNPRINTABLE = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
const RECORDS = [
  { text: 'first', time: 1_000 },
  { text: 'two\nlines', time: 1_234_567_890_123n },
  { text: '' },
  { text: UNPRINTABLE, time: 12_345_678_901_234_567n },
  { text: 'last', time: 99_999_999_999n },
];

const someCharacters = (options: CharacterLogOptions = {}): BuiltLog =>
  characterLog(ascii(`<6>one\n<4>two \x01\xff\n${'<3>three\n'.repeat(5)}`), options);

/** The same log in every form. */
const FORMS: Readonly<Record<string, (kind: ElfKind) => BuiltLog>> = {
  characters: (kind) => someCharacters({ kind, end: 100 }),
  records: (kind) => recordLog(RECORDS, { kind }),
  'ring buffer': (kind) => ringbufferLog(RECORDS, { kind }),
};

const logCase = (name: string, log: () => BuiltLog): VmcoreCase => ({ name, core: () => coreOf(log()) });

const forms: readonly VmcoreCase[] = Object.entries(FORMS).flatMap(([form, build]) =>
  Object.entries(KINDS).map(([kindName, kind]) => logCase(`${form}: ${kindName}`, () => build(kind))),
);

const characters: readonly VmcoreCase[] = (
  [
    ['before the first time round', { end: 20 }],
    ['nothing', { end: 0 }],
    ['exactly full', {}],
    ['round twice', { end: 133 }],
    ['the end counts as unsigned', { end: 0xffff_fff0 }],
    ['a length of 0, and an end of 0', { end: 0, length: 0 }],
    ['a length of 0, and an end of 5', { end: 5, length: 0 }],
    ['a length below 0', { length: -1 }],
    ['longer than the file, in its first half', { length: 1 << 20, end: 5 }],
    ['longer than the file, in its second half', { length: 1 << 20, end: (1 << 20) - 1 }],
    ['the largest length', { length: 0x7fff_ffff, end: 7 }],
  ] as const
).map(([name, options]) => logCase(`characters: ${name}`, () => someCharacters(options)));

const records: readonly VmcoreCase[] = (
  [
    ['none', [], {}],
    ['called log', RECORDS, { structure: 'log' }],
    [
      'round the buffer',
      [{ text: 'newest', time: 9 }, { text: 'unused' }, { text: 'oldest', length: 0 }],
      { first: 48, next: 24 },
    ],
    ['the same index', RECORDS, { first: 24, next: 24 }],
    [
      'times below 0',
      [
        { text: 'a', time: -1 },
        { text: 'b', time: -1_999_999_999 },
        { text: 'c', time: 2n ** 63n },
      ],
      {},
    ],
    ['a cycle', [{ text: 'a' }, { text: 'b', length: 0 }], { next: 4 }],
    ['an index outside', [{ text: 'a' }, { text: 'b', length: 1100 }], { next: 4 }],
    ['an index outside, and a next one there', [{ text: 'a' }, { text: 'b', length: 1100 }], { next: 1120 }],
    ['a buffer shorter than a record', RECORDS, { length: 8 }],
    ['a text beyond the file', [{ text: 'a' }, { text: 'b', textLength: 60000 }, { text: 'c' }], {}],
    ['a first record beyond the file', RECORDS, { first: 0x1000_0000 }],
    ['a length shorter than the record', [{ text: 'abcdefghijklmnop', length: 8 }], { next: 32 }],
    [
      'a long text, and an error',
      [{ text: 'x'.repeat(5000) }, { text: 'lost' }, { text: 'b', textLength: 60000 }],
      { size: 8192 },
    ],
    [
      'long texts',
      [{ text: 'x'.repeat(4031) }, { text: '\x01'.repeat(3000) }, { text: 'y'.repeat(4015) }],
      { size: 16384 },
    ],
  ] as const
).map(([name, list, options]) => logCase(`records: ${name}`, () => recordLog(list, options)));

const ringbuffers: readonly VmcoreCase[] = (
  [
    ['none', [], {}],
    ['states', [RESERVED, COMMITTED, FINALIZED, REUSABLE].map((state) => ({ text: `state ${state}`, state })), {}],
    ['other ids', [{ text: 'a', id: 5 }, { text: 'b' }, { text: 'c', id: 0x1003 }], {}],
    ['round the descriptors', RECORDS, { tail: 0x100d }],
    ['round the texts', [...RECORDS, { text: 'a'.repeat(50) }], { textStart: 400 }],
    ['a text that would end with the ring', [{ text: 'a'.repeat(24) }, { text: 'b' }], { textStart: 480 }],
    ['a text that ends with the ring', [{ text: 'a', begin: 496, next: 512 }], {}],
    ['round the ids', RECORDS, { tail: 2n ** 62n - 2n }],
    ['round the ids of 32 bits', RECORDS, { tail: 2n ** 30n - 2n, kind: NARROW }],
    [
      'no text',
      [
        { text: 'a', begin: 3, next: 3 },
        { text: 'b', begin: 1, next: 1 },
      ],
      {},
    ],
    ['a text longer than its block', [{ text: 'abc', textLength: 100 }, { text: 'd' }], {}],
    ['a text shorter than its block', [{ text: 'abcdef', textLength: 2 }], {}],
    ['a block without room for its id', [{ text: 'abc', next: 4, textLength: 9 }], {}],
    ['a block that ends before it begins', [{ text: 'abc', begin: 64, next: 4, textLength: 9 }], {}],
    [
      'times below 0',
      [
        { text: 'a', time: -1 },
        { text: 'b', time: -1_999_999_999 },
        { text: 'c', time: 2n ** 63n },
      ],
      {},
    ],
    ['one descriptor', [{ text: 'a' }], { countBits: 0 }],
    ['a long text', [{ text: '\x02'.repeat(2000) }], { sizeBits: 12 }],
    ['a tail far from the head', RECORDS, { head: 0x9000 }],
    ['a head with a state in it', RECORDS, { tail: 2n ** 62n + 0x1000n, head: 2n ** 62n + 0x1000n }],
    ['32 more bits of descriptors', RECORDS, { saidCountBits: 4 + 32 }],
    ['2^31 descriptors', RECORDS, { saidCountBits: 31 }],
    ['more descriptors than the file has', RECORDS, { saidCountBits: 20 }],
    ['one descriptor of many', RECORDS, { saidCountBits: 0 }],
    ['32 more bits of texts', RECORDS, { saidSizeBits: 9 + 32 }],
    ['2^31 bytes of texts', RECORDS, { saidSizeBits: 31 }],
    ['more bytes of texts than the file has', RECORDS, { saidSizeBits: 24 }],
    ['texts in a ring of another size', RECORDS, { saidSizeBits: 8 }],
    ['a text beyond the ring', [{ text: 'a', begin: 500, next: 4, textLength: 600 }], {}],
  ] as const
).map(([name, list, options]) => logCase(`ring buffer: ${name}`, () => ringbufferLog(list, options)));

/** Every line of VMCOREINFO left out, and saying something else. */
const lines: readonly VmcoreCase[] = Object.entries(FORMS).flatMap(([form, build]) => {
  const log = build(ARM64_CORE);
  const others = (key: string, value: string): readonly [string, string | undefined][] => [
    ['left out', undefined],
    ['too large', key.startsWith('SYMBOL') ? 'ffffffffffffff00' : '18446744073709551608'],
    ['one more', key.startsWith('SYMBOL') ? (BigInt(`0x${value}`) + 1n).toString(16) : String(BigInt(value) + 1n)],
  ];
  return Object.entries(log.info)
    .filter(([key]) => key !== 'OSRELEASE')
    .flatMap(([key, value]) =>
      others(key, value).map(([what, other]) =>
        logCase(`${form}: ${key} ${what}`, () => {
          const rest = Object.entries(log.info).filter(([name]) => name !== key);
          return { ...log, info: Object.fromEntries(other === undefined ? rest : [...rest, [key, other]]) };
        }),
      ),
    );
});

/** Where the fields of the file header begin, and of a program header (<elf.h>). */
const HEADER_FIELDS = [0, 4, 5, 6, 7, 8, 16, 18, 20, 24, 32, 40, 48, 52, 54, 56, 58, 60, 62, 64];
const PROGRAM_HEADER_FIELDS = [4, 8, 16, 24, 32, 40, 48, 56];
const HEADERS = 5;

const cuts: readonly VmcoreCase[] = Object.entries(FORMS).flatMap(([form, build]) => {
  const core = coreOf(build(ARM64_CORE));
  const segments = build(ARM64_CORE).segments.length + 1;
  const inHeaders = Array.from({ length: Math.min(segments, HEADERS) }, (_, i) =>
    PROGRAM_HEADER_FIELDS.map((at) => 64 + i * 56 + at),
  ).flat();
  const whole = form === 'ring buffer' ? [...HEADER_FIELDS, ...inHeaders] : [];
  const inside = Array.from({ length: 24 }, (_, i) => Math.floor((core.length * (i + 1)) / 25));
  return [...whole, ...inside].map((size) => ({ name: `${form}: cut at ${size}`, core: () => core.subarray(0, size) }));
});

const patched = (log: BuiltLog, at: number, bytes: readonly number[]): Uint8Array => {
  const core = coreOf(log).slice();
  core.set(bytes, at);
  return core;
};

const FF8 = [255, 255, 255, 255, 255, 255, 255, 255];

const headers: readonly VmcoreCase[] = (
  [
    ['no magic', 0, [0x7e]],
    ['class 0', 4, [0]],
    ['class 32 of a file of class 64', 4, [1]],
    ['class 3', 4, [3]],
    ['byte order 0', 5, [0]],
    ['the other byte order', 5, [2]],
    ['version 0', 6, [0]],
    ['no core file', 16, [1]],
    ['an i386', 18, [3, 0]],
    ['header version 2', 20, [2]],
    ['program headers at 2^64 - 1', 32, FF8],
    ['program headers at 2^63 - 1', 32, [...FF8.slice(1), 127]],
    ['program headers of 55 bytes', 54, [55]],
    ['no program header', 56, [0]],
    ['one program header', 56, [1]],
    ['65535 program headers', 56, [255, 255]],
    ['notes that are none', 64, [0]],
    ['notes at 2^64 - 1', 72, FF8],
    ['2^64 - 1 bytes of notes', 96, FF8],
    ['0 bytes of notes', 96, [0, 0, 0]],
    ['1 byte of notes', 96, [1, 0, 0]],
    ['12 bytes of notes', 96, [12, 0, 0]],
    ['13 bytes of notes', 96, [13, 0, 0]],
    ['notes in memory', 104, FF8],
    ['variables elsewhere', 120 + 8, [0xff, 0xff, 0xff]],
    ['variables at 2^64 - 1', 120 + 8, FF8],
    ['variables at 2^63 - 1', 120 + 8, [...FF8.slice(1), 127]],
    ['variables of no type', 120, [0]],
    ['0 bytes of variables', 120 + 40, [0, 0, 0]],
    ['variables without end', 120 + 40, FF8],
    ['descriptors at 2^64 - 1', 176 + 8, FF8],
    ['descriptors elsewhere', 176 + 8, [0, 1]],
    ['1 byte of descriptors in memory', 176 + 40, [1, 0]],
    ['0 bytes of descriptors in memory', 176 + 40, [0, 0]],
    ['0 bytes of descriptors in the file', 176 + 32, [0, 0]],
  ] as const
).map(([name, at, bytes]) => ({ name: `headers: ${name}`, core: () => patched(ringbufferLog(RECORDS), at, bytes) }));

const recorded = (): readonly VmcoreCase[] =>
  readdirSync(DATA)
    .filter((name) => name.endsWith('.core.gz'))
    .map((name) => ({
      name: `Linux ${name.replace('.core.gz', '').replace('-', ', ')}`,
      core: () => gunzipSync(readFileSync(join(DATA, name))),
    }));

export const allCases = (): readonly VmcoreCase[] => [
  ...recorded(),
  ...forms,
  ...characters,
  ...records,
  ...ringbuffers,
  ...lines,
  ...cuts,
  ...headers,
];
