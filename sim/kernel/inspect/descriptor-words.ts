/** What a descriptor of a translation table says, in words: crash's for one, and those of the kernel's own dump. */
import { LAST_LEVEL, type Tables, startLevelOf } from './walk.js';

/** Bits of a last descriptor (Arm ARM D5.3.3), and those that Linux has for itself (pgtable-hwdef.h, pgtable-prot.h). */
const BIT = {
  valid: 1n,
  table: 1n << 1n,
  user: 1n << 6n,
  readOnly: 1n << 7n,
  shared: 3n << 8n,
  accessed: 1n << 10n,
  notGlobal: 1n << 11n,
  guarded: 1n << 50n,
  contiguous: 1n << 52n,
  pxn: 1n << 53n,
  uxn: 1n << 54n,
  dirty: 1n << 55n,
  special: 1n << 56n,
} as const;
const ATTRIBUTES = 7n << 2n;

/** The flags that crash names, in its order (arm64_translate_pte()). */
const FLAGS: readonly (readonly [bits: bigint, name: string])[] = [
  [BIT.valid, 'VALID'],
  [BIT.user, 'USER'],
  [BIT.readOnly, 'RDONLY'],
  [BIT.shared, 'SHARED'],
  [BIT.accessed, 'AF'],
  [BIT.notGlobal, 'NG'],
  [BIT.pxn, 'PXN'],
  [BIT.uxn, 'UXN'],
  [BIT.dirty, 'DIRTY'],
  [BIT.special, 'SPECIAL'],
];

/** `VALID|SHARED|AF|PXN|UXN`; "no mapping" for nothing. */
export const flagsOf = (descriptor: bigint): string =>
  descriptor === 0n
    ? 'no mapping'
    : FLAGS.filter(([bits]) => (descriptor & bits) !== 0n)
        .map(([, name]) => name)
        .join('|');

/** Columns of the kernel's own dump: what is printed for bits that are all set, or not (arch/arm64/mm/ptdump.c). */
const COLUMNS: readonly (readonly [bits: bigint, set: string, clear: string])[] = [
  [BIT.valid, ' ', 'F'],
  [BIT.user, 'USR', '   '],
  [BIT.readOnly, 'ro', 'RW'],
  [BIT.pxn, 'NX', 'x '],
  [BIT.shared, 'SHD', '   '],
  [BIT.accessed, 'AF', '  '],
  [BIT.notGlobal, 'NG', '  '],
  [BIT.contiguous, 'CON', '   '],
  [BIT.table, '   ', 'BLK'],
  [BIT.uxn, 'UXN', '   '],
  [BIT.guarded, 'GP', '  '],
];

/** What the kernel calls kinds of memory, by the bytes of MAIR_EL1 (Arm ARM D13.2.97). */
const KINDS: ReadonlyMap<number, string> = new Map([
  [0x00, 'DEVICE/nGnRnE'],
  [0x04, 'DEVICE/nGnRE'],
  [0x0c, 'DEVICE/GRE'],
  [0x44, 'MEM/NORMAL-NC'],
  [0xbb, 'MEM/NORMAL-WT'],
  [0xf0, 'MEM/NORMAL-TAGGED'],
  [0xff, 'MEM/NORMAL'],
]);

/** The kind of memory; of another byte, the byte; without MAIR, its place in it. */
export const memoryKind = (descriptor: bigint, mair: bigint | undefined): string => {
  const index = Number((descriptor & ATTRIBUTES) >> 2n);
  if (mair === undefined) return `ATTR${index}`;
  const byte = Number((mair >> BigInt(8 * index)) & 0xffn);
  return KINDS.get(byte) ?? `MEM/0x${byte.toString(16)}`;
};

/** Bits that tell one mapping from another in the dump; neighbours that share them are one line. */
export const DUMPED_BITS = COLUMNS.reduce((bits, [own]) => bits | own, ATTRIBUTES);

/** ` F USR ro NX SHD AF NG CON BLK UXN GP MEM/NORMAL`, as the kernel's dump has it. */
export const dumpedProtection = (descriptor: bigint, mair: bigint | undefined): string =>
  [...COLUMNS.map(([bits, set, clear]) => ((descriptor & bits) === bits ? set : clear)), memoryKind(descriptor, mair)]
    .map((word) => ` ${word}`)
    .join('');

const NAMES = ['PGD', 'PUD', 'PMD', 'PTE'] as const;

/** What Linux calls the tables of a level: with fewer levels there is no PUD, and then no PMD. */
export const levelName = (tables: Tables, level: number): string => {
  const start = startLevelOf(tables);
  if (level <= start) return level === LAST_LEVEL ? 'PTE' : 'PGD';
  return NAMES[level] ?? 'PTE';
};
