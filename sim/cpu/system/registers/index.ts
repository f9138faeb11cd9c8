/** All system registers together: found by encoding or name, reset, read and written. */
import { CONTROL_REGISTERS } from './control.js';
import { DEBUG_AND_MONITORS } from './debug.js';
import { ID_REGISTERS } from './id.js';
import { HCR } from '../../state/control-bits.js';
import { hcr, register, type LiveState, type RegisterRow, type ResetFacts } from './row.js';
import type { SysregEncoding } from '../../state/sysreg-encoding.js';
import { levelOf, packEncoding, parseEncoding } from './sysreg.js';
import { TIMER_REGISTERS } from './timer.js';

/** Every system register that the processor has. */
export const SYSTEM_REGISTERS: readonly RegisterRow[] = [
  ...ID_REGISTERS,
  ...CONTROL_REGISTERS,
  ...TIMER_REGISTERS,
  ...DEBUG_AND_MONITORS,
];

const BY_ENCODING: ReadonlyMap<number, RegisterRow> = new Map(
  SYSTEM_REGISTERS.map((row) => [packEncoding(parseEncoding(row.at)), row]),
);
/** The least exception levels that they are for, looked up at each access that is not carried out by code. */
const LEVELS: ReadonlyMap<RegisterRow, number> = new Map(
  SYSTEM_REGISTERS.map((row) => [row, row.el ?? levelOf(parseEncoding(row.at))]),
);
const BY_NAME: ReadonlyMap<string, RegisterRow> = new Map(SYSTEM_REGISTERS.map((row) => [row.name, row]));

/** Identification registers of features to come read as zero (Arm ARM D12.3.1). */
const RESERVED_ID = register('reserved identification register', 'S3_0_C0_C7_7', {
  only: 'read',
  traps: [hcr(HCR.TID3)],
  read: () => 0n,
});
const isReservedId = ({ op0, op1, crn, crm }: SysregEncoding): boolean =>
  op0 === 3 && op1 === 0 && crn === 0 && crm >= 1 && crm <= 7;

/** The register with an encoding; undefined where none is allocated. */
export const registerAt = (encoding: SysregEncoding): RegisterRow | undefined =>
  BY_ENCODING.get(packEncoding(encoding)) ?? (isReservedId(encoding) ? RESERVED_ID : undefined);

/** The register of a name. @throws Error for a name that is not modelled */
export const registerNamed = (name: string): RegisterRow => {
  const row = BY_NAME.get(name);
  if (row === undefined || row.absent !== undefined || row.ofInterruptController === true)
    throw new Error(`no system register ${name}`);
  return row;
};

/** What is not modelled of what a register's value asks for; nothing for a name that is none. */
export const unmodelledOf = (name: string, value: bigint): string | undefined => BY_NAME.get(name)?.unmodelled?.(value);

/** Whether software at an exception level may read or write a register at all, traps aside. */
export const isReachable = (row: RegisterRow, isRead: boolean, el: number, highestEl: number): boolean => {
  const least = LEVELS.get(row) ?? levelOf(parseEncoding(row.at));
  const writeEl = row.writeEl === undefined ? least : Math.min(row.writeEl, highestEl);
  return row.only !== (isRead ? 'write' : 'read') && el >= (isRead ? least : writeEl);
};

/** What the registers that are storage hold after a reset. */
export const resetValues = (facts: ResetFacts): Map<string, bigint> =>
  new Map(SYSTEM_REGISTERS.map(({ name, reset = 0n }) => [name, typeof reset === 'bigint' ? reset : reset(facts)]));

/** Reads a register, whoever asks. */
export const readRegister = (row: RegisterRow, state: LiveState): bigint => row.read?.(state) ?? state.stored(row.name);

/** Writes a register, whoever asks: the bits that can be written. */
export const writeRegister = (row: RegisterRow, state: LiveState, value: bigint): void => {
  if (row.write !== undefined) row.write(state, value);
  else if (row.writable === undefined) state.store(row.name, value);
  else state.store(row.name, (state.stored(row.name) & ~row.writable) | (value & row.writable));
};
