/** The registers of the generic timer (Arm ARM D11, D13.8). */
import { register, userIf, type LiveState, type RegisterRow, type Trap } from './row.js';

const ENABLE = 1n;
const STATUS = 4n;
const WRITABLE_CONTROL = 3n;
const EL0PCTEN = 0;
const EL0VCTEN = 1;
const EL0VTEN = 8;
const EL0PTEN = 9;

const physicalCount = ({ host }: LiveState): bigint => BigInt.asUintN(64, host.counter());
const virtualCount = (state: LiveState): bigint =>
  BigInt.asUintN(64, physicalCount(state) - (state.host.highestEl === 2 ? state.stored('CNTVOFF_EL2') : 0n));

/** CNTHCTL_EL2 allows EL1 and EL0 the physical counter (bit 0) and timer (bit 1). */
const hypervisorAllows = (bit: number): Trap => ({ to: 2, register: 'CNTHCTL_EL2', bits: [bit], when: 0, on: 'both' });

/** TVAL, CTL and CVAL of a timer (Arm ARM D11.2.4). */
const timer = (
  prefix: string,
  at: string,
  el: 0 | 2,
  count: (state: LiveState) => bigint,
  traps: readonly Trap[],
): readonly RegisterRow[] => {
  const [value, control] = [`${prefix}_CVAL_EL${el}`, `${prefix}_CTL_EL${el}`];
  return [
    register(`${prefix}_TVAL_EL${el}`, `${at}_0`, {
      traps,
      affects: 'timers',
      read: (state) => BigInt.asUintN(32, state.stored(value) - count(state)),
      write: (state, ticks) => state.store(value, BigInt.asUintN(64, count(state) + BigInt.asIntN(32, ticks))),
    }),
    register(control, `${at}_1`, {
      writable: WRITABLE_CONTROL,
      traps,
      affects: 'timers',
      read: (state) => {
        const set = state.stored(control);
        return (set & ENABLE) !== 0n && count(state) >= state.stored(value) ? set | STATUS : set;
      },
    }),
    register(value, `${at}_2`, { traps, affects: 'timers' }),
  ];
};

export const TIMER_REGISTERS: readonly RegisterRow[] = [
  // The highest exception level sets it, which knows it from the board.
  register('CNTFRQ_EL0', 'S3_3_C14_C0_0', {
    writeEl: 2,
    reset: ({ counterFrequency }) => counterFrequency,
    writable: 0xffff_ffffn,
    traps: [userIf('CNTKCTL_EL1', EL0PCTEN, EL0VCTEN)],
  }),
  register('CNTPCT_EL0', 'S3_3_C14_C0_1', {
    only: 'read',
    traps: [userIf('CNTKCTL_EL1', EL0PCTEN), hypervisorAllows(0)],
    read: physicalCount,
  }),
  register('CNTVCT_EL0', 'S3_3_C14_C0_2', {
    only: 'read',
    traps: [userIf('CNTKCTL_EL1', EL0VCTEN)],
    read: virtualCount,
  }),
  register('CNTKCTL_EL1', 'S3_0_C14_C1_0', { writable: 0x3ffn }),
  register('CNTHCTL_EL2', 'S3_4_C14_C1_0', { reset: 3n, writable: 0xffn }),
  register('CNTVOFF_EL2', 'S3_4_C14_C0_3', { affects: 'timers' }),
  ...timer('CNTP', 'S3_3_C14_C2', 0, physicalCount, [userIf('CNTKCTL_EL1', EL0PTEN), hypervisorAllows(1)]),
  ...timer('CNTV', 'S3_3_C14_C3', 0, virtualCount, [userIf('CNTKCTL_EL1', EL0VTEN)]),
  ...timer('CNTHP', 'S3_4_C14_C2', 2, physicalCount, []),
];
