/**
 * Walks of translation tables that keep what they meet, for people to read: stage 1 as the Arm ARM has it (D5.2, D5.3),
 * for tables that no processor need be using.
 */
import { type ReadPhysical, type StoppedProcessor, levelOf, numberAt } from './stopped.js';

/** Tables, and how addresses are resolved by them. */
export interface Tables {
  /** `TTBR0_EL1`, or what else they are called. */
  readonly name: string;
  /** Physical address of the first one. */
  readonly root: bigint;
  /** log2 of the page size: 12, 14 or 16. */
  readonly granule: number;
  /** Bits of an address that they resolve. */
  readonly bits: number;
  /** Whether they map the upper addresses, which begin with ones. */
  readonly upper: boolean;
}

/** What one descriptor was found to be. */
export interface Step {
  readonly level: number;
  /** Physical address of the descriptor. */
  readonly at: bigint;
  readonly descriptor: bigint;
}

export type WalkEnd =
  | { readonly kind: 'mapped'; readonly physAddr: bigint; readonly sizeBytes: bigint }
  /** The last descriptor is invalid, or of a kind that is reserved. */
  | { readonly kind: 'not-mapped' }
  /** Where the next table should be, there is no memory. */
  | { readonly kind: 'no-memory'; readonly table: bigint }
  /** The tables resolve no such addresses. */
  | { readonly kind: 'outside' };

export interface TableWalk {
  readonly steps: readonly Step[];
  readonly end: WalkEnd;
}

export const LAST_LEVEL = 3;
const DESCRIPTOR_BYTES = 8;
const VALID = 1n;
const TABLE = 2n;
/** Bits 47 to 0 of a descriptor have the address, but for those below the granule; with 64K pages 15 to 12 have more. */
const ADDRESS = 0xffff_ffff_ffffn;

const strideOf = ({ granule }: Tables): number => granule - 3;

/** Bits of an address below those that a level resolves. */
export const shiftOf = (tables: Tables, level: number): number =>
  tables.granule + strideOf(tables) * (LAST_LEVEL - level);

export const startLevelOf = (tables: Tables): number =>
  LAST_LEVEL + 1 - Math.ceil((tables.bits - tables.granule) / strideOf(tables));

/** How many descriptors a table has: the first one has fewer, mostly. */
export const entriesOf = (tables: Tables, level: number): number =>
  2 ** Math.min(strideOf(tables), tables.bits - shiftOf(tables, level));

const outputOf = ({ granule }: Tables, descriptor: bigint, shift: number): bigint => {
  const address = BigInt.asUintN(64, (descriptor & ADDRESS) >> BigInt(shift)) << BigInt(shift);
  return granule === 16 ? address | (((descriptor >> 12n) & 15n) << 48n) : address;
};

export type Descriptor =
  | { readonly kind: 'table'; readonly table: bigint }
  | { readonly kind: 'page'; readonly physAddr: bigint; readonly sizeBytes: bigint }
  | { readonly kind: 'invalid' };

const allowsBlocks = (granule: number, level: number): boolean => level === 2 || (level === 1 && granule === 12);

export const decodeDescriptor = (tables: Tables, level: number, descriptor: bigint): Descriptor => {
  const isTable = (descriptor & TABLE) !== 0n;
  if ((descriptor & VALID) === 0n) return { kind: 'invalid' };
  if (isTable && level < LAST_LEVEL) return { kind: 'table', table: outputOf(tables, descriptor, tables.granule) };
  if (!isTable && !allowsBlocks(tables.granule, level)) return { kind: 'invalid' };
  const shift = shiftOf(tables, level);
  return { kind: 'page', physAddr: outputOf(tables, descriptor, shift), sizeBytes: 1n << BigInt(shift) };
};

/** Whether tables resolve an address at all. */
export const resolves = ({ bits, upper }: Tables, virtAddr: bigint): boolean =>
  virtAddr >> BigInt(bits) === (upper ? (1n << BigInt(64 - bits)) - 1n : 0n);

