/** The table of SYS instructions: cache maintenance, TLB maintenance, and AT. */
import { HCR, SCTLR } from '../state/control-bits.js';
import type { AccessKind, Fault } from '../state/fault.js';
import type { Walk } from './mmu.js';
import type { CacheMaintenance } from '../language/row.js';
import type { SysregEncoding } from '../state/sysreg-encoding.js';
import type { ExceptionLevel } from '../state/levels.js';
import { hcr, userIf, type Trap } from './registers/row.js';
import { packEncoding, parseEncoding } from './registers/sysreg.js';

/** What a system instruction does beside its traps. */
export type OperationEffect =
  | { readonly kind: 'none' }
  /** Cached walks are forgotten, all or those of the address in Rt, on this processor or on every one. */
  | { readonly kind: 'flush'; readonly what: 'all' | 'users' | 'address'; readonly on: 'this' | 'every' }
  /** What a walk for the address in Rt finds goes to PAR_EL1. */
  | { readonly kind: 'walk'; readonly access: AccessKind; readonly el: ExceptionLevel };

/** A SYS instruction (Arm ARM C5.3 to C5.5). */
export interface SystemOperation {
  readonly name: string;
  readonly encoding: SysregEncoding;
  readonly traps: readonly Trap[];
  readonly effect: OperationEffect;
  /** Allocated, and not modelled: what it belongs to. */
  readonly absent?: string;
}

const NONE: OperationEffect = { kind: 'none' };

const USER_CACHE = userIf('SCTLR_EL1', SCTLR.UCI);
const USER_ZERO = userIf('SCTLR_EL1', SCTLR.DZE);
const TSW = hcr(HCR.TSW);
const TPC = hcr(HCR.TPC);
const TPU = hcr(HCR.TPU);
const TTLB = hcr(HCR.TTLB);
const TDZ = hcr(HCR.TDZ);

const operation = (name: string, at: string, effect: OperationEffect, ...traps: readonly Trap[]): SystemOperation => ({
  name,
  encoding: parseEncoding(at),
  traps,
  effect,
});

/** The caches are always coherent: only who may maintain them matters. */
const CACHES: readonly SystemOperation[] = [
  operation('IC IALLUIS', 'S1_0_C7_C1_0', NONE, TPU),
  operation('IC IALLU', 'S1_0_C7_C5_0', NONE, TPU),
  operation('DC ISW', 'S1_0_C7_C6_2', NONE, TSW),
  operation('DC CSW', 'S1_0_C7_C10_2', NONE, TSW),
  operation('DC CISW', 'S1_0_C7_C14_2', NONE, TSW),
  operation('DC IVAC', 'S1_0_C7_C6_1', NONE, TPC),
  operation('DC ZVA', 'S1_3_C7_C4_1', NONE, USER_ZERO, TDZ),
  operation('DC CVAC', 'S1_3_C7_C10_1', NONE, USER_CACHE, TPC),
  operation('DC CIVAC', 'S1_3_C7_C14_1', NONE, USER_CACHE, TPC),
  operation('DC CVAU', 'S1_3_C7_C11_1', NONE, USER_CACHE, TPU),
  operation('IC IVAU', 'S1_3_C7_C5_1', NONE, USER_CACHE, TPU),
  { ...operation('RAMINDEX', 'S1_0_C15_C4_0', NONE), absent: 'access to the RAM of the caches' },
];

const at = (name: string, encoding: string, access: AccessKind, el: ExceptionLevel): SystemOperation =>
  operation(`AT ${name}`, encoding, { kind: 'walk', access, el });

const ADDRESS_TRANSLATION: readonly SystemOperation[] = [
  at('S1E1R', 'S1_0_C7_C8_0', 'read', 1),
  at('S1E1W', 'S1_0_C7_C8_1', 'write', 1),
  at('S1E0R', 'S1_0_C7_C8_2', 'read', 0),
  at('S1E0W', 'S1_0_C7_C8_3', 'write', 0),
  at('S1E2R', 'S1_4_C7_C8_0', 'read', 2),
  at('S1E2W', 'S1_4_C7_C8_1', 'write', 2),
  // Without stage 2 these are like S1E1R to S1E0W.
  at('S12E1R', 'S1_4_C7_C8_4', 'read', 1),
  at('S12E1W', 'S1_4_C7_C8_5', 'write', 1),
  at('S12E0R', 'S1_4_C7_C8_6', 'read', 0),
  at('S12E0W', 'S1_4_C7_C8_7', 'write', 0),
];

