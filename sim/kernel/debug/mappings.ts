/** All that a processor's translation tables map, found by walks from one end of the addresses to the other. */
import type { CpuModel } from '../../cpu/state/model.js';
import { FaultStatus } from '../../cpu/state/fault.js';
import { Mmu, type Walk } from '../../cpu/system/mmu.js';
import type { Board } from '../../machine/board.js';

/** Addresses that follow each other, and lead to addresses that do so, too, with the same attributes. */
export interface Mapping {
  readonly start: bigint;
  /** Exclusive. */
  readonly end: bigint;
  readonly physAddr: bigint;
  readonly attributes: string;
}

export interface Mappings {
  readonly mappings: readonly Mapping[];
  /** Whether that is all of them: a table that leads to itself maps more than anybody can list. */
  readonly isComplete: boolean;
}

/** Descriptors that are looked at, and stretches that are told, at most. */
const MAX_WALKS = 1 << 20;
export const MAX_MAPPINGS = 4096;

const SCTLR_M = 1n;
/** log2 of the page size by TCR_ELx.TG0 and TG1 (Arm ARM D13.2.120). */
const TG0 = [12n, 16n, 14n, 12n] as const;
const TG1 = [12n, 14n, 12n, 16n] as const;

/** One of the two ranges of addresses that tables map. */
interface Half {
  readonly start: bigint;
  readonly end: bigint;
  /** log2 of the page size. */
  readonly granule: bigint;
}

const halvesOf = (cpu: CpuModel): readonly Half[] => {
  const el = cpu.el === 2 ? 2 : 1;
  if ((cpu.getSystemRegister(`SCTLR_EL${el}`) & SCTLR_M) === 0n) return [];
  const tcr = cpu.getSystemRegister(`TCR_EL${el}`);
  const field = (at: bigint, bits: bigint): bigint => (tcr >> at) & ((1n << bits) - 1n);
  const lower = { start: 0n, end: 1n << (64n - field(0n, 6n)), granule: TG0[Number(field(14n, 2n))] ?? 12n };
  if (el === 2) return [lower];
  const end = 1n << 64n;
  const upper = { start: end - (1n << (64n - field(16n, 6n))), end, granule: TG1[Number(field(30n, 2n))] ?? 12n };
  return [lower, upper];
};

export const mappingsOf = (board: Board, cpu: CpuModel): Mappings => {
  const mmu = new Mmu(board.bus, (name) => cpu.getSystemRegister(name));
  const el = cpu.el === 2 ? 2 : 1;
  const found: Mapping[] = [];
  let walks = 0;
  for (const { start, end, granule } of halvesOf(cpu)) {
    for (let at = start; at < end;) {
      if (++walks > MAX_WALKS || found.length > MAX_MAPPINGS) return { mappings: found, isComplete: false };
      const walk = mmu.walk(at, 'read', el);
      if ('faultStatus' in walk) {
        // Where a table ends the walk, all addresses of its entry lead nowhere.
        const level = (walk.faultStatus & ~3) === FaultStatus.addressSize ? 3n : BigInt(walk.faultStatus & 3);
        const size = 1n << (granule + (granule - 3n) * (3n - level));
        at = (at / size + 1n) * size;
        continue;
      }
      const size = BigInt(walk.mappedBytes);
      add(found, {
        start: at,
        end: at + size,
        physAddr: BigInt(walk.page),
        attributes: attributesOf(mmu, walk, at, el),
      });
      at += size;
    }
  }
  return { mappings: found, isComplete: true };
};

const attributesOf = (mmu: Mmu, walk: Walk, virtAddr: bigint, el: 1 | 2): string => {
  const may = (access: 'read' | 'execute', level: 0 | 1 | 2): boolean =>
    !('faultStatus' in mmu.walk(virtAddr, access, level));
  const kernel = `r${walk.writable ? 'w' : '-'}${may('execute', el) ? 'x' : '-'}`;
  const user = el === 1 ? ` user ${may('read', 0) ? 'r' : '-'}${may('execute', 0) ? 'x' : '-'}` : '';
  return `${kernel}${user}${walk.device ? ' device' : ''}`;
};

const add = (all: Mapping[], one: Mapping): void => {
  const before = all.at(-1);
  const follows =
    before?.end === one.start &&
    before.attributes === one.attributes &&
    before.physAddr + (before.end - before.start) === one.physAddr;
  if (before !== undefined && follows) all[all.length - 1] = { ...before, end: one.end };
  else all.push(one);
};

const hex = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

/** @returns lines */
export const formatMappings = ({ mappings, isComplete }: Mappings): readonly string[] => [
  ...mappings.map(
    ({ start, end, physAddr, attributes }) => `${hex(start)}-${hex(end - 1n)} -> ${hex(physAddr)} ${attributes}`,
  ),
  ...(mappings.length === 0 && isComplete ? ['nothing is mapped: the MMU is off, or its tables are empty'] : []),
  ...(isComplete ? [] : ['... and more than can be listed']),
];
