/** What the control registers decide: who takes an exception, and who traps what. */
import { CPACR, CPTR, HCR, isSet, SCTLR } from '../state/control-bits.js';
import type { CpuHost } from '../state/model.js';
import type { ExceptionLevel } from '../state/levels.js';
import type { Trap } from './registers/row.js';

/** What the control registers say at one moment, for software at one exception level. */
export interface Controls {
  readonly el: ExceptionLevel;
  readonly hasEl2: boolean;
  /** A bit of a register. Registers of EL2 read as zero where there is no EL2. */
  readonly bit: (register: string, bit: number) => boolean;
}

export const controlsOf = (el: ExceptionLevel, { highestEl }: CpuHost, stored: (name: string) => bigint): Controls => ({
  el,
  hasEl2: highestEl === 2,
  bit: (register, bit) => (highestEl === 2 || !register.endsWith('_EL2')) && isSet(stored(register), bit),
});

/** HCR_EL2.TGE: EL2 takes what EL1 would. */
export const isTakenByEl2 = ({ bit }: Controls): boolean => bit('HCR_EL2', HCR.TGE);

/** The exception level that takes an exception that is nobody's in particular (Arm ARM D1.10.1). */
export const usualTarget = (controls: Controls): 1 | 2 =>
  controls.el === 2 || (controls.el === 0 && isTakenByEl2(controls)) ? 2 : 1;

/** Who traps an access to a register or a system instruction; undefined if it may go on. */
export const trapTarget = (
  traps: readonly Trap[] | undefined,
  controls: Controls,
  isRead: boolean,
): 1 | 2 | undefined => {
  if (traps === undefined || traps.length === 0) return undefined;
  const { el, hasEl2, bit } = controls;
  const catches = ({ to, register, bits, when, on }: Trap): boolean =>
    el < to &&
    (to === 1 || hasEl2) &&
    (on === 'both' || (on === 'read') === isRead) &&
    bits.every((position) => bit(register, position) === (when === 1));
  // EL1 is asked before EL2, whatever the order of the table.
  let caught: 1 | 2 | undefined;
  for (const trap of traps) if (caught !== 1 && catches(trap)) caught = trap.to;
  return caught === 1 ? usualTarget(controls) : caught;
};

/** Who traps floating point and SIMD (Arm ARM D1.14); undefined if it is enabled. */
export const fpTrapTarget = (controls: Controls): 1 | 2 | undefined => {
  const { el, bit } = controls;
  const isEnabled = bit('CPACR_EL1', CPACR.FPEN) && (el === 1 || bit('CPACR_EL1', CPACR.FPEN + 1));
  if (el < 2 && !isEnabled) return usualTarget(controls);
  return bit('CPTR_EL2', CPTR.TFP) ? 2 : undefined;
};

/** Who traps WFI or WFE that would wait. */
export const waitTrapTarget = (kind: 'wfi' | 'wfe', controls: Controls): 1 | 2 | undefined => {
  const [userAllowed, trapped] = kind === 'wfi' ? [SCTLR.nTWI, HCR.TWI] : [SCTLR.nTWE, HCR.TWE];
  if (controls.el === 0 && !controls.bit('SCTLR_EL1', userAllowed)) return usualTarget(controls);
  return controls.el < 2 && controls.bit('HCR_EL2', trapped) ? 2 : undefined;
};

/** Whether a timer's event stream wakes WFE now and then (CNTKCTL_EL1.EVNTEN, CNTHCTL_EL2.EVNTEN). */
export const hasEventStream = ({ bit }: Controls): boolean => bit('CNTKCTL_EL1', 2) || bit('CNTHCTL_EL2', 2);