/** A TLB operation for this processor, and the same for all of the inner shareable domain. */
const tlbi = (
  name: string,
  op1: number,
  op2: number,
  what: 'all' | 'users' | 'address',
  ...traps: readonly Trap[]
): readonly SystemOperation[] => [
  operation(`TLBI ${name}`, `S1_${op1}_C8_C7_${op2}`, { kind: 'flush', what, on: 'this' }, ...traps),
  operation(`TLBI ${name}IS`, `S1_${op1}_C8_C3_${op2}`, { kind: 'flush', what, on: 'every' }, ...traps),
];

/** The same for intermediate addresses, which belong to stage 2. */
const tlbiIntermediate = (name: string, op2: number): readonly SystemOperation[] => [
  operation(`TLBI ${name}IS`, `S1_4_C8_C0_${op2}`, { kind: 'flush', what: 'all', on: 'every' }),
  operation(`TLBI ${name}`, `S1_4_C8_C4_${op2}`, { kind: 'flush', what: 'all', on: 'this' }),
];

const TLB: readonly SystemOperation[] = [
  ...tlbi('VMALLE1', 0, 0, 'all', TTLB),
  ...tlbi('VAE1', 0, 1, 'address', TTLB),
  ...tlbi('ASIDE1', 0, 2, 'users', TTLB),
  ...tlbi('VAAE1', 0, 3, 'address', TTLB),
  ...tlbi('VALE1', 0, 5, 'address', TTLB),
  ...tlbi('VAALE1', 0, 7, 'address', TTLB),
  ...tlbi('ALLE2', 4, 0, 'all'),
  ...tlbi('VAE2', 4, 1, 'address'),
  ...tlbi('ALLE1', 4, 4, 'all'),
  ...tlbi('VALE2', 4, 5, 'address'),
  ...tlbi('VMALLS12E1', 4, 6, 'all'),
  ...tlbiIntermediate('IPAS2E1', 1),
  ...tlbiIntermediate('IPAS2LE1', 5),
];

export const SYSTEM_OPERATIONS: readonly SystemOperation[] = [...CACHES, ...ADDRESS_TRANSLATION, ...TLB];

const BY_ENCODING: ReadonlyMap<number, SystemOperation> = new Map(
  SYSTEM_OPERATIONS.map((row) => [packEncoding(row.encoding), row]),
);

/** The operation with an encoding; undefined where none is allocated. */
export const operationAt = (encoding: SysregEncoding): SystemOperation | undefined =>
  BY_ENCODING.get(packEncoding(encoding));

const BY_NAME: ReadonlyMap<string, SystemOperation> = new Map(SYSTEM_OPERATIONS.map((row) => [row.name, row]));

/** The operation of a row of the instruction table that has its own semantics. */
export const maintenanceOperation = (name: CacheMaintenance): SystemOperation => BY_NAME.get(name)!;

export const BY_ADDRESS: readonly CacheMaintenance[] = [
  'DC IVAC',
  'DC ZVA',
  'DC CVAC',
  'DC CIVAC',
  'DC CVAU',
  'IC IVAU',
];

/** Whether a fault status is a synchronous external abort on a translation table walk, level 0 to 3. */
export const isAbortOfWalk = (faultStatus: number): boolean => faultStatus >> 2 === 5;

/** Bit 11 of PAR_EL1 is RES1; NS, bit 9, is 1 outside the secure state. */
const PAR_FIXED = 0x800n;
const PAR_NON_SECURE = 0x200n;

/** PAR_EL1 after an address translation instruction (Arm ARM D13.2.94). */
export const parAfter = (result: Walk | Fault): bigint => {
  if ('faultStatus' in result) return PAR_FIXED | (BigInt(result.faultStatus) << 1n) | 1n;
  const { page, attributes, shareability } = result;
  return (BigInt(attributes) << 56n) | BigInt(page) | PAR_FIXED | PAR_NON_SECURE | (BigInt(shareability) << 7n);
};