/** What the tables make of an address. */
export const walkTables = (tables: Tables, virtAddr: bigint, read: ReadPhysical): TableWalk => {
  const steps: Step[] = [];
  if (!resolves(tables, virtAddr)) return { steps, end: { kind: 'outside' } };
  let table = tables.root;
  for (let level = startLevelOf(tables); ; level++) {
    const shift = BigInt(shiftOf(tables, level));
    const index = (virtAddr >> shift) & BigInt(entriesOf(tables, level) - 1);
    const at = table + index * BigInt(DESCRIPTOR_BYTES);
    const bytes = read(at, DESCRIPTOR_BYTES);
    if (bytes === undefined) return { steps, end: { kind: 'no-memory', table } };
    const descriptor = numberAt(bytes);
    steps.push({ level, at, descriptor });
    const found = decodeDescriptor(tables, level, descriptor);
    if (found.kind === 'invalid') return { steps, end: { kind: 'not-mapped' } };
    if (found.kind === 'page') {
      const { physAddr, sizeBytes } = found;
      return { steps, end: { kind: 'mapped', physAddr: physAddr + (virtAddr & (sizeBytes - 1n)), sizeBytes } };
    }
    table = found.table;
  }
};

/** log2 of the page size by TCR_ELx.TG0 and TG1 (Arm ARM D13.2.120). */
const TG0: readonly number[] = [12, 16, 14, 12];
const TG1: readonly number[] = [12, 14, 12, 16];

const field = (value: bigint, shift: number, bits: number): number =>
  Number((value >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));

/** A size that no processor has is taken for the nearest that one has. */
const bitsOf = (txsz: number): number => 64 - Math.min(Math.max(txsz, 12), 39);

/** The address of the first table in a TTBR: aligned to its size, 64 bytes at least. */
const rootOf = (ttbr: bigint, tables: Omit<Tables, 'root'>): bigint => {
  const shape = { ...tables, root: 0n };
  const size = BigInt(Math.max(entriesOf(shape, startLevelOf(shape)) * DESCRIPTOR_BYTES, 64));
  const base = ttbr & 0xffff_ffff_fffen;
  return base - (base % size);
};

export type WhichTables = 'TTBR0' | 'TTBR1';

/**
 * The tables of a processor at its exception level: of EL0, those of EL1. A processor whose registers are not known has
 * none.
 */
export const tablesOf = (processor: StoppedProcessor, which: WhichTables): Tables | undefined => {
  const el = levelOf(processor) >= 2 ? 2 : 1;
  const isUpper = which === 'TTBR1';
  if (el === 2 && isUpper) return undefined;
  const [tcr, ttbr] = [processor.system(`TCR_EL${el}`), processor.system(`${which}_EL${el}`)];
  if (tcr === undefined || ttbr === undefined) return undefined;
  const granule = isUpper ? TG1[field(tcr, 30, 2)] : TG0[field(tcr, 14, 2)];
  const bits = bitsOf(field(tcr, isUpper ? 16 : 0, 6));
  const shape = { name: `${which}_EL${el}`, granule: granule ?? 12, bits, upper: isUpper };
  return { ...shape, root: rootOf(ttbr, shape) };
};

/** Whether a processor translates addresses: SCTLR_ELx.M. Of one whose registers are not known, it is supposed. */
export const mmuIsOn = (processor: StoppedProcessor): boolean => {
  const sctlr = processor.system(`SCTLR_EL${levelOf(processor) >= 2 ? 2 : 1}`);
  return sctlr === undefined || (sctlr & 1n) === 1n;
};

/** The half of the addresses that one is in: bit 55 tells. */
export const halfOf = (virtAddr: bigint): WhichTables => (((virtAddr >> 55n) & 1n) === 1n ? 'TTBR1' : 'TTBR0');
