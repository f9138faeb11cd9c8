import type { TranslationContext } from './context.js';
import { STATUS } from '../state/layout.js';
import type { InstructionRow, SystemRow, UnmodelledRow } from './row.js';
import type { Fields } from './pattern.js';
import { leaveWith, Recorder, type Recorded } from './record.js';

/** Whether an instruction is for the system model to carry out, as it or the exception level stands. */
export const isForSystem = (
  row: InstructionRow,
  { forbidden, unusualFpcr }: SystemContext,
): row is SystemRow | UnmodelledRow =>
  !('semantics' in row) ||
  (row.maintenance !== undefined && forbidden.includes(row.maintenance)) ||
  (row.fpcr === true && unusualFpcr);

/** The recorded semantics of an instruction. */
export const recordInstruction = (
  address: bigint,
  decoded: DecodedInstruction,
  context: SystemContext,
): RegionInstruction => {
  if (decoded.kind === 'unallocated') return { address, recorded: leaveWith(STATUS.undefined), fp: false };
  const { row, fields } = decoded;
  const fp = row.fp === true;
  if (isForSystem(row, context)) return { address, recorded: leaveWith(STATUS.system), fp };
  const recorder = new Recorder(address, row.immediates?.(fields) ?? []);
  row.semantics(recorder, fields);
  return { address, recorded: recorder.finish(), fp };
};

export interface RegionInstruction {
  readonly address: bigint;
  readonly recorded: Recorded;
  /** Must not run where floating point is trapped. */
  readonly fp: boolean;
}

export type DecodedInstruction =
  { readonly kind: 'row'; readonly row: InstructionRow; readonly fields: Fields } | { readonly kind: 'unallocated' };

export type SystemContext = Pick<TranslationContext, 'forbidden' | 'unusualFpcr'>;
